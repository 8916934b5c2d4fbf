"""Where the inputs of a run are, what they hold, and how they are loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from seneca_sim.errors import RequestError
from seneca_sim.report.files import sha256_of
from seneca_sim.report.record import InputFile
from seneca_sim.request import DEFAULT_EVENTS, SHAPING, Request
from seneca_sim.shipped import shipped_folder
from seneca_sim.yaml_positions import did_you_mean

if TYPE_CHECKING:
    from seneca_sim.activity.trace import Trace
    from seneca_sim.chip import Chip
    from seneca_sim.events.inputs import NetworkInput
    from seneca_sim.graph.network import Network
    from seneca_sim.mapping.types import Mapping

__all__ = [
    "Sources",
    "automatic",
    "chip_of",
    "chip_overrides",
    "given_mapping",
    "input_of",
    "network_of",
    "sources_of",
    "trace_of",
    "with_drawn_weights",
]

Advance = Callable[[int, int], None]
"""Told how much of a stage is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The located inputs of a request, and what they hold."""

    paths: dict[str, Path]
    """File of each argument that names one."""
    files: tuple[InputFile, ...]
    """The same with their digests, as run files list them; paths as the user wrote them."""


def sources_of(request: Request, beside: Path | None = None) -> Sources:
    """Locate and hash the inputs of a request; relative paths start here or, failing that, in or above the folder `beside`."""
    from seneca_sim.chip import load_chip

    paths: dict[str, Path] = {}
    files = []
    for argument, value in _named_inputs(request).items():
        if argument == "network" and (text := _definition(request)) is not None:
            files.append(InputFile(argument, value, hashlib.sha256(text.encode()).hexdigest()))
            continue
        if argument == "events" and value.startswith("synthetic:"):
            paths[argument] = Path(value)
            files.append(InputFile(argument, value, hashlib.sha256(value.encode()).hexdigest()))
            continue
        paths[argument] = _located(argument, value, beside)
        files.append(InputFile(argument, value, sha256_of(paths[argument])))
    if isinstance(request.chip, str | Path):
        path = _beside(Path(request.chip), beside)
        paths["chip"] = path
        resolved = load_chip(path).model_dump_json().encode()
        files.append(InputFile("chip", str(request.chip), hashlib.sha256(resolved).hexdigest()))
    return Sources(paths, tuple(files))


def _named_inputs(request: Request) -> dict[str, str]:
    """Return the inputs that are names or paths, as the user wrote them; shipped networks see the shipped recording."""
    shipped = isinstance(request.network, str) and not Path(request.network).exists() and not _is_published(request)
    events = DEFAULT_EVENTS if request.default_events and shipped else request.events
    weights = None if request.drawn_weights() else request.weights
    inputs = {
        "network": request.network,
        "weights": weights,
        "input": _stated_input(request),
        "events": events,
        "activity": request.activity,
        "mapping": request.mapping,
    }
    return {argument: str(value) for argument, value in inputs.items() if isinstance(value, str | Path)}


def _is_published(request: Request) -> bool:
    """Return whether the network is defined by the package, without a file."""
    from seneca_sim.graph import is_published

    return isinstance(request.network, str) and is_published(request.network)


def _definition(request: Request) -> str | None:
    """Return the nodes, shapes and links of a published network with its options, as text; None for other networks."""
    if not _is_published(request):
        return None
    from seneca_sim.graph.published import build_published, definition_text, published_options

    name = str(request.network)
    return definition_text(
        build_published(name, published_options(name, request.size, request.width, request.network_set))
    )


def _stated_input(request: Request) -> str | None:
    """Return the file that states the network's input contract: the one that was given, or the one beside the network."""
    if request.input is not None:
        return None if "=" in str(request.input) and not Path(request.input).is_file() else str(request.input)
    from seneca_sim.graph.contract import sidecar

    beside = sidecar(request.network) if isinstance(request.network, str | Path) else None
    return None if beside is None else str(beside)


