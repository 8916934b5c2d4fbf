"""TensorFlow Lite files as graphs: each operator in the words of ONNX, with a quantiser behind it.

An int8 tensor stands for ``scale * (code - zero point)``; events carry these values, which are whole multiples of the scale.
Sums are int32 and exact; the factor behind them is FP32 where the kernels of TensorFlow Lite have 31-bit fixed point. These
kernels round twice: first to f more bits (f is the right shift of the factor), then up from the half on, so that codes change
2^-(f+1) before the half, which is added to the bias here. Codes are therefore equal to those of the optimised kernels, but
for values within FP32's rounding of a border: about one in 100,000 differs by one, and what follows from it. (The reference
kernels round negative halves down.) Means round halves of codes below zero, the usual case, as the kernels do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.nodes import Array
from seneca_sim.graph.onnx.model import OnnxModel, OnnxNode
from seneca_sim.graph.onnx.reader import OnnxOptions, build_graph
from seneca_sim.graph.tflite.model import Operator, Tensor, TfliteModel, read_model

__all__ = ["read_tflite"]

_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)
"""Permutations to channels first, and back."""
_RELU, _RELU_N1_TO_1, _RELU6 = 1, 2, 3
"""Numbers of fused activations."""
_QUANTISED = (np.int8, np.uint8, np.int16)


def read_tflite(path: str | Path) -> Graph:
    """Read a TensorFlow Lite file as a graph.

    Raises `FileFormatError` for what is no such file or a broken one, `GraphError` for what cannot be built.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "net.tflite").write_bytes(b"no network")
    ...     read_tflite(f"{folder}/net.tflite")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    seneca_sim.errors.FileFormatError: ...net.tflite: not a TensorFlow Lite file, it lacks the mark TFL3; export or copy it again
    """
    model = read_model(Path(path))
    writer = _Writer(Path(path).stem, model)
    for number, operator in enumerate(model.operators):
        writer.write(number, operator)
    inputs = {f"input{n or ''}": model.tensors[tensor].shape for n, tensor in enumerate(model.inputs)}
    unmade = [tensor for tensor in model.outputs if tensor not in writer.names]
    if unmade:
        raise GraphError(f"{writer.stem}: the output {unmade[0]} is made by no operator; export the model again")
    names = tuple(writer.names[tensor] for tensor in model.outputs)
    nodes, constants = tuple(writer.nodes), MappingProxyType(writer.constants)
    return build_graph(OnnxModel(writer.stem, nodes, constants, MappingProxyType(inputs), names, 18), OnnxOptions())


class _Writer:
    """Writes operators of ONNX; `names` holds the value of each tensor by its number."""

    def __init__(self, stem: str, model: TfliteModel) -> None:
        self.stem = stem
        self.model = model
        self.nodes: list[OnnxNode] = []
        self.constants: dict[str, Array] = {}
        self.names: dict[int, str] = {}
        self.name = ""
        self.kind = ""
        self.count = 0
        for number, tensor in enumerate(model.inputs):
            self.names[tensor] = self.name = f"input{number or ''}"
            if len(model.tensors[tensor].shape) == 4:  # read through a permutation, which makes the map channels-first
                self.names[tensor] = self.node("Transpose", self.node("Transpose", self.name, perm=_FIRST), perm=_LAST)

    def write(self, number: int, operator: Operator) -> None:
        """Write one operator, its fused activation and the quantiser of its result."""
        self.name, self.kind, self.count = f"{operator.kind.lower()}_{number}", operator.kind, 0
        convert = _OPERATORS.get(operator.kind)
        if convert is None:
            raise self.refused(
                "is not supported; use convolutions, dense layers, pooling, sums, ReLU and softmax at the end"
            )
        function = operator.options.get("FusedActivationFunction", 0)
        value = self.fused(self.nudged(convert(self, operator), operator), function)
        for tensor in operator.outputs:
            self.names[tensor] = self.quantised(value, operator, self.model.tensors[tensor])

    def refused(self, what: str) -> GraphError:
        """Return the error that an operator cannot be read."""
        return GraphError(f"{self.stem}: {self.name} ({self.kind}): {what}")

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Write a node of ONNX and return the name of what it gives; the quantiser has the operator's name."""
        self.count += 1
        name = self.name if op == "Quant" else f"{self.name}.{op.lower()}_{self.count}"
        domain = "qonnx.custom_op.general" if op == "Quant" else ""
        where = f"{self.stem}: {self.name} ({self.kind})"
        self.nodes.append(OnnxNode(where, name, op, domain, inputs, (name,), MappingProxyType(attributes)))
        return name

    def constant(self, array: Any) -> str:
        """Store an array and return its name."""
        name = f"{self.name}:{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def value(self, operator: Operator, index: int) -> str:
        """Return the name of an input's value: a signal, or a stored tensor, dequantised."""
        tensor = operator.inputs[index]
        if tensor in self.names:
            return self.names[tensor]
        stored = self.stored(operator, index)
        parts = self.model.tensors[tensor]
        if parts.scale is None:
            return self.constant(stored)
        zero = np.asarray(parts.zero)
        if zero.size not in (1, parts.scale.size):
            raise self.refused(f"input {index} has {parts.scale.size} scales and {zero.size} zero points; export again")
        zeros = np.broadcast_to(zero, parts.scale.shape)
        return self.node(
            "DequantizeLinear", self.constant(stored), self.constant(parts.scale), self.constant(zeros), axis=parts.axis
        )

    def stored(self, operator: Operator, index: int) -> Array:
        """Return the values of a tensor that the file stores."""
        data = self.model.tensors[operator.inputs[index]].data
        if data is None:
            raise self.refused(
                f"input {index} depends on the network's input or is missing; only stored weights are supported"
            )
        return data

    def fused(self, value: str, function: int) -> str:
        """Write the activation that is fused behind an operator."""
        if function == 0:
            return value
        bounds = {_RELU: (0.0, np.inf), _RELU_N1_TO_1: (-1.0, 1.0), _RELU6: (0.0, 6.0)}
        if function not in bounds:
            raise self.refused(f"its fused activation {function} is not supported; use ReLU, ReLU6 or none")
        return self.node("Clip", value, *(self.constant(np.float32(bound)) for bound in bounds[function]))

    def quantised(self, value: str, operator: Operator, tensor: Tensor) -> str:
        """Write the quantiser of a result, unless its codes are those of the input."""
        moved = operator.kind in ("RESHAPE", "SOFTMAX", "MAX_POOL_2D", "PAD", "RESIZE_NEAREST_NEIGHBOR")
        if tensor.scale is None or tensor.zero is None or moved or tensor.dtype not in _QUANTISED:
            return value
        bits, signed = 8 * tensor.dtype.itemsize, int(tensor.dtype.kind == "i")
        parts = [self.constant(part) for part in (tensor.scale[0], np.float32(tensor.zero[0]), np.float32(bits))]
        return self.node("Quant", value, *parts, signed=signed, narrow=0, rounding_mode="HALF_UP")

    def nudged(self, value: str, operator: Operator) -> str:
        """Write what rounding twice adds to the result of an operator with weights."""
        if operator.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            return value
        x, weight, y = (self.model.tensors[tensor].scale for tensor in (*operator.inputs[:2], operator.outputs[0]))
        if x is None or weight is None or y is None:
            return value
        shift = -np.frexp(x[0].astype(np.float64) * weight / y[0])[1]
        nudge = np.where(shift > 0, y[0] * 2.0 ** -(shift + 1.0), 0.0)
        return self.node("Add", value, self.constant(nudge.astype(np.float32)))


