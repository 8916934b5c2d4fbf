"""What every output column and summary field is: name, type, unit, one sentence. Tables are written and explained from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "COMPONENTS",
    "CORES",
    "LAYERS",
    "LINKS",
    "MEMORY_KINDS",
    "STALL_CAUSES",
    "STEPS",
    "SUMMARY",
    "TABLES",
    "Column",
    "meanings",
]

COMPONENT_MEANINGS = {
    "npe": "ALUs and registers of the neuron processing elements",
    "data_memory": "data memory: loads and stores of the lanes and of the RISC-V",
    "loop_controller": "loop buffer and loop controller",
    "event_generator": "event generator: captured lanes and generated events",
    "riscv": "RISC-V core and its peripherals",
    "instruction_memory": "instruction memory of the RISC-V",
    "noc": "network on chip: flits injected, passed on and ejected",
    "static": "leakage and other static power of the powered cores",
}
COMPONENTS = tuple(COMPONENT_MEANINGS)
"""Energy components, in the order of all tables."""

MEMORY_MEANINGS = {
    "weights": "synaptic weights, each counted once, head weights apart",
    "head_weights": "synaptic weights of detection or classification heads, each counted once",
    "biases": "biases of channels (and sums), and thresholds that differ between channels, each counted once",
    "masks": "chunk masks of masked layers, each counted once",
    "replicas": "further copies of weights, biases and masks that more than one core holds",
    "states": "neuron states that last from one time step to the next, inner states of cells, rings of delays",
    "held_outputs": "output maps of the step before, kept for recurrent edges",
    "row_buffers": "state rows of sums without memory from step to step, and sums per channel of broadcast edges",
}
MEMORY_KINDS = tuple(MEMORY_MEANINGS)
"""Kinds of data memory, in the order of all tables."""

STALL_MEANINGS = {
    "network": "its finished packet could not enter the network",
    "event_room": "a fire task had no room in the event FIFO",
    "task_fifo": "the Task FIFO was full",
    "credit": "a consumer had not granted the next row",
    "input": "events, tokens or credits had not arrived",
}
STALL_CAUSES = tuple(STALL_MEANINGS)
"""Why a RISC-V waits, in the order of all tables."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, or one field of the summary."""

    name: str
    dtype: Literal["int", "float", "str", "list", "dict"]
    """Floats may be missing (NaN in tables, null in JSON); a missing summary field is null whatever its type."""
    unit: str
    """Empty for names, counts and ratios."""
    meaning: str


def _energies(of: str) -> tuple[Column, ...]:
    """Return one energy column for each component."""
    return tuple(
        Column(f"energy_{name}_uj", "float", "µJ", f"Energy of the {of}, {meaning}.")
        for name, meaning in COMPONENT_MEANINGS.items()
    )


LAYERS = (
    Column("layer", "str", "", "Name of the layer; input layers, whose events the host sends, are listed too."),
    Column("neurons", "int", "", "Neurons of the layer, before fused max pooling."),
    Column("events", "int", "", "Non-zero values that left the layer in the run, after fused max pooling."),
    Column(
        "neuron_density",
        "float",
        "",
        "Share of the neurons that are active in a step, mean over steps; before fused pooling, of sigma-delta neurons behind it.",
    ),
    Column(
        "pixel_density",
        "float",
        "",
        "Share of the output positions with at least one event in a step, mean over steps.",
    ),
    Column(
        "firing_rate", "float", "Hz", "Events per output and second of input time; empty where a step has no duration."
    ),
    Column(
        "sops", "int", "", "Synaptic operations of the network: weights applied to states, masked weights not counted."
    ),
    Column("sops_executed", "int", "", "Synaptic operations that the chip executes under the chosen weight layout."),
    Column(
        "sops_masked",
        "int",
        "",
        "Executed synaptic operations beyond sops on edges with masked weights; those are the masked weights, unless "
        "windows of a fused pooling leave neurons out or overlap between parts.",
    ),
    Column("sops_added", "int", "", "Of sops, additions of residual and concatenating links: no weight, no dense MAC."),
    Column(
        "dense_macs", "int", "", "Multiply-accumulates of a dense implementation in one step, padding taps counted."
    ),
    Column("cores", "int", "", "Cores that hold a part of the layer."),
    Column("memory_bits", "int", "bit", "Data memory reserved for the layer, replicas included."),
    Column(
        "energy_uj",
        "float",
        "µJ",
        "Energy of the layer in the run: its input work, its output work and flits, its static share.",
    ),
    *_energies("layer"),
    Column(
        "busy_us",
        "float",
        "µs",
        "Busy time of the layer's busiest part in the run: RISC-V or loop controller, the larger.",
    ),
    Column(
        "start_us",
        "float",
        "µs",
        "First job of the layer in a step, after the step's first flit; mean over steps after warm-up.",
    ),
    Column(
        "first_output_us",
        "float",
        "µs",
        "First packet of the layer in a step, after the step's first flit; mean of steps that sent one.",
    ),
    Column(
        "end_us",
        "float",
        "µs",
        "Last row of the layer done, after the step's first flit; mean over steps after warm-up.",
    ),
    Column(
        "stall_us",
        "float",
        "µs",
        "Time in the run in which the RISC-V of the busiest part's core could not go on (all causes but input).",
    ),
    Column("saturations", "int", "", "Values that hit the end of their integer range."),
    Column(
        "bound_by",
        "str",
        "",
        "What bounds the core of the layer's busiest part: compute (NPEs), control (RISC-V), network, or input.",
    ),
)

