"""Depth-first against conventional order: what a layer may forget early, it need not store, and what it knows early, it may send.

In depth-first order a position fires as soon as its receptive field is complete; a ReLU layer then keeps a few rows of sums. In
conventional order every layer waits for the end of the layer before it and keeps its whole map. The network is a stack of
convolutions with drawn weights, fed with the first steps of the shipped recording.
Run it as it is: ``python experiments/order.py``.
"""

import numpy as np

import seneca_sim as ss
from seneca_sim.graph import Conv2d, GraphBuilder, Input, InputContract, Network, Output, Relu, lower


def stack(depth: int, channels: int = 16) -> Network:
    draw = np.random.default_rng(7)
    contract = InputContract("signed_count", slice_us=5_000)
    net = GraphBuilder("stack", input_contract=contract).add("events", Input((1, 20, 20)))
    for k in range(depth):
        weight = draw.integers(-60, 61, (channels, 1 if k == 0 else channels, 3, 3)).astype(np.int8)
        net.add(f"weights{k + 1}", Conv2d(weight, bias=np.full(channels, -0.25, np.float32), scale=1 / 128, padding=1))
        net.add(f"conv{k + 1}", Relu())
    return lower(net.add("output", Output()).graph())


print("layers   order          latency µs   energy µJ   state bits")
for depth in (2, 4, 6):
    for order in ("depth-first", "conventional"):
        result = ss.simulate(stack(depth), events="digits", steps=6, goal="fewest-cores", order=order)
        summary = result.summary
        memory = summary["memory_by_kind_bits"]
        print(
            f"{depth:6d}   {order:12s} {summary['latency_us']:12.1f}"
            f" {summary['energy_uj']:11.2f} {memory['states'] + memory['row_buffers']:12d}"
        )
