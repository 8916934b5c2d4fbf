"""What cannot be read is refused with one sentence that names the node and what would help."""

import sys

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph.onnx import read_onnx
from tests.onnx.models import DOMAINS, load, model, save


def node(op, inputs, output="y", domain="", **attributes):
    return helper.make_node(op, inputs, [output], name=op.lower(), domain=domain, **attributes)


MAP = {"x": (1, 3, 6, 6)}
ONES = np.ones((4, 3, 3, 3), np.float32)
ATTENTION = "multiplies two matrices that both depend on the input (attention), for which the chip has no program; "
REFUSED = {
    "operator": (
        [node("Gelu", ["x"])],
        {},
        "net: gelu (Gelu): the operator Gelu is not supported here; use Relu",
    ),
    "unknown operator": (
        [node("Einsum", ["x"], equation="...->...")],
        {},
        "net: einsum (Einsum): the operator Einsum is not supported here; write it with supported operators, or build the "
        "network with GraphBuilder",
    ),
    "recurrent operator": (
        [node("GRU", ["x", "w", "w"], hidden_size=3)],
        {"w": ONES},
        "net: gru (GRU): the operator GRU is not supported here; write the cell as a native ConvGru with a 1x1 kernel",
    ),
    "domain": (
        [node("Fancy", ["x"], domain="my.ops")],
        {},
        "net: fancy (Fancy): operators of the domain 'my.ops' are not supported; write it with operators of ONNX or QONNX",
    ),
    "dialect": (
        [node("Conv", ["x", "w"], domain="qonnx.custom_op.channels_last")],
        {"w": ONES},
        "net: conv (Conv): the channels-last dialect is not supported; export before qonnx converts to channels-last",
    ),
    "optimised": (
        [node("FusedConv", ["x", "w"], domain="com.microsoft")],
        {"w": ONES},
        "net: fusedconv (FusedConv): FusedConv of com.microsoft is a product of runtime optimisation; export the model "
        "without optimising it",
    ),
    "missing weights": (
        [node("Conv", ["x", "gone"])],
        {},
        "net: conv (Conv): input 1, 'gone', is neither an input of the model nor stored in the file nor made by a node before "
        "this one; export the model with its weights",
    ),
    "NaN": (
        [node("Conv", ["x", "w"])],
        {"w": np.where(np.arange(108).reshape(4, 3, 3, 3) == 5, np.nan, 1).astype(np.float32)},
        "net: conv: weight is nan at [0, 0, 1, 2], expected a finite number (1 of 108 are not); export the network again from a "
        "healthy checkpoint",
    ),
    "NaN in a quantised weight": (
        [node("Quant", ["w", "one", "zero", "four"], "q", DOMAINS[0]), node("Conv", ["x", "q"])],
        {"w": np.full_like(ONES, np.nan), "one": np.float32(1), "zero": np.float32(0), "four": np.float32(4)},
        "net: quant (Quant): the weight holds nan, expected finite numbers; export again from a healthy checkpoint",
    ),
    "scale of zero": (
        [node("Quant", ["x", "zero", "zero", "four"], domain=DOMAINS[0])],
        {"zero": np.float32(0), "four": np.float32(4)},
        "net: quant (Quant): the scale holds 0.0, expected positive numbers; export again from a healthy checkpoint",
    ),
    "rounding": (
        [node("Quant", ["x", "one", "zero", "four"], domain=DOMAINS[0], rounding_mode="UP")],
        {"one": np.float32(1), "zero": np.float32(0), "four": np.float32(4)},
        "net: quant (Quant): rounds by 'UP', expected one of ROUND, HALF_EVEN, HALF_UP, CEIL, FLOOR, DOWN; export with ROUND",
    ),
    "fractional width": (
        [node("Quant", ["x", "one", "zero", "width"], domain=DOMAINS[0])],
        {"one": np.float32(1), "zero": np.float32(0), "width": np.float32(3.5)},
        "net: quant (Quant): is 3.5 bits wide, which gives no whole range of codes; use whole widths",
    ),
    "weights that depend on the input": (
        [node("Relu", ["x"], "w"), node("Conv", ["x", "w"])],
        {},
        "net: conv (Conv): input 1, 'w', depends on the network's input; only a constant is supported",
    ),
    "gates": (
        [node("Sigmoid", ["x"], "s"), node("Tanh", ["x"], "t"), node("Mul", ["s", "t"])],
        {},
        "net: mul (Mul): multiplies two signals of maps [3, 6, 6] and [3, 6, 6]; only a factor per channel (squeeze-excite) is "
        "supported; write gates of a recurrent cell as a native ConvGru, ConvMgu or ConvLstm",
    ),
    "attention": (
        [node("Relu", ["x"], "s"), node("MatMul", ["x", "s"])],
        {},
        f"net: matmul (MatMul): {ATTENTION}use layers with constant weights",
    ),
    "division": (
        [node("Relu", ["x"], "s"), node("Div", ["x", "s"])],
        {},
        "net: div (Div): divides by a value that depends on the input, for which the chip has no program; divide by a constant",
    ),
    "softmax inside": (
        [node("Softmax", ["x"], "s"), node("Relu", ["s"])],
        {},
        "net: relu (Relu): follows softmax (Softmax), which is supported at the end of a network only; cut the model before it",
    ),
    "constants of a place": (
        [node("Add", ["x", "p"])],
        {"p": np.arange(36, dtype=np.float32).reshape(6, 6)},
        "net: add (Add): a constant of shape [6, 6] differs within a channel of [1, 3, 6, 6]; only one number, or one per "
        "channel, is supported",
    ),
    "unequal maps": (
        [node("MaxPool", ["x"], "p", kernel_shape=[2, 2], strides=[2, 2]), node("Add", ["x", "p"])],
        {},
        "net: add (Add): combines maps [3, 6, 6] and [3, 3, 3] (channels, rows, columns); make them equal, for sums by a "
        "convolution on one path",
    ),
    "uneven padding between dilated taps": (
        [node("Conv", ["x", "w"], pads=[0, 0, 1, 1], dilations=[2, 2])],
        {"w": ONES},
        "net: conv (Conv): pads 0 in front and 1 behind with dilation 2, which no kernel with equal padding gives; pad both "
        "sides alike",
    ),
    "uneven max pooling": (
        [node("MaxPool", ["x"], kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])],
        {},
        "net: maxpool (MaxPool): pads 0 in front and 1 behind a window of 3; only equal padding of at most half the window is "
        "supported",
    ),
    "incomplete windows": (
        [node("MaxPool", ["x"], kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1)],
        {},
        "net: maxpool (MaxPool): ceil_mode adds incomplete windows, which are not supported; use ceil_mode=False",
    ),
    "sliced rows": (
        [node("Slice", ["x", "s", "e", "a"])],
        {"s": np.array([1]), "e": np.array([4]), "a": np.array([2])},
        "net: slice (Slice): cuts axis 2 of [1, 3, 6, 6], made from a map [3, 6, 6]; only channels can be cut; use a strided "
        "convolution instead of slicing rows and columns",
    ),
    "no channel left": (
        [node("Slice", ["x", "s", "e", "a"])],
        {"s": np.array([3]), "e": np.array([9]), "a": np.array([1])},
        "net: slice (Slice): leaves no channel of 3; export the model again",
    ),
    "an axis that is not there": (
        [node("Slice", ["x", "s", "e", "a"])],
        {"s": np.array([0]), "e": np.array([1]), "a": np.array([4])},
        "net: slice (Slice): cuts axis 4 of [1, 3, 6, 6]; export the model again",
    ),
    "steps of zero": (
        [node("Slice", ["x", "s", "e", "s", "s"])],
        {"s": np.array([0]), "e": np.array([1])},
        "net: slice (Slice): slices axes [0] from [0] to [1] by [0]; export the model again",
    ),
    "parts that are not all": (
        [helper.make_node("Split", ["x", "s"], ["y", "z"], name="split", axis=1)],
        {"s": np.array([1, 1])},
        "net: split (Split): splits 3 values into [1, 1] for 2 outputs; export the model again",
    ),
    "means of fewer values": (
        [node("AveragePool", ["x"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])],
        {},
        "net: averagepool (AveragePool): windows at the border are divided by fewer values (count_include_pad 0); use "
        "count_include_pad=True",
    ),
    "padding in front of max pooling": (
        [node("Pad", ["x", "p"], "z"), node("MaxPool", ["z"], kernel_shape=[2, 2])],
        {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
        "net: maxpool (MaxPool): follows a Pad; zeros around a map are supported in front of Conv and AveragePool only",
    ),
    "linear interpolation": (
        [node("Resize", ["x", "", "s"], mode="linear")],
        {"s": np.array([1, 1, 2, 2], np.float32)},
        "net: resize (Resize): resizes by 'linear'; only nearest upsampling is supported",
    ),
    "fractional upsampling": (
        [node("Resize", ["x", "", "s"], mode="nearest")],
        {"s": np.array([1, 1, 1.5, 2], np.float32)},
        "net: resize (Resize): 6 to 9 pixels is no nearest upsampling by a whole factor (each pixel repeated); use a whole scale "
        "with coordinate_transformation_mode='asymmetric', nearest_mode='floor'",
    ),
    "channel shuffle": (
        [node("Reshape", ["x", "s"], "r"), node("Transpose", ["r"], perm=[0, 1, 3, 2, 4])],
        {"s": np.array([1, 3, 2, 3, 6])},
        "net: transpose (Transpose): transposes [1, 3, 2, 3, 6], a map [3, 6, 6] reshaped before (channel shuffle, attention "
        "heads), which is not supported; use grouped convolutions without shuffle",
    ),
    "operators between codes": (
        [node("QuantizeLinear", ["x", "one", "zero"], "q"), node("Relu", ["q"])],
        {"one": np.float32(1), "zero": np.int8(0)},
        "net: relu (Relu): computes between QuantizeLinear and DequantizeLinear; export in the QDQ form, where operators take "
        "dequantised values",
    ),
    "other scale behind": (
        [node("QuantizeLinear", ["x", "one", "zero"], "q"), node("DequantizeLinear", ["q", "two", "zero"])],
        {"one": np.float32(1), "two": np.float32(2), "zero": np.int8(0)},
        "net: dequantizelinear (DequantizeLinear): expected codes of a QuantizeLinear with the same scale and zero point; export "
        "in the QDQ form",
    ),
    "thresholds out of order": (
        [node("MultiThreshold", ["x", "t"], domain=DOMAINS[1])],
        {"t": np.array([[1, 0]], np.float32)},
        "net: multithreshold (MultiThreshold): 1 rows of thresholds for 3 channels, expected one for each, ascending",
    ),
    "wrong channels": (
        [node("Conv", ["x", "w"])],
        {"w": np.ones((4, 2, 3, 3), np.float32)},
        "net: conv (Conv): the weight takes 2 channels in each of 1 groups, 3 arrive; export the model again",
    ),
    "kernel too large": (
        [node("Conv", ["x", "w"])],
        {"w": np.ones((4, 3, 7, 7), np.float32)},
        "net: conv (Conv): a kernel spanning (7, 7) is larger than its padded input (6, 6)",
    ),
    "training": (
        [helper.make_node("BatchNormalization", ["x", "g", "g", "g", "g"], ["y"], name="bn", training_mode=1)],
        {"g": np.ones(3, np.float32)},
        "net: bn (BatchNormalization): is in training mode; export the model after model.eval()",
    ),
    "dense on a map": (
        [node("Gemm", ["x", "w"])],
        {"w": np.ones((6, 3), np.float32)},
        "net: gemm (Gemm): a weight of shape [3, 6] (out, in) meets values of shape [1, 3, 6, 6]; only vectors, and channels in "
        "the last axis, are supported",
    ),
    "impossible reshape": (
        [node("Reshape", ["x", "s"])],
        {"s": np.array([1, 7, -1])},
        "net: reshape (Reshape): [1, 3, 6, 6] cannot be reshaped to [1, 7, -1]; export the model again",
    ),
    "bad constants": (
        [node("Add", ["a", "b"], "c"), node("Add", ["x", "c"])],
        {"a": np.ones(3, np.float32), "b": np.ones(4, np.float32)},
        "net: add (Add): does not fit its constant inputs (shapes [3], [4]): operands could not be broadcast together with shapes "
        "(3,) (4,) ; export the model again",
    ),
    "endless constants": (
        [node("ConstantOfShape", ["a"], "c"), node("Add", ["x", "c"])],
        {"a": np.array([1 << 20, 1 << 20])},
        "net: constantofshape (ConstantOfShape): makes a constant of 1099511627776 values, expected at most 268435456",
    ),
}


