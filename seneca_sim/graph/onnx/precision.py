"""Number types of a quantised network: narrow integers where weights and values are integers, FP32 elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from seneca_sim.graph.graph import Link
from seneca_sim.graph.network import NumberType, Precision
from seneca_sim.graph.neurons import Clip, Identity, MultiThreshold, Neuron, Quantise, Relu
from seneca_sim.graph.nodes import Conv2d, ConvTranspose2d, Dense, Input, Node
from seneca_sim.graph.onnx.values import signed_bits

__all__ = ["stated_precision"]

_INTEGERS: tuple[tuple[int, NumberType], ...] = ((4, "int4"), (8, "int8"), (16, "int16"), (32, "int32"))


def stated_precision(nodes: Mapping[str, Node], links: Iterable[Link], bits: Mapping[str, int]) -> dict[str, Precision]:
    """Return the number types of neurons; `bits` are the widths of the quantised weights of nodes.

    Weights take the widest of a neuron's weights. Sums are int32 where all weights, and all values that they meet, are
    integers times one step. Events of quantisers take the narrowest signed type that holds their codes.

    >>> nodes = {"input": Input((1,)), "q": Quantise(0.5, -8, 7), "fc": Dense(np.ones((2, 1), np.int8)), "relu": Relu()}
    >>> links = [Link("input", "q"), Link("q", "fc"), Link("fc", "relu")]
    >>> stated_precision(nodes, links, {"fc": 2})["relu"]
    Precision(weight='int4', state='int32', event='fp32')
    """
    links = tuple(links)
    into: dict[str, list[str]] = {}
    for link in links:
        into.setdefault(link.target, []).append(link.source)
    precision = {}
    for name, node in nodes.items():
        if not isinstance(node, Neuron):
            continue
        weights, sources = _front(nodes, into, name)
        widths = [bits.get(weight, 64) for weight in weights]
        whole = all(_event(nodes[source]) is not None for source in sources) and max(widths, default=0) <= 32
        sums = whole and isinstance(node, Identity | Relu | Clip | Quantise | MultiThreshold)
        if sums or _event(node) or (widths and max(widths) <= 32):
            weight = _integer(max(widths)) if widths and max(widths) <= 32 else "fp32" if widths else "int8"
            precision[name] = Precision(weight, "int32" if sums else "fp32", _event(node) or "fp32")
    return precision


def _integer(width: int) -> NumberType:
    """Return the integer type of at least a width."""
    return next(kind for most, kind in _INTEGERS if width <= most)


def _event(node: Node) -> NumberType | None:
    """Return the type of the codes that a quantiser sends, None for what sends no codes of a single step."""
    if isinstance(node, Quantise) and np.unique(np.asarray(node.step)).size == 1:
        low, high = (-1, 1) if node.bipolar else (int(np.min(node.low)), int(np.max(node.high)))
    elif isinstance(node, MultiThreshold) and np.unique(np.asarray(node.scale)).size == 1 and np.all(node.scale):
        first = float(np.min(node.offset)) / float(np.min(node.scale))
        if not first.is_integer() or np.unique(np.asarray(node.offset)).size > 1:
            return None
        low, high = sorted((int(first), int(first) + node.thresholds.shape[-1]))
    else:
        return None
    width = signed_bits(low, high)
    return _integer(width) if width <= 32 else None


def _front(nodes: Mapping[str, Node], into: Mapping[str, list[str]], name: str) -> tuple[list[str], list[str]]:
    """Return the nodes with weights in front of a neuron, and the neurons and inputs that they see."""
    weights, sources, seen, waiting = [], [], {name}, [name]
    while waiting:
        for source in into.get(waiting.pop(), []):
            if isinstance(nodes[source], Neuron | Input):
                sources.append(source)
            elif source not in seen:
                seen.add(source)
                waiting.append(source)
                if isinstance(nodes[source], Conv2d | ConvTranspose2d | Dense):
                    weights.append(source)
    return weights, sources
