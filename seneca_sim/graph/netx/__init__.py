"""Networks that lava-dl exports for netx, as graphs."""

from __future__ import annotations

from seneca_sim.graph.netx.reader import read_netx

__all__ = ["read_netx"]
