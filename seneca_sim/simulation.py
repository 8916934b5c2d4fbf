"""The whole path: network and events in, energy, latency, memory and core counts out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.request import DEFAULT_NETWORK, Engine, Goal, Noc, Order, Overflow, Progress, Request, ResetRule
from seneca_sim.sources import (
    Sources,
    automatic,
    chip_of,
    given_mapping,
    input_of,
    network_of,
    sources_of,
    trace_of,
    with_drawn_weights,
)
from seneca_sim.units import counted

if TYPE_CHECKING:
    from seneca_sim.activity.trace import Trace
    from seneca_sim.chip import Chip
    from seneca_sim.engine.counts import Counts
    from seneca_sim.engine.programs import LayerPrograms
    from seneca_sim.graph.network import Network
    from seneca_sim.mapping.types import Mapping
    from seneca_sim.report.record import Record, Run
    from seneca_sim.report.result import Result

__all__ = ["check_mapping", "rerun", "run_named", "simulate", "simulate_request", "write_mapping"]

_LOG = logging.getLogger(__name__)


def simulate(
    network: str | Path | Network = DEFAULT_NETWORK,
    *,
    events: str | Path | None = None,
    activity: str | Path | Trace | None = None,
    chip: str | Path | Chip = "seneca",
    set: Sequence[str] = (),
    mapping: str | Path | Mapping | None = None,
    goal: Goal = "balanced",
    cores: int | None = None,
    engine: Engine = "fast",
    noc: Noc | None = None,
    order: Order | None = None,
    steps: int | None = None,
    dt_us: float | None = None,
    slice: str | int | None = None,
    input: str | Path | None = None,
    crop: str | tuple[int, int, int, int] | None = None,
    pool: int | None = None,
    resize: str | tuple[int, int] | None = None,
    swap_xy: bool = False,
    flip_polarity: bool = False,
    reset: ResetRule | None = None,
    max_spikes: int | None = None,
    reset_every: int | None = None,
    numerics: str | None = None,
    state: Sequence[str] = (),
    size: str | tuple[int, int] | None = None,
    width: int | None = None,
    network_set: Sequence[str] = (),
    weights: str | Path | None = None,
    overflow: Overflow = "saturate",
    seed: int = 0,
    begin: int = 0,
    warmup: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Run a network on a chip and return energy, latency, memory and cores; without arguments, the shipped example.

    Parameters
    ----------
    network
        Shipped network, network file, or a `Network`.
    events, activity
        What the network sees: a recording (the network runs on it), or activity (a stored trace, or densities to draw one from).
    chip, set
        Shipped chip or chip file, and changes to its constants such as ``core.npe.count=16``.
    mapping, goal, cores
        Mapping file or `Mapping`; without one, the goal of the automatic mapping and the most cores that it may use.
    engine
        ``fast`` and ``reference`` are cycle-level and equal, ``estimate`` is closed-form.
    noc, order
        ``mesh`` or ``ideal``, ``depth-first`` or ``conventional``; short for two constants of the chip.
    steps, slice
        Number of time steps, and the input of one: a time such as ``1000us``, a number such as ``500events``, or a window
        such as ``window:5000,100`` (the last 5000 events, after every 100 new ones).
    input
        Input contract of a network whose file has none: a YAML file, or words such as ``representation=voxel,bins=5``.
    crop, pool, resize, swap_xy, flip_polarity
        What the network sees of the recording: LEFT,TOP,WIDTH,HEIGHT; blocks of pool x pool pixels as one; WxH; axes and
        polarities exchanged.
    dt_us, reset, max_spikes, numerics
        What network files may leave open: neuron time step, reset rule, spikes per step, number types.
    reset_every
        States return to their start every so many steps, as a network needs that sees one sample after another.
    state
        Recurrence of an ONNX step graph: ``output:input`` texts, the input takes the output's value of the step before.
    size, width, network_set
        Of a published network (``seneca-sim list models``): rows and columns such as ``240x304`` (also of an ONNX file that leaves
        them open), a factor for channels, other options as ``key=value`` texts.
    weights
        File of weights for the network (.npz, safetensors, zipped PyTorch state_dict), or ``random:SEED`` or
        ``random:SEED:DENSITY``: drawn, with thresholds calibrated on the input.
    overflow
        What integers do that leave the range of their type: ``saturate`` or ``wrap``.
    seed
        Seed of what is drawn at random.
    begin, warmup
        First time step that the chip runs: before it, recurrent layers hold what they sent in the step before (the network itself
        runs from the start); steps from there to leave out of latencies and intervals.
    progress
        Called with (stage, done, total).

    >>> result = simulate(steps=2, cores=2)
    >>> result.summary["network"], result.summary["cores"]
    ('digits-sigma-delta', 2)
    """
    choices = Request(
        network, events, activity, chip, tuple(set), mapping, goal, cores, engine, noc, order, steps, dt_us,
        slice, input, crop, pool, resize, swap_xy, flip_polarity, reset, max_spikes, reset_every, numerics,
        tuple(state), size, width, tuple(network_set), weights, overflow, seed, begin, warmup,
    )  # fmt: skip
    return simulate_request(choices, progress)


