"""Definitions of published networks whose weights are not public, by name."""

from seneca_sim.graph.published.catalogue import PUBLISHED, Published, build_published, definition_text
from seneca_sim.graph.published.options import parse_size, published_options

__all__ = ["PUBLISHED", "Published", "build_published", "definition_text", "parse_size", "published_options"]
