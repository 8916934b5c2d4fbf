"""The protobuf of an ONNX file as plain values: nodes, constants, inputs and outputs. The only module that needs `onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph.names import unused_name
from seneca_sim.graph.nodes import Array

__all__ = ["OnnxModel", "OnnxNode", "read_model"]


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNode:
    """One operator as stored, with a name that no other node has."""

    where: str
    """How errors name it."""
    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    """Names of values; an empty name is an optional input left out."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def input(self, index: int) -> str:
        """Return the name of an input, empty if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise GraphError(f"{self.where}: the attribute {name} is {value!r}, expected an integer; export again")
        return value

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...] | None:
        """Return an attribute of several integers, or the default."""
        value = self.attributes.get(name, default)
        if value is None:
            return None
        if not isinstance(value, tuple) or not all(isinstance(entry, int) for entry in value):
            raise GraphError(f"{self.where}: the attribute {name} is {value!r}, expected integers; export again")
        return value

    def number(self, name: str, default: float) -> float:
        """Return a real attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise GraphError(f"{self.where}: the attribute {name} is {value!r}, expected a number; export again")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """Return a text attribute."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise GraphError(f"{self.where}: the attribute {name} is {value!r}, expected text; export again")
        return value


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """A file's main graph."""

    name: str
    nodes: tuple[OnnxNode, ...]
    """In file order."""
    constants: Mapping[str, Array]
    inputs: Mapping[str, tuple[int | str, ...] | None]
    """Sizes by name, batch axis included; text where a size is left open, None where the rank is."""
    outputs: tuple[str, ...]
    opset: int


def read_model(path: Path) -> OnnxModel:
    """Read an ONNX file; raises `FileFormatError` if it is no ONNX, truncated, or keeps its weights elsewhere."""
    try:
        import onnx
    except ImportError as error:
        raise FileFormatError(f"{path}: reading ONNX needs the package onnx; pip install 'seneca-sim[onnx]'") from error
    from google.protobuf.message import DecodeError

    try:
        proto = onnx.load_model_from_string(path.read_bytes())
    except DecodeError as error:
        raise FileFormatError(f"{path}: not an ONNX file, or a truncated one; export or copy it again") from error
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror})") from error
    graph = proto.graph
    if not graph.node or not graph.output:
        raise FileFormatError(
            f"{path}: an ONNX file without nodes or outputs, perhaps truncated; export or copy it again"
        )
    constants = {_text(tensor.name): _array(path, tensor) for tensor in graph.initializer}
    if graph.sparse_initializer:
        name = graph.sparse_initializer[0].values.name
        raise FileFormatError(f"{path}: the weights {name!r} are stored sparse; export them dense")
    return OnnxModel(
        path.stem,
        _nodes(path, graph.node),
        MappingProxyType(constants),
        MappingProxyType({_text(value.name): _sizes(value) for value in graph.input if value.name not in constants}),
        tuple(_text(value.name) for value in graph.output),
        max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=1),
    )


def _nodes(path: Path, protos: Any) -> tuple[OnnxNode, ...]:
    """Return the nodes, named by their name, else by what they produce, made unique with a number."""
    taken: set[str] = set()
    nodes = []
    for proto in protos:
        inputs, outputs = (tuple(map(_text, names)) for names in (proto.input, proto.output))
        base = _text(proto.name) or next((name for name in outputs if name), _text(proto.op_type))
        name = unused_name(base, taken)
        taken.add(name)
        where = f"{path.stem}: {name} ({_text(proto.op_type)})"
        attributes = {_text(entry.name): _attribute(path, where, entry) for entry in proto.attribute}
        nodes.append(
            OnnxNode(
                where,
                name,
                _text(proto.op_type),
                "" if _text(proto.domain) == "ai.onnx" else _text(proto.domain),
                inputs,
                outputs,
                MappingProxyType(attributes),
            )
        )
    return tuple(nodes)


def _text(value: str | bytes) -> str:
    """Return a text, control characters escaped; protobuf gives bytes where it is no UTF-8."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _attribute(path: Path, where: str, proto: Any) -> Any:
    """Return an attribute as a number, text, tuple or array."""
    from onnx import AttributeProto, helper

    if proto.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
        raise GraphError(f"{where}: control flow (a graph within a node) cannot be mapped; export the network unrolled")
    if proto.type == AttributeProto.TENSOR:
        return _array(path, proto.t)
    value = helper.get_attribute_value(proto)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return tuple(value) if isinstance(value, list) or hasattr(value, "append") else value


def _array(path: Path, tensor: Any) -> Array:
    """Return a tensor's values; types that numpy does not know become float32."""
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:
        raise FileFormatError(
            f"{path}: the values of {tensor.name!r} lie in another file, which is not read; save the model with "
            "onnx.save(model, path, save_as_external_data=False)"
        )
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise FileFormatError(
            f"{path}: the values of {tensor.name!r} do not fit their shape {list(tensor.dims)}; export the model again"
        ) from error
    return array if array.dtype.kind in "iufbOSU" else _widened(array)


def _widened(array: Array) -> Array:
    """Return an array of a small type as int8 or float32."""
    wide = array.astype(np.float32)
    return wide.astype(np.int8 if wide.min(initial=0) < 0 else np.uint8) if "int" in array.dtype.name else wide


def _sizes(value: Any) -> tuple[int | str, ...] | None:
    """Return the sizes of an input."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(size.dim_value if size.dim_value > 0 else size.dim_param or "?" for size in kind.shape.dim)
