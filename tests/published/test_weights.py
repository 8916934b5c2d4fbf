import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from seneca_sim.errors import FileFormatError, RequestError, SenecaError
from seneca_sim.graph import load_network, read_graph
from seneca_sim.graph.state_dict import array_names

NAME = "kws-mlp"


@pytest.fixture
def arrays():
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in array_names(read_graph(NAME)).items()}


def save(folder, arrays):
    np.savez(folder / "weights.npz", **arrays)
    return folder / "weights.npz"


def test_weights_of_an_archive_reach_the_edges(arrays, tmp_path):
    network = load_network(NAME, weights=save(tmp_path, arrays))
    assert network.weights == "given"
    assert np.array_equal(network.layers[1].edges[0].weight[:, :, 0, 0], arrays["layer1.weights.weight"])
    assert np.array_equal(network.layers[3].bias, arrays["scores.weights.bias"])
    assert "weights from weights.npz" in network.assumptions
    assert not any("absent" in sentence for sentence in network.assumptions)


def refused(weights, name=NAME):
    with pytest.raises(FileFormatError) as error:
        load_network(name, weights=weights)
    return str(error.value)


def test_names_and_shapes_that_differ_are_one_error_each(arrays, tmp_path):
    where = f"{tmp_path / 'weights.npz'} for kws-mlp"
    short = {name: array for name, array in arrays.items() if "scores" not in name}
    assert refused(save(tmp_path, short)) == (
        f"{where}: no array scores.weights.weight of shape (29, 256), and 1 more; names are <node>.<field>"
    )
    assert refused(save(tmp_path, {**arrays, "scores.weight.bias": arrays["scores.weights.bias"]})) == (
        f"{where}: there is no place for the array 'scores.weight.bias'; did you mean scores.weights.bias?"
    )
    wrong = {**arrays, "layer1.weights.bias": np.zeros(255, np.float32)}
    assert refused(save(tmp_path, wrong)) == f"{where}: layer1.weights.bias has shape (255,), expected (256,)"


def test_weights_that_are_not_numbers_are_refused_by_node(arrays, tmp_path):
    arrays["layer2.weights.weight"][3, 4] = np.nan
    with pytest.raises(ValueError, match=r"kws-mlp: layer2\.weights: weight is nan at \[3, 4\]"):
        load_network(NAME, weights=save(tmp_path, arrays))


def test_constants_of_neurons_may_be_given(arrays, tmp_path):
    network = load_network(NAME, weights=save(tmp_path, {**arrays, "layer1.decay": np.float32(0.5)}))
    assert (network.layers[1].neuron.decay, network.layers[2].neuron.decay) == (0.5, 0.9)


def test_batch_normalisation_has_names_of_pytorch_too(tmp_path):
    rng = np.random.default_rng(2)
    names = array_names(read_graph("ems-res10"))
    torch = {"gain": "weight", "offset": "bias", "mean": "running_mean", "variance": "running_var"}
    arrays = {}
    for name, shape in names.items():
        node, field = name.rsplit(".", 1)
        arrays[f"{node}.{torch.get(field, field)}"] = rng.random(shape, np.float32) + 0.5
        arrays[f"{node}.num_batches_tracked"] = np.int64(7)
    network = load_network("ems-res10", size="64x64", weights=save(tmp_path, arrays))
    assert network.weights == "given"
    gain = arrays["stem.norm.weight"] / np.sqrt(arrays["stem.norm.running_var"] + 1e-5)
    folded = arrays["stem.conv.weight"] * gain[:, None, None, None]
    np.testing.assert_allclose(network.layers[1].edges[0].weight, folded, rtol=1e-5)


def test_weights_of_a_shared_head_are_named_once(tmp_path):
    names = array_names(read_graph("red"))
    assert "head1.conv.weight" in names
    assert not any(name.startswith("head2") for name in names)


def test_safetensors_are_read(arrays, tmp_path):
    header, data = {"__metadata__": {"made": "by hand"}}, b""
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path = tmp_path / "weights.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    network = load_network(NAME, weights=path)
    assert np.array_equal(network.layers[2].bias, arrays["layer2.weights.bias"])
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[:-4])
    assert "damaged or not a file of weights" in refused(path)