@pytest.mark.parametrize("channels", [1 << 14, 1 << 44])
def test_a_selection_of_very_many_channels_is_refused_before_it_is_made(channels, tmp_path):
    split = helper.make_node("Split", ["x"], ["y", "z"], name="split", axis=1)
    with pytest.raises(GraphError) as raised:
        load(tmp_path, model([split], {"x": (1, channels)}, outputs=("y", "z")))
    assert str(raised.value) == (
        f"net: split (Split): selects {channels // 2} of {channels} channels, too many; check the shapes"
    )


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_supported_is_named(tmp_path, case):
    nodes, constants, text = REFUSED[case]
    with pytest.raises(GraphError) as raised:
        load(tmp_path, model(nodes, MAP, constants))
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        (
            ("n", 3, "h", "w"),
            "net: x (input): its shape [1, 3, 'h', 'w'] leaves h, w open; export with fixed sizes, or state "
            "rows and columns with size (--size HxW), other axes with OnnxOptions(shapes={'x': ...})",
        ),
        ((2, 3, 4, 4), "net: x (input): has batch size 2; export the model with batch size 1"),
        ((5,), "net: x (input): has shape [5]; expected a batch axis and one to three more"),
        (
            None,
            "net: x (input): its shape is unknown; state it, batch axis included, with OnnxOptions(shapes={'x': ...})",
        ),
    ],
)
def test_inputs_without_a_fixed_shape_are_refused(tmp_path, sizes, text):
    with pytest.raises(GraphError) as raised:
        load(tmp_path, model([node("Relu", ["x"])], {"x": sizes}))
    assert str(raised.value) == text


