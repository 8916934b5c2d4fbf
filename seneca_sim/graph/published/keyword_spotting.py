"""Keyword spotting as in SENECA's ablation of builds: a perceptron 390-256-256-29 (Tang 2023; the network of Blouw et al. 2019).

Exact: the sizes, 172,800 synapses and 541 biases. Not published: neurons, time steps and activity; here LIF neurons, or ReLU.

Input: 390 numbers (cepstral coefficients of a window of sound) a step, as frames.
"""

from __future__ import annotations

from typing import Literal

from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import InputContract
from seneca_sim.graph.neurons import Identity, Lif, Neuron, Relu
from seneca_sim.graph.published.architecture import Architecture, Size

__all__ = ["perceptron"]


def perceptron(*, size: Size = (1, 1), neurons: Literal["lif", "relu"] = "lif", name: str = "kws-mlp") -> Graph:
    """Return the perceptron with spiking (`lif`) or graded (`relu`) hidden layers, and scores without activation."""
    note = f"the neurons are not published: {neurons}"
    net = Architecture(name, 390, size, contract=InputContract("frame"), task="classification", assumptions=(note,))
    x = "input"
    for number in (1, 2):
        neuron: Neuron = Lif(0.9) if neurons == "lif" else Relu()
        x = net.fire(f"layer{number}", neuron, net.dense(f"layer{number}.weights", x, 256))
    return net.ended(net.fire("scores", Identity(), net.dense("scores.weights", x, 29)))
