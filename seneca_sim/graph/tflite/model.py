"""The flatbuffer of a TensorFlow Lite file as plain values. The only module that needs the package `tflite`."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph.nodes import Array

__all__ = ["Operator", "Tensor", "TfliteModel", "read_model"]

_TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_, 7: np.int16, 9: np.int8}
_OPTIONS = {
    "ADD": ("AddOptions", ("FusedActivationFunction",)),
    "AVERAGE_POOL_2D": (
        "Pool2DOptions",
        ("Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth", "FusedActivationFunction"),
    ),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "CONV_2D": (
        "Conv2DOptions",
        ("Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
    ),
    "DEPTHWISE_CONV_2D": (
        "DepthwiseConv2DOptions",
        ("Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor", "FusedActivationFunction"),
    ),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction", "WeightsFormat")),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
    "SUB": ("SubOptions", ("FusedActivationFunction",)),
}
_OPTIONS["MAX_POOL_2D"] = _OPTIONS["AVERAGE_POOL_2D"]
"""The table of options of an operator, and the fields that the reader looks at."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor: its shape, its values if they are stored, and its quantisation: value = scale * (code - zero)."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: Array | None
    scale: Array | None
    zero: Array | None
    axis: int


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator; inputs left out have the number -1."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class TfliteModel:
    """A file's only graph."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_model(path: Path) -> TfliteModel:
    """Read a TensorFlow Lite file; raises `FileFormatError` if it is none, or broken."""
    try:
        import tflite
    except ImportError as error:
        raise FileFormatError(
            f"{path}: reading TensorFlow Lite needs the package tflite; pip install 'seneca-sim[tflite]'"
        ) from error
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}; check its permissions") from None
    if data[4:8] != b"TFL3":
        raise FileFormatError(f"{path}: not a TensorFlow Lite file, it lacks the mark TFL3; export or copy it again")
    try:
        model = tflite.Model.GetRootAs(data, 0)
        if model.SubgraphsLength() != 1:
            raise GraphError(
                f"{path.stem}: the file holds {model.SubgraphsLength()} graphs, expected 1; export without control flow"
            )
        graph = model.Subgraphs(0)
        return TfliteModel(
            tuple(_tensor(model, graph.Tensors(index)) for index in range(graph.TensorsLength())),
            tuple(_operator(tflite, model, graph.Operators(index)) for index in range(graph.OperatorsLength())),
            tuple(graph.Inputs(index) for index in range(graph.InputsLength())),
            tuple(graph.Outputs(index) for index in range(graph.OutputsLength())),
        )
    except GraphError:
        raise
    except (struct.error, IndexError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise FileFormatError(
            f"{path}: a damaged or truncated TensorFlow Lite file; export or copy it again"
        ) from error


def _tensor(model: Any, table: Any) -> Tensor:
    """Return a tensor."""
    shape = tuple(int(table.Shape(index)) for index in range(table.ShapeLength()))
    dtype = np.dtype(_TYPES[table.Type()])
    buffer = model.Buffers(table.Buffer())
    data = None
    if buffer is not None and buffer.DataLength():
        data = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype.newbyteorder("<"), prod(shape)).reshape(shape)
    stated = table.Quantization()
    if stated is None or not stated.ScaleLength():
        return Tensor(shape, dtype, data, None, None, 0)
    scale = np.array([stated.Scale(index) for index in range(stated.ScaleLength())], np.float32)
    zero = np.array([stated.ZeroPoint(index) for index in range(stated.ZeroPointLength())] or [0], np.int64)
    return Tensor(shape, dtype, data, scale, zero, stated.QuantizedDimension())


def _operator(tflite: Any, model: Any, table: Any) -> Operator:
    """Return an operator with the options that the reader looks at."""
    code = model.OperatorCodes(table.OpcodeIndex())
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    names = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}
    kind = names.get(number, f"operator {number}")
    if kind == "CUSTOM":
        kind = f"custom operator {(code.CustomCode() or b'').decode('utf-8', 'replace')!r}"
    options: dict[str, int] = {}
    if kind in _OPTIONS and table.BuiltinOptions() is not None:
        name, fields = _OPTIONS[kind]
        reader = getattr(tflite, name)()
        reader.Init(table.BuiltinOptions().Bytes, table.BuiltinOptions().Pos)
        options = {field: int(getattr(reader, field)()) for field in fields}
    inputs = tuple(table.Inputs(index) for index in range(table.InputsLength()))
    outputs = tuple(table.Outputs(index) for index in range(table.OutputsLength()))
    return Operator(kind, inputs, outputs, options)
