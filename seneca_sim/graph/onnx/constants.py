"""Constant folding: what a node gives when none of its inputs depends on the network's input, after ONNX's definitions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.nodes import Array
from seneca_sim.graph.onnx.model import OnnxNode
from seneca_sim.graph.onnx.values import Constant, signed_bits

__all__ = ["CONSTANT_OPERATORS", "fold", "new_shape"]

_MOST_VALUES = 1 << 28
"""Larger constants are refused: nothing that is folded for a network comes near."""

Arrays = Sequence[Array]

_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Abs": np.abs,
    "Add": np.add,
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Exp": np.exp,
    "Floor": np.floor,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Pow": np.power,
    "Reciprocal": np.reciprocal,
    "Round": np.rint,
    "Sign": np.sign,
    "Sqrt": np.sqrt,
    "Sub": np.subtract,
    "Where": np.where,
}
_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_}
_TYPES |= {10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64}


def new_shape(node: OnnxNode, shape: tuple[int, ...], stated: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that Reshape gives: 0 keeps a size, -1 takes what is left."""
    keep = not node.integer("allowzero", 0)
    sizes = [
        shape[place] if size == 0 and keep and place < len(shape) else int(size) for place, size in enumerate(stated)
    ]
    rest = prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and rest and prod(shape) % rest == 0:
        sizes[sizes.index(-1)] = prod(shape) // rest
    if min(sizes, default=1) < 0 or prod(sizes) != prod(shape):
        raise GraphError(f"{node.where}: {list(shape)} cannot be reshaped to {list(stated)}; export the model again")
    return tuple(sizes)


def _axes(node: OnnxNode, inputs: Arrays) -> tuple[int, ...] | None:
    stated = node.integers("axes")
    return tuple(int(axis) for axis in inputs[1].reshape(-1)) if stated is None and len(inputs) > 1 else stated


def _constant(node: OnnxNode, inputs: Arrays) -> Array:
    del inputs
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if name in node.attributes:
            kind = None if name == "value" else np.float32 if "float" in name else np.int64
            return np.asarray(node.attributes[name], kind)
    raise GraphError(f"{node.where}: holds none of the attributes value, value_float(s), value_int(s); export again")


def _constant_of_shape(node: OnnxNode, inputs: Arrays) -> Array:
    shape = tuple(int(size) for size in inputs[0])
    _refuse_large(node, prod(shape))
    return np.full(shape, np.asarray(node.attributes.get("value", np.zeros(1, np.float32))).reshape(-1)[0])


def _expand(node: OnnxNode, inputs: Arrays) -> Array:
    shape = np.broadcast_shapes(inputs[0].shape, tuple(int(size) for size in inputs[1]))
    _refuse_large(node, prod(shape))
    return np.broadcast_to(inputs[0], shape)


def _refuse_large(node: OnnxNode, size: int) -> None:
    if not 0 <= size <= _MOST_VALUES:
        raise GraphError(f"{node.where}: makes a constant of {size} values, expected at most {_MOST_VALUES}")


def _range(node: OnnxNode, inputs: Arrays) -> Array:
    start, limit, step = (entry.reshape(-1)[0] for entry in inputs)
    _refuse_large(node, max(0, int(np.ceil((limit - start) / step))))
    return np.arange(start, limit, step)


def _slice(node: OnnxNode, inputs: Arrays) -> Array:
    starts, ends = node.integers("starts"), node.integers("ends")
    axes, steps = node.integers("axes"), None
    if starts is None or ends is None:
        lists = [tuple(int(entry) for entry in array.reshape(-1)) for array in inputs[1:]]
        starts, ends = lists[0], lists[1]
        axes, steps = (lists[2] if len(lists) > 2 else None), (lists[3] if len(lists) > 3 else None)
    index = [slice(None)] * inputs[0].ndim
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        step = steps[place] if steps else 1
        index[axes[place] if axes else place] = slice(start, None if step < 0 and end < -(10**9) else end, step)
    return inputs[0][tuple(index)]


def _divide(node: OnnxNode, inputs: Arrays) -> Any:
    del node
    left, right = inputs
    return np.trunc(left / right).astype(left.dtype) if left.dtype.kind in "iu" else left / right


