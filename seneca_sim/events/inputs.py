"""Feed a file to a network: find it, slice it as the network's input contract says, and state in one line what was fed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.events.formats.npz import read_arrays
from seneca_sim.events.sparse import LayerTrace
from seneca_sim.events.steps import Slicing, Window, frame_steps, stream_steps
from seneca_sim.events.stream import find_recording, read_events
from seneca_sim.graph.network import Layer, Network, NumberType

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
    Without `steps` the whole recording is fed, or the length that its format's users agree on (N-MNIST: 300 ms, with
    later events in the last step).
    `crop` is (left, top, width, height) in pixels, `pool` sees blocks of pool x pool pixels as one.
    """
    found = find_recording(path)
    if not found.is_file():
        raise FileFormatError(
            f"{path}: there is no such recording; give the path of an events file or the name of a shipped one"
        )
    slicing = Slicing(network.input_contract.slice_us if slice_us is None else slice_us, slice_events, steps, start_us)
    inputs = [layer for layer in network.layers if layer.is_input]
    arrays = read_arrays(found) if found.suffix.lower() == ".npz" else {}
    if arrays and "t" not in arrays:
        layers, what = _frames(network, inputs, arrays, found.name, steps), "frames"
    else:
        layers, what = _events(network, inputs, found, slicing, crop, pool)
    _, rows, columns = inputs[0].shape
    values = sum(len(layer.channel) for layer in layers)
    description = (
        f"{found.name}: {what} as {network.input_contract.representation}, {columns}x{rows} pixels, "
        f"{layers[0].n_steps} steps, {values} input values"
    )
    return NetworkInput(layers, description, found, file_sha256(found))


def _events(
    network: Network,
    inputs: list[Layer],
    path: Path,
    slicing: Slicing,
    crop: tuple[int, int, int, int] | None,
    pool: int,
) -> tuple[tuple[LayerTrace], str]:
    """Return the trace of the only input layer from a recording of events, and how it was cut."""
    contract = network.input_contract
    if contract.representation == "frame":
        raise EventsError(
            f"{path.name}: {network.name} expects frames, not events; "
            "give an .npz file with the key frames (T x channels x rows x columns)"
        )
    if len(inputs) != 1:
        raise EventsError(
            f"{path.name}: {network.name} has {len(inputs)} inputs, and a recording feeds one; give an .npz file with frames "
            f"under the names {', '.join(layer.name for layer in inputs)}"
        )
    stream = read_events(path)
    window = Window(contract.swap_xy, contract.flip_polarity, crop, pool)
    trace = stream_steps(stream, inputs[0].shape, contract.representation, slicing, window)
    cut = f"{slicing.slice_events} events" if slicing.slice_events else f"{slicing.slice_us} us"
    return (_typed(trace, inputs[0].precision.event),), f"{stream.n_events} events in steps of {cut}"


def _frames(
    network: Network, inputs: list[Layer], arrays: dict[str, NDArray[Any]], source: str, steps: int | None
) -> tuple[LayerTrace, ...]:
    """Return each input layer's frames as steps, from the array ``frames`` or from those with the layers' names."""
    layout = str(arrays.get("layout", "TCHW"))
    if layout not in ("TCHW", "THWC"):
        raise EventsError(f"{source}: layout must be TCHW or THWC, not {layout!r}")
    traces = []
    for layer in inputs:
        key = "frames" if len(inputs) == 1 and "frames" in arrays else layer.name
        if key not in arrays:
            expected = "frames" if len(inputs) == 1 else layer.name
            raise EventsError(
                f"{source}: no frames for the input {layer.name}; expected the array {expected}, found {', '.join(sorted(arrays))}"
            )
        frames = _checked(layer, arrays[key], layout, f"{source}: array {key}")
        if len(frames) < (steps or 1):
            raise EventsError(
                f"{source}: array {key} has {len(frames)} frames, but {steps or 1} steps were asked for; ask for fewer"
            )
        integer = layer.precision.event.startswith("int")
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            values = (np.rint(frames[:steps]) if integer else frames[:steps]).astype(np.float32)
        traces.append(_typed(frame_steps(values, network.input_contract.representation, source), layer.precision.event))
    if len({trace.n_steps for trace in traces}) > 1:
        raise EventsError(
            f"{source}: the inputs have unequal numbers of frames: {', '.join(str(t.n_steps) for t in traces)}"
        )
    return tuple(traces)


def _checked(layer: Layer, array: NDArray[Any], layout: str, where: str) -> NDArray[Any]:
    """Return an array of frames as (T, channels, rows, columns), or refuse its type or shape."""
    if array.dtype.kind not in "iubf":
        raise EventsError(f"{where} must hold numbers, not {array.dtype}")
    frames = array
    if array.ndim == 3:
        frames = array[:, None]
    elif array.ndim == 4 and layout == "THWC":
        frames = array.transpose(0, 3, 1, 2)
    if frames.ndim != 4 or frames.shape[1:] != layer.shape:
        raise EventsError(
            f"{where} has the shape {array.shape} (layout {layout}), but the input {layer.name} needs "
            f"steps x {' x '.join(map(str, layer.shape))} (channels, rows, columns); "
            "set the string array layout to THWC if channels come last"
        )
    return frames


def _typed(trace: LayerTrace, number_type: NumberType) -> LayerTrace:
    """Return the events with values of the input layer's number type: integers saturate (counted), others become float32."""
    if trace.value is None or number_type == "binary":
        return trace
    if not number_type.startswith("int"):
        return replace(trace, value=trace.value.astype(np.float32))
    limit = 1 << (min(int(number_type[3:]), 32) - 1)
    value = trace.value.astype(np.float64)
    clipped = np.clip(value, -limit, limit - 1)
    step = np.repeat(np.arange(trace.n_steps), np.diff(trace.step_start))
    step = np.repeat(step, np.diff(trace.first_event))
    saturations = np.bincount(step[clipped != value], minlength=trace.n_steps)
    return replace(trace, value=clipped.astype(np.int32), saturations=saturations)
