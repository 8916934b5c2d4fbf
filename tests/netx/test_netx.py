"""Networks of lava-dl compute what lava computes, bit by bit."""

import h5py
import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.errors import FileFormatError, GraphError, RequestError
from seneca_sim.events.frames import frame_steps
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph import load_network, lower
from seneca_sim.graph.netx import read_netx
from seneca_sim.graph.neurons import CubaLif, Delay, Lif, SigmaDelta

LIF = {"type": b"LOIHI", "iDecay": 4096, "vDecay": 1024, "vThMant": 5, "refDelay": 1}
SDNN = {"type": b"SDNN", "activation": b"relu", "vThMant": 2}


def write(path, *layers, **simulation):
    """Write a netx file: each layer a dictionary of fields, `neuron` a dictionary in it."""
    with h5py.File(path, "w") as file:
        for number, layer in enumerate(layers):
            group = file.create_group(f"layer/{number}")
            for key, value in layer.items():
                if key == "neuron":
                    for name, entry in value.items():
                        group[f"neuron/{name}"] = entry
                elif key == "type":
                    group["type"] = np.array([value], "S10")
                else:
                    group[key] = value
        for key, value in simulation.items():
            file[f"simulation/{key}"] = value
    return path


def dense(weight, neuron, **more):
    weight = np.asarray(weight, np.float32)
    sizes = {"inFeatures": weight.shape[-1], "outFeatures": len(weight), "shape": np.array([len(weight)])}
    return {"type": "dense", "weight": weight, "neuron": neuron, **sizes, **more}


def run(network, frames, kind="frame"):
    """Return the (steps, channels, rows, columns) values of each layer."""
    trace = run_network(network, [frame_steps(np.asarray(frames, np.float32), kind, "test")])
    return [dense_steps(sent, layer.out_shape) for sent, layer in zip(trace.layers, network.layers, strict=True)]


def test_sigma_delta_pilotnet_equals_lava_bit_by_bit(shared_data):
    network = load_network(shared_data("models/lava/pilotnet_sdnn_33x100.net"))
    golden = np.load(shared_data("models/lava/pilotnet_sdnn_33x100_golden.npz"))
    image = golden["input"].transpose(3, 2, 1, 0)
    values = run(network, np.repeat(image, 20, axis=0))
    act = golden["act0"].transpose(3, 2, 1, 0)
    assert np.array_equal(np.cumsum(values[1], axis=0), np.cumsum(act, axis=0))
    assert values[-1].reshape(20).tolist()[:9] == golden["output"].reshape(9).tolist()
    for layer, name in ((1, "sigma1"), (2, "sigma2")):
        sigma = golden[name].transpose(3, 2, 1, 0).astype(np.int64)
        assert np.array_equal(sent_by(network.layers[layer + 1], sigma), values[layer + 1][:20])


def sent_by(layer, sigma):
    """Return what lava's rules make of the sums of a sigma-delta layer, step by step."""
    bias = np.asarray(layer.bias, np.int64).reshape(-1, 1, 1)
    before = residue = np.zeros(layer.shape, np.int64)
    sent = []
    for total in sigma:
        act = np.maximum(total + bias, 0)
        change = act - before + residue
        spikes = np.where(np.abs(change) >= layer.neuron.step, change >> 6, 0)
        residue = change - (spikes << 6) if layer.neuron.step == 0 else np.where(spikes != 0, 0, change)
        before = act
        sent.append(spikes)
    return np.array(sent)


def test_spiking_pilotnet_equals_lava_bit_by_bit(shared_data):
    path = shared_data("models/lava/pilotnet_lif_66x200.net")
    golden = np.load(shared_data("models/lava/pilotnet_lif_golden_a.npz"))
    image = golden["image"].transpose(2, 1, 0)
    values = run(load_network(path, reset_every=17), np.repeat(image[None], 24, axis=0))
    for layer, name in ((1, "input"), (2, "conv0"), (3, "conv1")):
        assert np.array_equal(values[layer], golden[name].transpose(3, 2, 1, 0))


