"""RED, the recurrent event-camera detector (Perot et al. 2020): residual convolutions, five ConvLSTM levels, a shared SSD head.

Source: the baseline of NeuroBench's object detection (by the authors of SEED) on the blocks of Prophesee's OpenEB.
Exact: all layers and parameters (24,108,176 with squeeze-excite and head), dense MACs (284,070,730,752 on valid taps, backbone,
12 frames). The published "w/o SE" row of SENECA's hardware table is `red` (24,095,568).

Input: 6 channels, a time surface of three parts of 50 ms for each polarity; 1280x720 pixels halved to 640x360.
"""

from __future__ import annotations

import numpy as np

from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import InputContract
from seneca_sim.graph.neurons import Identity, LstmCell, Relu
from seneca_sim.graph.nodes import Conv2d, DetectionOutput, Node, SqueezeExcite
from seneca_sim.graph.placeholders import placeholder
from seneca_sim.graph.published.architecture import Architecture, Size

__all__ = ["box_head", "red", "surface_contract"]

_ANCHORS = ((1 / 3, 1.0), (1 / 2, 1.0), (1.0, 1.0), (1.0, 1.5), (2.0, 1.0), (3.0, 1.0))
"""Width / height and scale of the six boxes of a cell (OpenEB)."""
_SMALLEST_BOX = 32
"""Side of a box of scale 1 at the first level [pixels of the input]; it doubles with each level (OpenEB)."""


def red(*, size: Size = (360, 640), squeeze_excite: bool = False, name: str = "red") -> Graph:
    """Return RED; with `squeeze_excite` each residual block scales its channels by their means over the map.

    >>> graph = red(size=(64, 96))
    >>> [name for name in graph.nodes if name.startswith("lstm1")]
    ['lstm1.x', 'lstm1.x.norm', 'lstm1', 'lstm1.y']
    """
    net = Architecture(name, 6, size, contract=surface_contract(size))
    x = net.fire("conv1", Relu(), net.conv("conv1.conv", "input", 32, 7, stride=2, bias=True, norm=True))
    x = _block(net, "block1", x, 64, 2, squeeze_excite)
    x = _block(net, "block2", x, 64, 1, squeeze_excite)
    x = _block(net, "block3", x, 128, 1, squeeze_excite)
    levels = []
    for level in range(1, 6):
        x = _conv_lstm(net, f"lstm{level}", x, 256)
        levels.append(x)
    box_head(net, levels, classes=3)
    return net.graph()


def surface_contract(size: Size) -> InputContract:
    """Return the input of RED and SEED: time surfaces of 50 ms, of a 1280x720 camera halved, or of one as large as the map."""
    halved = size == (360, 640)
    return InputContract(
        "time_surface",
        slice_us=50_000,
        bins=3,
        sensor_width=1280 if halved else size[1],
        sensor_height=720 if halved else size[0],
        pool=2 if halved else 1,
    )


def _block(net: Architecture, name: str, x: str, channels: int, stride: int, squeeze_excite: bool) -> str:
    """Add a residual block: two convolutions with ReLU, scaled or not, plus the input or a 1x1 convolution of it."""
    inner = net.fire(f"{name}.a", Relu(), net.conv(f"{name}.a.conv", x, channels, 3, stride=stride, norm=True))
    inner = net.fire(f"{name}.b", Relu(), net.conv(f"{name}.b.conv", inner, channels, 3, norm=True))
    changes = stride != 1 or net.shapes[x][0] != channels
    skip = net.conv(f"{name}.skip", x, channels, 1, stride=stride) if changes else x
    node: Node = Identity()
    if squeeze_excite:
        hidden = channels // 4
        node = SqueezeExcite(
            placeholder(hidden, channels), placeholder(channels, hidden), placeholder(hidden), placeholder(channels)
        )
    return net.place(name, node, inner, skip)


def _conv_lstm(net: Architecture, name: str, x: str, channels: int) -> str:
    """Add a level: a strided, normalised convolution to the gates, and the recurrent convolution of h."""
    gates = net.conv(f"{name}.x", x, 4 * channels, 3, stride=2, bias=True)
    gates = net.norm(f"{name}.x.norm", gates)
    net.add(name, LstmCell(), gates)
    net.shapes[name] = (channels, *net.shapes[gates][1:])
    net.conv(f"{name}.y", name, 4 * channels, 3, bias=True)
    net.link(f"{name}.y", name, delay=1, port=1)
    return name


def box_head(net: Architecture, levels: list[str], classes: int) -> None:
    """Add the SSD head that all levels share: two branches of 3x3 convolutions, for boxes and for classes and background.

    The branches stand side by side: one convolution to their 2 x 256 hidden channels, then one in two groups: 4 box values of each
    anchor, then the class scores of each. The weights are the same arrays at every level and count once.
    """
    anchors, hidden = len(_ANCHORS), 256
    channels = net.shapes[levels[0]][0]
    first = Conv2d(placeholder(2 * hidden, channels, 3, 3), placeholder(2 * hidden), padding=1)
    outputs = anchors * (4 + classes + 1)
    last = Conv2d(placeholder(outputs, hidden, 3, 3), placeholder(outputs), padding=1, groups=2)
    for number, level in enumerate(levels, 1):
        size = net.shapes[level][1:]
        name = f"head{number}"
        net.place(f"{name}.hidden.conv", first, level, shape=(2 * hidden, *size), head=True)
        net.place(f"{name}.hidden", Relu(), f"{name}.hidden.conv", head=True)
        net.place(f"{name}.conv", last, f"{name}.hidden", shape=(outputs, *size), head=True)
        net.place(name, Identity(), f"{name}.conv", head=True)
        side = _SMALLEST_BOX * 2 ** (number - 1)
        boxes = np.array([(side * scale * ratio**0.5, side * scale / ratio**0.5) for ratio, scale in _ANCHORS])
        stride = net.size[1] // size[1]
        net.place(f"boxes{number}", DetectionOutput("ssd", classes + 1, boxes, stride), name, head=True)
