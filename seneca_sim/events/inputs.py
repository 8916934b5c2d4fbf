"""Feed a recording to a network: find it, slice it as the network's input contract says, and state what was fed and assumed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import EventsError, FileFormatError
from seneca_sim.events.camera import is_synthetic, synthetic_recording
from seneca_sim.events.formats.npz import read_arrays
from seneca_sim.events.frames import frame_notes, frame_step_count, frame_steps, frame_traces
from seneca_sim.events.gather import check_channels
from seneca_sim.events.recording import FrameRecording, Recording
from seneca_sim.events.sparse import LayerTrace, joined
from seneca_sim.events.steps import sliced, slicing_of
from seneca_sim.events.stream import find_recording, open_recording
from seneca_sim.events.view import View, fitted_view, parse_view, ways_out
from seneca_sim.graph.contract import slice_text
from seneca_sim.graph.network import InputContract, Layer, Network, NumberType

__all__ = ["NetworkInput", "file_sha256", "input_traces", "load_input", "opened"]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """What a network is fed: one trace for each input layer, in the order of the network's layers."""

    layers: tuple[LayerTrace, ...]
    description: str
    """File, events, pixels, steps and representation in one line."""
    path: Path
    sha256: str
    """Digest of the file, so that a repeated run can tell whether its input changed."""
    assumptions: tuple[str, ...] = ()
    """What the recording does not state and was taken for granted."""

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return self.layers[0].n_steps


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 digest of a file as hexadecimal digits, or of a synthetic recording's name."""
    if is_synthetic(path):
        return hashlib.sha256(str(path).encode()).hexdigest()
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def opened(path: str | Path) -> Recording | FrameRecording:
    """Open a recording: a file, a shipped one by its name, or a synthetic one such as ``synthetic:road?seed=1``.

    >>> recording = opened("synthetic:road?size=64x48&duration=20ms&seed=1")
    >>> recording.width, recording.height, recording.format
    (64, 48, 'synthetic')
    """
    if is_synthetic(path):
        return synthetic_recording(str(path))
    return open_recording(_existing(path))


def _existing(path: str | Path) -> Path:
    """Return the file of a recording: a path, or a shipped one by its name."""
    found = find_recording(path)
    if not found.is_file():
        raise FileFormatError(
            f"{path}: there is no such recording; give the path of an events file or the name of a shipped one"
        )
    return found


def load_input(
    network: Network,
    path: str | Path,
    *,
    slice_us: int | None = None,
    slice_events: int | None = None,
    steps: int | None = None,
    start_us: int | None = None,
    crop: str | tuple[int, int, int, int] | None = None,
    pool: int | None = None,
    resize: str | tuple[int, int] | None = None,
    swap_xy: bool = False,
    flip_polarity: bool = False,
) -> NetworkInput:
    """Read a recording (a path, or the name of a shipped or synthetic one) and slice it into the network's input.

    `slice_us` overrides the time step of the network's input contract; `slice_events` cuts by number of events instead;
    other changes of the contract are made by `seneca_sim.graph.contract.with_input`.
    Without `steps` the whole recording is fed, or the length that its format's users agree on (N-MNIST: 300 ms, with
    later events in the last step). `crop` is (left, top, width, height) in pixels, ``"LEFT,TOP,WIDTH,HEIGHT"`` as text;
    `pool` sees blocks of pool x pool pixels as one; `resize` is (width, height) or ``"WxH"``; `swap_xy` and
    `flip_polarity` exchange axes and polarities before, on top of what the contract says.

    >>> from seneca_sim.graph import load_network
    >>> fed = load_input(load_network("digits-lif"), "digits", steps=6)
    >>> fed.n_steps, fed.layers[0].position.dtype.name
    (6, 'int32')
    >>> fed.description
    'digits-3.npz: 2218 events in steps of 5000 us as binary, 20x20 pixels, 6 steps, 675 input values'
    """
    contract = network.input_contract
    if slice_us is not None:
        contract = replace(contract, slice_us=slice_us, slice_events=None, window_events=None)
    if slice_events is not None:
        contract = replace(contract, slice_events=slice_events, window_events=None)
    view = parse_view(_words(crop, ","), pool, _words(resize, "x"), swap_xy, flip_polarity)
    inputs = [layer for layer in network.layers if layer.is_input]
    notes: tuple[str, ...] = ()
    layers: tuple[LayerTrace, ...]
    if len(inputs) > 1:
        found = _existing(path)
        layers, what = _named_frames(network, inputs, found, steps), "frames"
    else:
        recording = opened(path)
        found = recording.path
        pieces, notes, what = input_traces(network, recording, contract, view, steps=steps, start_us=start_us)
        layers = (_typed(joined(list(pieces)), inputs[0].precision.event),)
    values = sum(len(layer.channel) for layer in layers)
    if not values:
        empty = f"nothing of {found.name} reaches the network in these steps: look at crop, pool, steps and slice"
        notes = (*notes, empty)
    description = f"{found.name}: {what} as {_fed_as(contract, inputs[0], layers[0].n_steps)}, {values} input values"
    return NetworkInput(layers, description, found, file_sha256(found), notes)