class Stored:
    """A tensor as a checkpoint of PyTorch describes it."""

    def __init__(self, key, array):
        self.key, self.array = key, array

    def __reduce__(self):
        strides = tuple(stride // self.array.itemsize for stride in self.array.strides)
        return Named("torch._utils", "_rebuild_tensor_v2"), (self, 0, self.array.shape, strides, False, {})


class Named:
    """A function that exists in the reader's imagination only."""

    def __init__(self, module, name):
        self.__module__, self.__qualname__, self.__name__ = module, name, name

    def __call__(self):
        raise AssertionError


class Checkpoint(pickle._Pickler):
    """Writes what torch.save writes, without torch."""

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Named):
            self.write(b"c" + f"{value.__module__}\n{value.__name__}\n".encode())
        elif isinstance(value, tuple) and value and isinstance(value[0], Stored):
            # the storage in front of offset, shape and strides
            self.write(b"(")
            super().save(("storage", Named("torch", "FloatStorage"), value[0].key, "cpu", value[0].array.size))
            self.write(b"Q")
            for item in value[1:]:
                super().save(item)
            self.write(b"t")
        else:
            super().save(value, save_persistent_id)


def checkpoint(path, content, arrays):
    text = io.BytesIO()
    Checkpoint(text, 2).dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", text.getvalue())
        for number, array in enumerate(arrays.values()):
            archive.writestr(f"model/data/{number}", array.tobytes())
    return path


def test_zipped_checkpoints_are_read_without_torch(arrays, tmp_path):
    content = {name: Stored(str(number), array) for number, (name, array) in enumerate(arrays.items())}
    path = checkpoint(tmp_path / "model.pt", {"state_dict": content, "epoch": 3}, arrays)
    network = load_network(NAME, weights=path)
    assert np.array_equal(network.layers[1].edges[0].weight[:, :, 0, 0], arrays["layer1.weights.weight"])


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return Named("os", "system"), ("touch attacked",)

    path = checkpoint(tmp_path / "model.pt", {"layer1.weights.weight": Attack()}, {})
    assert refused(path) == (
        f"{path}: holds os.system, not only tensors, and is not executed; save model.state_dict() alone, or its arrays with "
        "numpy.savez"
    )


def test_other_files_are_refused_with_the_way_to_write_one(tmp_path):
    path = tmp_path / "weights.txt"
    path.write_text("0.5 0.25 and more text")
    assert refused(path) == (
        f"{path}: neither .npz, nor safetensors, nor a zipped PyTorch checkpoint; write the arrays with "
        "numpy.savez(path, **{name: tensor.numpy() for name, tensor in model.state_dict().items()})"
    )


@pytest.mark.parametrize("kind", ["npz", "pt"])
def test_damaged_files_are_one_sentence(kind, arrays, tmp_path):
    if kind == "npz":
        path = save(tmp_path, arrays)
    else:
        content = {name: Stored(str(number), array) for number, (name, array) in enumerate(arrays.items())}
        path = checkpoint(tmp_path / "model.pt", content, arrays)
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    sentences = []
    for _ in range(60):
        broken = bytearray(whole)
        for place in rng.integers(0, len(whole) if rng.random() < 0.3 else 3000, 4):
            broken[-int(place) - 1 if rng.random() < 0.5 else int(place)] = int(rng.integers(256))
        path.write_bytes(bytes(broken))
        try:
            load_network(NAME, weights=path)
        except SenecaError as error:
            sentences.append(str(error))
    assert len(sentences) > 20
    assert all("kws-mlp" in text or text.startswith(str(path)) for text in sentences)
    assert not any("\n" in text for text in sentences)


def test_objects_in_an_archive_are_refused(tmp_path):
    np.savez(tmp_path / "objects.npz", **{"layer1.weights.weight": np.array([{}], object)})
    assert refused(tmp_path / "objects.npz") == (
        f"{tmp_path / 'objects.npz'}: 'layer1.weights.weight.npy' holds Python objects, not numbers; write plain arrays"
    )


def test_options_of_published_networks_are_refused_for_files():
    with pytest.raises(RequestError) as error:
        load_network("digits-lif", size="20x20", width=2)
    assert str(error.value) == (
        "size, width: digits-lif is a file, which states its layers; leave it out, or name a published network "
        "(seneca-sim list models)"
    )


def test_options_are_read_from_texts():
    network = load_network("gen1-msd", size="223x287", width=2, network_set=["step=0.125"])
    assert network.layers[1].shape == (32, 223, 287)
    assert network.layers[1].neuron.step == 0.125
    assert len(load_network("ems-res10", network_set=["last_layer=membrane"]).layers) == 38
    for settings, text in (
        (["step"], "pilotnet-msd: 'step' is no option; write key=value"),
        (["step=fast"], "pilotnet-msd: step must be a number, not 'fast'"),
        (["step=1", "step=2"], "pilotnet-msd: step is stated twice; leave one out"),
        (["width=2"], "pilotnet-msd: width is stated twice, as 2 and as 4; leave one out"),
    ):
        with pytest.raises(RequestError) as error:
            load_network("pilotnet-msd", width=4, network_set=settings)
        assert str(error.value) == text
    with pytest.raises(RequestError) as error:
        load_network("red", size="240")
    assert str(error.value) == "size must be rows x columns, such as 240x304, not '240'"
