"""Every error that a user can cause: one sentence each, saying where, what, what was expected and what to do next.

The command line prints the sentence and exits with 2. Anything else that escapes is a bug and keeps its traceback.
"""

from __future__ import annotations

__all__ = [
    "ActivityError",
    "ChipError",
    "DeadlockError",
    "EventsError",
    "FileFormatError",
    "GraphError",
    "MappingError",
    "RequestError",
    "ResultError",
    "SenecaError",
]


class SenecaError(Exception):
    """The base of all errors that this package raises on purpose."""


class FileFormatError(SenecaError, ValueError):
    """A file is missing, truncated, or not what its name says."""


class ChipError(SenecaError, ValueError):
    """A hardware description breaks its schema; the text lists every finding, one a line."""


class GraphError(SenecaError, ValueError):
    """A network is malformed or holds something that is not supported; the text names the node."""


class EventsError(SenecaError, ValueError):
    """A recording does not fit its format or the network that is to see it."""


class ActivityError(SenecaError, ValueError):
    """An activity trace or a synthetic-activity file does not fit its network."""


class MappingError(SenecaError, ValueError):
    """A mapping breaks a limit of the chip or does not cover the network; the text names layer, core, need and limit."""


class RequestError(SenecaError, ValueError):
    """An option or argument has a value that cannot be served."""


class ResultError(SenecaError, ValueError):
    """A result folder is incomplete, or a question about it has no answer."""


class DeadlockError(SenecaError, RuntimeError):
    """The chip, by its settings, can make no further progress; the text names who waits for whom."""
