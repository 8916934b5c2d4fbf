"""Each operator against onnx's reference evaluator. Weights and inputs are whole numbers of small magnitude, so that sums
are exact in float32 in any order; the tolerance is for functions and divisions (one or two units in the last place)."""

import numpy as np
import pytest
from onnx import helper

from seneca_sim.errors import RequestError
from seneca_sim.graph import Add, Conv2d, Dense, Flatten, Relu, Upsample, load_network, lower
from seneca_sim.graph.neurons import Clip, Product
from seneca_sim.graph.table import graph_parameters
from tests.onnx.models import both, load, model, result, save


def whole(*shape):
    return np.random.default_rng(sum(shape) + len(shape)).integers(-4, 5, shape).astype(np.float32)


def node(op, inputs, outputs=("y",), **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name=op.lower(), **attributes)


def agree(tmp_path, nodes, shape, constants=None, tolerance=0.0, opset=19):
    proto = model(nodes, {"x": shape}, constants, opset=opset)
    ours, want = both(tmp_path, proto, whole(*shape))
    np.testing.assert_allclose(ours, want, rtol=tolerance, atol=tolerance)
    return ours


CONVOLUTIONS = {
    "plain": ({}, (4, 3, 3, 3), (1, 3, 6, 7)),
    "pads": ({"pads": [1, 2, 1, 2], "strides": [2, 1]}, (4, 3, 3, 5), (1, 3, 6, 7)),
    "uneven pads": ({"pads": [0, 1, 1, 0]}, (2, 3, 3, 3), (1, 3, 6, 7)),
    "uneven pads, stride": ({"pads": [2, 0, 0, 1], "strides": [2, 3]}, (2, 3, 4, 3), (1, 3, 9, 8)),
    "uneven pads, dilation": ({"pads": [0, 2, 2, 0], "dilations": [2, 2]}, (2, 3, 3, 3), (1, 3, 9, 8)),
    "same upper": ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (2, 3, 3, 3), (1, 3, 8, 8)),
    "same upper, even kernel": ({"auto_pad": "SAME_UPPER"}, (2, 3, 4, 2), (1, 3, 8, 8)),
    "same lower": ({"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (2, 3, 4, 3), (1, 3, 8, 7)),
    "valid": ({"auto_pad": "VALID"}, (2, 3, 3, 3), (1, 3, 6, 7)),
    "groups": ({"group": 3}, (6, 1, 3, 3), (1, 3, 6, 7)),
    "dilation": ({"dilations": [2, 1]}, (2, 3, 3, 3), (1, 3, 6, 7)),
    "one axis": ({"pads": [1, 1], "strides": [2]}, (4, 3, 3), (1, 3, 9)),
    "one axis, uneven": ({"pads": [0, 1], "strides": [2]}, (4, 3, 3), (1, 3, 8)),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(tmp_path, case):
    attributes, weight, shape = CONVOLUTIONS[case]
    nodes = [node("Conv", ["x", "w", "b"], **attributes)]
    agree(tmp_path, nodes, shape, {"w": whole(*weight), "b": whole(weight[0])})


def test_uneven_padding_is_said_and_masked(tmp_path):
    proto = model(
        [node("Conv", ["x", "w"], pads=[0, 0, 1, 1])], {"x": (1, 1, 6, 6)}, {"w": np.ones((1, 1, 3, 3), "f4")}
    )
    graph = load(tmp_path, proto)
    assert graph.assumptions[1] == (
        "conv: its padding is uneven ((0, 1) rows, (0, 1) columns); the kernel grew from 3x3 to 4x4 with zeros"
    )
    conv = graph.nodes["conv"]
    assert isinstance(conv, Conv2d)
    assert conv.padding == (1, 1)
    assert int(conv.mask.sum()) == 9
    assert graph_parameters(graph) == 9


TRANSPOSED = {
    "plain": ({}, (3, 2, 3, 3)),
    "stride, pads": ({"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}, (3, 2, 3, 3)),
    "uneven": ({"strides": [2, 2], "pads": [1, 1, 0, 1]}, (3, 2, 4, 4)),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_convolutions(tmp_path, case):
    attributes, weight = TRANSPOSED[case]
    out = weight[1] * attributes.get("group", 1)
    nodes = [node("ConvTranspose", ["x", "w", "b"], **attributes)]
    agree(tmp_path, nodes, (1, 3, 4, 5), {"w": whole(*weight), "b": whole(out)})


def test_transposed_convolutions_in_groups(tmp_path):
    """The reference evaluator takes one group only, so each group is a model of its own."""
    weight, x = whole(4, 2, 3, 3), whole(1, 4, 4, 5)
    grouped = model([node("ConvTranspose", ["x", "w"], group=2, strides=[2, 1])], {"x": x.shape}, {"w": weight})
    parts = []
    for first in (0, 2):
        part = model(
            [node("ConvTranspose", ["x", "w"], strides=[2, 1])], {"x": (1, 2, 4, 5)}, {"w": weight[first : first + 2]}
        )
        parts.append(both(tmp_path, part, x[:, first : first + 2])[1])
    np.testing.assert_array_equal(result(lower(load(tmp_path, grouped)), [x]), np.concatenate(parts, 1))


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm(tmp_path, transposed):
    weight = whole(5, 7) if transposed else whole(7, 5)
    nodes = [node("Gemm", ["x", "w", "b"], transB=transposed, alpha=0.5, beta=2.0)]
    agree(tmp_path, nodes, (1, 7), {"w": weight, "b": whole(5)})


def test_matmul_of_vectors_and_of_channels_in_the_last_axis(tmp_path):
    agree(tmp_path, [node("MatMul", ["x", "w"])], (1, 7), {"w": whole(7, 5)})
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        node("MatMul", ["t", "w"], ["m"]),
        helper.make_node("Transpose", ["m"], ["y"], perm=[0, 3, 1, 2]),
    ]
    agree(tmp_path, nodes, (1, 3, 4, 5), {"w": whole(3, 6)})


def test_batch_normalisation(tmp_path):
    constants = {"g": whole(3) + 5, "o": whole(3), "m": whole(3) / 2, "v": np.abs(whole(3)) + 1}
    nodes = [node("Conv", ["x", "w"], ["c"]), node("BatchNormalization", ["c", "g", "o", "m", "v"], epsilon=0.01)]
    agree(tmp_path, nodes, (1, 3, 5, 5), constants | {"w": whole(3, 3, 3, 3)}, tolerance=2e-5)


ELEMENTWISE = {
    "add": ("Add", ["c", "k"], {"k": whole(3, 1, 1)}, 0),
    "subtract": ("Sub", ["c", "k"], {"k": whole(1, 3, 1, 1)}, 0),
    "subtract from": ("Sub", ["k", "c"], {"k": np.float32(2)}, 0),
    "multiply": ("Mul", ["k", "c"], {"k": whole(3, 1, 1)}, 0),
    "divide": ("Div", ["c", "k"], {"k": np.array([3, 5, 7], "f4").reshape(3, 1, 1)}, 1e-6),
    "negate": ("Neg", ["c"], {}, 0),
    "maximum": ("Max", ["c", "k"], {"k": np.float32(-3)}, 0),
    "minimum": ("Min", ["c", "k"], {"k": np.float32(3)}, 0),
}


@pytest.mark.parametrize("case", ELEMENTWISE)
def test_arithmetic_with_constants(tmp_path, case):
    op, inputs, constants, tolerance = ELEMENTWISE[case]
    nodes = [node("Conv", ["x", "w"], ["c"]), node(op, inputs)]
    agree(tmp_path, nodes, (1, 3, 5, 5), constants | {"w": whole(3, 3, 3, 3)}, tolerance)


FUNCTIONS = {
    "Relu": ({}, 0),
    "LeakyRelu": ({"alpha": 0.25}, 0),
    "Sigmoid": ({}, 3e-7),
    "Tanh": ({}, 3e-7),
    "Softsign": ({}, 3e-7),
    "HardSigmoid": ({"alpha": 0.25, "beta": 0.5}, 3e-7),
}


@pytest.mark.parametrize("op", FUNCTIONS)
def test_activation_functions(tmp_path, op):
    attributes, tolerance = FUNCTIONS[op]
    nodes = [node("Conv", ["x", "w"], ["c"]), node(op, ["c"], **attributes)]
    agree(tmp_path, nodes, (1, 3, 5, 5), {"w": whole(3, 3, 3, 3) / 8}, tolerance)


def test_clips_in_both_spellings(tmp_path):
    nodes = [node("Clip", ["x", "low", "high"])]
    agree(tmp_path, nodes, (1, 3, 5, 5), {"low": np.float32(-1), "high": np.float32(2)})
    agree(tmp_path, [node("Clip", ["x"], min=-1.0, max=2.0)], (1, 3, 5, 5), opset=6)
    agree(tmp_path, [node("Clip", ["x", "", "high"])], (1, 3, 5, 5), {"high": np.float32(2)})
    graph = load(tmp_path, model([node("Clip", ["x", "low"])], {"x": (1, 3, 5, 5)}, {"low": np.float32(0)}))
    assert isinstance(graph.nodes["clip"], Relu)
    graph = load(tmp_path, model([node("Clip", ["x"], min=0.0, max=6.0)], {"x": (1, 3, 5, 5)}, opset=6))
    assert isinstance(graph.nodes["clip"], Clip)


def test_slopes_per_channel(tmp_path):
    agree(tmp_path, [node("PRelu", ["x", "s"])], (1, 3, 4, 4), {"s": np.array([0.5, 0.25, 2], "f4").reshape(3, 1, 1)})


POOLS = {
    "max": ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "max, padded": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "max, padding that changes nothing": ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 0, 1]}),
    "mean": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "mean, overlapping": ("AveragePool", {"kernel_shape": [2, 4], "strides": [1, 2]}),
    "mean, padded": (
        "AveragePool",
        {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    "mean of the map": ("GlobalAveragePool", {}),
}


@pytest.mark.parametrize("case", POOLS)
def test_pooling(tmp_path, case):
    op, attributes = POOLS[case]
    agree(tmp_path, [node("Relu", ["x"], ["r"]), node(op, ["r"], **attributes)], (1, 3, 8, 8), tolerance=1e-6)


def test_mean_over_rows_and_columns(tmp_path):
    nodes = [node("ReduceMean", ["x", "a"], ["m"], keepdims=0), node("Gemm", ["m", "w"])]
    constants = {"a": np.array([2, 3]), "w": whole(3, 5)}
    agree(tmp_path, nodes, (1, 3, 4, 4), constants)


RESIZES = {
    "asymmetric": {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "half pixel": {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_floor"},
}


@pytest.mark.parametrize("case", RESIZES)
@pytest.mark.parametrize("factor", [2, 3])
def test_nearest_upsampling(tmp_path, case, factor):
    nodes = [node("Relu", ["x"], ["r"]), node("Resize", ["r", "", "s"], mode="nearest", **RESIZES[case])]
    agree(tmp_path, nodes, (1, 3, 4, 5), {"s": np.array([1, 1, factor, 2], "f4")})


def test_upsampling_to_a_size_and_of_old_models(tmp_path):
    modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", "mode": "nearest"}
    agree(tmp_path, [node("Resize", ["x", "", "", "s"], **modes)], (1, 3, 4, 5), {"s": np.array([1, 3, 8, 5])})
    proto = model(
        [node("Upsample", ["x", "s"], mode="nearest")],
        {"x": (1, 2, 3, 3)},
        {"s": np.array([1, 1, 2, 2], "f4")},
        opset=9,
    )
    graph = load(tmp_path, proto)
    assert isinstance(graph.nodes["upsample"], Upsample)
    x = whole(1, 2, 3, 3)
    np.testing.assert_array_equal(result(lower(graph), [x]), x.repeat(2, 2).repeat(2, 3))


def test_zeros_around_a_map_join_the_padding(tmp_path):
    nodes = [node("Pad", ["x", "p"], ["z"]), node("Conv", ["z", "w"], strides=[2, 2])]
    agree(tmp_path, nodes, (1, 3, 6, 6), {"p": np.array([0, 0, 1, 1, 0, 0, 0, 1]), "w": whole(2, 3, 3, 3)})
    nodes = [node("Pad", ["x"], ["z"], pads=[0, 0, 1, 1, 0, 0, 1, 1]), node("AveragePool", ["z"], kernel_shape=[2, 2])]
    agree(tmp_path, nodes, (1, 3, 6, 6), opset=9)


def test_residual_sums(tmp_path):
    nodes = [
        node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "w"], ["d"], pads=[1, 1, 1, 1]),
        node("Add", ["d", "r"]),
    ]
    agree(tmp_path, nodes, (1, 3, 5, 5), {"w": whole(3, 3, 3, 3)})
    nodes[-1] = node("Sub", ["d", "r"])
    agree(tmp_path, nodes, (1, 3, 5, 5), {"w": whole(3, 3, 3, 3)})
    nodes[-1] = node("Sum", ["d", "r", "x"])
    agree(tmp_path, nodes, (1, 3, 5, 5), {"w": whole(3, 3, 3, 3)})


def test_joined_channels_and_vectors(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Tanh", ["x"], ["t"]),
        node("Concat", ["r", "t"], ["j"], axis=1),
        node("Conv", ["j", "w"]),
    ]
    agree(tmp_path, nodes, (1, 3, 5, 5), {"w": whole(2, 6, 3, 3)}, tolerance=1e-5)
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Flatten", ["x"], ["g"]),
        node("Concat", ["f", "g"], ["j"], axis=-1),
        node("Gemm", ["j", "w"]),
    ]
    agree(tmp_path, nodes, (1, 3, 4, 5), {"w": whole(120, 5)})


SPLITS = {
    "halves": (19, {"axis": 1}, None, 2),
    "sizes": (19, {"axis": -3}, [1, 4, 1], 3),
    "the last is smaller": (18, {"axis": 1, "num_outputs": 4}, None, 4),
    "sizes of old models": (11, {"axis": 1, "split": [2, 4]}, None, 2),
}


@pytest.mark.parametrize("case", SPLITS)
def test_channels_are_split(tmp_path, case):
    opset, attributes, sizes, parts = SPLITS[case]
    names = [f"part{number}" for number in range(parts)]
    inputs, constants = (["r"], {}) if sizes is None else (["r", "s"], {"s": np.array(sizes)})
    nodes = [node("Relu", ["x"], ["r"]), node("Split", inputs, names, **attributes)]
    turned = [*nodes, node("Concat", names[::-1], axis=1)]
    agree(tmp_path, turned, (1, 6 + (parts == 4), 4, 5), constants, opset=opset)


def test_a_branch_of_half_the_channels_leaves_the_other_half(tmp_path):
    nodes = [
        node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        node("Split", ["r"], ["a", "b"], axis=1, num_outputs=2),
        helper.make_node("Conv", ["b", "k"], ["d"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("Concat", ["a", "b", "e"], ["j"], axis=1),
        helper.make_node("Conv", ["j", "v"], ["y"], name="last"),
    ]
    agree(tmp_path, nodes, (1, 3, 6, 5), {"w": whole(8, 3, 3, 3), "k": whole(4, 4, 3, 3), "v": whole(5, 12, 1, 1)})


SLICES = {
    "from a place on": ((1, 6, 4, 5), [2], [2**62], [1], None),
    "counted from behind": ((1, 6, 4, 5), [-3], [-1], [-3], None),
    "every other one": ((1, 6, 4, 5), [1], [6], [1], [2]),
    "backwards": ((1, 6, 4, 5), [-1], [-(2**62)], [1], [-1]),
    "beside whole axes": ((1, 6, 4, 5), [0, 0, 1, 0], [1, 4, 3, 9], [0, 2, 1, 3], [1, 1, 1, 1]),
    "of a vector": ((1, 6), [1], [4], [1], None),
}


@pytest.mark.parametrize("case", SLICES)
def test_channels_are_sliced(tmp_path, case):
    shape, *parts = SLICES[case]
    constants = {name: np.array(part) for name, part in zip(["s", "e", "a", "t"], parts, strict=True) if part}
    nodes = [node("Relu", ["x"], ["r"]), node("Slice", ["r", *constants])]
    agree(tmp_path, nodes, shape, constants)
    if "t" not in constants:
        old = {"starts": parts[0], "ends": [min(end, 2**31) for end in parts[1]], "axes": parts[2]}
        new = agree(tmp_path, nodes, shape, constants)
        graph = load(tmp_path, model([nodes[0], node("Slice", ["r"], **old)], {"x": shape}, opset=9))
        np.testing.assert_array_equal(result(lower(graph), [whole(*shape)]).reshape(new.shape), new)


def test_channels_in_the_last_axis_are_sliced_too(tmp_path):
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        node("Split", ["t"], ["a", "b"], axis=3, num_outputs=2),
        helper.make_node("Transpose", ["b"], ["y"], perm=[0, 3, 1, 2]),
    ]
    agree(tmp_path, nodes, (1, 6, 4, 5))


def test_a_selection_is_said_and_masked_and_left_out_where_nothing_reads_it(tmp_path):
    nodes = [
        node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2),
        node("Split", ["a"], ["c", "d"], axis=1, num_outputs=2),
        node("Relu", ["b"]),
    ]
    graph = load(tmp_path, model(nodes, {"x": (1, 4, 3, 3)}))
    (conv,) = [one for one in graph.nodes.values() if isinstance(one, Conv2d)]
    assert np.argwhere(conv.mask[:, :, 0, 0]).tolist() == [[0, 2], [1, 3]]
    assert graph_parameters(graph) == 0
    (name,) = [name for name, one in graph.nodes.items() if one is conv]
    assert graph.assumptions[1:] == (f"{name}: 2 of 4 channels are selected by a convolution 1x1",)


FLATTENED = {
    "flatten": [helper.make_node("Flatten", ["x"], ["f"])],
    "reshape": [helper.make_node("Reshape", ["x", "shape"], ["f"])],
    "channels last": [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["t", "shape"], ["f"]),
    ],
    "rows and columns exchanged": [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Flatten", ["t"], ["f"]),
    ],
    "shape of the shape": [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"], axis=0),
        helper.make_node("Unsqueeze", ["n", "zeros"], ["u"]),
        helper.make_node("Concat", ["u", "rest"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["x", "sizes"], ["f"]),
    ],
}


@pytest.mark.parametrize("case", FLATTENED)
def test_dense_weights_behind_reshapes_see_the_map_in_their_order(tmp_path, case):
    constants = {"shape": np.array([1, -1]), "w": whole(60, 4)}
    constants |= {"zero": np.array(0), "zeros": np.array([0]), "rest": np.array([-1])}
    agree(tmp_path, [*FLATTENED[case], node("Gemm", ["f", "w"])], (1, 3, 4, 5), constants)


def test_reshapes_leave_no_nodes_behind(tmp_path):
    nodes = [
        helper.make_node("Squeeze", ["x", "a"], ["s"]),
        helper.make_node("Unsqueeze", ["s", "a"], ["u"]),
        helper.make_node("Identity", ["u"], ["i"]),
        helper.make_node("Dropout", ["i"], ["d"]),
        helper.make_node("Cast", ["d"], ["c"], to=1),
        node("Gemm", ["c", "w"]),
    ]
    proto = model(nodes, {"x": (1, 7)}, {"a": np.array([0]), "w": whole(7, 3)})
    ours, want = both(tmp_path, proto, whole(1, 7))
    np.testing.assert_array_equal(ours, want)
    assert [type(n) for n in load(tmp_path, proto).nodes.values()][1] is Dense


def test_channels_last_inputs_are_maps_with_channels_first(tmp_path):
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), node("Conv", ["t", "w"])]
    proto = model(nodes, {"x": (1, 5, 6, 3)}, {"w": whole(2, 3, 3, 3)})
    graph = load(tmp_path, proto)
    assert graph.nodes["x"].shape == (3, 5, 6)
    _, want = both(tmp_path, proto, whole(1, 5, 6, 3))
    np.testing.assert_array_equal(result(lower(graph), [whole(1, 5, 6, 3).transpose(0, 3, 1, 2)]), want)


