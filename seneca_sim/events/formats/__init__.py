"""Readers of event files: one module per format, each with ``read(path) -> EventStream``. Plain decoding, nothing executed."""