def simulate_request(request: Request, progress: Progress | None = None) -> Result:
    """Run a request and return its result."""
    return _simulated(request, sources_of(request), progress)


def rerun(path: Path | str, progress: Progress | None = None) -> Result:
    """Run a run file again; raises `RequestError` if an input is not what it was when the file was written."""
    from seneca_sim.report.runfile import check_inputs, load_run_file

    run_file = load_run_file(path)
    request = Request.from_plain(run_file.arguments, str(path))
    sources = sources_of(request, run_file.path.parent)
    check_inputs(run_file, sources.files)
    now = _versions()
    for name, before in run_file.versions.items():
        if before != now.get(name):
            _LOG.warning(
                "%s was written with %s %s, this is %s: bytes of results may differ", path, name, before, now.get(name)
            )
    return _simulated(request, sources, progress)


def _simulated(request: Request, sources: Sources, progress: Progress | None) -> Result:
    """Run a request on its located inputs."""
    from seneca_sim import engine
    from seneca_sim.report.result import Result

    run = _planned(request, sources, progress)
    advance = _stage(progress, request.engine)
    counts = engine.simulate(run.network, run.mapping, run.trace, run.chip, request.engine, advance)
    return Result(_record(request, sources, run, counts))


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    """Everything that an engine needs."""

    chip: Chip
    network: Network
    trace: Trace
    mapping: Mapping
    programs: tuple[LayerPrograms, ...]


def _planned(request: Request, sources: Sources, progress: Progress | None) -> _Planned:
    """Load chip and network, run the network, map it; a given mapping is checked before anything takes time."""
    from seneca_sim.activity.excerpt import excerpt
    from seneca_sim.engine.programs import network_programs

    chip = chip_of(request, sources)
    network = network_of(request, sources)
    network_programs(network, chip)
    given = given_mapping(request, sources, network, chip)
    fed = input_of(request, sources, network)
    network = with_drawn_weights(request, network, fed)
    programs = network_programs(network, chip)
    trace = excerpt(network, trace_of(request, sources, network, _stage(progress, "network"), fed), request.begin)
    if request.warmup >= trace.n_steps:
        raise RequestError(
            f"warmup of {request.warmup} leaves none of the run's {trace.n_steps} steps; run more or warm up less"
        )
    return _Planned(chip, network, trace, given or automatic(request, network, chip, trace), programs)


def _stage(progress: Progress | None, name: str) -> Callable[[int, int], None] | None:
    """Return the progress function of one stage."""
    return None if progress is None else lambda done, total: progress(name, done, total)


def _record(request: Request, sources: Sources, planned: _Planned, counts: Counts) -> Record:
    """Gather what the result of a run follows from."""
    from seneca_sim.report.memory import part_memory
    from seneca_sim.report.record import Record, activity_totals, layer_facts

    network, chip, mapping = planned.network, planned.chip, planned.mapping
    return Record(
        run=_run(request, sources, planned),
        chip=chip,
        layers=layer_facts(network, chip, planned.programs),
        mapping=mapping,
        memory=part_memory(network, chip, mapping),
        activity=activity_totals(planned.trace),
        counts=counts,
    )


