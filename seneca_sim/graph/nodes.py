"""The operators of a graph: each a dataclass whose docstring is its equation and whose fields are the equation's symbols.

x is what arrives: the sum over all incoming links (`Concat` joins them instead), as a map (channels, rows, columns).
Vectors of n values are maps (n, 1, 1). Neurons are nodes too; they live in `graph.neurons`.

Weights are int8, int16, int32 or float arrays. The value that a weight stands for is ``scale * weight``; `scale` is one
number or one per output channel. A `mask` (shape of the weight) is False where training fixed a weight to zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.neurons import (
    Activation,
    CellReset,
    Clip,
    ContextThreshold,
    CubaLif,
    Delay,
    Function,
    GruCell,
    Identity,
    If,
    Li,
    Lif,
    LstmCell,
    MguCell,
    MinimalCell,
    MultiThreshold,
    Neuron,
    Parameter,
    Product,
    Quantise,
    Relu,
    SigmaDelta,
    ThresholdRelu,
)

__all__ = [
    "NODE_TYPES",
    "Add",
    "Affine",
    "AvgPool2d",
    "BatchNorm2d",
    "Block",
    "Concat",
    "ContextAware",
    "Conv2d",
    "ConvCell",
    "ConvGru",
    "ConvLstm",
    "ConvMgu",
    "ConvMinimalRnn",
    "ConvTranspose2d",
    "Dense",
    "DetectionOutput",
    "Flatten",
    "GlobalAvgPool2d",
    "Input",
    "MaxPool2d",
    "Node",
    "Output",
    "SqueezeExcite",
    "SumPool2d",
    "Upsample",
    "pair",
]

Array: TypeAlias = NDArray[Any]
Pair: TypeAlias = int | tuple[int, int]
"""One number for rows and columns, or (rows, columns)."""


def pair(value: Pair) -> tuple[int, int]:
    """Return (rows, columns).

    >>> pair(2), pair((1, 2))
    ((2, 2), (1, 2))
    """
    return (value, value) if isinstance(value, int) else (value[0], value[1])


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """The host's events: a map (channels, rows, columns), (channels, columns), or (n,)."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """x goes to the host."""


@dataclass(frozen=True, slots=True, eq=False)
class Conv2d:
    """y[o] = scale[o] * sum_i,ky,kx weight[o, i, ky, kx] x[i, oy*sy - py + ky*dy, ox*sx - px + kx*dx] + bias[o]."""

    weight: Array
    """(out, in / groups, kernel rows, kernel columns)"""
    bias: Array | None = None
    scale: Array | float | None = None
    mask: NDArray[np.bool_] | None = None
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1
    groups: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """y = scale * weight x + bias, where x is a vector (a flattened map is in the order channel, row, column)."""

    weight: Array
    """(out, in)"""
    bias: Array | None = None
    scale: Array | float | None = None
    mask: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SumPool2d:
    """y = the sum of x over windows; incomplete windows are left out. `stride` None is the kernel."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0


@dataclass(frozen=True, slots=True, eq=False)
class AvgPool2d:
    """y = the sum of x over windows / (kernel rows * kernel columns); padding counts as zeros."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0


@dataclass(frozen=True, slots=True, eq=False)
class MaxPool2d:
    """y = the maximum of x over windows; padding never wins. Of spikes: OR."""

    kernel: Pair
    stride: Pair | None = None
    padding: Pair = 0


@dataclass(frozen=True, slots=True, eq=False)
class Flatten:
    """y = x as a vector, in the order channel, row, column."""


@dataclass(frozen=True, slots=True, eq=False)
class Add:
    """y = x: the sum of its incoming links."""