def test_a_block_sends_its_bias_where_it_passes_the_threshold(shared_data, tmp_path):
    golden = np.load(shared_data("models/lava/tinynet_sdnn_blocks.npz"))
    bias, first = golden["layer1_bias"], golden["layer1"][..., 0]
    conv = {
        "type": "conv",
        "shape": np.array([24, 6, 6]),
        "weight": golden["layer1_kernel"].transpose(0, 3, 2, 1).astype(np.float32),
        "bias": bias,
        **{name: np.array(value) for name, value in (("stride", (2, 2)), ("padding", (0, 0)), ("dilation", (1, 1)))},
        "neuron": {**SDNN, "vThMant": 34},
    }
    start = {"type": "input", "shape": np.array([3, 16, 16])}
    values = run(lower(read_netx(write(tmp_path / "a.net", start, conv))), np.zeros((1, 3, 16, 16)))
    assert np.array_equal(values[1][0], first.transpose(2, 1, 0))
    # layer 2 counts the neurons of layer 1 that sent, in the order x, y, channel
    assert np.array_equal(golden["layer2_weight"] @ (first != 0).reshape(-1), golden["layer2"][:, 1])


def test_the_oxford_network_draws_its_picture(shared_data):
    table = np.load(shared_data("models/lava/oxford_io.npz"))
    raster = {name: np.zeros((2000, 200, 1, 1)) for name in ("input", "ground_truth")}
    for name, frames in raster.items():
        neuron, _, time = table[name].T
        frames[np.rint(time).astype(int), neuron.astype(int)] = 1
    drawn = run(load_network(shared_data("models/lava/oxford_mlp.net")), raster["input"], "binary")[-1]
    wanted = raster["ground_truth"] == 1
    assert drawn.mean() < 0.03
    assert drawn[wanted].mean() > 0.8  # the target of its training, spike for spike in the same millisecond


@pytest.mark.parametrize(("name", "layers"), [("mnist_mlp", 4), ("tiny_lif_cnn", 4)])
def test_other_real_files_load_and_run(shared_data, name, layers):
    network = load_network(shared_data(f"models/lava/{name}.net"))
    assert len(network.layers) == layers
    rng = np.random.default_rng(1)
    values = run(network, rng.random((30, *network.layers[0].shape)) < 0.3, network.input_contract.representation)
    assert values[-1].any()


def test_a_spike_acts_one_step_later(tmp_path):
    path = write(tmp_path / "a.net", dense([[12.0], [4.0]], LIF), dense([[8.0, 0.0]], LIF))
    network = lower(read_netx(path))
    assert [layer.delay for layer in network.layers] == [0, 1, 1]
    assert [layer.precision.weight for layer in network.layers[1:]] == ["int16", "int16"]
    values = run(network, np.array([1, 0, 1, 1, 1, 0]).reshape(6, 1, 1, 1), "binary")
    # v > 64 * 5: weight 12 fires at once, weight 4 needs 256, 192 + 256, ...
    assert values[1][:, :, 0, 0].T.tolist() == [[0, 1, 0, 1, 1, 1], [0, 0, 0, 1, 0, 1]]
    assert values[2][:, 0, 0, 0].tolist() == [0, 0, 1, 0, 1, 1]


def test_recurrent_layers_and_axon_delays(tmp_path):
    first = dense([[12.0], [12.0]], LIF, delay=np.array([0, 2]))
    second = dense([[8.0, 0.0], [0.0, 8.0]], {**LIF, "iDecay": 2048}) | {"type": "dense_rec"}
    graph = read_netx(write(tmp_path / "a.net", first, second | {"weight_rec": np.eye(2, dtype=np.float32)}))
    assert isinstance(graph.nodes["layer0.delay"], Delay)
    assert isinstance(graph.nodes["layer1"], CubaLif)
    assert [(link.source, link.target) for link in graph.links if link.delay] == [("layer1", "layer1.recurrent")]
    values = run(lower(graph), np.eye(1, 6).reshape(6, 1, 1, 1), "binary")
    names = [layer.name for layer in lower(graph).layers]
    assert values[names.index("layer0.delay")][:, :, 0, 0].T.tolist() == [[0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]]


def test_sigma_delta_layers_know_their_place(tmp_path):
    start = {"type": "input", "shape": np.array([1, 2, 2]), "neuron": {**SDNN, "vThMant": 0}}
    end = dense(np.ones((1, 4)), {**SDNN, "sigma_output": True})
    graph = read_netx(write(tmp_path / "a.net", start, {"type": "flatten", "shape": np.array([4, 1, 1])}, end, Ts=2))
    assert graph.dt_us == 2000.0
    encoder = graph.nodes["layer0"]
    assert isinstance(encoder, SigmaDelta)
    assert (encoder.accumulates, encoder.activation, encoder.gain) == (False, "identity", 4096.0)
    values = run(lower(graph), np.array([[1, 2], [3, 4]] * 1, float).reshape(1, 1, 2, 2).repeat(3, axis=0))
    assert values[-1].reshape(-1).tolist() == [0, 640, 640]


