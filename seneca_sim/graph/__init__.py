"""Networks: nodes, readers of file formats, and the layers that the chip sees."""

from seneca_sim.graph.graph import Graph, GraphBuilder, Link
from seneca_sim.graph.load import find_network, load_network, network_names, read_graph
from seneca_sim.graph.lower import lower
from seneca_sim.graph.native_file import load_graph, save_graph
from seneca_sim.graph.network import Edge, InputContract, Layer, MaxPool, Network, NumberType, Precision
from seneca_sim.graph.neurons import CubaLif, Identity, If, Li, Lif, Neuron, Relu, SigmaDelta, ThresholdRelu
from seneca_sim.graph.nodes import (
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool2d,
    Node,
    Output,
    SumPool2d,
)

__all__ = [
    "Add",
    "Affine",
    "AvgPool2d",
    "BatchNorm2d",
    "Concat",
    "Conv2d",
    "CubaLif",
    "Dense",
    "Edge",
    "Flatten",
    "Graph",
    "GraphBuilder",
    "Identity",
    "If",
    "Input",
    "InputContract",
    "Layer",
    "Li",
    "Lif",
    "Link",
    "MaxPool",
    "MaxPool2d",
    "Network",
    "Neuron",
    "Node",
    "NumberType",
    "Output",
    "Precision",
    "Relu",
    "SigmaDelta",
    "SumPool2d",
    "ThresholdRelu",
    "find_network",
    "load_graph",
    "load_network",
    "lower",
    "network_names",
    "read_graph",
    "save_graph",
]
