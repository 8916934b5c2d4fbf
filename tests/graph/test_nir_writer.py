"""Graphs come back from NIR files exactly as they were, and the nir package reads them too."""

import itertools

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.errors import GraphError, RequestError
from seneca_sim.graph import (
    Conv2d,
    CubaLif,
    Dense,
    Flatten,
    GraphBuilder,
    If,
    Input,
    Li,
    Lif,
    Output,
    Precision,
    Relu,
    SigmaDelta,
    load_network,
    read_graph,
)
from seneca_sim.graph.native_file import graph_bytes
from seneca_sim.graph.neurons import Activation, Delay
from seneca_sim.graph.nir_file import NirOptions, read_nir
from seneca_sim.graph.nir_writer import PREFIX, nir_bytes, save_nir
from seneca_sim.graph.nodes import (
    Concat,
    ContextAware,
    ConvGru,
    ConvLstm,
    ConvMinimalRnn,
    DetectionOutput,
    SqueezeExcite,
    Upsample,
)
from tests.graph.graphs import random_graph

DRAW = np.random.default_rng(5)
NEURONS = {
    "if": If(np.array([[[1.5]], [[2.0]]]), 0.5, reset="subtract", max_spikes=3, v_min=-1.0),
    "lif": Lif(0.9, 0.25, 2.0, 0.125, 0.5),
    "leaky": Li(0.75, 2.0),
    "cuba": CubaLif(0.5, 0.875, 0.3, 0.7, reset="subtract"),
    "delay": Delay(3.0),
    "sigma": SigmaDelta(0.25, "deadband", "identity"),
    "relu": Relu(),
    "tanh": Activation("table_tanh", 0.125),
    "endless": Lif(1.0),
}
CONTINUOUS = {"if": "IF", "lif": "LIF", "leaky": "LI", "cuba": "CubaLIF", "delay": "Delay"}


def saved(graph, path):
    save_nir(graph, path)
    return path


def single(neuron, **contract):
    """Return input, quantised convolution, neurons, dense, output."""
    build = GraphBuilder("single", dt_us=500.0)
    weight = DRAW.integers(-9, 10, (2, 1, 3, 3)).astype(np.int8)
    build.add("input", Input((1, 5, 6))).add("conv", Conv2d(weight, np.array([0.5, -1.0]), scale=0.1, padding=1))
    build.add("neurons", neuron, precision=Precision("int8", "fp32", "fp32"), head=True)
    build.add("flatten", Flatten()).add("dense", Dense(DRAW.normal(size=(3, 60)).astype(np.float32)))
    return build.add("out", Relu()).add("output", Output()).graph()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_nodes=st.integers(1, 12))
def test_random_graphs_come_back_exactly(seed, n_nodes, tmp_path_factory):
    graph = random_graph(np.random.default_rng(seed), n_nodes)
    path = saved(graph, tmp_path_factory.mktemp("nir") / "random.nir")
    assert graph_bytes(read_nir(path)) == graph_bytes(graph)


@pytest.mark.parametrize("name", NEURONS)
def test_every_neuron_comes_back_exactly_also_through_the_nir_package(name, tmp_path):
    graph = single(NEURONS[name])
    path = saved(graph, tmp_path / "one.nir")
    again = tmp_path / "two.nir"
    nir.write(again, nir.read(path))
    assert graph_bytes(read_nir(path)) == graph_bytes(graph) == graph_bytes(read_nir(again))


def blocks():
    """Return a network of blocks: gated cells, squeeze-excite, context thresholds, upsampling, a detection head, resets."""
    draw = lambda *shape: DRAW.normal(size=shape).astype(np.float32)  # noqa: E731
    build = GraphBuilder("blocks", dt_us=1000.0).add("input", Input((4, 6, 8)))
    build.add("gru", ConvGru(draw(12, 4, 3, 3), draw(12, 4, 3, 3), draw(16), threshold=0.25, reset="subtract"))
    build.add("lstm", ConvLstm(draw(16, 4, 3, 3), draw(16, 4, 3, 3), stride=2, gate="hard_sigmoid"))
    x, z, y = (draw(4, 4, 3, 3) for _ in range(3))
    build.add("minimal", ConvMinimalRnn(x, y, weight_z=z, candidate_threshold=0.5))
    build.add("excite", SqueezeExcite(draw(2, 4), draw(4, 2), gate="table_sigmoid"), "minimal", "lstm")
    build.add("context", ContextAware(draw(4, 4), draw(4)), "excite", "minimal")
    build.add("up", Upsample(2)).add("lif", Lif(0.5), reset_every=3, reset_first=1)
    build.add("join", Concat(), "lif", "gru").add("conv", Conv2d(draw(14, 8, 1, 1)), head=True)
    return build.add("boxes", DetectionOutput("yolo", 2, np.ones((2, 2)), 8)).graph()


def test_blocks_and_their_ports_come_back_exactly(tmp_path):
    graph = blocks()
    path = saved(graph, tmp_path / "blocks.nir")
    nir.write(tmp_path / "again.nir", nir.read(path, type_check=False))
    assert graph_bytes(read_nir(path)) == graph_bytes(graph) == graph_bytes(read_nir(tmp_path / "again.nir"))


def test_weights_that_are_not_public_are_not_written():
    with pytest.raises(GraphError) as caught:
        nir_bytes(read_graph("kws-mlp"))
    assert str(caught.value) == (
        "kws-mlp: its weights are not public, and NIR has no word for that; give weights, or write a native file (.h5)"
    )


