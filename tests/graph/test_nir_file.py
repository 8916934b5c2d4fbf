"""NIR files become the graphs that they describe, and what NIR leaves open is chosen as stated."""

import csv
import itertools

import h5py
import nir
import numpy as np
import pytest

from seneca_sim.errors import FileFormatError, GraphError, RequestError
from seneca_sim.graph import Affine, Conv2d, CubaLif, Flatten, If, Input, Li, Lif, load_network, lower
from seneca_sim.graph.nir_file import NirOptions, read_nir

ONE = np.ones(2)
LIF = ("LIF", {"tau": 0.01 * ONE, "r": ONE, "v_leak": 0 * ONE, "v_threshold": ONE})


def write(path, nodes, edges):
    """Write a NIR file: nodes are (type, fields), or (nodes, edges) of a nested graph."""
    with h5py.File(path, "w") as file:
        file["version"] = "1.0.8"
        write_graph(file.create_group("node"), nodes, edges)
    return path


def write_graph(group, nodes, edges):
    group["type"] = "NIRGraph"
    group.create_dataset("edges", data=np.array(edges, dtype=object), dtype=h5py.string_dtype())
    inner = group.create_group("nodes")
    for name, (kind, content) in nodes.items():
        node = inner.create_group(name)
        if isinstance(kind, dict):
            write_graph(node, kind, content)
            continue
        node["type"] = kind
        for field, value in content.items():
            node[field] = value


def line(path, *nodes, shape=(2,), out=None):
    """Write input -> nodes "0", "1", ... -> output."""
    named = {str(index): node for index, node in enumerate(nodes)}
    chain = ["input", *named, "output"]
    ends = {"input": ("Input", {"shape": np.array(shape)}), "output": ("Output", {"shape": np.array(out or shape)})}
    return write(path, {**ends, **named}, list(itertools.pairwise(chain)))


def conv_fields(**changed):
    weight = np.ones((2, 2, 3, 3), np.float32)
    fields = {
        "weight": weight,
        "bias": np.zeros(2),
        "stride": [1, 1],
        "padding": [1, 1],
        "dilation": [1, 1],
        "groups": 1,
    }
    return fields | changed


def test_leaky_neurons_are_forward_euler_steps(tmp_path):
    node = read_nir(line(tmp_path / "net.nir", LIF), NirOptions(dt_us=1000.0)).nodes["0"]
    assert isinstance(node, Lif)
    np.testing.assert_allclose(node.decay, [0.9, 0.9])
    np.testing.assert_allclose(node.r, [0.1, 0.1])
    assert (node.reset, node.max_spikes, node.v_min) == ("value", 1, None)


def test_every_choice_of_the_user_reaches_the_neurons(tmp_path):
    graph = read_nir(line(tmp_path / "net.nir", LIF), NirOptions(1000.0, "subtract", 3, -1.0))
    node = graph.nodes["0"]
    assert (node.reset, node.max_spikes, node.v_min, graph.dt_us, graph.input_contract.slice_us) == (
        "subtract",
        3,
        -1.0,
        1000.0,
        1000,
    )
    assert graph.assumptions == (
        "time step 1000 us (as the user stated)",
        "leaks are discretised by forward Euler: decay = 1 - dt / tau, gain r dt / tau",
        "after a spike the membrane is reduced by the threshold, once per spike (as the user stated); at most 3 spike(s) per "
        "neuron and step",
        "membranes are kept at -1.0 or above (as the user stated)",
    )


def test_norse_trace_is_reproduced(shared_data):
    network = load_network(shared_data("models/nir/lif_norse.nir"))
    with shared_data("models/nir/lif_norse_trace.csv").open() as file:
        trace = np.array([[float(value) for value in row] for row in csv.reader(file)])
    neuron, weight = network.layers[1].neuron, float(network.layers[1].edges[0].weight[0, 0, 0, 0])
    v, membrane, spikes = 0.0, [], []
    for x in trace[:, 0]:
        v = neuron.decay * (v - neuron.v_leak) + neuron.v_leak + neuron.r * weight * x
        spikes.append(v > neuron.threshold)
        v = neuron.v_reset if spikes[-1] else v
        membrane.append(v)
    assert sum(spikes) == trace[:, 2].sum() > 0
    np.testing.assert_array_equal(spikes, trace[:, 2] == 1)
    np.testing.assert_allclose(membrane, trace[:, 1], atol=1e-6)