def _located(argument: str, value: str, beside: Path | None) -> Path:
    """Return the file that an argument names: a path, or the name of something that ships."""
    path = _beside(Path(value), beside)
    if path.is_file():
        return path
    if path.exists():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise RequestError(f"{argument}: {value!r} is {kind}; give the path of a file")
    return _FINDERS[argument](value)


def _beside(path: Path, folder: Path | None) -> Path:
    """Return a relative path as seen from a folder, or from one above it, if it is not there as seen from here."""
    is_name = not path.suffix and len(path.parts) == 1
    if folder is None or path.is_absolute() or is_name or path.exists():
        return path
    folder = folder.resolve()
    return next((base / path for base in (folder, *folder.parents) if (base / path).is_file()), path)


def _network_file(name: str) -> Path:
    from seneca_sim.graph import find_network

    return find_network(name)


def _input_file(name: str) -> Path:
    raise RequestError(
        f"input: there is no file {name!r}; give a YAML file, or words such as representation=voxel,bins=5,slice=50ms"
    )


def _recording_file(name: str) -> Path:
    from seneca_sim.events.stream import find_recording

    path = find_recording(name)
    if not path.exists():
        raise RequestError(
            f"events: there is no file {name!r}; give the path of a recording, or a name of `seneca-sim list recordings`"
        )
    return path


def _activity_file(name: str) -> Path:
    return _shipped(
        "activities", name, {path.stem: path for path in shipped_folder("models").glob("activities/*.yaml")}
    )


def _weights_file(name: str) -> Path:
    raise RequestError(f"weights: there is no file {name!r}; give the path of a file of weights, or random:SEED")


def _mapping_file(name: str) -> Path:
    return _shipped("mappings", name, {path.stem: path for path in shipped_folder("mappings").glob("*.yaml")})


def _shipped(kind: str, name: str, known: dict[str, Path]) -> Path:
    """Return the shipped file of a name."""
    if name not in known:
        guess = did_you_mean(name, known)
        raise RequestError(
            f"{name!r} is neither a file nor one of the shipped {kind}{guess or f' (seneca-sim list {kind})'}"
        )
    return known[name]


_FINDERS: dict[str, Callable[[str], Path]] = {
    "network": _network_file,
    "input": _input_file,
    "weights": _weights_file,
    "events": _recording_file,
    "activity": _activity_file,
    "mapping": _mapping_file,
}


def chip_overrides(request: Request) -> list[str]:
    """Return all changes to the chip: those of `set`, then what `noc` and `order` stand for."""
    short = {"noc.kind": request.noc, "flow.order": request.order}
    return [*request.set, *(f"{key}={value}" for key, value in short.items() if value is not None)]


def chip_of(request: Request, sources: Sources) -> Chip:
    """Return the chip of a request."""
    from seneca_sim.chip import load_chip

    chip = sources.paths["chip"] if isinstance(request.chip, str | Path) else request.chip
    return load_chip(chip, chip_overrides(request))


def network_of(request: Request, sources: Sources) -> Network:
    """Return the network of a request, with what its file leaves open set by the user; weights to be drawn are not yet."""
    options = {
        name: value
        for name in (
            "dt_us",
            "reset",
            "max_spikes",
            "reset_every",
            "numerics",
            "state",
            "size",
            "width",
            "network_set",
            "weights",
        )
        if (value := getattr(request, name)) not in (None, ())
    }
    if request.drawn_weights():
        options.pop("weights")
    if not isinstance(request.network, str | Path):
        if options:
            raise RequestError(f"{', '.join(options)} apply to network files; the network was given as an object")
        return _with_input(request, sources, request.network)
    from seneca_sim.graph import load_network

    if "weights" in options:
        options["weights"] = sources.paths["weights"]
    return _with_input(request, sources, load_network(sources.paths.get("network", request.network), **options))