def test_squeeze_excite_is_a_product_with_one_factor_per_channel(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["m"]),
        helper.make_node("Conv", ["m", "a"], ["s"]),
        helper.make_node("Relu", ["s"], ["t"]),
        helper.make_node("Conv", ["t", "b"], ["e"]),
        helper.make_node("Sigmoid", ["e"], ["g"]),
        node("Mul", ["g", "r"]),
    ]
    constants = {"a": whole(2, 4, 1, 1) / 4, "b": whole(4, 2, 1, 1) / 4}
    agree(tmp_path, nodes, (1, 4, 5, 5), constants, tolerance=1e-6)
    assert isinstance(load(tmp_path, model(nodes, {"x": (1, 4, 5, 5)}, constants)).nodes["mul"], Product)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax", "Hardmax", "ArgMax"])
def test_ranking_at_the_end_is_left_to_the_host(tmp_path, op):
    nodes = [node("Gemm", ["x", "w"], ["g"]), node(op, ["g"], axis=1)]
    weight = whole(7, 5)
    graph = load(tmp_path, model(nodes, {"x": (1, 7)}, {"w": weight}))
    assert graph.assumptions[1] == f"{op.lower()}: {op} at the end of the network is left to the host"
    x = whole(1, 7)
    np.testing.assert_array_equal(result(lower(graph), [x]).reshape(-1), (x @ weight)[0])


