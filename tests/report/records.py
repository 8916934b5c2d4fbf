"""A small record with made-up counts: an input, two layers on three cores of a 2 x 2 mesh, three steps."""

from dataclasses import replace

import numpy as np

from seneca_sim.chip import load_chip
from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS, Counts
from seneca_sim.engine.programs import network_programs
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import Lif, Relu
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.report.columns import MEMORY_KINDS
from seneca_sim.report.record import Activity, InputFile, Record, Run, layer_facts

STEPS = 3


def small_network():
    types = Precision("int8", "bf16", "binary")
    conv = Edge("conv1.weight", 0, "conv", np.ones((4, 2, 3, 3), np.int8), padding=(1, 1))
    dense = Edge("fc.weight", 1, "dense", np.ones((3, 4, 6, 6), np.int8))
    again = Edge("fc.again", 2, "dense", np.ones((3, 3, 1, 1), np.int8), delay=1)
    layers = (
        Layer("input", None, (2, 6, 6), precision=types),
        Layer("conv1", Relu(), (4, 6, 6), (conv,), precision=Precision("int8", "bf16", "bf16")),
        Layer("fc", Lif(0.5), (3, 1, 1), (dense, again), precision=types, is_output=True),
    )
    return Network("small", layers, dt_us=1000.0)


def small_mapping():
    parts = (
        Part(1, 0, (0, 2), (0, 6), (0, 6), 3),
        Part(1, 1, (2, 4), (0, 6), (0, 6), 3),
        Part(2, 1, (0, 3), (0, 1), (0, 1), 1),
    )
    return Mapping("small", parts, (2, 2), ((0, 0), (1, 0), (0, 1)))


def small_counts(seed=0, steps=STEPS):
    rng = np.random.default_rng(seed)
    ends = np.cumsum(rng.integers(900, 1500, steps))
    first = np.concatenate(([1], ends[:-1] + 3))
    times = np.stack([np.zeros(steps, np.int64), first, first + 200, ends - 10, ends], axis=1)
    makespan = int(ends[-1]) + 7
    parts = rng.integers(1, 90, (steps, 3, len(PART_COUNTERS)))
    inlets = rng.integers(1, 90, (steps, 4, len(INLET_COUNTERS)))
    cycles = [
        table[:, :, names.index("rv_cycles")].sum(axis=0)
        for table, names in ((parts, PART_COUNTERS), (inlets, INLET_COUNTERS))
    ]
    states = rng.integers(1, 50, (3, len(CORE_STATES)))
    # the second core decodes the credits that the first has sent
    states[:, 0] = [cycles[0][0] + cycles[1][0] - 20, cycles[0][1:].sum() + cycles[1][1:].sum() + 20, 0]
    states[:, -1] += makespan - states.sum(axis=1)
    return Counts(
        makespan=makespan,
        parts=parts,
        part_times=np.stack(
            [
                first[:, None] + np.array([5, 9, 90]),
                first[:, None] + np.array([150, 190, 250]),
                ends[:, None] - np.array([300, 200, 20]),
            ],
            axis=2,
        ),
        inlets=inlets,
        cores=states,
        npe_busy=np.array([1000, 2500, 0]),
        fifo_max=rng.integers(1, 16, (3, 3)),
        links=rng.integers(0, 99, (4, 5, 2)),
        host=rng.integers(1, 90, (steps, 6)),
        steps=times,
    )


def small_run(**changes):
    run = Run(
        request={"network": "small.nir", "events": "small.csv", "set": []},
        inputs=(InputFile("events", "small.csv", "0" * 64),),
        versions={"seneca_sim": "0"},
        network="small",
        input="small.csv: 99 events",
        activity_source="simulated",
        mapping="balanced",
        engine="fast",
        seed=0,
        warmup=0,
        step_us=1000.0,
        classifies=True,
        sigma_delta=False,
        assumptions=("reset to zero",),
    )
    return replace(run, **changes)


def small_activity(seed=1, steps=STEPS, executed=None):
    rng = np.random.default_rng(seed)
    positions = rng.integers(1, 20, (steps, 3))
    sops = rng.integers(1, 90, (steps, 3))
    return Activity(
        positions + 2, positions + 3, positions, np.zeros((steps, 3), np.int64), sops, np.array([1.0, 4.0, 4.0])
    )


def small_record(overrides=(), **changes):
    chip = load_chip("seneca", overrides)
    network = small_network()
    rng = np.random.default_rng(2)
    return Record(
        run=small_run(**changes),
        chip=chip,
        layers=layer_facts(network, chip, network_programs(network, chip)),
        mapping=small_mapping(),
        memory=rng.integers(100, 9000, (3, len(MEMORY_KINDS))),
        activity=small_activity(),
        counts=small_counts(),
    )