def _windows(operator: Operator) -> dict[str, Any]:
    """Return the attributes of a sliding window."""
    options = operator.options
    pairs = {"strides": (options["StrideH"], options["StrideW"])}
    if "DilationHFactor" in options:
        pairs["dilations"] = (options["DilationHFactor"], options["DilationWFactor"])
    if "FilterHeight" in options:
        pairs["kernel_shape"] = (options["FilterHeight"], options["FilterWidth"])
    return {"auto_pad": ("SAME_UPPER", "VALID")[options["Padding"]], **pairs}


def _conv(writer: _Writer, operator: Operator) -> str:
    depthwise = operator.kind == "DEPTHWISE_CONV_2D"
    weight = writer.node("Transpose", writer.value(operator, 1), perm=(3, 0, 1, 2) if depthwise else _FIRST)
    x = writer.node("Transpose", writer.value(operator, 0), perm=_FIRST)
    bias = [writer.value(operator, 2)] if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else []
    groups = writer.model.tensors[operator.inputs[0]].shape[-1] if depthwise else 1
    y = writer.node("Conv", x, weight, *bias, group=groups, **_windows(operator))
    return writer.node("Transpose", y, perm=_LAST)


def _dense(writer: _Writer, operator: Operator) -> str:
    if operator.options.get("WeightsFormat", 0):
        raise writer.refused("its weights are shuffled; export with the default format")
    size = writer.stored(operator, 1).shape[-1]
    x = writer.node("Reshape", writer.value(operator, 0), writer.constant(np.array([1, size])))
    bias = [writer.value(operator, 2)] if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else []
    return writer.node("Gemm", x, writer.value(operator, 1), *bias, transB=1)


