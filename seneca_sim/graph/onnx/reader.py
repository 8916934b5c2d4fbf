"""ONNX and QONNX files as graphs.

- Operators become our nodes one by one; what depends on constants only is folded. Batch size is one.
- Weight quantisers (Quant, BipolarQuant, DequantizeLinear) become integer weights with a scale, activation quantisers
  `Quantise` neurons, which take in a rectifier in front of them.
- Reshapes and transpositions cost nothing: dense weights are put in the order of the map that they see.
- Parts of the channels (Split, Slice) are selected by a 1x1 convolution of their own.
- A file states no time and no events: the input takes frames, values as they are. A stateful step graph is closed by
  ``state={output: input}``: the input takes the output's value of the step before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from types import MappingProxyType

import numpy as np

from seneca_sim.errors import GraphError, RequestError
from seneca_sim.graph.graph import Graph, Link
from seneca_sim.graph.names import unused_name
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.graph.neurons import Identity, Neuron
from seneca_sim.graph.nodes import Input, Output
from seneca_sim.graph.onnx.channels import CHANNELS
from seneca_sim.graph.onnx.constants import CONSTANT_OPERATORS, fold
from seneca_sim.graph.onnx.conversion import Conversion
from seneca_sim.graph.onnx.elementwise import ELEMENTWISE
from seneca_sim.graph.onnx.linear import LINEAR
from seneca_sim.graph.onnx.merge import merge_neurons
from seneca_sim.graph.onnx.model import OnnxModel, OnnxNode, read_model
from seneca_sim.graph.onnx.precision import stated_precision
from seneca_sim.graph.onnx.quantisers import QUANTISERS
from seneca_sim.graph.onnx.sampling import SAMPLING
from seneca_sim.graph.onnx.shaping import SHAPING, TAIL
from seneca_sim.graph.onnx.values import Constant, Signal

__all__ = ["OnnxOptions", "build_graph", "read_onnx"]

QONNX_DOMAINS = {"onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general"}
"""Spellings of the domain of Quant, BipolarQuant, Trunc and MultiThreshold in real files."""
_OPERATORS = LINEAR | ELEMENTWISE | SAMPLING | SHAPING | CHANNELS | QUANTISERS
_OWN = {"Quant", "BipolarQuant", "Trunc", "MultiThreshold"}
_HELP = {
    "GRU": "write the cell as a native ConvGru with a 1x1 kernel",
    "LSTM": "write the cell as a native ConvLstm with a 1x1 kernel",
    "RNN": "write the cell as a native ConvMinimalRnn with a 1x1 kernel",
    "Gelu": "use Relu",
    "Elu": "use Relu",
    "Selu": "use Relu",
    "Softplus": "use Relu",
    "Erf": "use Relu instead of GELU",
    "HardSwish": "use Relu",
    "LayerNormalization": "use BatchNormalization",
    "InstanceNormalization": "use BatchNormalization",
    "GroupNormalization": "use BatchNormalization",
    "DepthToSpace": "use ConvTranspose, or Resize by nearest neighbours and a convolution",
    "ConvInteger": "export in the QDQ form (QuantizeLinear, DequantizeLinear around float operators)",
    "MatMulInteger": "export in the QDQ form (QuantizeLinear, DequantizeLinear around float operators)",
    "QLinearConv": "export in the QDQ form (QuantizeLinear, DequantizeLinear around float operators)",
    "QLinearMatMul": "export in the QDQ form (QuantizeLinear, DequantizeLinear around float operators)",
    "If": "export without control flow",
    "Loop": "export without control flow, one step as a graph with state",
    "Scan": "export without control flow, one step as a graph with state",
}


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """What an ONNX file leaves open, as the user states it."""

    state: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Outputs whose value an input takes in the next step."""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Sizes of inputs that the file leaves open, batch axis included."""
    size: tuple[int, int] | None = None
    """Rows and columns of inputs that leave their last two axes open."""


def read_onnx(path: str | Path, options: OnnxOptions | None = None) -> Graph:
    """Read an ONNX or QONNX file as a graph.

    Raises `FileFormatError` for what is no ONNX file or a broken one, `GraphError` for what cannot be built.

    >>> import tempfile
    >>> from onnx import TensorProto, helper, save
    >>> ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4)) for name in "xy"]
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], name="relu")], "net", ends[:1], ends[1:])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(helper.make_model(graph), f"{folder}/net.onnx")
    ...     list(read_onnx(f"{folder}/net.onnx").nodes)
    ['x', 'relu', 'output']
    """
    return build_graph(read_model(Path(path)), options or OnnxOptions())


def build_graph(model: OnnxModel, options: OnnxOptions) -> Graph:
    """Return a model of operators as a graph."""
    conversion = Conversion(model.name, model.opset)
    conversion.values.update({name: Constant(array) for name, array in model.constants.items()})
    _check_state(model, options)
    for name, sizes in model.inputs.items():
        _input(conversion, model, name, _stated_sizes(model, name, sizes, options), name in options.state.values())
    needed = _needed(model)
    for node in model.nodes:
        if not needed.isdisjoint(node.outputs):
            _convert(conversion, node)
    _outputs(conversion, model, options)
    return _graph(conversion, model)


def _check_state(model: OnnxModel, options: OnnxOptions) -> None:
    """Refuse state links whose ends are no output and input of the model."""
    for output, input_ in options.state.items():
        for kind, name, names in (("output", output, model.outputs), ("input", input_, tuple(model.inputs))):
            if name not in names:
                raise RequestError(
                    f"state {output}:{input_}: {model.name} has no {kind} {name!r}; its {kind}s are {', '.join(names)}"
                )


def _stated_sizes(
    model: OnnxModel, name: str, sizes: tuple[int | str, ...] | None, options: OnnxOptions
) -> tuple[int, ...]:
    """Return the sizes of an input; an open batch axis is one."""
    where = f"{model.name}: {name} (input)"
    if name in options.shapes:
        return options.shapes[name]
    if sizes is None:
        raise GraphError(
            f"{where}: its shape is unknown; state it, batch axis included, with OnnxOptions(shapes={{{name!r}: ...}})"
        )
    if len(sizes) > 1 and not isinstance(sizes[0], int):
        sizes = (1, *sizes[1:])
    if options.size is not None and len(sizes) == 4:
        own = zip(sizes[2:], options.size, strict=True)
        sizes = (*sizes[:2], *(stated if isinstance(size, str) else size for size, stated in own))
        if sizes[2:] != options.size:
            raise RequestError(f"size: {model.name} states an input of {sizes[2]}x{sizes[3]} itself; leave size out")
    open_ = [str(size) for size in sizes if not isinstance(size, int)]
    if open_:
        raise GraphError(
            f"{where}: its shape {list(sizes)} leaves {', '.join(open_)} open; export with fixed sizes, or state rows and columns "
            f"with size (--size HxW), other axes with OnnxOptions(shapes={{{name!r}: ...}})"
        )
    return tuple(size for size in sizes if isinstance(size, int))


def _input(conversion: Conversion, model: OnnxModel, name: str, sizes: tuple[int, ...], is_state: bool) -> None:
    """Add an input node; a state's node stands for the output that feeds it until links are closed."""
    where = f"{model.name}: {name} (input)"
    if not 2 <= len(sizes) <= 4:
        raise GraphError(f"{where}: has shape {list(sizes)}; expected a batch axis and one to three more")
    if sizes[0] != 1:
        raise GraphError(f"{where}: has batch size {sizes[0]}; export the model with batch size 1")
    rest = sizes[1:]
    order = (0, 1, 2)
    readers = [node for node in model.nodes if name in node.inputs]
    if len(rest) == 3 and readers and all(node.attributes.get("perm") == (0, 3, 1, 2) for node in readers):
        rest, order = (rest[2], rest[0], rest[1]), (1, 2, 0)
    map_ = (rest[0], *(1,) * (3 - len(rest)), *rest[1:])
    conversion.nodes[name] = Input(rest)
    conversion.values[name] = Signal(name, sizes, (map_[0], map_[1], map_[2]), order)
    if is_state and prod(map_) == 0:
        raise GraphError(f"{where}: a state of no values; export the model again")