CORES = (
    Column("core", "int", "", "Number of the core in the mapping."),
    Column("x", "int", "", "Column of the core on the mesh."),
    Column("y", "int", "", "Row of the core on the mesh."),
    Column("parts", "str", "", "Layers on the core, each with its ranges of channels, rows and columns."),
    Column("busy_riscv_us", "float", "µs", "Time in which the RISC-V worked."),
    Column("busy_npe_us", "float", "µs", "Time in which the loop controller and the NPEs worked."),
    *(
        Column(f"stall_{name}_us", "float", "µs", f"Time in which the RISC-V waited: {why}.")
        for name, why in STALL_MEANINGS.items()
    ),
    Column("idle_us", "float", "µs", "Time in which the RISC-V had nothing left to do."),
    *(
        Column(f"memory_{name}_bits", "int", "bit", f"Data memory for {what}.")
        for name, what in MEMORY_MEANINGS.items()
    ),
    Column("task_fifo_max", "int", "", "Largest occupancy of the Task FIFO in tasks."),
    Column("event_fifo_max", "int", "", "Largest occupancy of the event FIFO in values, reserved room included."),
    Column("noc_fifo_max", "int", "", "Largest occupancy of the NoC input FIFO in flits."),
    *_energies("core"),
)

LINKS = (
    Column("from", "str", "", "Router at the start of the link, as x<column>y<row>."),
    Column("to", "str", "", "End of the link: a router, a core, or the host."),
    Column("flits", "int", "", "Flits that passed."),
    Column("busy_share", "float", "", "Share of the run in which the link carried a flit."),
    Column("stall_us", "float", "µs", "Time that packets ready for this link waited for it, summed over packets."),
)

STEPS = (
    Column("step", "int", "", "Number of the time step, from 0."),
    Column("release_us", "float", "µs", "Time at which the host could send the step's events."),
    Column("first_flit_us", "float", "µs", "Time at which the network accepted the step's first flit."),
    Column("events_in", "int", "", "Values that the host sent."),
    Column("events_out", "int", "", "Values that the host received."),
    Column("sops", "int", "", "Synaptic operations of the network in the step."),
    Column(
        "energy_uj",
        "float",
        "µJ",
        "Energy of the work that belongs to the step, and of the powered time from the end of the step before.",
    ),
    Column(
        "first_output_us", "float", "µs", "From the first flit to the first output event; empty without output events."
    ),
    Column(
        "latency_us",
        "float",
        "µs",
        "From the first flit to the last output event or, if there is none, to the end token.",
    ),
    Column("latency_from_release_us", "float", "µs", "The same from the step's release at the host."),
    Column("end_us", "float", "µs", "Time at which the last end-of-step token reached the host."),
    Column(
        "interval_us",
        "float",
        "µs",
        "From the end of the step before to the end of this one; for the first step from 0.",
    ),
)

COMPONENT_TABLE = (
    Column("component", "str", "", "Energy component: " + ", ".join(COMPONENTS) + "."),
    Column("energy_uj", "float", "µJ", "Energy of the component in the run."),
    Column("share", "float", "", "Share of the run's energy."),
)