CONV = {
    "type": "conv",
    "shape": np.array([2, 4, 4]),
    "weight": np.ones((2, 1, 3, 3), np.float32),
    "stride": np.array([1, 1]),
    "padding": np.array([1, 1]),
    "dilation": np.array([1, 1]),
    "neuron": LIF,
}
START = {"type": "input", "shape": np.array([1, 4, 4])}
BROKEN = {
    "average": (
        [START, {"type": "average"}],
        "a: layer 1: a layer of type 'average' is not supported; supported are input, flatten, conv, dense, dense_rec; write "
        "it with seneca_sim.graph.GraphBuilder",
    ),
    "resonator": (
        [START, CONV | {"neuron": {"type": b"RF"}}],
        "a: layer 1: neurons of type 'RF' are not supported; supported are LOIHI, CUBA, SDNN",
    ),
    "refractory": (
        [START, CONV | {"neuron": {**LIF, "refDelay": 3}}],
        "a: layer 1: refDelay is 3; only 1 (no refractory steps) is supported",
    ),
    "decay": (
        [START, CONV | {"neuron": {**LIF, "vDecay": 5000}}],
        "a: layer 1: vDecay is 5000, expected 0 to 4096",
    ),
    "fraction": (
        [START, CONV | {"weight": np.full((2, 1, 3, 3), 0.5, np.float32)}],
        "a: layer 1: weight holds values that are not whole numbers; export the quantised network",
    ),
    "size": (
        [START, CONV | {"weight": np.full((2, 1, 3, 3), 1e30, np.float32)}],
        "a: layer 1: weight holds values of more than 32 bits; the file is damaged, export it again",
    ),
    "nan": (
        [START, CONV | {"weight": np.full((2, 1, 3, 3), np.nan, np.float32)}],
        "a: layer 1: weight holds values that are not whole numbers; export the quantised network",
    ),
    "synapses": (
        [dense([[1.0, 2.0]], LIF), dense([[3.0]], LIF, delay=np.ones((2, 2)))],
        "a: layer 1: delays of single synapses are not supported; train with axonal delays, one per neuron",
    ),
    "bias behind a current": (
        [dense([[1.0]], {**LIF, "iDecay": 100}, bias=np.array([2.0]))],
        "a: layer 0: a bias behind a current that lasts (iDecay 100) is not supported; export without it",
    ),
    "mismatch": (
        [START, CONV, CONV],
        "a: layer2.weights: the weight takes 1 channels (1 groups of 1), 'layer1' gives 2; check channels and groups",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_has_no_counterpart_is_refused_by_name(name, tmp_path):
    layers, message = BROKEN[name]
    with pytest.raises(GraphError) as caught:
        read_netx(write(tmp_path / "a.net", *layers))
    assert str(caught.value) == message


def test_layers_must_be_numbered(tmp_path):
    path = write(tmp_path / "a.net", START, CONV)
    with h5py.File(path, "r+") as file:
        file.move("layer/1", "layer/conv")
    with pytest.raises(FileFormatError) as caught:
        read_netx(path)
    assert str(caught.value) == (
        f"{path}: /layer: the layers are named 0, conv, expected numbers from 0 on; export the network again"
    )


def test_a_missing_field_is_named(tmp_path):
    path = write(tmp_path / "a.net", START, {key: value for key, value in CONV.items() if key != "weight"})
    with pytest.raises(FileFormatError) as caught:
        read_netx(path)
    assert str(caught.value) == f"{path}: /layer/1: there is no entry 'weight'; the file is incomplete, export it again"


def test_a_period_of_resets_must_be_positive(tmp_path):
    with pytest.raises(RequestError) as caught:
        read_netx(write(tmp_path / "a.net", START, CONV), reset_every=0)
    assert str(caught.value) == "reset_every=0: expected at least 1"


def test_loihi_neurons_with_an_immediate_current_are_leaky(tmp_path):
    graph = read_netx(write(tmp_path / "a.net", START, CONV))
    neuron = graph.nodes["layer1"]
    assert isinstance(neuron, Lif)
    assert (neuron.decay, neuron.r, neuron.threshold) == (0.75, 64.0, 320.0)
