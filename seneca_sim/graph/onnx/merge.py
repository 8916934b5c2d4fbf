"""Fewer neurons, same values: a quantiser takes in the rectifier, clip or quantiser that it alone reads.

Every rule is exact in floating point: rounding and division by a positive step are monotonic, and keep the sign.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from seneca_sim.graph.graph import Link
from seneca_sim.graph.neurons import Clip, Quantise, Relu
from seneca_sim.graph.nodes import MaxPool2d, Node

__all__ = ["merge_neurons"]

_NEAREST = {"half_even", "half_up", "half_away"}


def merge_neurons(nodes: dict[str, Node], links: list[Link]) -> tuple[dict[str, Node], list[Link]]:
    """Return nodes and links with pairs of neurons merged; the later one's name is kept.

    >>> nodes = {"relu": Relu(), "quant": Quantise(0.5, -8, 7)}
    >>> merged, links = merge_neurons(nodes, [Link("in", "relu"), Link("relu", "quant"), Link("quant", "out")])
    >>> merged["quant"].low, [(link.source, link.target) for link in links]
    (0, [('in', 'quant'), ('quant', 'out')])
    """
    nodes, links = dict(nodes), _swap_pools(nodes, list(links))
    merged = True
    while merged:
        merged = False
        into = Counter(link.target for link in links)
        out = Counter(link.source for link in links)
        for link in links:
            first, second = nodes.get(link.source), nodes.get(link.target)
            if link.delay or out[link.source] != 1 or into[link.target] != 1:
                continue
            both = _merged(first, second)
            if both is None:
                continue
            nodes[link.target] = both
            del nodes[link.source]
            links = [
                replace(other, target=link.target) if other.target == link.source else other
                for other in links
                if other is not link
            ]
            merged = True
            break
    return nodes, links


def _merged(first: Node | None, second: Node | None) -> Node | None:
    """Return one neuron that does the same as two in a row, or None."""
    match first, second:
        case Relu(), Relu():
            return second
        case Relu(), Clip() if np.all(np.asarray(second.high) >= 0):
            return replace(second, low=_max(second.low, 0))
        case Relu(), Quantise() if not second.bipolar and np.all(np.asarray(second.high) >= 0):
            return replace(second, low=_max(second.low, 0))
        case Clip(), Quantise() if not second.bipolar and second.rounding in ("half_even", "half_away"):
            return _limited(second, _code(first.low, second), _code(first.high, second))
        case Quantise(), Relu() if not first.bipolar and np.all(np.asarray(first.high) >= 0):
            return replace(first, low=_max(first.low, 0))
        case Quantise(), Quantise() if not first.bipolar and not second.bipolar and second.rounding in _NEAREST:
            if np.array_equal(np.asarray(first.step), np.asarray(second.step)):
                return _limited(first, second.low, second.high)
        case _:
            pass
    return None


def _limited(quantiser: Quantise, low: Any, high: Any) -> Quantise | None:
    """Return a quantiser with a smaller range of codes, None if nothing would be left of it."""
    low, high = _max(quantiser.low, low), -_max(-np.asarray(quantiser.high), -np.asarray(high))
    return replace(quantiser, low=low, high=high) if np.all(np.asarray(low) <= np.asarray(high)) else None


def _max(left: Any, right: Any) -> Any:
    """Return the larger of two numbers or arrays per channel; a number stays one."""
    if np.ndim(left) == 0 and np.ndim(right) == 0:
        return max(left, right)
    return np.maximum(np.asarray(left, np.float64).reshape(-1), np.asarray(right, np.float64).reshape(-1))


def _code(bound: Any, quantiser: Quantise) -> Any:
    """Return the code that a bound rounds to, in the quantiser's own arithmetic."""
    ratio = np.asarray(bound, np.float32) / np.asarray(quantiser.step, np.float32)
    away = np.sign(ratio) * np.floor(np.abs(ratio) + np.float32(0.5))
    code = np.asarray(away if quantiser.rounding == "half_away" else np.rint(ratio), np.float64)
    return float(code) if code.ndim == 0 else code


def _swap_pools(nodes: dict[str, Node], links: list[Link]) -> list[Link]:
    """Return the links with quantisers moved before a max pooling that they follow, next to the neuron in front of it.

    Quantisers are monotonic, so that the largest value gives the largest code.
    """
    for name, node in nodes.items():
        before = [link for link in links if link.target == name]
        behind = [link for link in links if link.source == name]
        if not isinstance(node, MaxPool2d) or len(before) != 1 or len(behind) != 1:
            continue
        source, target = before[0].source, behind[0].target
        if not isinstance(nodes[target], Quantise) or not isinstance(nodes[source], Relu | Clip | Quantise):
            continue
        if sum(link.source == source for link in links) != 1 or sum(link.target == target for link in links) != 1:
            continue
        if any(link.delay for link in (*before, *behind)) or _merged(nodes[source], nodes[target]) is None:
            continue
        swapped = {id(before[0]): Link(source, target), id(behind[0]): Link(target, name)}
        swapped |= {id(link): replace(link, source=name) for link in links if link.source == target}
        links = [swapped.get(id(link), link) for link in links]
    return links