SUMMARY = (
    Column("chip", "str", "", "Name of the chip file."),
    Column("network", "str", "", "Name of the network."),
    Column("input", "str", "", "What the network saw."),
    Column(
        "activity_source", "str", "", "simulated: the network ran on the input; synthetic: drawn from stated densities."
    ),
    Column("mapping", "str", "", "The mapping file, or the goal of the automatic mapping."),
    Column("engine", "str", "", "Engine: fast and reference are cycle-level and equal, estimate is closed-form."),
    Column("noc", "str", "", "Model of the network on chip: mesh or ideal."),
    Column("order", "str", "", "Order of convolution: depth-first or conventional."),
    Column("seed", "int", "", "Seed of whatever was drawn at random."),
    Column("steps", "int", "", "Time steps of the run."),
    Column("warmup", "int", "", "Time steps left out of latencies and intervals."),
    Column(
        "predicted_class",
        "int",
        "",
        "Largest class score, ties to the lowest index; null for other tasks and synthetic activity.",
    ),
    Column("class_scores", "list", "", "Summed output events, last membrane, or mean output value per class."),
    Column("energy_uj", "float", "µJ", "Energy of the run: counts times prices."),
    Column("energy_uj_per_step", "float", "µJ", "Energy of the run divided by its steps."),
    Column("energy_by_component_uj", "dict", "µJ", "Energy of the run by component."),
    Column("energy_static_uj", "float", "µJ", "Static energy of the powered cores, part of energy_uj."),
    Column(
        "energy_unassigned_uj",
        "float",
        "µJ",
        "Energy that belongs to no layer: idle cores, and host packets of networks with several inputs.",
    ),
    Column("pj_per_sop", "float", "pJ", "Energy of the run divided by the network's synaptic operations."),
    Column("mean_power_mw", "float", "mW", "Energy of the run divided by its powered time."),
    Column("sops", "int", "", "Synaptic operations of the network in the run, masked weights not counted."),
    Column("sops_per_step", "float", "", "Synaptic operations of the network per step."),
    Column(
        "sops_executed",
        "int",
        "",
        "Synaptic operations that the chip executes, masked weights included where the layout executes them.",
    ),
    Column("events", "int", "", "Events of all layers in the run, input layers included."),
    Column("events_per_step", "float", "", "Events of all layers per step."),
    Column(
        "dense_macs", "int", "", "Multiply-accumulates of a dense implementation in one step, padding taps counted."
    ),
    Column("saturations", "int", "", "Values that hit the end of their integer range."),
    Column(
        "latency_us",
        "float",
        "µs",
        "From a step's first flit to its last output event (without any: its end token); mean over steps after warm-up.",
    ),
    Column("latency_p50_us", "float", "µs", "Median latency over steps after warm-up."),
    Column(
        "latency_p95_us",
        "float",
        "µs",
        "95th percentile of the latency over steps after warm-up (linear between steps).",
    ),
    Column("latency_max_us", "float", "µs", "Largest latency over steps after warm-up."),
    Column(
        "latency_from_release_us",
        "float",
        "µs",
        "Like latency_us, from the steps' release at the host; mean after warm-up.",
    ),
    Column(
        "first_output_us",
        "float",
        "µs",
        "From a step's first flit to its first output event; mean over steps after warm-up that have one.",
    ),
    Column(
        "interval_us",
        "float",
        "µs",
        "Time from the end of one step to the end of the next, mean after warm-up; of a run of one step, from 0.",
    ),
    Column("steps_per_s", "float", "1/s", "Steps per second of chip time: 1e6 / interval_us."),
    Column("memory_bits", "int", "bit", "Data memory reserved on all cores, replicas included."),
    Column("memory_unique_bits", "int", "bit", "Data memory without the replicas of weights."),
    Column("memory_by_kind_bits", "dict", "bit", "Data memory by kind: " + ", ".join(MEMORY_KINDS) + "."),
    Column("cores", "int", "", "Cores with at least one part of the network."),
    Column("area_mm2", "float", "mm2", "Cores times the area of a core."),
    Column(
        "bound_by", "str", "", "What bounds the run: compute (NPEs), control (RISC-V), network, or input (waiting)."
    ),
    Column("verdict", "str", "", "What bounds the run, in a sentence."),
    Column(
        "first_step_energy_uj",
        "float",
        "µJ",
        "Energy of the first step of a sigma-delta network, whose states are zero; null otherwise.",
    ),
    Column("first_step_events", "int", "", "Events of the first step of a sigma-delta network; null otherwise."),
    Column(
        "first_step_sops", "int", "", "Synaptic operations of the first step of a sigma-delta network; null otherwise."
    ),
    Column(
        "first_step_latency_us", "float", "µs", "Latency of the first step of a sigma-delta network; null otherwise."
    ),
    Column("assumptions", "list", "", "What was assumed, one sentence each."),
    Column("versions", "dict", "", "Versions of the packages that computed the result."),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "summary": SUMMARY,
    "layers": LAYERS,
    "cores": CORES,
    "links": LINKS,
    "steps": STEPS,
    "components": COMPONENT_TABLE,
}
"""Every table of a result by name; `summary` is written as JSON, the others as CSV."""


def meanings(term: str) -> tuple[tuple[str, Column], ...]:
    """Return every (table, column) with this name.

    >>> [table for table, _ in meanings("stall_us")]
    ['layers', 'links']
    """
    return tuple((table, column) for table, columns in TABLES.items() for column in columns if column.name == term)
