"""How many state rows each part must hold: from geometry alone, so that row credits can never block for ever.

A chip in which every step is empty moves rows only: "layer A has fired row r". Each such event waits for others:

- *readiness*: row o of B waits for the last input row that touches its pooling window, from every producer;
- *grants*: row r of A waits until every consumer has fired so far that a state row is free for what r touches;
- *replay*: row o of a layer with recurrent edges waits for the replay of its own row o.

The chip deadlocks exactly if these waits form a circle. Layers are taken in order; each gets the fewest rows with which it
adds no circle to the layers before it: for every output row o, the closure of its waits names the rows P[A] that each
producer A must have sent before o can fire, and the layer must have room for them while o is its lowest unfired row. A layer
that holds its whole map can never be the cause of a circle, so the search always ends. For a chain of layers the result is
``max over o of hi(last(o)) - lowest(o) + 1`` (3 rows for a 3x3 convolution, 4 with 2x2 max pooling); where paths of unequal
length meet, it grows by their lag. A broadcast edge touches all rows at once: a layer behind one holds its whole map, and what it
adds up besides waits there. A window of w rows grants w - 1 rows more, so that producers can run ahead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seneca_sim.graph.network import Network
from seneca_sim.graph.neurons import is_stateful
from seneca_sim.mapping.geometry import Span, edge_axis, neuron_range, output_range, windows
from seneca_sim.mapping.types import Part

__all__ = ["minimum_rows", "provision_rows"]

Index = NDArray[np.int64]
Band = tuple[int, Span]
"""A layer and a range of its output rows: parts of one band differ in channels and columns only, and wait for the same rows."""


@dataclass(slots=True, eq=False)
class _Sender:
    """Whatever sends rows: a band of a layer, a host port, or the replay of a band."""

    layer: int
    rows: Span
    waits: list[tuple[_Sender, Index]] = field(default_factory=list)
    """(other, table): once i rows are to be sent here, row ``table[i]`` of the other must have been; -1 is none. Rows are
    counted from a sender's first row."""


@dataclass(slots=True)
class _Senders:
    """All senders known so far, by what they send."""

    network: Network
    present: dict[int, list[_Sender]] = field(default_factory=dict)
    """Per layer: its bands, or its host port; values of this step."""
    replays: dict[int, list[_Sender]] = field(default_factory=dict)
    """Per layer with outgoing delay edges: the replay of its bands."""


def provision_rows(
    network: Network,
    parts: Sequence[Part],
    *,
    window: int = 2,
    order: Literal["depth-first", "conventional"] = "depth-first",
    early_replay: bool = False,
) -> tuple[int, ...]:
    """Return the state rows of each part for a window of `window` input rows (1: the fewest that cannot deadlock).

    The `state_rows` that the parts carry are ignored.
    """
    return _rows_of_parts(network, parts, window, order, early_replay, given=None)


def minimum_rows(
    network: Network,
    parts: Sequence[Part],
    *,
    order: Literal["depth-first", "conventional"] = "depth-first",
    early_replay: bool = False,
) -> tuple[int, ...]:
    """Return the fewest state rows of each part that cannot deadlock, given the `state_rows` of the parts before it."""
    given: dict[Band, int] = {}
    for part in parts:
        band = (part.layer, part.rows)
        given[band] = min(given.get(band, part.state_rows), part.state_rows)
    return _rows_of_parts(network, parts, 1, order, early_replay, given)


def _rows_of_parts(
    network: Network, parts: Sequence[Part], window: int, order: str, early_replay: bool, given: Map[Band, int] | None
) -> tuple[int, ...]:
    """Provision every band, layer by layer, and return the rows of each part."""
    bands = sorted({(part.layer, part.rows) for part in parts})
    rows = {band: _height(network, band) for band in bands}
    if order == "conventional":
        return tuple(rows[part.layer, part.rows] for part in parts)
    senders = _all_senders(network, bands)
    for number, layer in enumerate(network.layers):
        for sender in () if layer.is_input else senders.present.get(number, ()):
            band = (number, sender.rows)
            inlets = _inlets(senders, sender)
            _wait_for_inputs(senders, sender, inlets, early_replay)
            if not (layer.neuron is not None and is_stateful(layer.neuron)):
                rows[band] = min(_rows_of_band(network, sender, inlets, window), rows[band])
            _wait_for_grants(
                network, sender, inlets, rows[band] if given is None else min(given[band], _height(network, band))
            )
    return tuple(rows[part.layer, part.rows] for part in parts)


def _height(network: Network, band: Band) -> int:
    """Return the number of neuron rows under a band."""
    first, end = neuron_range(network.layers[band[0]], band[1], "rows")
    return end - first


def _all_senders(network: Network, bands: Sequence[Band]) -> _Senders:
    """Make every sender, without its waits."""
    senders = _Senders(network)
    for number, layer in enumerate(network.layers):
        if layer.is_input:
            senders.present[number] = [_Sender(number, output_range(layer, "rows"))]
    for number, rows in bands:
        senders.present.setdefault(number, []).append(_Sender(number, rows))
    for layer in network.layers:
        for edge in layer.edges:
            if edge.delay:
                senders.replays[edge.source] = [
                    _Sender(edge.source, sender.rows) for sender in senders.present[edge.source]
                ]
    return senders


@dataclass(frozen=True, slots=True, eq=False)
class _Inlet:
    """One incoming edge of a band: its producers and, per input row, the highest neuron row touched so far."""

    delay: int
    sources: tuple[_Sender, ...]
    highest: Index
    """(input rows,) -1 where the row touches nothing of the band."""
    last: tuple[Index, ...]
    """Per source, (output rows of the band,): its last row that a window or an earlier one needs; -1 for none."""

    def granted_up_to(self, source: _Sender) -> Index:
        """Return the highest neuron row touched by each row of a source or by an earlier one (rows are granted in order)."""
        return np.maximum.accumulate(self.highest[slice(*source.rows)])


