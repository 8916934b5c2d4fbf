"""Energy, work, memory, area, time and class of whole runs, recomputed by hand from counts, constants, events and weights."""

import math

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.activity import run_network
from seneca_sim.engine.counts import CORE_STATES, INLET_COUNTERS, PART_COUNTERS
from seneca_sim.events import load_input
from seneca_sim.graph import load_network
from seneca_sim.graph.network import Edge, Layer, MaxPool, Network, Precision
from seneca_sim.graph.neurons import If, Li, Lif, Relu, SigmaDelta
from seneca_sim.mapping.provision import provision_rows
from seneca_sim.mapping.types import Mapping, Part
from seneca_sim.report.columns import COMPONENTS
from seneca_sim.report.explain import explain, explainable
from tests.activity.test_random_networks import as_trace
from tests.audit.books import Books, part_bits, slow_sops

DEAR = ("core.riscv.idle_pj=0.25", "prices.flit_link_pj=0.75", "prices.flit_ejected_pj=0.5", "prices.powered=all")


def branched_network():
    """A masked convolution with fused pooling, a grouped recurrent LIF layer, a residual sum, a Li head."""
    rng = np.random.default_rng(5)

    def weights(*shape):
        return rng.integers(-9, 15, shape).astype(np.int8)

    mask = rng.random((8, 2, 3, 3)) < 0.5
    masked = Edge(
        "first", 0, "conv", weights(8, 2, 3, 3) * mask, np.full(1, 1 / 16, np.float32), padding=(1, 1), mask=mask
    )
    grouped = Edge("grouped", 1, "conv", weights(8, 4, 3, 3), np.full(1, 1 / 16, np.float32), padding=(1, 1), groups=2)
    again = Edge("again", 2, "conv", weights(8, 8, 1, 1), np.full(1, 1 / 32, np.float32), delay=1)
    skip = Edge("skip", 1, "add", None)
    late = Edge("late", 2, "conv", weights(8, 8, 3, 3), np.full(1, 1 / 16, np.float32), padding=(1, 1))
    head = Edge("head", 3, "dense", weights(5, 8, 4, 4), np.full(1, 1 / 64, np.float32))
    graded, spikes = Precision("int8", "bf16", "bf16"), Precision("int8", "bf16", "binary")
    layers = (
        Layer("input", None, (2, 8, 8), precision=spikes),
        Layer("conv", Relu(), (8, 8, 8), (masked,), pool=MaxPool((2, 2), (2, 2)), precision=graded),
        Layer("lif", Lif(0.5), (8, 4, 4), (grouped, again), np.full(8, 0.125, np.float32), precision=spikes),
        Layer("sum", Relu(), (8, 4, 4), (skip, late), precision=graded),
        Layer("head", Li(0.75), (5, 1, 1), (head,), precision=graded, is_output=True, is_head=True),
    )
    return Network("branched", layers, dt_us=1000.0)


def branched_mapping(network):
    """Rows of the first layer on two cores, which hold its weights twice; channels of the second on two; a core without parts."""
    boxes = [
        (1, 0, (0, 8), (0, 2), (0, 4)),
        (1, 1, (0, 8), (2, 4), (0, 4)),
        (2, 1, (0, 3), (0, 4), (0, 4)),
        (2, 2, (3, 8), (0, 4), (0, 4)),
        (3, 3, (0, 8), (0, 4), (0, 4)),
        (4, 3, (0, 5), (0, 1), (0, 1)),
    ]
    parts = [Part(*box, 1) for box in boxes]
    rows = provision_rows(network, parts, window=2)
    parts = [Part(*box, state_rows) for box, state_rows in zip(boxes, rows, strict=True)]
    return Mapping(network.name, tuple(parts), (3, 2), ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1)))


def branched_run(*changes, steps=4, **options):
    network = branched_network()
    maps = (np.random.default_rng(1).random((steps, 2, 8, 8)) < 0.2).astype(np.int32)
    trace = run_network(network, [as_trace(maps, binary=True)])
    mapping = branched_mapping(network)
    result = ss.simulate(network, activity=trace, mapping=mapping, set=changes, **options)
    return network, trace, result


