"""A ConvGRU of your own, from numpy arrays to a report: what does a threshold on its outputs save?

The arrays here are drawn; put those of your training in their place, in the layouts of PyTorch: weights are (out, in, rows,
columns), and the three parts of a gated cell follow each other. A stem, the recurrent cell and one level of a detection
head watch a synthetic road. The cell's threshold decides how much of its state it sends, to the head and to itself one step
later; without one it sends everything at every step.

More than nine tenths of the operations are the cell's own, most of them on its recurrent weights. So a threshold that lets a
tenth of the state pass saves five sixths of all operations, and about two thirds of energy and latency: the gates of every
neuron are still updated at every step. What it costs in accuracy is a question for the training.
Run it as it is: ``python experiments/own_conv_gru.py``.
"""

import numpy as np

import seneca_sim as ss
from seneca_sim.graph import (
    Conv2d,
    ConvGru,
    DetectionOutput,
    GraphBuilder,
    Input,
    InputContract,
    Network,
    ThresholdRelu,
    lower,
)

ROWS, COLUMNS, STEM, CHANNELS, CLASSES = 48, 64, 16, 24, 2
ROAD = "synthetic:road?size=128x96&duration=200ms&seed=3"
ANCHORS = np.array([[12.0, 12.0], [24.0, 12.0]])

draw = np.random.default_rng(5)
arrays = {
    "stem.weight": draw.normal(0, 0.25, (STEM, 2, 5, 5)),
    "gru.weight_x": draw.normal(0, 0.12, (3 * CHANNELS, STEM, 3, 3)),  # z, update, reset
    "gru.weight_y": draw.normal(0, 0.08, (3 * CHANNELS, CHANNELS, 3, 3)),  # update, reset, z
    "gru.bias": np.repeat([0.0, -1.0, 0.0, 0.0], CHANNELS),
    "head.weight": draw.normal(0, 0.2, (len(ANCHORS) * (4 + CLASSES), CHANNELS, 1, 1)),
}
arrays = {name: array.astype(np.float32) for name, array in arrays.items()}


def detector(threshold: float | None) -> Network:
    sees = InputContract("histogram", slice_us=10_000, sensor_width=2 * COLUMNS, sensor_height=2 * ROWS, pool=2)
    net = GraphBuilder("detector", dt_us=10_000.0, task="other", input_contract=sees)
    net.add("events", Input((2, ROWS, COLUMNS)))
    net.add("stem.conv", Conv2d(arrays["stem.weight"], stride=2, padding=2)).add("stem", ThresholdRelu(0.5))
    cell = ConvGru(arrays["gru.weight_x"], arrays["gru.weight_y"], arrays["gru.bias"], threshold=threshold)
    net.add("gru", cell)
    net.add("head", Conv2d(arrays["head.weight"]), head=True)
    net.add("boxes", DetectionOutput("ssd", CLASSES, ANCHORS, stride=2))
    return lower(net.graph())


print("threshold   cell sends   SOPs a step   energy a step µJ   latency ms")
for threshold in (None, 0.02, 0.1, 0.3):
    result = ss.simulate(detector(threshold), events=ROAD, goal="fewest-cores")
    summary, layers = result.summary, result.layers.set_index("layer")
    print(
        f"{'none' if threshold is None else threshold!s:9s} {layers.neuron_density['gru']:11.1%}"
        f" {summary['sops_per_step']:14,.0f} {summary['energy_uj_per_step']:18.1f} {summary['latency_us'] / 1000:12.2f}"
    )

print(f"\nthe last one: {summary['steps']} steps, cores {summary['cores']}, bound by {summary['bound_by']}")
print("layer     events   density        SOPs   energy µJ   memory kbit")
for name, row in layers.iterrows():
    print(
        f"{name:8s} {row.events:7,d} {row.neuron_density:9.1%} {row.sops:11,d}"
        f" {row.energy_uj:11.1f} {row.memory_bits / 1000:13.1f}"
    )
print(", ".join(f"{kind} {bits / 1000:.1f}" for kind, bits in summary["memory_by_kind_bits"].items() if bits), "kbit")
