"""Ways of packets through the mesh: branches of multicast trees, and ways to a single port.

A packet carries one integer, its branch. In a multicast tree it is place * 32 + output ports at this router (one bit each), and at
`place` there is a word for each of these ports, lowest first: the branch behind it (-1: behind it is the host), and for the core's
port the feeds that the packet is for: one feed as feed * 2, several as list * 2 + 1, with their number and then themselves at
`look(m, list)`. Where the core's port is the only one, its word takes the place of `place`. Before `place` is the word
router * 32 + output ports. A way to a single port is a negative, even number: its steps along x come first, then those along y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from seneca_sim.kernels import inner_kernel
from seneca_sim.kernels.chip_machine import branch_at, node_at

__all__ = [
    "EAST",
    "LOCAL",
    "NORTH",
    "NOWHERE",
    "ONLY_LOCAL",
    "SOUTH",
    "WEST",
    "behind_port",
    "ending_at",
    "lowest_of",
    "ports_of",
    "target_of",
    "way_to",
]

NORTH, EAST, SOUTH, WEST, LOCAL = 0, 1, 2, 3, 4
"""Ports of a router."""
NOWHERE = -1
"""The branch of what no router gets."""
ONLY_LOCAL = 1 << LOCAL


def _of_bits(emitted: Callable[[Any, Any], Any]) -> Callable[[int], int]:
    """Return a compiled function of one integer, given how its instruction is emitted."""

    @intrinsic
    def instruction(_: Any, bits: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emitted(builder, arguments[0])

        return types.int64(types.int64), emit

    return cast("Callable[[int], int]", instruction)


lowest_of = _of_bits(lambda builder, bits: builder.cttz(bits, ir.Constant(ir.IntType(1), 1)))
"""The number of the lowest bit that is set; there must be one."""
number_of = _of_bits(lambda builder, bits: builder.ctpop(bits))
"""How many bits are set."""


@inner_kernel
def ending_at(feeds: int) -> int:
    """Return the branch that ends at a core, for some feeds."""
    return feeds << 5 | ONLY_LOCAL


@inner_kernel
def way_to(node: int, port: int) -> int:
    """Return the way to a port of a router, by itself."""
    return -2 * (node * 8 + port + 1)


@inner_kernel
def target_of(branch: int) -> tuple[int, int]:
    """Return (router, port) that a way by itself leads to."""
    return (-branch // 2 - 1) >> 3, (-branch // 2 - 1) & 7


@inner_kernel
def ports_of(m: int, branch: int, node: int) -> int:
    """Return the output ports, one bit each, that a packet takes at a router."""
    if branch >= 0:
        return branch & 31
    target, port = target_of(branch)
    here, there = node_at(m, node), node_at(m, target)
    if here.x < there.x:
        return 1 << EAST
    if here.x > there.x:
        return 1 << WEST
    if here.y < there.y:
        return 1 << SOUTH
    if here.y > there.y:
        return 1 << NORTH
    return 1 << port


@inner_kernel
def behind_port(m: int, branch: int, port: int) -> int:
    """Return the branch behind an output port; of the core's port, the feeds there."""
    if branch < 0:
        return branch
    if branch & 31 == ONLY_LOCAL:
        return branch >> 5
    return int(branch_at(m, (branch >> 5) + number_of(branch & ((1 << port) - 1))))