def _needed(model: OnnxModel) -> set[str]:
    """Return the names of all values that outputs depend on."""
    needed = set(model.outputs)
    for node in reversed(model.nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(name for name in node.inputs if name)
    return needed


def _convert(conversion: Conversion, node: OnnxNode) -> None:
    """Convert one node, or fold it if it depends on constants only."""
    known = node.domain == "" or (node.domain in QONNX_DOMAINS and node.op in _OWN)
    if not known:
        raise GraphError(f"{node.where}: {_foreign(node)}")
    values = [conversion.value(node, index) for index, name in enumerate(node.inputs) if name]
    constants = [value for value in values if isinstance(value, Constant)]
    if node.op in CONSTANT_OPERATORS and len(constants) == len(values):
        full = [constants.pop(0) if name else Constant(np.empty(0, np.float32)) for name in node.inputs]
        conversion.give(node, fold(node, full))
        return
    if node.op not in _OPERATORS or (node.op in _OWN and not node.domain):
        advice = _HELP.get(node.op, "write it with supported operators, or build the network with GraphBuilder")
        raise GraphError(f"{node.where}: the operator {node.op} is not supported here; {advice}")
    if node.op in TAIL and all(isinstance(value, Constant) for value in values[:1]):
        raise GraphError(f"{node.where}: depends on constants only; export the model again")
    _OPERATORS[node.op](conversion, node)


def _foreign(node: OnnxNode) -> str:
    """Return what is said of an operator of another domain."""
    if "channels_last" in node.domain:
        return "the channels-last dialect is not supported; export before qonnx converts to channels-last"
    if node.domain == "com.microsoft":
        return (
            f"{node.op} of {node.domain} is a product of runtime optimisation; export the model without optimising it"
        )
    return f"operators of the domain {node.domain!r} are not supported; write it with operators of ONNX or QONNX"


def _outputs(conversion: Conversion, model: OnnxModel, options: OnnxOptions) -> None:
    """Add an output node for each output that is no state, and close the links of states."""
    plain = [name for name in model.outputs if name not in options.state] or list(model.outputs)
    signals: dict[str, Signal] = {}
    for name in model.outputs:
        value = conversion.values.get(name)
        if not isinstance(value, Signal) or value.codes is not None or value.zeros is not None:
            raise GraphError(
                f"{model.name}: the output {name!r} does not depend on the input, or is no real value (integer codes, padding); "
                "export another output"
            )
        signals[name] = value
    for name, input_ in options.state.items():
        _close(conversion, name, signals[name], input_)
    read: set[str] = set()
    for name in plain:
        source = signals[name].node
        if source not in read:
            read.add(source)
            source = source if isinstance(conversion.nodes[source], Neuron) else _held(conversion, name, source)
            output = unused_name("output" if len(plain) == 1 else f"{name}.output", conversion.nodes)
            conversion.nodes[output] = Output()
            conversion.links.append(Link(source, output))


def _held(conversion: Conversion, name: str, source: str) -> str:
    """Return neurons that pass on what a node that is no neuron gives."""
    behind = [link.target for link in conversion.links if link.source == source]
    for target in behind:
        if isinstance(conversion.nodes[target], Identity):
            return target
    held = unused_name(name, conversion.nodes)
    conversion.nodes[held] = Identity()
    conversion.links.append(Link(source, held))
    return held


def _close(conversion: Conversion, name: str, signal: Signal, input_: str) -> None:
    """Let an output feed an input in the next step."""
    value = conversion.values[input_]
    if not isinstance(value, Signal) or value.map != signal.map or value.order != signal.order:
        raise GraphError(
            f"{conversion.name}: the state {name}:{input_} joins maps of different shape, {list(signal.map)} and "
            f"{list(value.map) if isinstance(value, Signal) else 'a constant'}; check which output feeds which input"
        )
    source = signal.node if isinstance(conversion.nodes[signal.node], Neuron) else _held(conversion, name, signal.node)
    del conversion.nodes[input_]
    links = conversion.links
    conversion.links = [replace(link, source=source, delay=1) if link.source == input_ else link for link in links]


def _leave_out_parts(conversion: Conversion) -> None:
    """Take out selections of channels that nothing reads, and their notes."""
    for name in reversed(conversion.parts):
        if not any(link.source == name for link in conversion.links):
            del conversion.nodes[name]
            conversion.links = [link for link in conversion.links if link.target != name]
            conversion.notes = [note for note in conversion.notes if not note.startswith(f"{name}: ")]


def _graph(conversion: Conversion, model: OnnxModel) -> Graph:
    """Return the graph, neurons merged and number types stated."""
    _leave_out_parts(conversion)
    nodes, links = merge_neurons(conversion.nodes, conversion.links)
    unread = [
        name for name, node in nodes.items() if isinstance(node, Input) and not any(n.source == name for n in links)
    ]
    for name in unread:
        del nodes[name]
        conversion.notes.append(f"{name}: this input is read by nothing that an output depends on; it was left out")
    outputs = [conversion.values[name] for name in model.outputs]
    vector = all(isinstance(value, Signal) and value.is_vector for value in outputs)
    notes = [
        "the file states no time step and no events: the input takes frames, values as they are",
        *conversion.notes,
    ]
    return Graph(
        model.name,
        MappingProxyType(nodes),
        tuple(links),
        Precision("fp32", "fp32", "fp32"),
        MappingProxyType(stated_precision(nodes, links, conversion.bits)),
        task="classification" if vector else "other",
        input_contract=InputContract("frame"),
        assumptions=tuple(notes),
    )