def test_braille_recurrence_has_one_step_of_delay(shared_data):
    network = load_network(shared_data("models/nir/braille_noDelay_bias_zero.nir"))
    (_, first, second) = network.layers
    assert network.dt_us == 100.0
    assert [(edge.name, edge.weight.shape, edge.source, edge.delay) for edge in first.edges] == [
        ("fc1", (38, 12, 1, 1), 0, 0),
        ("lif1.w_rec", (38, 38, 1, 1), 1, 1),
    ]
    assert (first.neuron.decay_syn, first.neuron.decay_mem) == pytest.approx((0.55, 0.9))
    assert (first.neuron.w_in, first.neuron.r, second.neuron.decay_syn) == pytest.approx((1.0, 1.0, 0.5))
    assert (
        "the link lif1.w_rec -> lif1.lif closes a cycle and carries the values of the step before"
        in network.assumptions
    )


def test_sinabs_network_has_five_layers_with_folded_pools(shared_data):
    network = load_network(shared_data("models/nir/cnn_sinabs.nir"), reset="subtract", max_spikes=100)
    assert [layer.shape for layer in network.layers] == [
        (2, 34, 34),
        (16, 16, 16),
        (16, 16, 16),
        (8, 8, 8),
        (256, 1, 1),
        (10, 1, 1),
    ]
    assert [layer.edges[0].pool for layer in network.layers[1:]] == [(1, 1), (1, 1), (2, 2), (2, 2), (1, 1)]
    assert network.layers[4].edges[0].weight.shape == (256, 8, 4, 4)
    assert (network.layers[1].neuron.r, network.layers[1].neuron.reset) == (1.0, "subtract")


def test_time_step_follows_from_the_exporters_rule(tmp_path):
    tau = np.array([0.02, 0.04])
    node = ("LIF", {"tau": tau, "r": tau / 0.001, "v_leak": 0 * ONE, "v_threshold": ONE})
    graph = read_nir(line(tmp_path / "net.nir", node))
    assert graph.dt_us == 1000.0
    np.testing.assert_allclose(graph.nodes["0"].decay, [0.95, 0.975])
    np.testing.assert_allclose(graph.nodes["0"].r, [1.0, 1.0])


def test_time_step_without_any_hint_is_the_papers(tmp_path):
    graph = read_nir(line(tmp_path / "net.nir", LIF))
    assert graph.dt_us == 100.0
    assert graph.assumptions[0] == "time step 100 us (NIR states none; set dt_us)"


@pytest.mark.parametrize(("r", "gain"), [(1.0, 1.0), (2.0, 2.0), (1000.0, 1.0)])
def test_integrators_add_the_input_once(tmp_path, r, gain):
    graph = read_nir(line(tmp_path / "net.nir", ("IF", {"r": r * ONE, "v_threshold": ONE, "v_reset": 0 * ONE})))
    assert isinstance(graph.nodes["0"], If)
    np.testing.assert_allclose(graph.nodes["0"].r, gain * ONE)


def test_current_based_neurons_are_read(tmp_path):
    taus = {"tau_syn": 0.001 * ONE, "tau_mem": 0.002 * ONE, "r": 3 * ONE, "v_leak": 0.5 * ONE}
    path = line(tmp_path / "net.nir", ("CubaLIF", {**taus, "v_threshold": ONE, "w_in": 2 * ONE}), ("CubaLI", taus))
    graph = read_nir(path, NirOptions(dt_us=500.0))
    node = graph.nodes["0"]
    assert isinstance(node, CubaLif)
    assert [float(value[0]) for value in (node.decay_syn, node.decay_mem, node.w_in, node.r)] == pytest.approx(
        [0.5, 0.75, 1.0, 0.75]
    )
    current, membrane = graph.nodes["1.current"], graph.nodes["1"]
    assert isinstance(current, Li)
    assert isinstance(membrane, Li)
    assert [
        float(value[0]) for value in (current.decay, current.r, membrane.decay, membrane.r, membrane.v_leak)
    ] == pytest.approx([0.5, 0.5, 0.75, 0.75, 0.5])
    assert [layer.name for layer in lower(graph).layers] == ["input", "0", "1.current", "1"]


def test_threshold_forgets_from_step_to_step(tmp_path):
    node = read_nir(line(tmp_path / "net.nir", ("Threshold", {"threshold": ONE}))).nodes["0"]
    assert isinstance(node, Lif)
    assert node.decay == 0.0