@pytest.fixture(scope="module")
def cases():
    """Give (network, trace, result) of both shipped networks and of one built by hand, with prices that none has as shipped."""

    def shipped(name, **options):
        network = load_network(name)
        trace = run_network(network, load_input(network, "digits", steps=5))
        return network, trace, ss.simulate(name, steps=5, **options)

    return {
        "digits-sigma-delta": shipped("digits-sigma-delta", cores=5, warmup=2),
        "digits-lif": shipped("digits-lif", cores=3, set=("prices.powered=all", "noc.columns=4", "noc.rows=2")),
        "branched": branched_run(*DEAR, warmup=1),
    }


def books_of(case):
    network, _, result = case
    record = result.record
    return Books(network, record.chip, record.mapping, record.counts)


NAMES = ("digits-sigma-delta", "digits-lif", "branched")


@pytest.mark.parametrize("name", NAMES)
def test_energy_is_that_of_the_books_by_component_layer_core_and_step(cases, name):
    network, _, result = cases[name]
    books, summary = books_of(cases[name]), result.summary
    cycle_uj = 0.06e-6  # of static energy: shares of a core's cycles are rounded to whole cycles
    slack = cycle_uj * summary["steps"] * len(result.record.mapping.parts)
    assert summary["energy_uj"] == pytest.approx(books.total(), rel=1e-11)
    assert summary["energy_static_uj"] == pytest.approx(books.total(component="static"), rel=1e-11)
    assert summary["energy_unassigned_uj"] == pytest.approx(books.total(layer=None), rel=1e-11)
    for component in COMPONENTS:
        expected = books.total(component=component)
        assert summary["energy_by_component_uj"][component] == pytest.approx(expected, rel=1e-11), component
        for number, row in result.layers.iterrows():
            own = books.total(layer=number, component=component)
            assert row[f"energy_{component}_uj"] == pytest.approx(own, rel=1e-11, abs=slack), (row["layer"], component)
        for _, row in result.cores.iterrows():
            own = books.core_total(row["core"], component)
            assert row[f"energy_{component}_uj"] == pytest.approx(own, rel=1e-11), (row["core"], component)
    assert result.layers["energy_uj"].sum() + summary["energy_unassigned_uj"] == pytest.approx(books.total(), rel=1e-11)
    waiting = books.total(step=None)
    for step, row in result.steps.iterrows():
        share = waiting * books.powered_cycles()[step] / sum(books.powered_cycles())
        assert row["energy_uj"] == pytest.approx(books.total(step=step) + share, abs=1e-6)  # whole cycles
    assert len(network.layers) == len(result.layers)


