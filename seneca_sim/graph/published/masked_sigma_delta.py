"""Masked sigma-delta networks (Sekikawa and Uto 2021): PilotNet, and networks for N-MNIST, N-Caltech101 and Gen1.

Sources: sizes, windows and dense MACs from the paper's tables 1 and 2; layers of PilotNet from its original, of N-Caltech101 from
the VGG of the same input size and representation in uzh-rpg/rpg_asynet.
Exact: dense MACs (padding taps counted) of PilotNet 28.22 M (published 28) and N-Caltech101 808.97 M (810). Calibrated
reconstructions: N-MNIST, 16.69 M (17; other layers fit too), and Gen1, 1,177.6 M (1,200): one 256-channel convolution more than in
the VGG, which alone gives 1,047 M.

Neurons: a change of q(max(X, 0)) is sent, q rounds to a multiple of `step`, 2**-10 as at the start of training; trained steps and
masks are not public. `width` 2, 4 or 8 multiplies the channels of the convolutions, never those of the dense layers. The paper's
weights have 32 bits; here they are BF16, as on the chip (numerics="fp32" for the paper's).

Input: PilotNet sees frames, the others a histogram with two channels of the last `window` events, `slice` of them new at a step;
values are sent as differences, so an event that leaves counts negative.
"""

from __future__ import annotations

from typing import Literal

from seneca_sim.errors import RequestError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.network import InputContract
from seneca_sim.graph.neurons import SigmaDelta
from seneca_sim.graph.published.architecture import Architecture, Size

__all__ = ["Width", "gen1", "n_caltech", "n_mnist", "pilotnet"]

Width = Literal[1, 2, 4, 8]

_RECONSTRUCTION = "calibrated reconstruction: layers chosen to give the published dense MACs"


def pilotnet(*, size: Size = (66, 200), width: Width = 1, step: float = 2.0**-10, name: str = "pilotnet-msd") -> Graph:
    """Return the steering network: five convolutions without padding and five dense layers.

    >>> pilotnet(width=2).nodes["conv1.conv"].weight.shape
    (48, 3, 5, 5)
    """
    contract = InputContract("frame", low=0.0, high=1.0, differences=True)
    net = _Layers(name, 3, size, contract, width, step)
    x = "input"
    for number, (channels, kernel, stride) in enumerate(
        ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1)), 1
    ):
        x = net.convolution(f"conv{number}", x, channels, kernel, stride=stride, padding=0, bias=True)
    return net.classified(x, (1164, 100, 50, 10, 1))


def n_mnist(*, size: Size = (34, 34), width: Width = 1, step: float = 2.0**-10, name: str = "nmnist-msd") -> Graph:
    """Return the digit classifier: two convolutions with pooling and a dense layer."""
    net = _Layers(name, 2, size, _window(2_000, 100, size), width, step, _RECONSTRUCTION)
    x = "input"
    for number, channels in enumerate((32, 64), 1):
        x = net.convolution(f"conv{number}", x, channels, 5, bias=True)
        x = net.max_pool(f"pool{number}", x, 2)
    return net.classified(x, (10,))


def n_caltech(
    *, size: Size = (191, 255), width: Width = 1, step: float = 2.0**-10, name: str = "ncaltech-msd"
) -> Graph:
    """Return the object classifier: five pooled pairs of convolutions, two more, and a dense layer."""
    net = _Layers(name, 2, size, _window(25_000, 1_250, size), width, step)
    x = net.pairs("input", (16, 32, 64, 128, 256))
    x = net.convolution("conv11", x, 512, 3, norm=True)
    x = net.convolution("conv12", x, 256, 3, stride=2, padding=0, norm=True)
    return net.classified(x, (101,))


def gen1(*, size: Size = (223, 287), width: Width = 1, step: float = 2.0**-10, name: str = "gen1-msd") -> Graph:
    """Return the car and pedestrian detector: four pooled pairs of convolutions, four more, and boxes of 6 x 8 cells."""
    net = _Layers(name, 2, size, _window(25_000, 1_250, size), width, step, _RECONSTRUCTION)
    x = net.pairs("input", (16, 32, 64, 128))
    for number in (9, 10, 11):
        x = net.convolution(f"conv{number}", x, 256, 3, norm=True)
    x = net.convolution("conv12", x, 256, 3, stride=2, padding=0, norm=True)
    return net.classified(x, (1024, 6 * 8 * 12), detects=True)


def _window(events: int, new: int, size: Size) -> InputContract:
    """Return the histogram of the last events."""
    return InputContract(
        "histogram",
        slice_events=new,
        window_events=events,
        differences=True,
        sensor_width=size[1],
        sensor_height=size[0],
    )


class _Layers(Architecture):
    """Sigma-delta layers of one width and step."""

    def __init__(
        self, name: str, channels: int, size: Size, contract: InputContract, width: int, step: float, *notes: str
    ) -> None:
        if width not in (1, 2, 4, 8):
            raise RequestError(f"{name}: width must be 1, 2, 4 or 8, not {width}")
        if not 0 < step < float("inf"):
            raise RequestError(f"{name}: step must be a number above zero, not {step:g}")
        task: Literal["classification", "other"] = "classification" if "mnist" in name or "caltech" in name else "other"
        super().__init__(name, channels, size, contract=contract, task=task, assumptions=notes)
        self.width = width
        self.step = step

    def convolution(
        self,
        name: str,
        x: str,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = False,
        norm: bool = False,
    ) -> str:
        """Add a convolution, as many times as wide as at width 1, and its neurons."""
        channels *= self.width
        x = self.conv(f"{name}.conv", x, channels, kernel, stride=stride, padding=padding, bias=bias, norm=norm)
        return self.fire(name, SigmaDelta(self.step), x)

    def pairs(self, x: str, channels: tuple[int, ...]) -> str:
        """Add pairs of convolutions, each pair with a max pooling of 3 in steps of 2."""
        for number, count in enumerate(channels):
            for of_pair in (1, 2):
                x = self.convolution(f"conv{2 * number + of_pair}", x, count, 3, norm=True)
            x = self.max_pool(f"pool{number + 1}", x, 3, 2)
        return x

    def classified(self, x: str, outputs: tuple[int, ...], *, detects: bool = False) -> Graph:
        """Add dense layers, the last without activation, and return the graph; of a detector they are its head."""
        for number, count in enumerate(outputs, 1):
            last = number == len(outputs)
            x = self.dense(f"dense{number}.weights", x, count, head=detects)
            neuron = SigmaDelta(self.step, activation="identity" if last else "relu")
            x = self.fire(f"dense{number}", neuron, x, head=detects)
        return self.ended(x, head=detects)