def _clip(node: OnnxNode, inputs: Arrays) -> Array:
    low = inputs[1] if len(inputs) > 1 and inputs[1].size else node.attributes.get("min")
    high = inputs[2] if len(inputs) > 2 and inputs[2].size else node.attributes.get("max")
    return np.clip(inputs[0], low, high).astype(inputs[0].dtype)


def _cast(node: OnnxNode, inputs: Arrays) -> Array:
    to = node.integer("to", 0)
    if to not in _TYPES:
        raise GraphError(
            f"{node.where}: casts to type {to}, which is not supported; cast to float32 or an integer type"
        )
    return inputs[0].astype(_TYPES[to])


def _unsqueeze(node: OnnxNode, inputs: Arrays) -> Array:
    axes = _axes(node, inputs) or ()
    return np.expand_dims(inputs[0], axes)


def _reduced(node: OnnxNode, inputs: Arrays) -> Array:
    function: Any = {"ReduceProd": np.prod, "ReduceMean": np.mean, "ReduceSum": np.sum}[node.op]
    return np.asarray(function(inputs[0], axis=_axes(node, inputs), keepdims=bool(node.integer("keepdims", 1))))


_FUNCTIONS: dict[str, Callable[[OnnxNode, Arrays], Any]] = {
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda node, inputs: np.concatenate(inputs, node.integer("axis", 0)),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Div": _divide,
    "Dropout": lambda node, inputs: inputs[0],
    "Expand": _expand,
    "Flatten": lambda node, inputs: inputs[0].reshape(prod(inputs[0].shape[: node.integer("axis", 1)]), -1),
    "Gather": lambda node, inputs: np.take(inputs[0], inputs[1], node.integer("axis", 0)),
    "Identity": lambda node, inputs: inputs[0],
    "MatMul": lambda node, inputs: np.matmul(inputs[0], inputs[1]),
    "Range": _range,
    "ReduceMean": _reduced,
    "ReduceProd": _reduced,
    "ReduceSum": _reduced,
    "Reshape": lambda node, inputs: inputs[0].reshape(new_shape(node, inputs[0].shape, inputs[1].tolist())),
    "Shape": lambda node, inputs: np.array(inputs[0].shape, np.int64)[
        node.integer("start", 0) : node.attributes.get("end")
    ],
    "Size": lambda node, inputs: np.array(inputs[0].size, np.int64),
    "Slice": _slice,
    "Squeeze": lambda node, inputs: np.squeeze(inputs[0], _axes(node, inputs)),
    "Transpose": lambda node, inputs: inputs[0].transpose(node.integers("perm")),
    "Unsqueeze": _unsqueeze,
}
_MOVES = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Dropout"}
"""Operators that move values without changing them: quantised constants keep their integers."""

CONSTANT_OPERATORS = _ELEMENTWISE.keys() | _FUNCTIONS.keys()


def _width(dtype: np.dtype[Any], low: int, high: int) -> int:
    """Return the bits that codes of a range need."""
    return high.bit_length() if dtype.kind == "u" else signed_bits(low, high)


def fold(node: OnnxNode, inputs: Sequence[Constant]) -> Constant:
    """Return the constant that a node of `CONSTANT_OPERATORS` gives."""
    arrays = [constant.array for constant in inputs]
    try:
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            if node.op in _ELEMENTWISE:
                return Constant(np.asarray(_ELEMENTWISE[node.op](*arrays)))
            value = np.asarray(_FUNCTIONS[node.op](node, arrays))
            first = inputs[0] if inputs else Constant(value)
            if node.op not in _MOVES or first.codes is None or first.scale is None:
                if node.op == "Clip" and value.dtype.kind in "iu":
                    return Constant(value, bits=_width(value.dtype, *(int(end.min()) for end in arrays[1:3])))
                return Constant(value, bits=first.bits if node.op in _MOVES else None)
            scale = np.broadcast_to(first.scale, first.array.shape)
            codes, scale = (_FUNCTIONS[node.op](node, [part, *arrays[1:]]) for part in (first.codes, scale))
            return Constant(value, codes, scale, first.bits)
    except GraphError:
        raise
    except (ValueError, IndexError, TypeError, ZeroDivisionError, OverflowError) as error:
        shapes = ", ".join(str(list(array.shape)) for array in arrays) or "none"
        raise GraphError(
            f"{node.where}: does not fit its constant inputs (shapes {shapes}): {error}; export the model again"
        ) from error