def _inlets(senders: _Senders, consumer: _Sender) -> tuple[_Inlet, ...]:
    """Return the incoming edges of a band."""
    layer = senders.network.layers[consumer.layer]
    span = neuron_range(layer, consumer.rows, "rows")
    last_neuron = windows(layer, consumer.rows, "rows")[1] - span[0]
    found = []
    for edge in layer.edges:
        axis = edge_axis(senders.network, layer, edge, "rows")
        sources = (senders.replays if edge.delay else senders.present)[edge.source]
        highest = axis.touched(span)[1]
        reaching = tuple(source for source in sources if highest[slice(*source.rows)].max() >= 0)
        taps = [np.maximum.accumulate(axis.last_tap(span, source.rows))[last_neuron] for source in reaching]
        last = tuple(np.where(row >= 0, row - source.rows[0], -1) for row, source in zip(taps, reaching, strict=True))
        found.append(_Inlet(edge.delay, reaching, highest, last))
    return tuple(found)


def _wait_for_inputs(senders: _Senders, consumer: _Sender, inlets: Sequence[_Inlet], early_replay: bool) -> None:
    """Let each row of a band wait for its inputs and its own replay, and the replay for the start of the step."""
    for inlet in inlets:
        for source, last in zip(inlet.sources, inlet.last, strict=True):
            consumer.waits.append((source, _with_start(last)))
    number = consumer.rows[1] - consumer.rows[0]
    for replay in senders.replays.get(consumer.layer, ()):
        if replay.rows != consumer.rows:
            continue
        consumer.waits.append((replay, _with_start(np.arange(number, dtype=np.int64))))
        start = _first_of_step(inlets)
        backwards = any(
            edge.delay and edge.source == consumer.layer
            for layer in senders.network.layers[: consumer.layer]
            for edge in layer.edges
        )
        if start is not None and not (early_replay or backwards):
            source, row = start
            replay.waits.append((source, _with_start(np.full(number, row, dtype=np.int64))))


def _with_start(table: Index) -> Index:
    """Put "nothing fired waits for nothing" in front of a table."""
    return np.concatenate([np.full(1, -1, dtype=np.int64), table])


def _first_of_step(inlets: Sequence[_Inlet]) -> tuple[_Sender, int] | None:
    """Return a producer of this step's values and its first row that reaches the band: what starts a replay."""
    candidates = [
        (bool(last[0] < 0), index, source, int(np.argmax(inlet.highest[slice(*source.rows)] >= 0)))
        for index, inlet in enumerate(inlets)
        for source, last in zip(inlet.sources, inlet.last, strict=True)
        if not inlet.delay
    ]
    return min(candidates, key=lambda candidate: candidate[:2])[2:] if candidates else None


def _closure(consumer: _Sender) -> dict[int, Index]:
    """Return, for each output row of a band, the last row that each sender must have sent before it can fire.

    Keys are `id` of senders; rows are counted from the sender's first row, -1 is none.
    """
    number = consumer.rows[1] - consumer.rows[0]
    sent: dict[int, Index] = {id(consumer): np.arange(number, dtype=np.int64)}
    pending, waiting = deque([consumer]), {id(consumer)}
    nothing = np.full(number, -1, dtype=np.int64)
    while pending:
        sender = pending.popleft()
        waiting.discard(id(sender))
        rows = sent[id(sender)] + 1
        for other, table in sender.waits:
            before = sent.get(id(other), nothing)
            after = np.maximum(before, table[rows])
            if (after > before).any():
                sent[id(other)] = after
                if id(other) not in waiting:
                    waiting.add(id(other))
                    pending.append(other)
    return sent


def _rows_of_band(network: Network, consumer: _Sender, inlets: Sequence[_Inlet], window: int) -> int:
    """Return the state rows that a band needs, given the waits of everything before it."""
    layer = network.layers[consumer.layer]
    lowest, top = windows(layer, consumer.rows, "rows")
    sent = _closure(consumer)
    needed = int((top - lowest).max()) + 1
    nothing = np.full(len(lowest), -1, dtype=np.int64)
    for inlet in inlets:
        own = [sent.get(id(source), nothing) for source in inlet.sources]
        last = nothing
        for source, row in zip(inlet.sources, own, strict=True):
            last = np.maximum(last, np.where(row >= 0, row + source.rows[0], -1))
        for source, row in zip(inlet.sources, own, strict=True):
            if window > 1:
                row = np.maximum(row, np.minimum(last + window, source.rows[1]) - 1 - source.rows[0])
            touched = np.where(row >= 0, inlet.granted_up_to(source)[np.maximum(row, 0)], -1)
            needed = max(needed, int((touched - lowest).max()) + 1)
    return needed


def _wait_for_grants(network: Network, consumer: _Sender, inlets: Sequence[_Inlet], state_rows: int) -> None:
    """Let the rows of every producer of a band wait until the band has fired enough to grant them."""
    layer = network.layers[consumer.layer]
    lowest, _ = windows(layer, consumer.rows, "rows")
    for inlet in inlets:
        for source in inlet.sources:
            highest = inlet.granted_up_to(source)
            needed = highest - state_rows + 1
            fired = np.searchsorted(lowest, needed, side="left") - 1
            table = np.where(highest >= 0, fired, -1)
            if (table >= 0).any():
                source.waits.append((consumer, _with_start(table)))
