"""Definitions of published networks whose weights are not public, by name."""

from seneca_sim.graph.published.catalogue import PUBLISHED, Published, build_published

__all__ = ["PUBLISHED", "Published", "build_published"]
