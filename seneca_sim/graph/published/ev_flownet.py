"""EV-FlowNet for optical flow (Zhu et al. 2018), with thresholds that follow the input (sparse, Wang and Tang 2025).

Source: the layers of EV-FlowNet: four strided convolutions to 512 channels, two residual blocks, four upsampling convolutions that
also read the encoder's maps and the flow of the coarser scale, a flow of two channels at each of four scales. A documented
reconstruction: no layer table of the sparse network is public; its context-aware thresholds are read as `nodes.ContextAware`.
`activation` may also be plain ReLU.

Input: four channels, events of two halves of a slice for each polarity (the original: counts and latest times of both).
"""

from __future__ import annotations

from typing import Literal

from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import InputContract
from seneca_sim.graph.neurons import Activation, Identity, Relu
from seneca_sim.graph.nodes import ContextAware
from seneca_sim.graph.placeholders import placeholder
from seneca_sim.graph.published.architecture import Architecture, Size

__all__ = ["ev_flownet"]

_ENCODER = (64, 128, 256, 512)
_DECODER = (256, 128, 64, 32)


def ev_flownet(
    *, size: Size = (256, 256), activation: Literal["context", "relu"] = "context", name: str = "ev-flownet"
) -> Graph:
    """Return EV-FlowNet with context-aware thresholds (`context`) or ReLU."""
    contract = InputContract("voxel", bins=2, slice_us=10_000, sensor_width=size[1], sensor_height=size[0])
    note = "documented reconstruction: layers of EV-FlowNet, thresholds as we read context-aware ones"
    net = _Layers(name, 4, size, contract=contract, assumptions=(note,))
    net.sparse = activation == "context"
    x, maps = "input", ["input"]
    for number, channels in enumerate(_ENCODER, 1):
        x = net.layer(f"encoder{number}", x, channels, stride=2)
        maps.append(x)
    for number in (1, 2):
        inner = net.layer(f"residual{number}.a", x, _ENCODER[-1])
        outer = net.conv(f"residual{number}.conv", inner, _ENCODER[-1], 3, bias=True)
        x = net.fire(f"residual{number}", Relu(), outer, x)
    flows: list[str] = []
    for number, channels in enumerate(_DECODER, 1):
        joined = net.join(f"decoder{number}.join", *flows[-1:], x, maps[-number])
        up = net.upsample(f"decoder{number}.nearest", joined, net.shapes[maps[-number - 1]][1:])
        x = net.layer(f"decoder{number}", net.fire(f"decoder{number}.in", Identity(), up), channels)
        flows.append(net.fire(f"flow{number}", Activation("tanh"), net.conv(f"flow{number}.conv", x, 2, 1, bias=True)))
    return net.ended(*flows)


class _Layers(Architecture):
    """Convolutions with their activation."""

    sparse = True

    def layer(self, name: str, x: str, channels: int, *, stride: int = 1) -> str:
        """Add a 3x3 convolution and its activation; a context-aware threshold looks at its input."""
        conv = self.conv(f"{name}.conv", x, channels, 3, stride=stride, bias=True)
        if not self.sparse:
            return self.fire(name, Relu(), conv)
        node = ContextAware(placeholder(channels, self.shapes[x][0]), placeholder(channels))
        return self.place(name, node, conv, x)
