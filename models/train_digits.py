"""Train the two digit networks that ship with seneca_sim, and record the two shipped recordings. Seeded: same bytes again.

Run it from a clone: ``python models/train_digits.py``. It needs PyTorch and scikit-learn besides seneca_sim
(``pip install torch==2.13.0 scikit-learn``; neither is needed to *use* the networks) and takes about ten minutes on two cores.

The data are scikit-learn's handwritten digits (1,797 pictures of 8x8 pixels), turned into events by a model of a camera
that moves (`seneca_sim.events.sensor`): the digit slides into the view of a 20x20 sensor within 30 ms and then makes three
saccades of 30 ms. The first 1,437 pictures train, the last 360 (other writers) are held out and test.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from seneca_sim.events.formats.npz import save_events
from seneca_sim.events.sensor import moving_sensor
from seneca_sim.events.stream import EventStream
from seneca_sim.graph.graph import Graph, GraphBuilder
from seneca_sim.graph.native_file import save_graph
from seneca_sim.graph.network import InputContract, Precision
from seneca_sim.graph.neurons import Lif, SigmaDelta
from seneca_sim.graph.nodes import Conv2d, Dense, Flatten, Input, Output

FOLDER = Path(__file__).parent
SIDE, STEPS, SLICE_US = 20, 24, 5_000
N_TRAIN, SEED = 1_437, 20
REPEATS = 4
"""Recordings of each training picture, each on a way of its own."""
SHIPPED = {3: "digits-3", 8: "digits-8"}
"""Class to name of the shipped recordings: the first held-out picture of the class."""


def record(picture: np.ndarray, seed: tuple[int, int]) -> EventStream:
    """Return the events of one 8x8 picture (0 to 16) on a seeded way through the sensor's view."""
    random = np.random.default_rng(seed)
    home = random.uniform(1.0, 3.0, 2)
    angle = random.uniform(0.0, 2 * np.pi) + np.array([0.0, 1.0, 2.0]) * 2 * np.pi / 3
    triangle = home + 1.3 * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    start = np.array([triangle[0][0], float(SIDE)])
    corners = np.concatenate([[start], triangle, triangle[:1]])
    return moving_sensor(
        picture / 16.0, corners, np.arange(5) * 30_000, shape=(SIDE, SIDE), zoom=2.0, threshold=0.3, dark=0.25
    )


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Return pictures (1797, 8, 8) and classes (1797,)."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images, data.target


def binned(stream: EventStream) -> np.ndarray:
    """Return events per bin as (STEPS, 2, SIDE, SIDE)."""
    counts = np.zeros((STEPS, 2, SIDE, SIDE), np.float32)
    step = stream.t_us // SLICE_US
    kept = step < STEPS
    np.add.at(counts, (step[kept], stream.p[kept], stream.y[kept], stream.x[kept]), 1.0)
    return counts


def bins(indices: range, seed: int = SEED) -> np.ndarray:
    """Return the binned recordings of the given pictures, (N, STEPS, 2, SIDE, SIDE)."""
    pictures, _ = digits()
    return np.stack([binned(record(pictures[k], (seed, k))) for k in indices])


def shifted(torch: Any, frames: Any, random: np.random.Generator) -> Any:
    """Return the frames of a batch moved by up to one pixel in each direction."""
    return torch.roll(frames, tuple(int(n) for n in random.integers(-1, 2, 2)), dims=(-2, -1))


def quantised(torch: Any, weight: Any) -> tuple[Any, float]:
    """Return the weight rounded to int8 times a power of two (gradients pass straight through), and that power."""
    scale = 2.0 ** float(torch.ceil(torch.log2(weight.detach().abs().max() / 127.0)))
    rounded = torch.clamp(torch.round(weight / scale), -127, 127) * scale
    return weight + (rounded - weight).detach(), scale


CHANNELS = (16, 32, 32)
STRIDES = (1, 2, 2)


def parameters(torch: Any, inputs: int, gain: float, biased: bool) -> list[Any]:
    """Return seeded weights of three 3x3 convolutions and one dense layer, each followed by its bias."""
    torch.manual_seed(SEED)
    tensors, last = [], inputs
    for channels in CHANNELS:
        tensors += [torch.randn(channels, last, 3, 3) * gain / (last * 9) ** 0.5, torch.zeros(channels)]
        last = channels
    tensors += [torch.randn(10, last, 5, 5) * gain / (last * 25) ** 0.5, torch.zeros(10)]
    for k, tensor in enumerate(tensors):
        tensor.requires_grad_(biased or k % 2 == 0)
    return tensors


ACTIVATION_STEPS = (0.5, 0.5, 0.5, 0.25)
"""Step of each sigma-delta layer: powers of two, so that events and states lie on a binary grid."""


