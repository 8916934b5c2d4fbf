"""Definitions of published networks whose weights are not public, by name."""

from seneca_sim.graph.published.catalogue import PUBLISHED, Published, build_published
from seneca_sim.graph.published.options import parse_size, published_options

__all__ = ["PUBLISHED", "Published", "build_published", "parse_size", "published_options"]
