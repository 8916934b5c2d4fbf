"""Published tables, reproduced: cited values, ours beside them, and how each came about."""

from __future__ import annotations

from seneca_sim.reproduce.rows import Reproduction, Row
from seneca_sim.reproduce.tables import TABLES, reproduce

__all__ = ["TABLES", "Reproduction", "Row", "reproduce"]