def _pool(writer: _Writer, operator: Operator) -> str:
    mean = operator.kind == "AVERAGE_POOL_2D"
    x = writer.node("Transpose", writer.value(operator, 0), perm=_FIRST)
    y = writer.node("AveragePool" if mean else "MaxPool", x, **_windows(operator))
    y = writer.node("Transpose", y, perm=_LAST)
    size = operator.options["FilterHeight"] * operator.options["FilterWidth"]
    scale = writer.model.tensors[operator.inputs[0]].scale
    if not mean or size % 2 or scale is None:
        return y
    return writer.node("Add", y, writer.constant(np.float32(-scale[0] / (2 * size))))


def _mean(writer: _Writer, operator: Operator) -> str:
    axes = writer.constant(writer.stored(operator, 1).reshape(-1))
    return writer.node("ReduceMean", writer.value(operator, 0), axes, keepdims=operator.options.get("KeepDims", 0))


def _concat(writer: _Writer, operator: Operator) -> str:
    values = [writer.value(operator, index) for index in range(len(operator.inputs))]
    return writer.node("Concat", *values, axis=operator.options["Axis"])


def _pad(writer: _Writer, operator: Operator) -> str:
    amounts = writer.stored(operator, 1)
    x = writer.node("Transpose", writer.value(operator, 0), perm=_FIRST)
    pads = writer.constant(amounts[list(_FIRST)].T.reshape(-1).astype(np.int64))
    return writer.node("Transpose", writer.node("Pad", x, pads), perm=_LAST)


def _resize(writer: _Writer, operator: Operator) -> str:
    x = writer.node("Transpose", writer.value(operator, 0), perm=_FIRST)
    shape = writer.model.tensors[operator.inputs[0]].shape
    sizes = writer.constant(np.array([1, shape[-1], *writer.stored(operator, 1).reshape(-1)], np.int64))
    modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return writer.node("Transpose", writer.node("Resize", x, "", "", sizes, **modes), perm=_LAST)


def _plain(op: str, inputs: int = 1) -> Callable[[_Writer, Operator], str]:
    """Return a converter to an operator of the same inputs."""
    return lambda writer, operator: writer.node(op, *(writer.value(operator, index) for index in range(inputs)))


def _reshape(writer: _Writer, operator: Operator) -> str:
    shape = np.array(writer.model.tensors[operator.outputs[0]].shape, np.int64)
    return writer.node("Reshape", writer.value(operator, 0), writer.constant(shape))


_OPERATORS: dict[str, Callable[[_Writer, Operator], str]] = {
    "ADD": _plain("Add", 2),
    "AVERAGE_POOL_2D": _pool,
    "CONCATENATION": _concat,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _conv,
    "DEQUANTIZE": _plain("Identity"),
    "FULLY_CONNECTED": _dense,
    "LOGISTIC": _plain("Sigmoid"),
    "MAX_POOL_2D": _pool,
    "MEAN": _mean,
    "PAD": _pad,
    "QUANTIZE": _plain("Identity"),
    "RELU": _plain("Relu"),
    "RESHAPE": _reshape,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "SOFTMAX": _plain("Softmax"),
    "SUB": _plain("Sub", 2),
    "TANH": _plain("Tanh"),
}