@dataclass(frozen=True, slots=True, eq=False)
class Concat:
    """y = the incoming links side by side in channels, in the order of their ports."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchNorm2d:
    """y = gain (x - mean) / sqrt(variance + epsilon) + offset, per channel."""

    mean: Array
    variance: Array
    gain: Array | None = None
    offset: Array | None = None
    epsilon: float = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """y = scale x + offset, each one number or one per channel."""

    scale: Array | float = 1.0
    offset: Array | float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ConvTranspose2d:
    """The transposed convolution: y = a convolution of x with stride - 1 zeros between neighbours, kernel flipped.

    y[o, oy, ox] = scale[o] sum weight[i, o, ky, kx] x[i, iy, ix] + bias[o] over all iy*sy - py + ky*dy = oy (columns alike).
    """

    weight: Array
    """(in, out / groups, kernel rows, kernel columns)"""
    bias: Array | None = None
    scale: Array | float | None = None
    mask: NDArray[np.bool_] | None = None
    stride: Pair = 1
    padding: Pair = 0
    output_padding: Pair = 0
    dilation: Pair = 1
    groups: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Upsample:
    """y[c, oy, ox] = x[c, oy // rows, ox // columns]: nearest upsampling by `factor`, cut to `size` (rows, columns) if given."""

    factor: Pair
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GlobalAvgPool2d:
    """y = the mean of x over its whole map, a map of one position. It ends only with the map: the pipeline breaks here."""


@dataclass(frozen=True, slots=True, eq=False)
class SqueezeExcite:
    """y = x s + a; s = sigma(excite phi(squeeze mean(x) + squeeze_bias) + excite_bias), per channel (Hu et al. 2018).

    mean is over the whole map; x comes at port 0, a (a skip connection, optional) at port 1.
    """

    squeeze: Array
    """(hidden, channels)"""
    excite: Array
    """(channels, hidden)"""
    squeeze_bias: Array | None = None
    excite_bias: Array | None = None
    gate: Function = "sigmoid"
    activation: Function = "relu"


@dataclass(frozen=True, slots=True, eq=False)
class ContextAware:
    """y = x where x > theta, else 0; theta = max(weight mean(w) + bias, 0), per channel of x.

    x comes at port 0; w, the input of the convolution that made x, at port 1; mean is over its whole map. Our reading of a
    context-aware threshold (Wang and Tang 2025: threshold from each convolution's input; the equation is not public).
    """

    weight: Array
    """(channels of x, channels of w)"""
    bias: Array | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ConvCell:
    """What recurrent blocks share: `weight_x` is convolved with x, `weight_y` with y(t - 1), and both go into sums side by side.

    Each block says which sums its arrays hold, sum after sum. The convolution of y(t - 1) has stride 1 and keeps the size.
    """

    weight_x: Array
    """(sums of x * channels, in, kernel rows, kernel columns)"""
    weight_y: Array
    """(sums of y * channels, channels, kernel rows, kernel columns)"""
    bias: Array | None = None
    """(sums with a bias * channels,)"""
    stride: Pair = 1
    padding: Pair = 1
    threshold: Parameter | None = None
    gate: Function = "sigmoid"
    activation: Function = "tanh"


@dataclass(frozen=True, slots=True, eq=False)
class ConvGru(ConvCell):
    """zx, u, r = weight_x * x + bias; u, r, zy += weight_y * y(t - 1); then as `neurons.GruCell`. * is a convolution.

    Sums of weight_x: zx, u, r; of weight_y: u, r, zy; of bias: zx, u, r, zy.
    """

    reset: CellReset = "none"


@dataclass(frozen=True, slots=True, eq=False)
class ConvMgu(ConvCell):
    """zx, f = weight_x * x + bias; f, zy += weight_y * y(t - 1); then as `neurons.MguCell`.

    Sums of weight_x: zx, f; of weight_y: f, zy; of bias: zx, f, zy.
    """

    reset: CellReset = "none"


@dataclass(frozen=True, slots=True, eq=False)
class ConvMinimalRnn(ConvCell):
    """z = phi(weight_x * x + bias_x) where |z| > candidate_threshold, else 0; u = weight_z * z + weight_y * y(t - 1) + bias;
    then as `neurons.MinimalCell`.

    The sum of weight_x and bias_x is z; of weight_z, weight_y and bias: u.
    """

    weight_z: Array = field(kw_only=True)
    """(channels, channels, kernel rows, kernel columns); stride 1, padding keeps the size"""
    bias_x: Array | None = None
    candidate_threshold: Parameter = 0.0
    reset: CellReset = "none"


@dataclass(frozen=True, slots=True, eq=False)
class ConvLstm(ConvCell):
    """i, f, o, g = weight_x * x + weight_y * y(t - 1) + bias; then as `neurons.LstmCell`.

    Sums of all arrays: i, f, o, g.
    """


@dataclass(frozen=True, slots=True, eq=False)
class DetectionOutput:
    """x goes to the host, which decodes it into boxes (not priced): one level of an SSD or YOLO head.

    Channels of `yolo`: for each anchor, 4 box values, objectness, the class scores. Of `ssd`: 4 box values of all anchors, then the
    class scores of all.
    """

    head: Literal["ssd", "yolo"]
    classes: int
    """Class scores of an anchor; of `ssd` background is one of them."""
    anchors: Array
    """(anchors, 2): width and height [pixels of the input]"""
    stride: int
    """Pixels of the input per cell."""


Linear = (
    Conv2d
    | ConvTranspose2d
    | Dense
    | SumPool2d
    | AvgPool2d
    | MaxPool2d
    | GlobalAvgPool2d
    | Upsample
    | Flatten
    | Add
    | Concat
    | BatchNorm2d
    | Affine
)
Block = SqueezeExcite | ContextAware | ConvGru | ConvMgu | ConvMinimalRnn | ConvLstm
"""What `blocks.open_blocks` opens into operators and neurons before a graph is lowered."""
Node = Input | Output | DetectionOutput | Linear | Block | Neuron

NODE_TYPES: dict[str, type[Node]] = {
    kind.__name__: kind
    for kind in (
        *(Input, Output, DetectionOutput, Conv2d, ConvTranspose2d, Dense, SumPool2d, AvgPool2d, MaxPool2d),
        *(GlobalAvgPool2d, Upsample, Flatten, Add, Concat, BatchNorm2d, Affine),
        *(SqueezeExcite, ContextAware, ConvGru, ConvMgu, ConvMinimalRnn, ConvLstm),
        *(Identity, Relu, ThresholdRelu, If, Lif, Li, CubaLif, SigmaDelta, Activation, Clip, Quantise),
        *(MultiThreshold, Delay, GruCell, MguCell, MinimalCell, LstmCell, Product, ContextThreshold),
    )
}
"""Every node type by its name, as native files spell it."""