def test_nodes_that_no_output_needs_are_left_out(tmp_path):
    nodes = [node("Relu", ["x"]), helper.make_node("NonZero", ["x"], ["unused"])]
    graph = load(tmp_path, model(nodes, {"x": (1, 7), "z": (1, 3)}))
    assert list(graph.nodes) == ["x", "relu", "output"]
    assert graph.assumptions[1] == "z: this input is read by nothing that an output depends on; it was left out"


def test_input_and_task_follow_the_shapes(tmp_path):
    vector = load(tmp_path, model([node("Relu", ["x"])], {"x": ("batch", 7)}))
    assert (vector.task, vector.input_contract.representation, vector.nodes["x"].shape) == (
        "classification",
        "frame",
        (7,),
    )
    map_ = load(tmp_path, model([node("Relu", ["x"])], {"x": ("batch", 3, "h", "w")}), shapes={"x": (1, 3, 4, 4)})
    assert (map_.task, map_.nodes["x"].shape) == ("other", (3, 4, 4))


def test_a_size_closes_what_a_file_leaves_open(tmp_path):
    path = save(tmp_path, model([node("Relu", ["x"])], {"x": ("batch", 3, "h", "w")}))
    assert load_network(path, size="6x8").layers[0].shape == (3, 6, 8)
    closed = save(tmp_path, model([node("Relu", ["x"])], {"x": (1, 3, 4, 5)}), "closed.onnx")
    assert load_network(closed, size=(4, 5)).layers[0].shape == (3, 4, 5)
    with pytest.raises(RequestError) as caught:
        load_network(closed, size="6x8")
    assert str(caught.value) == "size: closed states an input of 4x5 itself; leave size out"


def test_two_outputs_and_two_inputs(tmp_path):
    nodes = [
        helper.make_node("Relu", ["a"], ["p"], name="first"),
        helper.make_node("Add", ["a", "b"], ["q"], name="second"),
        helper.make_node("Sigmoid", ["q"], ["r"], name="third"),
    ]
    graph = load(tmp_path, model(nodes, {"a": (1, 4), "b": (1, 4)}, outputs=("p", "r")))
    assert [name for name in graph.nodes if name.endswith("output")] == ["p.output", "r.output"]
    assert isinstance(graph.nodes["second"], Add)
    assert not any(isinstance(n, Flatten) for n in graph.nodes.values())