def _fed_as(contract: InputContract, layer: Layer, n_steps: int) -> str:
    """Return representation, size and number of steps of what is fed."""
    _, rows, columns = layer.shape
    kind = f"changes of {contract.representation}" if contract.differences else contract.representation
    each = "" if contract.repeat == 1 else f", each frame for {contract.repeat}"
    return f"{kind}, {columns}x{rows} pixels, {n_steps} steps{each}"


def _words(value: str | tuple[int, ...] | None, between: str) -> str | None:
    """Return an option as its text."""
    return value if value is None or isinstance(value, str) else between.join(map(str, value))


def input_traces(
    network: Network,
    recording: Recording | FrameRecording,
    contract: InputContract,
    view: View,
    *,
    steps: int | None = None,
    start_us: int | None = None,
) -> tuple[Iterator[LayerTrace], tuple[str, ...], str]:
    """Return the steps of a network's only input, several at once, what was assumed, and what is fed in words."""
    layer = next(layer for layer in network.layers if layer.is_input)
    source = recording.path.name
    if isinstance(recording, FrameRecording):
        if view.flip_polarity:
            raise EventsError(f"{source}: frames have no polarity to flip; leave --flip-polarity out")
        notes = frame_notes(recording, layer, contract, view)
        return frame_traces(recording, layer, contract, view, steps), notes, "frames"
    if contract.representation == "frame":
        raise EventsError(
            f"{source}: {network.name} expects frames, not events; "
            "give an .npz file with the key frames (T x channels x rows x columns), or say what its channels are, "
            "such as --input representation=histogram"
        )
    channels, rows, columns = layer.shape
    check_channels(source, channels, contract)
    if (place := _first_outside(recording, contract, view, (columns, rows))) is not None:
        raise EventsError(
            f"{source}: {place} lies outside the network's input of {columns}x{rows} pixels (width x height); "
            f"{ways_out((recording.width, recording.height), (columns, rows))}"
        )
    size = recording.width, recording.height
    if min(size) < 1:
        raise EventsError(f"{source}: the sensor must be at least 1x1 pixels, not {size[0]}x{size[1]}")
    seen, notes = fitted_view(source, size, recording.geometry_stated, (columns, rows), contract, view)
    pieces = sliced(recording.blocks(), layer.shape, contract, seen, slicing_of(contract, steps, start_us), source)
    counted = "events" if recording.n_events is None else f"{recording.n_events} events"
    cut = slice_text(contract).removesuffix(" a step")
    what = f"{counted}, {cut} a step" if contract.window_events is not None else f"{counted} in steps of {cut}"
    return pieces, notes, what


def _first_outside(recording: Recording, contract: InputContract, asked: View, map_size: tuple[int, int]) -> str | None:
    """Return the first event that a network's map cannot hold, where only the events tell how large the camera is."""
    plain = asked == View() and contract.pool == 1 and not contract.swap_xy
    if recording.geometry_stated or not plain or (recording.width <= map_size[0] and recording.height <= map_size[1]):
        return None
    for block in recording.blocks():
        outside = np.flatnonzero((block.x >= map_size[0]) | (block.y >= map_size[1]))
        if len(outside):
            k = int(outside[0])
            return f"{block.place(k)} at x = {block.x[k]}, y = {block.y[k]}"
    return None


def _named_frames(network: Network, inputs: list[Layer], path: Path, steps: int | None) -> tuple[LayerTrace, ...]:
    """Return each input layer's frames as steps, from the arrays with the layers' names."""
    source = path.name
    names = ", ".join(layer.name for layer in inputs)
    arrays = read_arrays(path) if path.suffix.lower() == ".npz" else {"t": np.zeros(0)}
    if "t" in arrays:
        raise EventsError(
            f"{source}: {network.name} has {len(inputs)} inputs, and a recording feeds one; give an .npz file with frames "
            f"under the names {names}"
        )
    layout = str(arrays.get("layout", "TCHW"))
    if layout not in ("TCHW", "THWC"):
        raise EventsError(f"{source}: layout must be TCHW or THWC, not {layout!r}")
    traces = []
    for layer in inputs:
        if layer.name not in arrays:
            raise EventsError(
                f"{source}: no frames for the input {layer.name}; expected the array {layer.name}, "
                f"found {', '.join(sorted(arrays))}"
            )
        frames = _checked(layer, arrays[layer.name], layout, f"{source}: array {layer.name}")
        traces.append(_whole_frames(frames, layer, network.input_contract, source, steps))
    if len({trace.n_steps for trace in traces}) > 1:
        raise EventsError(
            f"{source}: the inputs have unequal numbers of frames: {', '.join(str(t.n_steps) for t in traces)}"
        )
    return tuple(traces)


def _whole_frames(
    frames: NDArray[Any], layer: Layer, contract: InputContract, source: str, steps: int | None
) -> LayerTrace:
    """Return frames that fit an input layer as its steps."""
    total = frame_step_count(f"{source}: array {layer.name} has", len(frames), contract.repeat, steps)
    repeat = min(contract.repeat, total)
    frames = frames[: -(-total // repeat)]
    with np.errstate(over="ignore"):  # what becomes infinite is refused by frame_steps
        values = (np.rint(frames) if layer.precision.event.startswith("int") else frames).astype(np.float32)
    trace = frame_steps(values, contract.representation, source).repeated(repeat).first(total)
    return _typed(trace, layer.precision.event)


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
