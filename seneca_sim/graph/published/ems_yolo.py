"""EMS-YOLO, directly trained spiking detectors (Su et al. 2023), with the residual blocks that the paper compares: MS and SEW.

Source: the supplement's tables and the layer lists of the authors' repository (BICLab/EMS-YOLO; none of its code is used here).
Exact: every layer and the parameters (Res10 6,387,230, Res18 9,523,550, Res34 14,579,486, Gen1 9,343,370, MS 9,677,598, SEW
9,743,134). Calibrated reconstruction: `ems-res18-gen1-4scale`, whose neck is continued to strides 8 and 4 in the manner of the
first two scales: 10,034,356 parameters; 10.04 M are published, the layers are not. The shortcut of a SEW block fires, as in
SEW-ResNet.

LIF neurons: v = 0.25 v + x, a spike where v > 0.5, then v = 0. Between blocks travel sums that are not spikes: the identity neurons
of a block send them as values, and the paper's "fully spiking" holds for what its 3x3 convolutions see.

Input: pictures of 3 channels (Gen1: pictures rendered from events), each shown for `time_steps` steps; membranes restart with each.
The head's outputs are averaged over these steps by the host.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from seneca_sim.errors import RequestError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import InputContract
from seneca_sim.graph.neurons import Identity, Lif
from seneca_sim.graph.nodes import DetectionOutput
from seneca_sim.graph.published.architecture import Architecture, Size

__all__ = ["BlockKind", "LastLayer", "ems_yolo"]

BlockKind = Literal["ems", "ms", "sew"]
LastLayer = Literal["spiking", "membrane"]
"""What the 1x1 convolutions of the head see: spikes, or the sums of the last blocks."""

_STAGES = (64, 128, 256, 512)
_ANCHORS = {
    4: ((5, 6), (8, 14), (15, 11)),
    8: ((10, 13), (16, 30), (33, 23)),
    16: ((10, 14), (23, 27), (37, 58)),
    32: ((81, 82), (135, 169), (344, 319)),
}
"""Boxes by stride [pixels]; those of strides 4 and 8 are assumed."""


def ems_yolo(
    *,
    size: Size = (640, 640),
    classes: int = 80,
    repeats: tuple[int, int, int, int] = (1, 1, 1, 1),
    block: BlockKind = "ems",
    scales: Literal[2, 4] = 2,
    time_steps: int = 3,
    last_layer: LastLayer = "spiking",
    name: str = "ems-yolo",
) -> Graph:
    """Return a detector with `repeats` blocks of stride 1 behind the strided block of each stage.

    >>> graph = ems_yolo(size=(64, 64), classes=2, time_steps=5)
    >>> graph.resets["stage1.1.a"], graph.nodes["boxes32"].head
    ((5, 0), 'yolo')
    """
    if any(n % 32 for n in size):
        up = "x".join(str(-(-n // 32) * 32) for n in size)
        raise RequestError(
            f"{name}: rows and columns must be multiples of 32, since pooled and strided maps are added; pad "
            f"{size[0]}x{size[1]} to {up}"
        )
    if time_steps < 1:
        raise RequestError(f"{name}: time_steps must be 1 or more, not {time_steps}")
    notes = (f"a picture is shown for {time_steps} time steps, and membranes restart with each",)
    contract = InputContract("frame", low=0.0, high=1.0, repeat=time_steps)
    spiking = _Blocks(Architecture(name, 3, size, contract=contract, assumptions=notes), block, time_steps)
    net = spiking.net
    stem = net.conv("stem.conv", "input", 32, 3, stride=2, norm=True)
    x = spiking.lif("stem", stem) if block == "sew" else net.fire("stem", Identity(), stem)
    features = {}
    for stage, (channels, more) in enumerate(zip(_STAGES, repeats, strict=True), 1):
        x = spiking.strided(f"stage{stage}.1", x, channels, 2)
        for number in range(more):
            x = spiking.plain(f"stage{stage}.{number + 2}", x, channels, 3)
        features[2 ** (stage + 1)] = x
    _head(spiking, _neck(spiking, features, scales), classes, last_layer)
    return net.graph()


def _neck(blocks: _Blocks, features: dict[int, str], scales: int) -> dict[int, str]:
    """Return the maps that the head reads, by stride: each scale is upsampled and joined to the features of the next finer one."""
    net = blocks.net
    x = blocks.plain("neck32", features[32], 256, 3)
    maps = {32: blocks.strided("scale32", x, 512, 1)}
    # (stride, channels that are upsampled, channels of the scale)
    for stride, reduced, channels in ((16, 128, 256), (8, 64, 256), (4, 64, 64))[: scales - 1]:
        x = blocks.plain(f"neck{stride}", x, reduced, 1)
        fine = features[stride]
        up = net.upsample(f"neck{stride}.nearest", x, net.shapes[fine][1:])
        up = net.fire(f"neck{stride}.up", Identity(), up)
        x = blocks.plain(f"scale{stride}", net.join(f"neck{stride}.join", up, fine), channels, 3)
        maps[stride] = x
    return maps


def _head(blocks: _Blocks, maps: dict[int, str], classes: int, last_layer: LastLayer) -> None:
    """Add a 1x1 convolution with bias to three boxes a cell at each scale."""
    net = blocks.net
    largest = {2: (216, 269)}
    for stride, x in maps.items():
        if last_layer == "spiking":
            x = blocks.lif(f"detect{stride}.spikes", x, head=True)
        anchors = [*_ANCHORS[stride]]
        if stride == 32:
            anchors[2] = largest.get(classes, anchors[2])
        net.conv(f"detect{stride}.conv", x, len(anchors) * (classes + 5), 1, bias=True, head=True)
        net.fire(f"detect{stride}", Identity(), f"detect{stride}.conv", head=True)
        node = DetectionOutput("yolo", classes, np.array(anchors, np.float64), stride)
        net.place(f"boxes{stride}", node, f"detect{stride}", head=True)


class _Blocks:
    """Residual blocks of one kind; `strided` is where EMS differs from MS, also in the neck."""

    def __init__(self, net: Architecture, kind: BlockKind, time_steps: int) -> None:
        self.net = net
        self.kind = kind
        self.time_steps = time_steps

    def lif(self, name: str, *sources: str, head: bool = False) -> str:
        """Add LIF neurons whose membranes restart with each picture."""
        return self.net.fire(name, Lif(0.25, threshold=0.5), *sources, head=head, reset_every=self.time_steps)

    def strided(self, name: str, x: str, channels: int, stride: int) -> str:
        """Add the block that opens a stage."""
        return self._ems(name, x, channels, stride) if self.kind == "ems" else self.plain(name, x, channels, 3, stride)

    def plain(self, name: str, x: str, channels: int, kernel: int, stride: int = 1) -> str:
        """Add a block of another kind than EMS."""
        return (self._sew if self.kind == "sew" else self._ms)(name, x, channels, kernel, stride)

    def _spiking_path(self, name: str, x: str, channels: int, kernel: int, stride: int) -> str:
        """Add LIF, convolution, LIF, convolution, each normalised, and return the last."""
        inner = self.lif(f"{name}.a", x)
        inner = self.net.conv(f"{name}.b.conv", inner, channels // 2, kernel, stride=stride, norm=True)
        inner = self.lif(f"{name}.b", inner)
        return self.net.conv(f"{name}.conv", inner, channels, kernel, norm=True)

    def _ms(self, name: str, x: str, channels: int, kernel: int, stride: int) -> str:
        """Add an MS block: its shortcut pools the sums and weighs them."""
        path = self._spiking_path(name, x, channels, kernel, stride)
        if stride > 1:
            x = self.net.max_pool(f"{name}.pool", x, stride)
        if self.net.shapes[x][0] != channels:
            x = self.net.conv(f"{name}.skip.conv", x, channels, 1, norm=True)
        return self.net.fire(name, Identity(), path, x)

    def _ems(self, name: str, x: str, channels: int, stride: int) -> str:
        """Add an EMS block: weighed spikes beside the input, pooled. Both paths share the spikes of the input."""
        path = self._spiking_path(name, x, channels, 3, stride)
        more = channels - self.net.shapes[x][0]
        skip = self.net.conv(f"{name}.skip.conv", f"{name}.a", more, 1, norm=True)
        skip = self.net.fire(f"{name}.skip", Identity(), skip)
        if stride > 1:
            skip = self.net.max_pool(f"{name}.skip.pool", skip, stride)
            x = self.net.max_pool(f"{name}.pool", x, stride)
        return self.net.fire(name, Identity(), path, self.net.join(f"{name}.join", skip, x))

    def _sew(self, name: str, x: str, channels: int, kernel: int, stride: int) -> str:
        """Add a SEW block: spikes plus the spikes of the shortcut."""
        path = self.lif(
            f"{name}.a", self.net.conv(f"{name}.a.conv", x, channels // 2, kernel, stride=stride, norm=True)
        )
        path = self.lif(f"{name}.b", self.net.conv(f"{name}.b.conv", path, channels, 3, norm=True))
        if stride > 1 or self.net.shapes[x][0] != channels:
            skip = self.net.conv(f"{name}.skip.conv", x, channels, 1, stride=stride, norm=True)
            x = self.lif(f"{name}.skip", skip)
        return self.net.fire(name, Identity(), path, x)