def _run(request: Request, sources: Sources, planned: _Planned) -> Run:
    """Return how the run was asked for."""
    from seneca_sim.graph.neurons import SigmaDelta
    from seneca_sim.report.record import Run

    network, trace = planned.network, planned.trace
    return Run(
        request=request.plain(),
        inputs=sources.files,
        versions=_versions(),
        network=network.name,
        input=trace.description,
        activity_source=trace.source,
        mapping=f"automatic, {request.goal}" if request.mapping is None else str(_name(request.mapping)),
        engine=request.engine,
        seed=request.seed,
        warmup=request.warmup,
        step_us=_step_us(network),
        classifies=network.task == "classification",
        sigma_delta=not trace.continues and any(isinstance(layer.neuron, SigmaDelta) for layer in network.layers),
        assumptions=_assumptions(request, planned),
    )


def _name(mapping: object) -> str:
    """Return what the report calls an explicit mapping."""
    return Path(mapping).name if isinstance(mapping, str | Path) else "given as an object"


def _versions() -> dict[str, str]:
    """Return the versions of the packages that results depend on."""
    from seneca_sim import __version__

    return {**{name: version(name) for name in ("numba", "numpy")}, "seneca_sim": __version__}


def _step_us(network: Network) -> float | None:
    """Return the input time of one step; None for frames and for slices by number of events."""
    contract = network.input_contract
    if contract.slice_events is not None or contract.representation == "frame":
        return None
    return float(contract.slice_us)


def _silent_steps(planned: _Planned) -> int:
    """Return how many steps at the end have no input event."""
    import numpy as np

    inputs = [
        trace for layer, trace in zip(planned.network.layers, planned.trace.layers, strict=True) if layer.is_input
    ]
    active = [np.flatnonzero(np.diff(trace.step_start)) for trace in inputs]
    return planned.trace.n_steps - max((int(steps[-1]) + 1 for steps in active if len(steps)), default=0)


def _assumptions(request: Request, planned: _Planned) -> tuple[str, ...]:
    """Return what was assumed: by the network's reader, about number types, about activity and time."""
    from seneca_sim.engine.programs import priced_as

    network, step_us = planned.network, _step_us(planned.network)
    sentences = [*network.assumptions, *priced_as(network, planned.chip)]
    slice_events = network.input_contract.slice_events
    sentences += planned.trace.assumptions
    if planned.trace.source == "synthetic":
        sentences.append(f"activity is synthetic: {planned.trace.description}")
    elif network.dt_us is not None and slice_events is not None:
        sentences.append(f"slices of {slice_events} events are fed as time steps of {network.dt_us:g} us")
    elif network.dt_us is not None and step_us not in (None, network.dt_us):
        sentences.append(f"slices of {step_us:g} us of input are fed as time steps of {network.dt_us:g} us")
    if request.steps is not None and (silent := _silent_steps(planned)):
        sentences.append(
            f"the input ends before the run: the last {silent} of {planned.trace.n_steps} steps are silent"
        )
    if request.overflow == "wrap":
        sentences.append("integers that leave their range wrap around")
    if request.engine == "estimate":
        sentences.append("times are closed-form estimates; the engines fast and reference simulate cycles")
    return tuple(sentences)


def run_named(network: str, arguments: dict[str, Any], output: Path | None, progress: Progress) -> Result:
    """Run what the command line names: a network with arguments, or a run file; a bad output folder is refused first."""
    from seneca_sim.report.files import check_writable
    from seneca_sim.report.runfile import is_run_file

    if output is not None:
        check_writable(output)
    request = Request(network=network, **arguments)
    if not is_run_file(network):
        if Path(network).suffix in (".yaml", ".yml") and Path(network).is_file():
            raise FileFormatError(
                f"{network}: a YAML file, but no run file: it does not begin with the line seneca_run: 1"
            )
        return simulate_request(request, progress)
    added = [name for name in request.plain() if name != "network"]
    if added:
        raise RequestError(f"{network} says how to run; change {', '.join(added)} in the file, or name a network")
    return rerun(network, progress)


