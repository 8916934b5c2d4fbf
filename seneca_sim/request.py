"""What a run may be asked: the arguments of `simulate`, of the command line and of run files, under one set of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from seneca_sim.errors import RequestError
from seneca_sim.yaml_positions import did_you_mean

if TYPE_CHECKING:
    from seneca_sim.activity.trace import Trace
    from seneca_sim.chip import Chip
    from seneca_sim.events.view import View
    from seneca_sim.graph.network import Network
    from seneca_sim.mapping.types import Mapping

__all__ = ["ARGUMENTS", "Engine", "Goal", "Noc", "Order", "Overflow", "Progress", "Request", "ResetRule"]

Engine = Literal["reference", "fast", "estimate"]
"""`fast` and `reference` are cycle-level and equal; `estimate` is closed-form."""
Goal = Literal["fewest-cores", "balanced", "power-of-two", "energy"]
Noc = Literal["mesh", "ideal"]
Order = Literal["depth-first", "conventional"]
ResetRule = Literal["value", "subtract"]
Overflow = Literal["saturate", "wrap"]
"""What integers do that leave the range of their type; they are counted either way."""

Progress = Callable[[str, float, float], None]
"""Told how far a stage of a run is: its name, what is done, and how much there is."""

LARGEST_STEPS = 10_000_000
"""Most time steps of a run."""
DEFAULT_NETWORK = "digits-sigma-delta"
DEFAULT_EVENTS = "digits"


@dataclass(frozen=True, slots=True)
class Request:
    """One run as asked for. Networks, chips, mappings and traces may also be given as objects."""

    network: str | Path | Network = DEFAULT_NETWORK
    events: str | Path | None = None
    activity: str | Path | Trace | None = None
    chip: str | Path | Chip = "seneca"
    set: tuple[str, ...] = ()
    mapping: str | Path | Mapping | None = None
    goal: Goal = "balanced"
    cores: int | None = None
    engine: Engine = "fast"
    noc: Noc | None = None
    order: Order | None = None
    steps: int | None = None
    dt_us: float | None = None
    slice: str | int | None = None
    input: str | Path | None = None
    crop: str | tuple[int, int, int, int] | None = None
    pool: int | None = None
    resize: str | tuple[int, int] | None = None
    swap_xy: bool = False
    flip_polarity: bool = False
    reset: ResetRule | None = None
    max_spikes: int | None = None
    reset_every: int | None = None
    numerics: str | None = None
    state: tuple[str, ...] = ()
    size: str | tuple[int, int] | None = None
    width: int | None = None
    network_set: tuple[str, ...] = ()
    weights: str | Path | None = None
    overflow: Overflow = "saturate"
    seed: int = 0
    begin: int = 0
    warmup: int = 0

    def __post_init__(self) -> None:
        """Refuse values that no run can be asked for."""
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), get_args(choices))
        for name in _NAMES:
            if str(getattr(self, name)) == "":
                raise RequestError(f"{name} is empty; give a name or a path, or leave it out")
        for name in ("cores", "steps", "max_spikes", "reset_every", "pool", "width"):
            _check_least(name, getattr(self, name), 1)
        if self.steps is not None and self.steps > LARGEST_STEPS:
            raise RequestError(f"steps must be at most {LARGEST_STEPS}, not {self.steps}; run the recording in pieces")
        for name in ("seed", "begin", "warmup"):
            _check_least(name, getattr(self, name), 0, optional=False)
        _check_positive("dt_us", self.dt_us)
        for name, kind in _LISTS.items():
            if isinstance(value := getattr(self, name), str):
                raise RequestError(f"{name} must be a list of {kind} texts, not the text {value!r}")
        if self.events is not None and self.activity is not None:
            raise RequestError(
                "events and activity exclude each other: a network either runs on events or replays an activity"
            )
        if self.mapping is not None and self.cores is not None:
            raise RequestError("mapping and cores exclude each other: an explicit mapping says which cores it uses")
        self._check_input()
        self.drawn_weights()

    @property
    def default_events(self) -> bool:
        """Whether neither events nor an activity were given."""
        return self.events is None and self.activity is None

    def view(self) -> View:
        """Return which pixels of a recording the network is to see, and how."""
        from seneca_sim.events.view import parse_view

        crop = ",".join(map(str, self.crop)) if isinstance(self.crop, tuple) else self.crop
        resize = "x".join(map(str, self.resize)) if isinstance(self.resize, tuple) else self.resize
        return parse_view(crop, self.pool, resize, self.swap_xy, self.flip_polarity)

    def _check_input(self) -> None:
        """Refuse options for recordings that cannot be."""
        if self.slice is not None:
            from seneca_sim.graph.lengths import parse_slice

            parse_slice(self.slice)
        for name in ("swap_xy", "flip_polarity"):
            if not isinstance(getattr(self, name), bool):
                raise RequestError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if any(getattr(self, name) != _DEFAULTS[name] for name in SHAPING):
            self.view()

    def drawn_weights(self) -> tuple[int, float | None] | None:
        """Return seed and density (None: as the calibration has it) of weights that are to be drawn; None if they are not.

        >>> Request(weights="random:7").drawn_weights(), Request(weights="random:7:0.1").drawn_weights()
        ((7, None), (7, 0.1))
        """
        if not isinstance(self.weights, str) or not self.weights.startswith(_RANDOM):
            return None
        match = _DRAWN.fullmatch(self.weights)
        density = None if match is None or match[2] is None else float(match[2])
        if match is None or (density is not None and not 0 < density <= 1):
            raise RequestError(
                f"weights must be a file, or random:SEED or random:SEED:DENSITY with a density up to 1, not {self.weights!r}"
            )
        return int(match[1]), density

    def plain(self) -> dict[str, Any]:
        """Return the arguments that differ from their defaults as YAML types, in the order of the fields.

        >>> Request(chip="seneca", cores=4, set=("core.npe.count=16",)).plain()
        {'network': 'digits-sigma-delta', 'set': ['core.npe.count=16'], 'cores': 4}
        """
        values = {name: _plain(getattr(self, name)) for name in ARGUMENTS}
        return {name: value for name, value in values.items() if name == "network" or value != _plain(_DEFAULTS[name])}

    @classmethod
    def from_plain(cls, arguments: dict[str, Any], where: str) -> Request:
        """Return the request of a run file; `where` names the file in errors."""
        values = dict(arguments)
        for name, value in values.items():
            wanted = _PLAIN_TYPES[name]
            if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
                raise RequestError(f"{where}: {name} must be {_TYPE_NAMES[_PLAIN_TYPES[name]]}, not {value!r:.60}")
            if str(value).startswith(_OBJECT):
                raise RequestError(
                    f"{where}: {name} was a Python object, which a run file cannot hold; save it and give its path"
                )
        for name in _LISTS.keys() & values.keys():
            values[name] = tuple(str(item) for item in values[name])
        if "slice" in values:
            values["slice"] = str(values["slice"])
        return cls(**values)


ARGUMENTS = tuple(field.name for field in fields(Request))
"""Names of all arguments of a run, in order."""
_CHOICES = {"engine": Engine, "goal": Goal, "noc": Noc, "order": Order, "reset": ResetRule, "overflow": Overflow}
_DEFAULTS = {field.name: field.default for field in fields(Request)}
SHAPING = ("crop", "pool", "resize", "swap_xy", "flip_polarity")
"""Arguments that say which pixels of a recording are seen."""
_RANDOM = "random:"
_DRAWN = re.compile(r"random:(\d{1,18})(?::(\d*\.?\d+(?:e-?\d+)?))?", re.ASCII)
_NAMES = ("network", "input", "events", "activity", "chip", "mapping", "weights")
_LISTS = {"set": "key=value", "network_set": "key=value", "state": "output:input"}
"""Arguments that are several texts, and how each reads."""
_OBJECT = "<object: "
_PLAIN_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(ARGUMENTS, str),
    **dict.fromkeys(("cores", "steps", "max_spikes", "reset_every", "pool", "width", "seed", "begin", "warmup"), int),
    **dict.fromkeys(_LISTS, list),
    "dt_us": (int, float),
    "slice": (str, int),
    **dict.fromkeys(("swap_xy", "flip_polarity"), bool),
}
_TYPE_NAMES: dict[type | tuple[type, ...], str] = {
    str: "a text",
    int: "an integer",
    bool: "true or false",
    list: "a list of texts",
    (int, float): "a number",
    (str, int): "a text or an integer",
}


def _plain(value: object) -> Any:
    """Return an argument as a YAML type."""
    match value:
        case None | str() | int() | float():
            return value
        case Path():
            return str(value)
        case (int(), int()):
            return "x".join(map(str, value))
        case (int(), int(), int(), int()):
            return ",".join(map(str, value))
        case tuple() | list():
            return [str(item) for item in value]
        case _:
            return f"{_OBJECT}{type(value).__name__}>"


def _check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `RequestError` unless a value is None or one of its choices."""
    if value is not None and value not in choices:
        guess = did_you_mean(str(value), choices)
        raise RequestError(f"{name} must be one of {', '.join(choices)}, not {value!r}{guess}")


def _check_least(name: str, value: object, least: int, *, optional: bool = True) -> None:
    """Raise `RequestError` unless a value is an integer that is large enough, or None where that is a choice."""
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RequestError(f"{name} must be an integer >= {least}, not {value!r}")


def _check_positive(name: str, value: object) -> None:
    """Raise `RequestError` unless a value is None or a finite number above zero."""
    if value is not None and not (isinstance(value, int | float) and 0 < value < float("inf")):
        raise RequestError(f"{name} must be a finite number > 0, not {value!r}")
