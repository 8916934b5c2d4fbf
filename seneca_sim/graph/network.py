"""The network as the chip sees it: layers of neurons, joined by edges that carry weights.

A `Graph` (nodes and edges, as read from a file) is lowered to a `Network` once: batch normalisation is folded, linear
operators become edges, pooling moves to where the chip does it. Everything after the graph room reads only this.

Shapes are (channels, rows, columns). A dense edge is a convolution whose kernel covers its whole input map and whose
output map has one row and one column.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.neurons import Neuron, sum_names

__all__ = ["Edge", "InputContract", "Layer", "MaxPool", "Network", "NumberType", "Precision", "Representation"]

NumberType = Literal["binary", "int4", "int8", "int16", "int32", "int64", "bf16", "fp32"]
"""Types of weights, states and event values; `binary` is for events only (a spike carries no value)."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Number types of one layer: its incoming weights, its states, and the events that it sends."""

    weight: NumberType = "bf16"
    state: NumberType = "bf16"
    event: NumberType = "bf16"


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max pooling fused behind a neuron: it sees values before they become events (of spikes: OR)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """One weighted connection from a source layer into a layer.

    The value that arrives at neuron (o, oy, ox) is
    ``scale[o] * sum_i,ky,kx weight[o, i, ky, kx] * x[i, oy*sy - py + ky*dy, ox*sx - px + kx*dx]``, where x is the source's
    map after summing windows of `pool` (ph, pw) and inserting `upsample` - 1 zeros between neighbours (a transposed
    convolution). An `add` edge has no weights: it adds source channel c to channel c + `target_offset`, each value at the
    `upsample` neurons (rows, columns) that it stands for (nearest upsampling; its kernel of ones is `upsample`, its padding
    `upsample` - 1). Neurons with several sums: see `first_sum` and `sums`.
    """

    name: str
    source: int
    """Index of the source layer in `Network.layers`."""
    kind: Literal["conv", "dense", "add"]
    weight: NDArray[np.generic] | None
    """(out, in / groups, kernel rows, kernel columns), int8, int32 or float32; masked weights are zero. None for `add`.

    out is `sums` x channels of the layer, sum after sum.
    """
    scale: NDArray[np.float32] | None = None
    """(out,) or (1,) factor of the sum; None is 1."""
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    pool: tuple[int, int] = (1, 1)
    """A folded sum pooling in front: an event at (y, x) acts at (y // ph, x // pw), in incomplete border windows nowhere."""
    delay: int = 0
    """0: within the time step; 1: a recurrent edge, the values of the step before."""
    target_offset: int = 0
    mask: NDArray[np.bool_] | None = None
    """Shape of `weight`; False where training fixed a weight to zero. None: no weight is masked."""
    upsample: tuple[int, int] = (1, 1)
    """Zeros inserted between neighbours, plus one; for an `add` edge the neurons that one value goes to."""
    first_sum: int = 0
    """The first of the neuron's sums (`neurons.sum_names`) that the edge feeds."""
    sums: int = 1
    """How many consecutive sums it feeds; `groups` is 1 if there are several."""
    broadcast: bool = False
    """The source has one position, and its value counts for every position of the layer: the sum is kept once per channel,
    integrated once, and every output position waits for it. `add` edges, or convolutions 1 x 1."""

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of the kernel; of an `add` edge `upsample`."""
        return self.upsample if self.weight is None else (self.weight.shape[2], self.weight.shape[3])


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A map of neurons with its incoming edges; `neuron` is None for an input layer (the host sends its events)."""

    name: str
    neuron: Neuron | None
    shape: tuple[int, int, int]
    """(channels, rows, columns) of the neurons."""
    edges: tuple[Edge, ...] = ()
    bias: NDArray[np.float32] | NDArray[np.int64] | None = None
    """(channels,), added to every sum (in the unit of the neuron's state); None is zero. Neurons with several sums:
    (sums x channels,), sum after sum."""
    pool: MaxPool | None = None
    precision: Precision = field(default_factory=Precision)
    is_output: bool = False
    is_head: bool = False
    """Weights of a detection or classification head, which published memory figures leave out."""
    delay: int = 0
    """The sums of step t act on the neurons in step t + delay (delays of axons or synapses); 0 before."""
    reset_every: int = 0
    """States return to their initial values before the steps reset_first, reset_first + reset_every, ...; 0: never."""
    reset_first: int = 0

    @property
    def is_input(self) -> bool:
        """Whether the host sends this layer's events."""
        return self.neuron is None

    @property
    def sums(self) -> int:
        """Number of sums that each neuron gathers."""
        return len(sum_names(self.neuron))

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns) of the events that leave, after fused max pooling."""
        if self.pool is None:
            return self.shape
        channels, rows, columns = self.shape
        (kr, kc), (sr, sc), (pr, pc) = self.pool.kernel, self.pool.stride, self.pool.padding
        return channels, (rows + 2 * pr - kr) // sr + 1, (columns + 2 * pc - kc) // sc + 1


Representation = Literal[
    "binary", "count", "signed_count", "frame", "histogram", "voxel", "time_surface", "signed_voxel"
]


@dataclass(frozen=True, slots=True)
class InputContract:
    """What the network expects of a recording: which events a step takes, and how they become values at pixels.

    Slices: `slice_us` of time; or `slice_events` events each; or, with `window_events` as well, the last `window_events`
    events after every `slice_events` new ones. Of P polarities, B = `bins` equal parts of a slice, and a pixel:

    - binary: 1 where there were events; count: how many; one channel merges the polarities, two keep them apart.
    - histogram: count with two channels, one for each polarity.
    - signed_count: ON minus OFF, one channel.
    - voxel: count for each polarity and part of the slice, 2 B channels.
    - time_surface: of the last event in each part, for each polarity, (t - start of the part) / (length of the part),
      0 <= value < 1; 2 B channels (OpenEB's multi-channel time surface).
    - signed_voxel: ON minus OFF in each part, B channels.
    - frame: pictures, not events.

    Counts are cut at `clip`; every value is multiplied by `scale`. A network reads what is not stated as the defaults.
    """

    representation: Representation = "binary"
    slice_us: int = 1000
    swap_xy: bool = False
    """Columns of the recording are rows of the network."""
    flip_polarity: bool = False
    """ON of the recording is OFF of the network."""
    slice_events: int | None = None
    window_events: int | None = None
    differences: bool = False
    """Values are sent as changes since the step before (into sigma-delta neurons); an event that leaves counts negative."""
    bins: int = 1
    channel_order: Literal["bin-major", "polarity-major"] = "bin-major"
    """Of voxel and time_surface: channel 2 b + p, or p B + b."""
    polarity_order: Literal["off-on", "on-off"] = "off-on"
    """Which polarity is p = 0."""
    bin_span: Literal["slice", "events"] = "slice"
    """What is cut into bins: the whole slice, or the time from its first to its last event (RVT)."""
    clip: int | None = None
    """Largest count of a pixel in a step; signed counts also end at -clip."""
    scale: float = 1.0
    sensor_width: int | None = None
    sensor_height: int | None = None
    """Size of the camera that the network was made for [pixels]; None: any that gives its map."""
    pool: int = 1
    """Blocks of pool x pool pixels of that camera are one pixel of the network."""
    low: float | None = None
    high: float | None = None
    """Of frames: what the pixel values 0 and 255 become; None: they stay as they are."""
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    """Of frames: (value - mean) / std after that, for each channel."""
    colour: Literal["rgb", "bgr"] = "rgb"
    """Order of the three colour channels of frames."""
    repeat: int = 1
    """Steps that each frame is shown for: direct coding, as spiking networks see static pictures."""

    @property
    def in_parts(self) -> bool:
        """Whether slices are cut into bins."""
        return self.representation in ("voxel", "time_surface", "signed_voxel")


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers in topological order (edges with delay 1 may point backwards or to themselves)."""

    name: str
    layers: tuple[Layer, ...]
    dt_us: float | None = None
    """The time step that neuron constants were discretised with; None for frame-based networks."""
    task: Literal["classification", "other"] = "classification"
    input_contract: InputContract = field(default_factory=InputContract)
    assumptions: tuple[str, ...] = ()
    """Sentences about what had to be assumed when the file was read (reset rule, time step, ...)."""
    weights: Literal["given", "random", "absent"] = "given"
    """`absent`: the definition of a published network whose weights are not public (its arrays are placeholders of one
    zero, broadcast): it has shapes and counts, and runs from a synthetic activity only. `random`: drawn, thresholds calibrated."""

    @property
    def replayed(self) -> frozenset[int]:
        """Layers whose values of the step before a recurrent edge reads."""
        return frozenset(edge.source for layer in self.layers for edge in layer.edges if edge.delay)