@pytest.mark.parametrize("name", ["digits-lif", "digits-sigma-delta"])
def test_shipped_networks_come_back_exactly(name, tmp_path):
    graph = read_graph(name)
    assert graph_bytes(read_nir(saved(graph, tmp_path / "shipped.nir"))) == graph_bytes(graph)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_without_our_metadata_the_file_is_plain_nir_with_the_same_constants(name, tmp_path):
    neuron = NEURONS[name]
    path = saved(single(neuron), tmp_path / "plain.nir")
    with h5py.File(path, "r+") as file:
        del file["node/metadata"]
        for node in ("out", "output"):
            del file[f"node/nodes/{node}"]
        file["node/nodes/output/type"], file["node/nodes/output/shape"] = "Output", np.array([3])
        edges = list(itertools.pairwise(["input", "conv", "neurons", "flatten", "dense", "output"]))
        del file["node/edges"]
        file["node"].create_dataset("edges", data=np.array(edges, dtype=object), dtype=h5py.string_dtype())
        assert file["node/nodes/neurons/type"].asstr()[()] == CONTINUOUS[name]
    reset = getattr(neuron, "reset", None)
    spikes = getattr(neuron, "max_spikes", None)
    read = read_nir(path, NirOptions(500.0, reset, spikes, getattr(neuron, "v_min", None))).nodes["neurons"]
    assert type(read) is type(neuron)
    for field in type(neuron).__dataclass_fields__:
        value, expected = getattr(read, field), getattr(neuron, field)
        if isinstance(expected, float | np.ndarray):
            assert np.allclose(value, expected, rtol=1e-12)


def test_delays_between_time_steps_are_refused(tmp_path):
    path = saved(single(Delay(3.0)), tmp_path / "delay.nir")
    with h5py.File(path, "r+") as file:
        del file["node/metadata"], file["node/nodes/out"], file["node/nodes/output"]
        file["node/nodes/output/type"], file["node/nodes/output/shape"] = "Output", np.array([3])
        edges = list(itertools.pairwise(["input", "conv", "neurons", "flatten", "dense", "output"]))
        del file["node/edges"]
        file["node"].create_dataset("edges", data=np.array(edges, dtype=object), dtype=h5py.string_dtype())
    with pytest.raises(GraphError) as caught:
        read_nir(path, NirOptions(400.0))
    assert str(caught.value) == (
        "delay: neurons: a delay of 1500 us is not a whole number of time steps of 400 us; choose a dt_us that divides it"
    )


def test_a_node_that_another_tool_changed_is_refused(tmp_path):
    path = saved(single(Lif(0.9)), tmp_path / "changed.nir")
    with h5py.File(path, "r+") as file:
        file["node/nodes/neurons/v_threshold"][...] = 3.0
    with pytest.raises(GraphError) as caught:
        read_nir(path)
    assert str(caught.value) == (
        "single: neurons: v_threshold is not what the metadata say; export the network again, or remove the metadata to "
        "read it as plain NIR"
    )


def test_weights_that_another_tool_moved_off_their_grid_are_refused(tmp_path):
    path = saved(single(Lif(0.9)), tmp_path / "changed.nir")
    with h5py.File(path, "r+") as file:
        file["node/nodes/conv/weight"][...] += 0.03
    with pytest.raises(GraphError) as caught:
        read_nir(path)
    assert str(caught.value) == (
        "single: conv: weight is not what the metadata say; export the network again, or remove the metadata to read it as "
        "plain NIR"
    )


def test_metadata_of_an_unknown_node_type_are_refused(tmp_path):
    path = saved(single(Lif(0.9)), tmp_path / "changed.nir")
    with h5py.File(path, "r+") as file:
        metadata = file["node/nodes/neurons/metadata"]
        del metadata[f"{PREFIX}type"]
        metadata[f"{PREFIX}type"] = "Exec"
    with pytest.raises(Exception, match="its metadata names the node type 'Exec', which does not exist"):
        read_nir(path)


def test_the_users_rules_apply_to_files_with_metadata_too(tmp_path):
    path = saved(single(Lif(0.9)), tmp_path / "single.nir")
    assert load_network(path, reset="subtract").layers[1].neuron.reset == "subtract"
    with pytest.raises(RequestError, match="dt_us=100: single states its own time step"):
        load_network(path, dt_us=100.0)


def test_a_slash_in_a_name_is_refused():
    graph = GraphBuilder("bad").add("in/put", Input((1,))).add("relu", Relu()).add("output", Output()).graph()
    with pytest.raises(GraphError) as caught:
        nir_bytes(graph)
    assert str(caught.value) == "bad: 'in/put': NIR names nodes by paths, which a slash divides; rename the node"


@pytest.mark.parametrize("name", ["cnn_sinabs", "braille_noDelay_bias_zero", "lif_norse"])
def test_real_files_survive_being_read_and_written(name, shared_data, tmp_path):
    graph = read_nir(shared_data(f"models/nir/{name}.nir"))
    assert graph_bytes(read_nir(saved(graph, tmp_path / "again.nir"))) == graph_bytes(graph)


def test_equal_graphs_give_equal_bytes():
    assert nir_bytes(read_graph("digits-lif")) == nir_bytes(read_graph("digits-lif"))