def test_outputs_that_are_no_values_are_refused(tmp_path):
    text = "does not depend on the input, or is no real value (integer codes, padding); export another output"
    for nodes in ([node("Identity", ["c"])], [node("QuantizeLinear", ["x", "c", "z"])]):
        with pytest.raises(GraphError) as raised:
            load(tmp_path, model(nodes, MAP, {"c": np.float32(1), "z": np.int8(0)}))
        assert str(raised.value) == f"net: the output 'y' {text}"


def refused(path):
    with pytest.raises(FileFormatError) as raised:
        read_onnx(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def test_truncated_and_foreign_files_are_refused(tmp_path):
    whole = save(tmp_path, model([node("Conv", ["x", "w"])], MAP, {"w": ONES})).read_bytes()
    path = tmp_path / "cut.onnx"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises((FileFormatError, GraphError)):
            read_onnx(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(path) == "not an ONNX file, or a truncated one; export or copy it again"
    path.write_bytes(b"")
    assert refused(path) == "an ONNX file without nodes or outputs, perhaps truncated; export or copy it again"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    assert refused(path) == "not an ONNX file, or a truncated one; export or copy it again"


def test_weights_in_another_file_are_refused(tmp_path):
    proto = model([node("Conv", ["x", "w"])], MAP, {"w": ONES})
    proto.graph.initializer[0].data_location = TensorProto.EXTERNAL
    assert refused(save(tmp_path, proto)) == (
        "the values of 'w' lie in another file, which is not read; save the model with "
        "onnx.save(model, path, save_as_external_data=False)"
    )


def test_weights_of_the_wrong_size_are_refused(tmp_path):
    proto = model([node("Conv", ["x", "w"])], MAP, {"w": ONES})
    proto.graph.initializer[0].raw_data = b"1234"
    assert refused(save(tmp_path, proto)) == (
        "the values of 'w' do not fit their shape [4, 3, 3, 3]; export the model again"
    )


def test_control_flow_is_refused(tmp_path):
    branch = helper.make_graph([node("Relu", ["x"])], "branch", [], [helper.make_tensor_value_info("y", 1, None)])
    proto = model([node("If", ["c"], then_branch=branch, else_branch=branch)], MAP, {"c": np.array(True)})
    with pytest.raises(GraphError) as raised:
        load(tmp_path, proto)
    assert str(raised.value) == (
        "net: if (If): control flow (a graph within a node) cannot be mapped; export the network unrolled"
    )


def test_a_missing_package_is_said_with_the_command(tmp_path, monkeypatch):
    path = save(tmp_path, model([node("Relu", ["x"])], MAP))
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert refused(path) == "reading ONNX needs the package onnx; pip install 'seneca-sim[onnx]'"


def test_constants_of_small_types_are_widened(tmp_path):
    weight = np.ones((4, 3, 3, 3), np.float32)
    proto = model([node("Conv", ["x", "w"])], MAP)
    tensor = helper.make_tensor("w", TensorProto.BFLOAT16, weight.shape, weight.ravel().tolist())
    proto.graph.initializer.append(tensor)
    assert numpy_helper.to_array(tensor).dtype.name == "bfloat16"
    assert load(tmp_path, proto).nodes["conv"].weight.dtype == np.float32


def test_scales_that_do_not_fit_are_refused(tmp_path):
    constants = {
        "w": ONES,
        "s": np.ones(2, np.float32),
        "z": np.float32(0),
        "b": np.float32(4),
        "u": np.zeros(2, np.int8),
    }
    for op, domain, inputs, text in (
        (
            "Quant",
            DOMAINS[0],
            ["w", "s", "z", "b"],
            "scales [2] do not fit a weight [4, 3, 3, 3]; export the model again",
        ),
        ("BipolarQuant", DOMAINS[0], ["w", "s"], "scales [2] do not fit a weight [4, 3, 3, 3]; export the model again"),
        (
            "QuantizeLinear",
            "",
            ["w", "s", "u"],
            "scales [1, 2, 1, 1] do not fit a weight [4, 3, 3, 3]; export the model again",
        ),
    ):
        with pytest.raises(GraphError) as raised:
            load(tmp_path, model([node(op, inputs, "v", domain), node("Conv", ["x", "v"])], MAP, constants))
        assert str(raised.value) == f"net: {op.lower()} ({op}): {text}"


TEXT = np.array(["a"], object)
HUGE = {"x": (1, 64, 1 << 20, 1 << 20)}


@pytest.mark.parametrize(
    ("nodes", "inputs", "constants", "message"),
    [
        (
            [node("Add", ["x", "t"])],
            MAP,
            {"t": TEXT},
            "input 1, 't', is text, expected numbers; export the model again",
        ),
        ([node("Concat", ["x", "x"], axis=9)], MAP, {}, "joins along axis 9 of [1, 3, 6, 6]; export the model again"),
        (
            [node("Mul", ["x", "c"])],
            HUGE,
            {"c": np.ones(64, np.float32).reshape(64, 1, 1)},
            "a map of 64 x 1048576 x 1048576 values (channels, rows, columns) is larger than 1073741824; check sizes and padding",
        ),
    ],
)
def test_what_numbers_cannot_be_is_refused(tmp_path, nodes, inputs, constants, message):
    with pytest.raises(GraphError) as raised:
        load(tmp_path, model(nodes, inputs, constants))
    assert str(raised.value) == f"net: {nodes[0].name} ({nodes[0].op_type}): {message}"


def test_names_with_control_characters_are_escaped(tmp_path):
    evil = helper.make_node("Gelu", ["x"], ["y"], name="a\x1b[2J\nb")
    with pytest.raises(GraphError) as raised:
        load(tmp_path, model([evil], MAP, {}))
    assert str(raised.value) == r"net: a\x1b[2J\nb (Gelu): the operator Gelu is not supported here; use Relu"


def test_weights_that_their_scale_makes_infinite_are_limited_or_refused(tmp_path):
    tiny = {"w": ONES * np.float32(1e30), "s": np.float32(1e-30), "z": np.float32(0), "b": np.float32(4)}
    nodes = [node("Quant", ["w", "s", "z", "b"], "v", DOMAINS[0]), node("Conv", ["x", "v"])]
    assert load(tmp_path, model(nodes, MAP, tiny)).nodes["conv"].weight.max() == 7