def write_mapping(
    arguments: dict[str, Any], output: Path, progress: Progress, *, plot: Path | None = None, json: bool = False
) -> str:
    """Map a network automatically, write the mapping file, and return what it holds and is bound by: as text, or as JSON.

    `plot` is a PNG file for load and memory of the cores.
    """
    from json import dumps

    from seneca_sim.mapping.file import mapping_bytes
    from seneca_sim.mapping.relief import mapping_report
    from seneca_sim.report.files import check_writable, write_folder
    from seneca_sim.report.mapping_plots import cores_png

    request = Request(**arguments)
    if output.exists() and not output.is_file():
        raise RequestError(f"mapping file {str(output)!r} is no regular file; choose another name with -o")
    check_writable(output.parent)
    if plot is not None:
        _check_plot(plot, output)
    sources = sources_of(request)
    chip, network = chip_of(request, sources), network_of(request, sources)
    trace = None
    if {"events", "activity"} & set(request.plain()):
        fed = input_of(request, sources, network)
        network = with_drawn_weights(request, network, fed)
        trace = trace_of(request, sources, network, _stage(progress, "network"), fed)
    mapping = automatic(request, network, chip, trace)
    note = f"{network.name} on {chip.name}: {request.goal}, {counted(mapping.n_cores, 'core')}"
    write_folder(output.parent, {output.name: mapping_bytes(network, mapping, output, note)})
    report = mapping_report(network, chip, mapping, trace)
    if plot is not None:
        cores_png(report, plot)
    if json:
        return dumps(report.plain(), indent=2)
    return f"{output}: {_mapping_sentence(network, chip, mapping)}\n{report.text()}"


def _check_plot(plot: Path, output: Path) -> None:
    """Refuse a place for the plot of a mapping where it could not be written, or where the mapping itself goes."""
    from seneca_sim.report.files import check_writable

    if plot.exists() and not plot.is_file():
        raise RequestError(f"plot {str(plot)!r} is no regular file; choose another name with --plot")
    if plot.resolve() == output.resolve():
        raise RequestError(f"mapping and plot would both be {str(plot)!r}; choose another name with --plot")
    check_writable(plot.parent, "--plot")


def check_mapping(path: Path, network: str | None, **arguments: Any) -> str:
    """Check a mapping file against its network and a chip, and return what it needs in a sentence."""
    from seneca_sim.graph import network_names
    from seneca_sim.mapping.file import load_mapping, network_of_mapping
    from seneca_sim.mapping.validate import validate_mapping

    named = network or network_of_mapping(path)
    request = Request(network=named, **arguments)
    if network is None and not Path(named).exists() and named not in network_names():
        raise RequestError(
            f"{path}: is for the network {named!r}, which does not ship; say where it is with --network FILE"
        )
    sources = sources_of(request)
    chip, loaded = chip_of(request, sources), network_of(request, sources)
    mapping = load_mapping(path, loaded, chip)
    validate_mapping(loaded, chip, mapping)
    return f"{path}: valid; {_mapping_sentence(loaded, chip, mapping)}"


def _mapping_sentence(network: Network, chip: Chip, mapping: Mapping) -> str:
    """Return cores and memory of a mapping in words."""
    from seneca_sim.mapping.memory import core_memory

    memory = core_memory(network, chip, mapping)
    fullest = memory.cores.sum(axis=1).max() / chip.core.data_memory_bits.value
    return (
        f"{network.name} on {counted(mapping.n_cores, 'core')} of a {mapping.mesh[0]}x{mapping.mesh[1]} mesh, "
        f"{counted(len(mapping.parts), 'part')}, "
        f"{memory.total_bits:,} bits ({memory.unique_bits:,} without replicas), fullest core {fullest:.0%} full"
    )
