"""The groups that the values of a packet form at an inlet (`engine/timing.md` 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seneca_sim.engine.estimate.packets import Packets, summed
from seneca_sim.graph.network import Edge

__all__ = ["Groups", "Members", "gathers", "groups_of", "is_grouped", "is_one_position", "members_of", "round_channels"]

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Per packet, (N,): what it makes at one neuron position."""

    number: Index
    """Groups."""
    useful: Flags
    """Whether there is any."""
    kept: Index
    """Values that reach the part."""
    chunks: Index
    """Chunks of all groups."""
    sops: Index
    """Values x channels that they reach."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Groups one by one: M groups, whose values stand back to back among V values."""

    packet: Index
    """(M,)"""
    begin: Index
    """(M,) first value among the V values."""
    size: Index
    """(M,)"""
    channels: Index
    """(M,) output channels of a round."""
    channel: Index
    """(V,) source channels."""


def is_grouped(edge: Edge) -> bool:
    """Return whether a value reaches only some output channels."""
    return edge.kind == "add" or edge.groups > 1


def is_one_position(edge: Edge) -> bool:
    """Return whether the sum of an edge is one number a channel, so that values have no kernel position."""
    return edge.kind == "dense" or edge.broadcast


def gathers(edge: Edge, group_scope: str) -> bool:
    """Return whether the groups of an edge form across packets."""
    return group_scope == "step" and is_one_position(edge) and not is_grouped(edge)


def round_channels(edge: Edge, channels: tuple[int, int]) -> int:
    """Return the channels of a round of a part, over all sums that the edge feeds (convolution groups 1)."""
    return (channels[1] - channels[0]) * edge.sums


def reached_channels(edge: Edge, source_channels: int, channels: tuple[int, int]) -> tuple[Index, Index]:
    """Return for each source channel its convolution group and how many of a part's channels that group reaches."""
    inputs, outputs = (1, 1) if edge.weight is None else (edge.weight.shape[1], edge.weight.shape[0] // edge.groups)
    group = np.arange(source_channels, dtype=np.int64) // inputs
    low = np.maximum(group * outputs + edge.target_offset, channels[0])
    high = np.minimum((group + 1) * outputs + edge.target_offset, channels[1])
    return group, np.maximum(0, high - low)


def values_of(packets: Packets, channel: NDArray[np.int32]) -> tuple[Index, Index, Index]:
    """Return (packet, place in the packet, channel) of every value of the packets."""
    packet = np.repeat(np.arange(len(packets.count)), packets.count)
    place = np.arange(len(packet)) - np.repeat(np.cumsum(packets.count) - packets.count, packets.count)
    return packet, place, channel[packets.first[packet] + place].astype(np.int64)


def members_of(
    edge: Edge, channels: tuple[int, int], group_size: int, packets: Packets, channel: NDArray[np.int32]
) -> Members:
    """Return the groups of all packets, in order."""
    packet, place, source = values_of(packets, channel)
    width = np.full(len(source), round_channels(edge, channels), np.int64)
    if is_grouped(edge):
        group, reached = reached_channels(edge, int(source.max(initial=0)) + 1, channels)
        kept = reached[source] > 0
        packet, source = packet[kept], source[kept]
        width = reached[source]
        run = np.ones(len(source), np.bool_)
        run[1:] = (packet[1:] != packet[:-1]) | (group[source[1:]] != group[source[:-1]])
        begins = np.flatnonzero(run)
        place = np.arange(len(source)) - np.repeat(begins, np.diff(np.append(begins, len(source))))
    begin = np.flatnonzero(place % group_size == 0)
    size = np.diff(np.append(begin, len(source)))
    return Members(packet[begin], begin, size, width[begin], source)


def groups_of(
    edge: Edge,
    channels: tuple[int, int],
    per_chunk: int,
    group_size: int,
    packets: Packets,
    channel: NDArray[np.int32],
) -> Groups:
    """Return what each packet makes at one neuron position."""
    width = round_channels(edge, channels)
    if not is_grouped(edge):
        number = -(-packets.count // group_size)
        return Groups(number, number > 0, packets.count, number * -(-width // per_chunk), packets.count * width)
    members, size = members_of(edge, channels, group_size, packets, channel), len(packets.count)
    number = np.bincount(members.packet, minlength=size)
    chunks = -(-members.channels // per_chunk)
    return Groups(
        number,
        number > 0,
        summed(members.packet, members.size, size),
        summed(members.packet, chunks, size),
        summed(members.packet, members.size * members.channels, size),
    )