def test_integrators_and_scales_are_read(tmp_path):
    graph = read_nir(
        line(tmp_path / "net.nir", ("Scale", {"scale": 2 * ONE}), ("I", {"r": ONE}), ("Linear", {"weight": np.eye(2)}))
    )
    assert isinstance(graph.nodes["0"], Affine)
    assert (graph.nodes["1"].decay, graph.nodes["1"].r.tolist()) == (1.0, [1.0, 1.0])


def test_line_convolution_has_one_row(tmp_path):
    fields = conv_fields(weight=np.ones((4, 2, 3)), bias=np.ones(4), stride=2, padding=1, dilation=1, input_shape=8)
    graph = read_nir(line(tmp_path / "net.nir", ("Conv1d", fields), LIF_OF(4, 4), shape=(2, 8), out=(4, 4)))
    node = graph.nodes["0"]
    assert isinstance(node, Conv2d)
    assert (node.weight.shape, node.stride, node.padding) == ((4, 2, 1, 3), (1, 2), (0, 1))
    assert [layer.shape for layer in lower(graph).layers] == [(2, 1, 8), (4, 1, 4)]


def LIF_OF(*shape):  # noqa: N802 (reads as the constant above)
    one = np.ones(shape)
    return ("LIF", {"tau": 0.01 * one, "r": one, "v_leak": 0 * one, "v_threshold": one})


def test_same_padding_is_read_as_numbers(tmp_path):
    fields = conv_fields(padding="same", dilation=[2, 1])
    assert read_nir(line(tmp_path / "net.nir", ("Conv2d", fields), shape=(2, 5, 5))).nodes["0"].padding == (2, 1)


def test_file_of_the_nir_package_is_read(tmp_path):
    rng = np.random.default_rng(0)
    shape = (3, 4, 4)
    conv = nir.Conv2d((8, 8), rng.random((3, 1, 3, 3), np.float32), 2, 1, 1, 1, np.ones(3, np.float32))
    nodes = {
        "input": nir.Input(np.array([1, 8, 8])),
        "conv": conv,
        "if": nir.IF(np.ones(shape), np.ones(shape)),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "flat": nir.Flatten(np.array([3, 2, 2]), 0, -1),
        "fc": nir.Affine(rng.random((2, 12), np.float32), np.zeros(2, np.float32)),
        "li": nir.LI(np.full(2, 0.01), np.ones(2), np.zeros(2)),
        "output": nir.Output(np.array([2])),
    }
    names = list(nodes)
    nir.write(tmp_path / "net.nir", nir.NIRGraph(nodes, list(itertools.pairwise(names))))
    graph = read_nir(tmp_path / "net.nir")
    assert isinstance(graph.nodes["flat"], Flatten)
    assert [layer.name for layer in lower(graph).layers] == ["input", "if", "li"]
    np.testing.assert_array_equal(graph.nodes["conv"].weight, conv.weight)