def sigma_delta_forward(torch: Any, tensors: list[Any], frames: Any) -> tuple[Any, list[Any]]:
    """Return the scores (N, 10) of integrated frames (N, 1, SIDE, SIDE), and what each layer holds, in units of its step."""
    x, held = frames, []
    for k, (stride, step) in enumerate(zip((*STRIDES, 1), ACTIVATION_STEPS, strict=True)):
        weight, _ = quantised(torch, tensors[2 * k])
        bias = tensors[2 * k + 1]
        bias = bias + (bias.to(torch.bfloat16).to(torch.float32) - bias).detach()
        x = torch.nn.functional.conv2d(x, weight, bias, stride=stride, padding=0 if k == 3 else 1)
        if k == 3:
            return x.flatten(1), held
        x = torch.relu(x)
        x = x + (step * torch.floor(x / step + 0.5) - x).detach()
        held.append(x / step)
    raise AssertionError


def train_sigma_delta(torch: Any, data: np.ndarray, target: np.ndarray, epochs: int) -> list[np.ndarray]:
    """Train on integrated frames; penalise what changes from step to step, for that is what costs events."""
    tensors = parameters(torch, 1, 1.4, biased=True)
    optimiser = torch.optim.AdamW([t for t in tensors if t.requires_grad], lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    frames = torch.from_numpy(np.cumsum(data[:, :, 1] - data[:, :, 0], axis=1)[:, :, None])
    classes, random = torch.from_numpy(target), np.random.default_rng(SEED)
    for epoch in range(epochs):
        for batch in np.array_split(random.permutation(len(frames)), len(frames) // 48):
            first = int(random.integers(4, STEPS - 4))
            chosen = shifted(torch, frames[batch][:, first : first + 4], random)
            scores, held = sigma_delta_forward(torch, tensors, chosen.flatten(0, 1))
            error = torch.nn.functional.cross_entropy(scores, classes[batch].repeat_interleave(4))
            change = sum(h.unflatten(0, (-1, 4)).diff(dim=1).abs().clamp(max=2).mean() for h in held)
            optimiser.zero_grad()
            (error + 0.15 * change).backward()
            optimiser.step()
        schedule.step()
        report("sigma-delta", epoch, float(error), float(change))
    return [t.detach().numpy() for t in tensors]


DECAY, THRESHOLD = 0.875, 1.0


def spike_function(torch: Any) -> Any:
    """Return the step function whose gradient is that of a smooth step (surrogate gradient)."""

    class Spike(torch.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(context: Any, v: Any) -> Any:
            context.save_for_backward(v)
            return (v > 0).to(v.dtype)

        @staticmethod
        def backward(context: Any, gradient: Any) -> Any:
            (v,) = context.saved_tensors
            return gradient / (1.0 + (np.pi * v) ** 2)

    return Spike.apply


def lif_forward(torch: Any, tensors: list[Any], events: Any) -> tuple[Any, list[Any]]:
    """Return the output spike counts (N, 10) of binary events (N, STEPS, 2, SIDE, SIDE), and the spike rate of each layer."""
    spike = spike_function(torch)
    weights = [quantised(torch, tensors[2 * k])[0] for k in range(4)]
    v: list[Any] = [0.0] * 4
    counts, rates = 0.0, [0.0] * 4
    for step in range(events.shape[1]):
        x = events[:, step]
        for k, stride in enumerate((*STRIDES, 1)):
            v[k] = DECAY * v[k] + torch.nn.functional.conv2d(x, weights[k], stride=stride, padding=0 if k == 3 else 1)
            x = spike(v[k] - THRESHOLD)
            v[k] = v[k] * (1.0 - x.detach())
            rates[k] = rates[k] + x.mean() / events.shape[1]
        counts = counts + x.flatten(1)
    return counts, rates


def train_lif(torch: Any, data: np.ndarray, target: np.ndarray, epochs: int) -> list[np.ndarray]:
    """Train on spikes with surrogate gradients through time; a penalty on the spike rate keeps the layers sparse."""
    tensors = parameters(torch, 2, 2.0, biased=False)
    optimiser = torch.optim.AdamW([t for t in tensors if t.requires_grad], lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    events, classes = torch.from_numpy((data > 0).astype(np.float32)), torch.from_numpy(target)
    random = np.random.default_rng(SEED)
    for epoch in range(epochs):
        for batch in np.array_split(random.permutation(len(events)), len(events) // 48):
            counts, rates = lif_forward(torch, tensors, shifted(torch, events[batch], random))
            error = torch.nn.functional.cross_entropy(0.5 * counts, classes[batch])
            rate = sum(torch.relu(r - 0.07) for r in rates[:3])
            optimiser.zero_grad()
            (error + 4.0 * rate).backward()
            torch.nn.utils.clip_grad_norm_([t for t in tensors if t.requires_grad], 1.0)
            optimiser.step()
        schedule.step()
        report("LIF", epoch, float(error), *(float(r) for r in rates))
    return [t.detach().numpy() for t in tensors]


def report(name: str, epoch: int, *values: float) -> None:
    """Print one line of progress to stderr."""
    print(f"{name} epoch {epoch}: " + " ".join(f"{value:.4f}" for value in values), file=sys.stderr, flush=True)


def sigma_delta_graph(tensors: list[np.ndarray]) -> Graph:
    """Return the sigma-delta network: three convolutions and a dense layer, each followed by its sigma-delta neurons."""
    net = GraphBuilder("digits-sigma-delta", input_contract=InputContract("signed_count", slice_us=SLICE_US))
    types = Precision(weight="int8", state="bf16", event="bf16")
    net.add("events", Input((1, SIDE, SIDE)), precision=types)
    for k, (stride, step) in enumerate(zip((*STRIDES, 1), ACTIVATION_STEPS, strict=True)):
        weight, scale = integers(tensors[2 * k])
        bias = bfloat(tensors[2 * k + 1])
        if k < 3:
            net.add(f"conv{k + 1}_weights", Conv2d(weight, bias, scale, stride=stride, padding=1))
            net.add(f"conv{k + 1}", SigmaDelta(step), precision=types)
        else:
            net.add("flatten", Flatten()).add("classes_weights", Dense(weight.reshape(10, -1), bias, scale))
            net.add("classes", SigmaDelta(step, activation="identity"), precision=types)
    return net.add("output", Output()).graph()


def lif_graph(tensors: list[np.ndarray]) -> Graph:
    """Return the spiking network: three convolutions and a dense layer of LIF neurons that reset to zero."""
    net = GraphBuilder("digits-lif", dt_us=float(SLICE_US), input_contract=InputContract("binary", slice_us=SLICE_US))
    types = Precision(weight="int8", state="bf16", event="binary")
    net.add("events", Input((2, SIDE, SIDE)), precision=types)
    for k, stride in enumerate((*STRIDES, 1)):
        weight, scale = integers(tensors[2 * k])
        if k < 3:
            net.add(f"conv{k + 1}_weights", Conv2d(weight, None, scale, stride=stride, padding=1))
            net.add(f"conv{k + 1}", Lif(DECAY, threshold=THRESHOLD), precision=types)
        else:
            net.add("flatten", Flatten()).add("classes_weights", Dense(weight.reshape(10, -1), None, scale))
            net.add("classes", Lif(DECAY, threshold=THRESHOLD), precision=types)
    return net.add("output", Output()).graph()


def integers(weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Return int8 weights and the power of two that they stand for, as `quantised` rounds them."""
    scale = 2.0 ** float(np.ceil(np.log2(np.abs(weight).max() / 127.0)))
    return np.clip(np.round(weight / scale), -127, 127).astype(np.int8), scale


def bfloat(values: np.ndarray) -> np.ndarray:
    """Return float32 values rounded to bfloat16, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def main() -> None:
    """Train both networks, print their accuracy on the held-out digits, and write all files beside this script."""
    import torch

    torch.set_num_threads(1)
    pictures, target = digits()
    target = target.astype(np.int64)
    data = np.concatenate([bins(range(N_TRAIN), SEED + k) for k in range(1, REPEATS + 1)])
    held_out = torch.from_numpy(bins(range(N_TRAIN, len(pictures))))
    classes = np.tile(target[:N_TRAIN], REPEATS)
    sigma_delta = train_sigma_delta(torch, data, classes, epochs=25)
    lif = train_lif(torch, data, classes, epochs=25)
    with torch.no_grad():
        frames = (held_out[:, :, 1] - held_out[:, :, 0]).cumsum(1)[:, :, None]
        scores, _ = sigma_delta_forward(torch, [torch.from_numpy(t) for t in sigma_delta], frames.flatten(0, 1))
        mean = scores.unflatten(0, (-1, STEPS)).mean(1)
        counts, _ = lif_forward(torch, [torch.from_numpy(t) for t in lif], (held_out > 0).float())
    for name, result in (("sigma-delta", mean), ("LIF", counts)):
        right = int((result.argmax(1).numpy() == target[N_TRAIN:]).sum())
        print(f"{name}: {right} of {len(target) - N_TRAIN} held-out digits right")
    save_graph(sigma_delta_graph(sigma_delta), FOLDER / "digits-sigma-delta.h5")
    save_graph(lif_graph(lif), FOLDER / "digits-lif.h5")
    for digit, name in SHIPPED.items():
        index = N_TRAIN + int(np.argmax(target[N_TRAIN:] == digit))
        save_events(FOLDER / "recordings" / f"{name}.npz", record(pictures[index], (SEED, index)))


if __name__ == "__main__":
    main()