@pytest.mark.parametrize("name", NAMES)
def test_work_is_that_of_events_and_weights_one_by_one(cases, name):
    network, trace, result = cases[name]
    free, every = slow_sops(network, trace)
    summary, layers = result.summary, result.layers
    layer_of_edge = [number for number, layer in enumerate(network.layers) for _ in layer.edges]
    for number in range(len(network.layers)):
        edges = [edge for edge, owner in enumerate(layer_of_edge) if owner == number]
        assert layers["sops"][number] == free[:, edges].sum()
        assert layers["sops_executed"][number] == every[:, edges].sum()
        assert layers["sops_masked"][number] == (every - free)[:, edges].sum()
        added = [edge for edge, each in zip(edges, network.layers[number].edges, strict=True) if each.kind == "add"]
        assert layers["sops_added"][number] == free[:, added].sum()
        pixels = math.prod(network.layers[number].out_shape[1:]) * trace.n_steps
        assert layers["pixel_density"][number] == len(trace.layers[number].position) / pixels
    assert summary["sops"] == free.sum()
    assert summary["sops_per_step"] == free.sum() / trace.n_steps
    assert summary["sops_executed"] == every.sum()
    assert result.steps["sops"].tolist() == free.sum(axis=1).tolist()
    events = [len(layer.channel) for layer in trace.layers]
    assert layers["events"].tolist() == events
    assert (summary["events"], summary["events_per_step"]) == (sum(events), sum(events) / trace.n_steps)
    macs = [
        sum(edge.weight[0].size * math.prod(layer.shape) for edge in layer.edges if edge.weight is not None)
        for layer in network.layers
    ]
    assert layers["dense_macs"].tolist() == macs
    assert summary["dense_macs"] == sum(macs)
    assert summary["pj_per_sop"] == pytest.approx(books_of(cases[name]).total() * 1e6 / free.sum(), rel=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_memory_and_area_are_those_of_shapes_and_widths(cases, name):
    network, _, result = cases[name]
    record, summary = result.record, result.summary
    bits = part_bits(network, record.chip, record.mapping)
    parts = record.mapping.parts
    kinds = dict.fromkeys(summary["memory_by_kind_bits"], 0)
    stored = {}
    for part, (weights, biases, masks, states, held, rows) in zip(parts, bits, strict=True):
        layer, channels = network.layers[part.layer], part.channels[1] - part.channels[0]
        kind = "head_weights" if layer.is_head else "weights"
        first = stored.setdefault(part.layer, set())
        new = len(set(range(*part.channels)) - first)
        first.update(range(*part.channels))
        assert new in (0, channels), "these mappings repeat whole ranges of channels"
        own = {kind: weights, "biases": biases, "masks": masks} if new else {"replicas": weights + biases + masks}
        for name_, value in {**own, "states": states, "held_outputs": held, "row_buffers": rows}.items():
            kinds[name_] += value
    assert summary["memory_by_kind_bits"] == kinds
    assert summary["memory_bits"] == sum(map(sum, bits))
    assert summary["memory_unique_bits"] == sum(map(sum, bits)) - kinds["replicas"]
    for number, row in result.layers.iterrows():
        own = [sum(b) for b, part in zip(bits, parts, strict=True) if part.layer == number]
        assert row["memory_bits"] == sum(own)
    for _, row in result.cores.iterrows():
        own = [sum(b) for b, part in zip(bits, parts, strict=True) if part.core == row["core"]]
        assert sum(row[f"memory_{kind}_bits"] for kind in kinds) == sum(own)
    cores = len({part.core for part in parts})
    assert summary["cores"] == cores
    assert summary["area_mm2"] == pytest.approx(cores * 0.47)


@pytest.mark.parametrize("name", NAMES)
def test_latency_interval_and_power_are_those_of_the_step_times(cases, name):
    _, _, result = cases[name]
    record, summary = result.record, result.summary
    warmup, clock = record.run.warmup, 500.0
    latencies, from_release, firsts = [], [], []
    for release, first_flit, first_output, last_output, end in record.counts.steps[warmup:].tolist():
        start = first_flit if first_flit >= 0 else release
        last = last_output if last_output >= 0 else end
        latencies.append((last - start) / clock)
        from_release.append((last - release) / clock)
        if first_output >= 0:
            firsts.append((first_output - start) / clock)
    ends = record.counts.steps[:, -1].tolist()
    n = len(latencies)
    assert summary["latency_us"] == pytest.approx(sum(latencies) / n)
    assert summary["latency_max_us"] == max(latencies)
    assert summary["latency_p50_us"] == pytest.approx(_percentile(latencies, 0.5))
    assert summary["latency_p95_us"] == pytest.approx(_percentile(latencies, 0.95))
    assert summary["latency_from_release_us"] == pytest.approx(sum(from_release) / n)
    assert summary["first_output_us"] == pytest.approx(sum(firsts) / len(firsts))
    before = max(warmup, 1)  # steps that end before the first interval
    interval = (ends[-1] - ends[before - 1]) / (len(ends) - before) / clock
    assert summary["interval_us"] == pytest.approx(interval)
    assert summary["steps_per_s"] == pytest.approx(1e6 / interval)
    powered_us = ends[-1] / clock
    assert summary["mean_power_mw"] == pytest.approx(books_of(cases[name]).total() / powered_us * 1e3, rel=1e-11)


def _percentile(values, share):
    """Linear between the two neighbours in the sorted list."""
    ordered, place = sorted(values), share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def test_the_first_step_of_a_sigma_delta_network_stands_apart(cases):
    network, trace, result = cases["digits-sigma-delta"]
    books, summary = books_of(cases["digits-sigma-delta"]), result.summary
    free, _ = slow_sops(network, trace)
    assert summary["first_step_sops"] == free[0].sum()
    assert summary["first_step_events"] == sum(int(layer.first_event[layer.step_start[1]]) for layer in trace.layers)
    _, first_flit, _, last_output, _ = result.record.counts.steps[0].tolist()
    assert summary["first_step_latency_us"] == (last_output - first_flit) / 500
    assert summary["first_step_energy_uj"] == pytest.approx(books.total(step=0), rel=1e-9)
    others = cases["digits-lif"][2].summary
    assert all(others[f"first_step_{what}"] is None for what in ("energy_uj", "events", "sops", "latency_us"))


def classifier(neuron, weight, maps, event="fp32"):
    """Return the summary of a dense layer that sees maps (steps, inputs), as whole numbers."""
    edge = Edge("e", 0, "dense", np.asarray(weight, np.float32)[:, :, None, None])
    types = Precision("fp32", "fp32", event)
    layers = (
        Layer("in", None, (len(weight[0]), 1, 1), precision=Precision(event="fp32")),
        Layer("out", neuron, (len(weight), 1, 1), (edge,), precision=types, is_output=True),
    )
    network = Network("classes", layers, dt_us=1000.0)
    trace = run_network(network, [as_trace(np.asarray(maps, np.float32)[:, :, None, None], binary=False)])
    return ss.simulate(network, activity=trace).summary


def test_classes_of_spiking_outputs_are_counted_and_ties_go_to_the_lowest():
    summary = classifier(If(), [[0], [2], [2], [1]], [[1], [0], [1]], event="binary")
    assert summary["class_scores"] == [0, 2, 2, 1]  # 1 is not above the threshold of 1, but 1 + 1 in the third step is
    assert summary["predicted_class"] == 1


def test_classes_of_leaky_integrators_are_the_last_membranes():
    summary = classifier(Li(0.5), [[8], [1], [4]], [[1], [0], [-1]])
    assert summary["class_scores"] == [-6, -0.75, -3]  # x, x/2, x/4 - x
    assert summary["predicted_class"] == 1


def test_classes_of_values_are_means_over_steps_and_of_sigma_delta_what_was_sent_so_far():
    valued = classifier(Relu(), [[1], [3], [3]], [[1], [0], [2]])
    assert valued["class_scores"] == [1, 3, 3]
    assert valued["predicted_class"] == 1
    summed = classifier(SigmaDelta(1.0), [[1], [3], [3]], [[1], [0], [1]])
    assert summed["class_scores"] == [pytest.approx(4 / 3), 4, 4]  # 1, 1, 2 and 3, 3, 6
    assert summed["predicted_class"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_field_unfolds_into_leaves_that_add_up_and_name_their_sources(cases, name):
    network, _, result = cases[name]
    chip, summary, books = result.record.chip, result.summary, books_of(cases[name])
    fields = explainable(result)
    assert {field for field in summary if "energy" in field or "memory" in field or "area" in field} - {
        "first_step_energy_uj"
    } <= set(fields)
    for field in fields:
        node = explain(result, field)
        printed = summary.get(field)
        if isinstance(printed, dict):
            assert {child.label: leaf_sum(child) for child in node.children} == pytest.approx(
                {part: value for part, value in printed.items() if value}, rel=1e-11
            )
            continue
        if printed is None:
            by_part = summary["energy_by_component_uj"] if "energy" in field else summary["memory_by_kind_bits"]
            printed = by_part[field.removeprefix("energy_").removeprefix("memory_").rpartition("_")[0]]
        assert leaf_sum(node) == pytest.approx(printed, rel=1e-11), field
        for leaf in node.leaves():
            assert leaf.price > 0
            assert leaf.formula
            assert leaf.constants or field.startswith("memory"), (field, leaf.label)
            for key in leaf.constants:
                assert len(chip.flat()[key].source) > 10
    for number, layer in enumerate(network.layers):
        for component in COMPONENTS[:-1]:
            node = explain(result, f"energy_uj:{layer.name}:{component}")
            assert leaf_sum(node) == pytest.approx(books.total(layer=number, component=component), rel=1e-11)


def leaf_sum(node):
    return sum(leaf.count * leaf.price * leaf.scale for leaf in node.leaves()) * node.scale


def test_memory_unfolds_into_numbers_of_a_type(cases):
    _, _, result = cases["branched"]
    weights = next(iter(explain(result, "memory_weights_bits:conv").leaves()))
    assert (weights.count, weights.price, weights.formula) == (8 * 2 * 9, 8, "width of int8 weights")
    copies = next(iter(explain(result, "memory_replicas_bits:conv").leaves()))
    assert (copies.count, copies.price) == (8 * 2 * 9 * 8, 1)


@pytest.mark.parametrize(("neuron", "active"), [(SigmaDelta(1.0), 1 / 2), (Relu(), 1 / 4)])
def test_density_is_the_share_of_what_may_send(neuron, active):
    """Of 4 x 4 neurons behind 2 x 2 windows four fire, in two windows; sigma-delta compares once for each window."""
    edge = Edge("e", 0, "conv", np.ones((1, 1, 1, 1), np.float32))
    types = Precision("fp32", "fp32", "fp32")
    layers = (
        Layer("in", None, (1, 4, 4), precision=types),
        Layer("pooled", neuron, (1, 4, 4), (edge,), None, MaxPool((2, 2), (2, 2)), types, is_output=True),
    )
    network = Network("density", layers, task="other")
    maps = np.zeros((1, 1, 4, 4), np.float32)
    maps[0, 0, 0] = 1
    result = ss.simulate(network, activity=run_network(network, [as_trace(maps, binary=False)]))
    assert result.layers["neuron_density"].tolist() == [1 / 4, active]
    assert result.layers["neurons"].tolist() == [16, 16]
    assert result.layers["events"].tolist() == [4, 2]


@pytest.mark.parametrize("name", NAMES)
def test_times_of_layers_cores_and_links_are_those_of_the_counts(cases, name):
    network, _, result = cases[name]
    record = result.record
    counts, parts, warmup, clock = record.counts, record.mapping.parts, record.run.warmup, 500.0
    cycles = {"riscv": [0] * len(parts), "npe": [0] * len(parts)}
    inlet = 0
    for number, part in enumerate(parts):
        for unit, counter in (("riscv", "rv_cycles"), ("npe", "lc_cycles")):
            cycles[unit][number] += counts.parts[:, number, PART_COUNTERS.index(counter)].sum()
            for k in range(inlet, inlet + len(network.layers[part.layer].edges)):
                cycles[unit][number] += counts.inlets[:, k, INLET_COUNTERS.index(counter)].sum()
        inlet += len(network.layers[part.layer].edges)
    first_flit = [step[1] if step[1] >= 0 else step[0] for step in counts.steps.tolist()]
    for number, row in result.layers.iterrows():
        own = [k for k, part in enumerate(parts) if part.layer == number]
        if not own:
            assert math.isnan(row["busy_us"])
            assert row["bound_by"] == ""
            continue
        loads = [max(cycles["riscv"][k], cycles["npe"][k]) for k in own]
        assert row["busy_us"] == max(loads) / clock
        core = parts[own[loads.index(max(loads))]].core
        waits = counts.cores[core, [CORE_STATES.index(s) for s in ("network", "event_room", "task_fifo", "credit")]]
        assert row["stall_us"] == waits.sum() / clock
        shares = {
            "compute": counts.npe_busy[core],
            "control": counts.cores[core, CORE_STATES.index("busy")],
            "network": counts.cores[core, CORE_STATES.index("network")],
            "input": counts.cores[core, [CORE_STATES.index(s) for s in ("credit", "input", "idle")]].sum(),
        }
        assert row["bound_by"] == max(shares, key=shares.get)
        for column, which, extreme in (("start_us", 0, min), ("first_output_us", 1, min), ("end_us", 2, max)):
            found = []
            for step in range(warmup, len(counts.steps)):
                times = [int(counts.part_times[step, k, which]) for k in own]
                times = [time - first_flit[step] for time in times if time >= 0]
                found += [extreme(times)] if times else []
            assert row[column] == pytest.approx(sum(found) / len(found) / clock), column
    for _, row in result.cores.iterrows():
        waited = sum(row[f"stall_{cause}_us"] for cause in ("network", "event_room", "task_fifo", "credit", "input"))
        assert row["busy_riscv_us"] + waited + row["idle_us"] == pytest.approx(counts.makespan / clock)
        assert row["busy_npe_us"] == counts.npe_busy[row["core"]] / clock
        fifos = (row["task_fifo_max"], row["event_fifo_max"], row["noc_fifo_max"])
        assert fifos == tuple(counts.fifo_max[row["core"]])
    between = [row for _, row in result.links.iterrows() if "x" in row["from"] and "x" in row["to"]]
    sent = counts.parts[:, :, PART_COUNTERS.index("link_flits")].sum() + counts.host[:, 1].sum()
    assert sum(row["flits"] for row in between) == sent
    arrived = counts.parts[:, :, PART_COUNTERS.index("ejected_flits")].sum() + counts.host[:, 2].sum()
    assert result.links["flits"].sum() - sum(row["flits"] for row in between) == arrived
    assert result.links["busy_share"].tolist() == (result.links["flits"] / counts.makespan).tolist()
    steps = result.steps
    assert steps["events_in"].sum() == result.layers["events"][0] - counts.host[:, 4].sum()
    assert steps["events_out"].sum() == result.layers["events"].iloc[-1]