def _with_input(request: Request, sources: Sources, network: Network) -> Network:
    """Return a network with the input contract that a request states for its recording."""
    from seneca_sim.graph.contract import with_input
    from seneca_sim.graph.stated import check_resets

    if "events" not in sources.paths:
        return network
    network = with_input(network, request.slice, sources.paths.get("input", request.input))
    if request.reset_every is not None:
        check_resets(network)
    return network


def input_of(request: Request, sources: Sources, network: Network) -> NetworkInput | None:
    """Return the recording of a request as the network sees it; None if there is none."""
    if "events" not in sources.paths:
        return None
    from seneca_sim.events.inputs import load_input

    shaping = {name: getattr(request, name) for name in SHAPING}
    return load_input(network, sources.paths["events"], steps=request.steps, **shaping)


def with_drawn_weights(request: Request, network: Network, fed: NetworkInput | None) -> Network:
    """Return the network with random weights if the request asks for them, calibrated on what it is fed."""
    drawn = request.drawn_weights()
    if drawn is None:
        return network
    if fed is None:
        raise RequestError("weights: random ones are calibrated on a recording; give events, or leave weights out")
    from seneca_sim.activity import randomise

    seed, density = drawn
    return randomise(network, fed, density=density, seed=seed)


def trace_of(
    request: Request, sources: Sources, network: Network, advance: Advance | None, fed: NetworkInput | None = None
) -> Trace:
    """Return the activity of a request: the network run on what it is fed, or a stored or synthetic trace."""
    fed = fed or input_of(request, sources, network)
    if fed is not None:
        from seneca_sim.activity import run_network

        trace = run_network(network, fed, advance, overflow=request.overflow)
        return replace(trace, assumptions=(*trace.assumptions, *fed.assumptions))
    if request.slice is not None:
        raise RequestError("slice cuts recordings; an activity has its steps already")
    if shaping := [name for name in ("input", *SHAPING) if getattr(request, name)]:
        raise RequestError(f"{', '.join(shaping)}: for recordings; an activity holds a network's input already")
    if request.overflow != "saturate":
        raise RequestError("overflow is about sums; an activity has its values already")
    if request.activity is None:
        raise RequestError(f"nothing for {network.name} to see: give events (a recording) or an activity")
    if not isinstance(request.activity, str | Path):
        return _given_trace(request.activity, network, request.steps)
    from seneca_sim.activity import load_activity

    return load_activity(network, sources.paths["activity"], steps=request.steps, seed=request.seed)


def _given_trace(trace: Trace, network: Network, steps: int | None) -> Trace:
    """Return a trace that was given as an object, if it fits the network."""
    from seneca_sim.activity.checks import check_trace

    if steps is not None and steps != trace.n_steps:
        raise RequestError(f"steps must be {trace.n_steps}, those of the trace that was given, not {steps}")
    if len(trace.layers) != len(network.layers):
        raise RequestError(f"the trace has {len(trace.layers)} layers, but {network.name} has {len(network.layers)}")
    check_trace("the trace that was given", trace, network, trace.n_steps)
    return trace


def given_mapping(request: Request, sources: Sources, network: Network, chip: Chip) -> Mapping | None:
    """Return the explicit mapping of a request, checked against network and chip; None if it is to be automatic."""
    from seneca_sim.mapping.file import load_mapping
    from seneca_sim.mapping.validate import validate_mapping

    if request.mapping is None:
        return None
    mapping = request.mapping
    if isinstance(mapping, str | Path):
        mapping = load_mapping(sources.paths["mapping"], network, chip, seed=request.seed)
    validate_mapping(network, chip, mapping)
    return mapping


def automatic(request: Request, network: Network, chip: Chip, trace: Trace | None) -> Mapping:
    """Return the automatic mapping of a request, balanced for a trace if there is one."""
    from seneca_sim.mapping.automatic import automatic_mapping

    return automatic_mapping(network, chip, goal=request.goal, cores=request.cores, trace=trace, seed=request.seed)
