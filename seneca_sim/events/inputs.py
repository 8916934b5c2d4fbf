"""Feed a file to a network: find it, slice it as the network's input contract says, and state in one line what was fed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.events.formats.npz import read_arrays
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.events.steps import Slicing, Window, frame_steps, stream_steps
from seneca_sim.events.stream import find_recording, read_events
from seneca_sim.graph.network import Layer, Network

__all__ = ["NetworkInput", "file_sha256", "load_input"]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """What a network is fed: one trace for each input layer, in the order of the network's layers."""

    layers: tuple[LayerTrace, ...]
    description: str
    """File, events, pixels, steps and representation in one line."""
    path: Path
    sha256: str
    """Digest of the file, so that a repeated run can tell whether its input changed."""

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return self.layers[0].n_steps


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 digest of a file as hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_input(
    network: Network,
    path: str | Path,
    *,
    slice_us: int | None = None,
    slice_events: int | None = None,
    steps: int | None = None,
    start_us: int | None = None,
    crop: tuple[int, int, int, int] | None = None,
    pool: int = 1,
) -> NetworkInput:
    """Read a recording (a path, or the name of a shipped one) and slice it into the network's input.

    `slice_us` overrides the time step of the network's input contract; `slice_events` cuts by number of events instead.
    Without `steps` the whole recording is fed, or the length that its format's users agree on (N-MNIST: 300 ms).
    `crop` is (left, top, width, height) in pixels, `pool` sees blocks of pool x pool pixels as one.
    """
    found = find_recording(path)
    if not found.is_file():
        raise FileFormatError(f"{path}: there is no such recording; give the path of an events file or the name of a shipped one")
    contract = network.input_contract
    inputs = [layer for layer in network.layers if layer.is_input]
    slicing = Slicing(slice_us or contract.slice_us if slice_us is None else slice_us, slice_events, steps, start_us)
    arrays = read_arrays(found) if found.suffix.lower() == ".npz" else {}
    if arrays and "t" not in arrays:
        layers = tuple(_layer_frames(layer, arrays, contract.representation, found.name, steps, len(inputs) == 1) for layer in inputs)
        what = f"frames as {contract.representation}"
    elif contract.representation == "frame":
        raise EventsError(
            f"{found.name}: {network.name} expects frames, not events; give an .npz file with the key frames (T x channels x rows x columns)"
        )
    elif len(inputs) != 1:
        raise EventsError(
            f"{found.name}: {network.name} has {len(inputs)} inputs, and a recording feeds one; give an .npz file with frames "
            f"under the names {', '.join(layer.name for layer in inputs)}"
        )
    else:
        stream = read_events(found)
        window = Window(contract.swap_xy, contract.flip_polarity, crop, pool)
        layers = (stream_steps(stream, inputs[0].shape, contract.representation, slicing, window),)
        cut = f"{slice_events} events" if slice_events else f"{slicing.slice_us} us"
        what = f"{stream.n_events} events cut into steps of {cut} as {contract.representation}"
    _, rows, columns = inputs[0].shape
    values = sum(len(layer.channel) for layer in layers)
    description = f"{found.name}: {what}, {columns}x{rows} pixels, {layers[0].n_steps} steps, {values} input values"
    return NetworkInput(layers, description, found, file_sha256(found))


def _layer_frames(
    layer: Layer, arrays: dict[str, NDArray[Any]], representation: str, source: str, steps: int | None, alone: bool
) -> LayerTrace:
    """Return one input layer's frames as steps; `alone`: they may stand under the key ``frames``."""
    key = "frames" if alone and "frames" in arrays else layer.name
    if key not in arrays:
        raise EventsError(
            f"{source}: no frames for the input {layer.name}; expected the array {'frames' if alone else layer.name}, "
            f"found {', '.join(sorted(arrays))}"
        )
    frames = arrays[key]
    if frames.dtype.kind not in "iubf":
        raise EventsError(f"{source}: array {key} must hold numbers, not {frames.dtype}")
    layout = str(arrays.get("layout", "TCHW"))
    if layout not in ("TCHW", "THWC"):
        raise EventsError(f"{source}: layout must be TCHW or THWC, not {layout!r}")
    if frames.ndim == 3:
        frames = frames[:, None]
    elif frames.ndim == 4 and layout == "THWC":
        frames = frames.transpose(0, 3, 1, 2)
    if frames.ndim != 4 or frames.shape[1:] != layer.shape:
        raise EventsError(
            f"{source}: array {key} has the shape {arrays[key].shape} (layout {layout}), but the input {layer.name} needs "
            f"steps x {' x '.join(map(str, layer.shape))} (channels, rows, columns); set the string array layout to THWC if channels come last"
        )
    if steps is not None and steps > len(frames):
        raise EventsError(f"{source}: {steps} steps were asked for, but array {key} has {len(frames)}; ask for fewer")
    frames = frames[:steps]
    if not len(frames):
        raise EventsError(f"{source}: array {key} holds no frame")
    values = frames.astype(np.int32 if layer.precision.event.startswith("int") else np.float32)
    return frame_steps(cast("NDArray[np.float32]", values), representation, source)
