"""Small ONNX files written by tests, and what they give here and by onnx's reference evaluator."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from seneca_sim.activity import run_network
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph import Network, lower
from seneca_sim.graph.onnx import OnnxOptions, read_onnx
from tests.activity.test_random_networks import as_trace

DOMAINS = ("onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general")


def model(nodes, inputs, constants=None, outputs=("y",), opset=19):
    """Return a model; inputs are sizes by name, constants arrays by name."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name, sizes in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in DOMAINS)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def save(folder: Path, proto, name="net.onnx") -> Path:
    """Write a model and return its path."""
    path = Path(folder) / name
    path.write_bytes(proto.SerializeToString())
    return path


def load(folder, proto, **options):
    """Return a model as our graph, through a file."""
    return read_onnx(save(folder, proto), OnnxOptions(**options))


def values(network: Network, maps: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Return (steps, channels, rows, columns) of each layer for (steps, ...) of each input, in the inputs' order."""
    layers = [layer for layer in network.layers if layer.is_input]
    traces = [
        as_trace(np.asarray(array, np.float32).reshape(len(array), *layer.shape), False)
        for array, layer in zip(maps, layers, strict=True)
    ]
    trace = run_network(network, traces)
    return {
        layer.name: dense_steps(sent, layer.out_shape) for layer, sent in zip(network.layers, trace.layers, strict=True)
    }


def result(network: Network, maps: list[np.ndarray]) -> np.ndarray:
    """Return (steps, channels, rows, columns) of the output layer."""
    (name,) = [layer.name for layer in network.layers if layer.is_output]
    return values(network, maps)[name]


def both(folder, proto, x, **options) -> tuple[np.ndarray, np.ndarray]:
    """Return what one input gives here and by onnx's reference evaluator, in the shape of the latter."""
    name = proto.graph.input[0].name
    (want,) = ReferenceEvaluator(proto).run(None, {name: x})
    ours = result(lower(load(folder, proto, **options)), [x])
    return ours.reshape(want.shape), want
