"""Input contracts as users write them: a YAML file beside the network, or words of the command line.

``NETWORK.input.yaml`` beside a network file states what the file itself cannot (or changes what it states)::

    representation: voxel     # binary, count, signed_count, histogram, voxel, signed_voxel, time_surface, frame
    slice: 50ms               # or 500events, or window:5000,100 (the last 5000 events, after every 100 new ones)
    bins: 10
    channel_order: polarity-major
    bin_span: events
    clip: 10                  # largest count of a pixel
    sensor: 640x480           # camera that the network was made for
    pool: 2

Other keys: differences, polarity_order, scale, swap_xy, flip_polarity; of frames: range (what 0 and 255 become, such as
[0, 1]), mean, std, colour, repeat (steps that each is shown for). What is left out stays as the network has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.graph.lengths import parse_size, parse_slice
from seneca_sim.graph.network import InputContract, Network
from seneca_sim.graph.neurons import SigmaDelta
from seneca_sim.yaml_positions import Finding, YamlFile, did_you_mean, read_yaml, shown, yaml_from_text

__all__ = [
    "contract_problems",
    "contract_text",
    "sidecar",
    "slice_text",
    "channel_names",
    "stated_contract",
    "with_contract",
    "with_input",
]

LARGEST = 1 << 31
"""Beyond every length of a slice, window or clip."""
_LENGTHS = (
    "slice_us",
    "slice_events",
    "window_events",
    "bins",
    "clip",
    "pool",
    "sensor_width",
    "sensor_height",
    "repeat",
)
_HIDDEN = {"slice_us", "slice_events", "window_events", "sensor_width", "sensor_height", "low", "high"}


def slice_text(contract: InputContract) -> str:
    """Return what a step takes, in words.

    >>> slice_text(InputContract(slice_us=5000)), slice_text(InputContract(slice_events=100, window_events=5000))
    ('5000 us a step', 'the last 5000 events, 100 new ones a step')
    """
    if contract.representation == "frame":
        return "one a step" if contract.repeat == 1 else f"each for {contract.repeat} steps"
    if contract.window_events is not None:
        return f"the last {contract.window_events} events, {contract.slice_events} new ones a step"
    return (
        f"{contract.slice_us} us a step" if contract.slice_events is None else f"{contract.slice_events} events a step"
    )


def contract_text(contract: InputContract) -> str:
    """Return a contract in one line: representation and slice, then all that is not the default.

    >>> contract_text(InputContract("voxel", 50_000, bins=5, clip=10))
    'input as voxel, 50000 us a step; bins 5, clip 10'
    """
    default = InputContract()
    others = []
    if contract.sensor_width is not None:
        others.append(f"sensor {contract.sensor_width}x{contract.sensor_height}")
    if contract.low is not None:
        others.append(f"range {contract.low:g} to {contract.high:g}")
    for entry in fields(InputContract)[1:]:
        value = getattr(contract, entry.name)
        if entry.name in (*_HIDDEN, "repeat") or value == getattr(default, entry.name):
            continue
        words = ", ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else str(value)
        others.append(entry.name if value is True else f"{entry.name} {words}")
    kind = "frames" if contract.representation == "frame" else contract.representation
    return f"input as {kind}, {slice_text(contract)}" + (f"; {', '.join(others)}" if others else "")


def contract_problems(contract: InputContract) -> Iterator[tuple[str, str]]:
    """Yield the fields that cannot be as they are, each with what was expected instead."""
    for name in _LENGTHS:
        value = getattr(contract, name)
        if value is not None and not 1 <= value < LARGEST << 19:
            yield name, f"is {value}, expected at least 1" if value < 1 else f"is {value}, expected less"
    if contract.window_events is not None and contract.slice_events is None:
        yield "window_events", "needs slice_events, the number of new events a step"
    if contract.window_events is not None and contract.in_parts:
        yield (
            "window_events",
            f"slides over counts, not over a {contract.representation}; expected binary, count or the like",
        )
    if contract.bins != 1 and not contract.in_parts:
        yield "bins", f"is {contract.bins}, but only voxel, signed_voxel and time_surface have bins; expected 1"
    if contract.repeat > 1 and contract.representation != "frame":
        yield "repeat", f"is {contract.repeat}, but only frames are shown for several steps; expected 1"
    if (contract.sensor_width is None) != (contract.sensor_height is None):
        yield "sensor_width", "and sensor_height go together"
    if (contract.low is None) != (contract.high is None):
        yield "low", "and high go together"
    for name in ("scale", "low", "high"):
        value = getattr(contract, name)
        if value is not None and not abs(value) < 1e30:
            yield name, f"is {value}, expected a finite number"
    if contract.low is not None and contract.high is not None and not contract.low < contract.high:
        yield "high", f"is {contract.high:g}, expected more than low, {contract.low:g}"
    if contract.scale == 0:
        yield "scale", "is 0, expected any other number"
    for name in ("mean", "std"):
        if any(not abs(value) < 1e30 for value in getattr(contract, name) or ()):
            yield name, "holds a number that is not finite"
    if any(value <= 0 for value in contract.std or ()):
        yield "std", "expected numbers above 0"


def sidecar(network: str | Path) -> Path | None:
    """Return the file beside a network file that states its input contract, None if there is none."""
    path = Path(network)
    beside = (path.with_name(f"{path.name}.input.yaml"), path.with_name(f"{path.stem}.input.yaml"))
    return next((file for file in beside if path.is_file() and file.is_file()), None)


def stated_contract(text: str | Path, contract: InputContract) -> InputContract:
    """Return a contract with what a YAML file, or words such as ``representation=voxel,bins=5``, change in it.

    Raises a `RequestError` for a file that is not there, a `FileFormatError` with all that is wrong in one.

    >>> stated_contract("representation=voxel, bins=5, slice=50ms", InputContract()).slice_us
    50000
    """
    words = str(text)
    if "=" in words and not Path(words).is_file():
        parts = [part.partition("=") for part in re.split(r",(?=\s*\w+\s*=)", words)]
        lines = [_line(key.strip(), value.strip()) for key, _, value in parts]
        file = yaml_from_text("\n".join(lines), "input")
    elif Path(words).is_file():
        file = read_yaml(Path(words), Path(words).name)
    else:
        raise RequestError(
            f"input: there is no file {words!r}; give a YAML file, or words such as representation=voxel,bins=5,slice=50ms"
        )
    return _Reader(file).contract(contract)


def _line(key: str, value: str) -> str:
    """Return a word of the command line as YAML; numbers of a list may come without brackets.

    >>> _line("range", "-64,64"), _line("slice", "window:50,10")
    ('range: [-64,64]', 'slice: window:50,10')
    """
    listed = key in _LISTS and "," in value and not value.startswith("[")
    return f"{key}: [{value}]" if listed else f"{key}: {value}"


class _Reader:
    """Turns a YAML file into a contract; everything that is wrong is found before it is refused."""

    def __init__(self, file: YamlFile) -> None:
        self.file = file
        self.findings: list[Finding] = list(file.findings)
        self.hints = get_type_hints(InputContract)
        self.known = [entry.name for entry in fields(InputContract) if entry.name not in _HIDDEN]

    def contract(self, before: InputContract) -> InputContract:
        """Return the contract, or raise `FileFormatError` with all findings."""
        data = self.file.data
        if not isinstance(data, dict):
            self._find((), "expected keys such as representation and slice, and their values")
            data = {}
        changes: dict[str, Any] = {}
        for key, value in data.items():
            changes.update(self._field(key, value))
        if not self.findings:
            after = replace(before, **changes)
            if "clip" in changes and after.representation in ("binary", "frame", "time_surface"):
                self._find(("clip",), f"clip cuts counts, and a {after.representation} holds none; leave it out")
            for name, problem in contract_problems(after):
                self._find((_KEYS.get(name, name),), f"{name} {problem}" if name in _KEYS else problem)
            if not self.findings:
                return after
        raise FileFormatError("\n".join(map(str, self.findings)))

    def _find(self, path: tuple[str, ...], text: str, *, at_key: bool = False) -> None:
        self.findings.append(self.file.finding(path, text, at_key=at_key))

    def _field(self, key: str, value: object) -> Mapping[str, Any]:
        """Return the fields that a key sets, nothing if it was wrong."""
        try:
            if key == "slice":
                return dict(zip(("slice_us", "slice_events", "window_events"), self._slice(value), strict=True))
            if key == "sensor":
                return dict(zip(("sensor_width", "sensor_height"), parse_size(key, str(value)), strict=True))
        except RequestError as error:
            self._find((key,), str(error).removeprefix(f"{key} "))
            return {}
        if key == "range":
            pair = self._numbers(key, value, 2)
            return {"low": pair[0], "high": pair[1]} if pair else {}
        if key not in self.known:
            known = [*self.known, "slice", "sensor", "range"]
            self._find(
                (key,), f"unknown key{did_you_mean(key, known) or '; expected ' + ', '.join(known)}", at_key=True
            )
            return {}
        if key in _LISTS:
            numbers = self._numbers(key, value, None)
            return {key: numbers} if numbers else {}
        return self._plain(key, value)

    def _slice(self, value: object) -> tuple[int, int | None, int | None]:
        time, events, window = parse_slice(value if isinstance(value, str | int) else str(value))
        return time or InputContract().slice_us, events, window

    def _numbers(self, key: str, value: object, length: int | None) -> tuple[float, ...] | None:
        """Return a list of numbers."""
        items: list[Any] = value if isinstance(value, list) else [value]
        good = all(isinstance(item, int | float) and not isinstance(item, bool) for item in items)
        if not good or not 1 <= len(items) <= 16 or (length is not None and len(items) != length):
            self._find((key,), f"expected {length or 'one or several'} numbers, got {shown(value)}")
            return None
        return tuple(float(item) for item in items)

    def _plain(self, key: str, value: object) -> Mapping[str, Any]:
        """Return a field that is one word, number, or true or false."""
        hint = self.hints[key]
        words = [word for word in get_args(hint) if isinstance(word, str)]
        if words:
            if value in words:
                return {key: value}
            self._find((key,), f"expected {', '.join(words)}, got {shown(value)}{did_you_mean(str(value), words)}")
        elif hint is bool:
            if isinstance(value, bool):
                return {key: value}
            self._find((key,), f"expected true or false, got {shown(value)}")
        elif (
            isinstance(value, bool) or not isinstance(value, int | float) or (hint is not float and value != int(value))
        ):
            self._find((key,), f"expected {'a number' if hint is float else 'an integer'}, got {shown(value)}")
        else:
            return {key: float(value) if hint is float else int(value)}
        return {}


_LISTS = ("range", "mean", "std")
_KEYS = {
    **dict.fromkeys(("slice_us", "slice_events", "window_events"), "slice"),
    **dict.fromkeys(("sensor_width", "sensor_height"), "sensor"),
    **dict.fromkeys(("low", "high"), "range"),
}
"""Fields that have another name in the file."""


def with_contract(network: Network, contract: InputContract) -> Network:
    """Return a network with another input contract; its inputs' events get a type that holds what is fed.

    Spikes are binary. Other values keep the input's type, or, where that was binary, take the type of the states.

    >>> from seneca_sim.graph import load_network
    >>> changed = with_contract(load_network("digits-lif"), InputContract("count"))
    >>> changed.layers[0].precision.event
    'bf16'
    """
    layers = list(network.layers)
    for index, layer in enumerate(layers):
        if not layer.is_input:
            continue
        event = layer.precision.event
        if contract.representation == "binary" and not contract.differences:
            event = "binary"
        elif event == "binary":
            event = layer.precision.state
        layers[index] = replace(layer, precision=replace(layer.precision, event=event))
    return replace(network, layers=tuple(layers), input_contract=contract)


def with_input(network: Network, slice: str | int | None = None, stated: str | Path | None = None) -> Network:
    """Return a network with the input contract that the user states: a file or words (`stated`), and a slice.

    A window that slides is fed as changes where the first neurons add them up (sigma-delta), else as whole counts. Raises a
    `RequestError` for what is no slice and for windows over what holds no counts; for `stated` see `stated_contract`.

    >>> from seneca_sim.graph import load_network
    >>> with_input(load_network("digits-lif"), "2ms").input_contract.slice_us
    2000
    """
    contract, notes = network.input_contract, []
    if stated is not None:
        contract = stated_contract(stated, contract)
        source = "the user" if "=" in str(stated) else Path(stated).name
        if contract != network.input_contract:
            notes.append(f"{contract_text(contract)} (stated by {source})")
    if slice is not None:
        time, events, window = parse_slice(slice)
        contract = replace(contract, slice_us=time or contract.slice_us, slice_events=events, window_events=window)
        if window is not None:
            if contract.in_parts or contract.representation == "frame":
                raise RequestError(
                    f"slice: a window slides over counts, not over a {contract.representation}; "
                    "state another representation, such as --input representation=histogram"
                )
            contract = replace(contract, differences=_adds_up(network))
            how = "the changes" if contract.differences else "all counts"
            notes.append(f"of a window of {window} events, {how} are fed after every {events} new ones")
    if contract == network.input_contract:
        return network
    changed = with_contract(network, contract)
    return replace(changed, assumptions=(*network.assumptions, *notes))


def _adds_up(network: Network) -> bool:
    """Return whether the neurons behind the inputs add up what they receive from step to step."""
    inputs = {index for index, layer in enumerate(network.layers) if layer.is_input}
    fed = [layer for layer in network.layers if any(edge.source in inputs for edge in layer.edges)]
    return bool(fed) and all(isinstance(layer.neuron, SigmaDelta) for layer in fed)


def channel_names(contract: InputContract, channels: int) -> list[str]:
    """Return what each channel of an input means.

    >>> channel_names(InputContract("voxel", bins=2), 4)
    ['part 0 OFF', 'part 0 ON', 'part 1 OFF', 'part 1 ON']
    """
    polarities = ["OFF", "ON"] if contract.polarity_order == "off-on" else ["ON", "OFF"]
    if contract.representation == "frame":
        return ["red", "green", "blue"] if channels == 3 else [f"channel {number}" for number in range(channels)]
    if contract.representation == "signed_voxel":
        return [f"part {part} ON - OFF" for part in range(contract.bins)]
    if contract.in_parts:
        parts = range(contract.bins)
        if contract.channel_order == "polarity-major":
            return [f"part {part} {polarity}" for polarity in polarities for part in parts]
        return [f"part {part} {polarity}" for part in parts for polarity in polarities]
    if contract.representation == "signed_count":
        return ["ON - OFF"]
    return polarities if channels == 2 else ["ON and OFF"]