def test_nested_graph_is_laid_open(tmp_path):
    inner = {
        "input": ("Input", {"shape": [2]}),
        "lif": LIF,
        "rec": ("Linear", {"weight": np.eye(2)}),
        "output": ("Output", {"shape": [2]}),
    }
    edges = [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
    nodes = {"in": ("Input", {"shape": [2]}), "cell": (inner, edges), "last": LIF, "out": ("Output", {"shape": [2]})}
    graph = read_nir(write(tmp_path / "net.nir", nodes, [("in", "cell"), ("cell", "last"), ("last", "out")]))
    assert isinstance(graph.nodes["in"], Input)
    assert sorted(graph.nodes) == ["cell.lif", "cell.rec", "in", "last", "out"]
    assert [(link.source, link.target) for link in graph.links if link.delay] == [("cell.rec", "cell.lif")]


def test_feedback_into_a_convolution_is_cut_where_the_cycle_begins(tmp_path):
    nodes = {
        "in": ("Input", {"shape": [2, 4, 4]}),
        "conv": ("Conv2d", conv_fields()),
        "lif": LIF_OF(2, 4, 4),
        "out": ("Output", {"shape": [2, 4, 4]}),
    }
    edges = [("in", "conv"), ("conv", "lif"), ("lif", "conv"), ("lif", "out")]
    network = lower(read_nir(write(tmp_path / "net.nir", nodes, edges)))
    assert [layer.name for layer in network.layers] == ["in", "conv.sum", "lif"]
    assert [(edge.source, edge.delay) for edge in network.layers[1].edges] == [(0, 0), (2, 1)]


BROKEN = {
    "delay": (
        [("Delay", {"delay": np.array([0.001, 0.0105])})],
        "net: 0: a delay of 10500 us is not a whole number of time steps of 1000 us; choose a dt_us that divides it",
    ),
    "short tau": (
        [("LI", {"tau": 0.00005 * ONE, "r": ONE, "v_leak": ONE})],
        "net: 0: tau is 50 us, shorter than the time step of 100 us; choose dt_us of at most 50",
    ),
    "even kernel": (
        [("Conv2d", conv_fields(weight=np.ones((2, 2, 2, 2)), padding="same"))],
        "net: 0: padding 'same' with kernel (2, 2) and stride (1, 1) is not supported; state the padding in numbers, equal on "
        "both sides",
    ),
    "partial flatten": (
        [("Flatten", {"start_dim": 1, "end_dim": -1, "input_type": [2, 4, 4]})],
        "net: 0: flattens axes 1 to 2 of 3 only; only flattening a whole map is supported (start_dim 0, end_dim -1; NIR counts no "
        "batch axis)",
    ),
    "input shape": (
        [("Conv2d", conv_fields(input_shape=[5, 5]))],
        "net: 0: the file states an input of (5, 5), 'input' gives (4, 4); export the network again",
    ),
    "output shape": (
        [("SumPool2d", {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0]})],
        "net: output: the file states shape (2, 4, 4), what arrives has shape (2, 2, 2); export the network again",
    ),
    "stride": (
        [("Conv2d", conv_fields(stride=[0, 1]))],
        "net: 0: stride is (0, 1), expected an integer of at least 1, or two (rows, columns)",
    ),
    "matrix": (
        [("Affine", {"weight": np.ones((2, 2, 2)), "bias": ONE})],
        "net: 0: the weight has shape (2, 2, 2), only (out, in) is supported",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_lowered_is_named(tmp_path, case):
    nodes, text = BROKEN[case]
    with pytest.raises(GraphError) as caught:
        read_nir(line(tmp_path / "net.nir", *nodes, shape=(2, 4, 4)))
    assert str(caught.value) == text


def test_unknown_type_is_named_with_what_is_known(tmp_path):
    with pytest.raises(GraphError) as caught:
        read_nir(line(tmp_path / "net.nir", ("Softmax", {})))
    assert str(caught.value) == (
        "net: 0: the NIR type 'Softmax' is not supported; supported are Affine, AvgPool2d, Conv1d, Conv2d, CubaLI, CubaLIF, Delay, "
        "Flatten, I, IF, Input, LI, LIF, Linear, Output, Scale, SumPool2d, Threshold"
    )


def test_edge_to_a_missing_node_is_named(tmp_path):
    nodes = {"in": ("Input", {"shape": [2]}), "out": ("Output", {"shape": [2]})}
    with pytest.raises(GraphError) as caught:
        read_nir(write(tmp_path / "net.nir", nodes, [("in", "lif1.w_rec"), ("in", "out")]))
    assert str(caught.value) == (
        "net: the edge 'in' -> 'lif1.w_rec' names a node that does not exist: 'lif1.w_rec'; export the network again"
    )


def test_missing_field_is_a_format_error(tmp_path):
    with pytest.raises(FileFormatError) as caught:
        read_nir(line(tmp_path / "net.nir", ("LIF", {"tau": ONE, "r": ONE})))
    assert str(caught.value) == "net: 0: LIF has no array 'v_leak'; export the network again"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (NirOptions(dt_us=0.0), "dt_us=0.0: expected a positive time in microseconds"),
        (NirOptions(max_spikes=0), "max_spikes=0: expected at least 1"),
        (NirOptions(reset="halve"), "reset='halve': expected 'value', 'subtract' or 'subtract_late'"),
    ],
)
def test_impossible_options_are_refused(tmp_path, options, text):
    with pytest.raises(RequestError) as caught:
        read_nir(line(tmp_path / "net.nir", LIF), options)
    assert str(caught.value) == text


def test_damaged_texts_are_refused_before_the_library_hangs_on_them(tmp_path):
    path = line(tmp_path / "net.nir", LIF)
    data = bytearray(path.read_bytes())
    heap = data.find(b"GCOL")
    free = next(place for place in range(heap + 16, len(data), 8) if data[place : place + 8] == bytes(8))
    data[free + 8 : free + 16] = bytes(8)
    path.write_bytes(data)
    with pytest.raises(FileFormatError) as caught:
        read_nir(path)
    assert (
        str(caught.value) == f"{path}: the file is damaged (a text at byte {free} has size 0); copy or export it again"
    )
