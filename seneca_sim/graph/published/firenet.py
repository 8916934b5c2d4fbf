"""FireNet for optical flow as it ran on SENECA (Xu et al. 2025): seven 3x3 convolutions of 32 channels, two of them recurrent.

Exact: the layers (recurrent convolutions in the second and fifth, a 1x1 convolution with softsign at the end), the channels and the
56x56 pixels of the published runs. Not published: biases (here in every layer but the recurrent ones), leak and thresholds.

Input: events of 10 ms counted in two channels, one for each polarity.
"""

from __future__ import annotations

from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import InputContract
from seneca_sim.graph.neurons import Activation, Lif, Neuron, ThresholdRelu
from seneca_sim.graph.published.architecture import Architecture, Size

__all__ = ["firenet"]

_CHANNELS = 32
_RECURRENT = (2, 5)


def firenet(*, size: Size = (56, 56), spiking: bool = False, name: str = "firenet") -> Graph:
    """Return FireNet with LIF neurons (`spiking`), or with values above a threshold (FATReLU).

    >>> [link.target for link in firenet(spiking=True).links if link.delay]
    ['conv2', 'conv5']
    """
    contract = InputContract("histogram", slice_us=10_000, sensor_width=size[1], sensor_height=size[0])
    net = Architecture(name, 2, size, contract=contract)
    x = "input"
    for number in range(1, 8):
        layer = f"conv{number}"
        neuron: Neuron = Lif(0.9) if spiking else ThresholdRelu(0.1)
        x = net.fire(layer, neuron, net.conv(f"{layer}.conv", x, _CHANNELS, 3, bias=True))
        if number in _RECURRENT:
            net.conv(f"{layer}.recurrent", x, _CHANNELS, 3)
            net.link(f"{layer}.recurrent", layer, delay=1)
    return net.ended(net.fire("flow", Activation("softsign"), net.conv("flow.conv", x, 2, 1, bias=True)))
