"""A network file of any format that can be read, as a native or a NIR file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seneca_sim.errors import RequestError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.load import read_graph
from seneca_sim.graph.lower import lower
from seneca_sim.graph.native_file import graph_bytes
from seneca_sim.graph.nir_writer import nir_bytes
from seneca_sim.whole_file import write_whole

__all__ = ["convert_network"]

_WRITERS = {".h5": graph_bytes, ".nir": nir_bytes}


def convert_network(source: str | Path, target: str | Path, **options: Any) -> Graph:
    """Read a network (file or shipped name; `options` as of `read_graph`), write it, and return its graph.

    The suffix of `target` decides the format: ``.h5`` native, ``.nir`` NIR. A network that cannot be lowered to layers is
    refused before anything is written. Raises a `RequestError` for other suffixes and places that cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     graph = convert_network("digits-lif", f"{folder}/digits.nir")
    ...     [path.name for path in Path(folder).iterdir()], graph.name
    (['digits.nir'], 'digits-lif')
    """
    writer = _WRITERS.get(Path(target).suffix.lower())
    if writer is None:
        raise RequestError(
            f"{str(target)!r}: networks are written as {' or '.join(_WRITERS)}; give the file one of these suffixes"
        )
    graph = read_graph(source, **options)
    lower(graph)
    write_whole(target, writer(graph))
    return graph
