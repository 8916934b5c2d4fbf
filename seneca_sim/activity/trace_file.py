"""The native format of activity traces: a zip file of plain arrays with a description, safe to read from strangers.

A trace file (customary ending ``.trace.npz``) is an uncompressed zip archive, readable with ``numpy.load``:

``trace.json``
    ``format`` (seneca_sim/trace/1), ``network``, ``source`` (simulated or synthetic), ``description``, ``steps``, and
    ``layers``: for each layer ``name``, ``shape`` ((channels, rows, columns) of what leaves) and ``edges``, their number.
``layers/<i>/<field>.npy``
    The arrays of `LayerTrace` of layer i; ``value.npy`` is absent where every value is 1.
``held/<i>/<field>.npy``
    If the trace continues an earlier one, the same for the step before the first: what recurrent layers sent in it.
``sops.npy``, ``class_scores.npy``
    The arrays of `Trace`; ``class_scores.npy`` is absent if there are none.

The same trace gives the same bytes. Nothing in a file is executed, members are not compressed (so none is larger than
the file), and everything is checked against the network before use, SOPs by counting them again.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.checks import check_trace
from seneca_sim.activity.trace import LayerTrace, Trace
from seneca_sim.errors import ActivityError, FileFormatError
from seneca_sim.graph.network import Network
from seneca_sim.whole_file import whole_file

__all__ = ["FORMAT", "load_trace", "save_trace"]

FORMAT = "seneca_sim/trace/1"
_FIELDS = ("step_start", "position", "first_event", "channel", "neuron_events", "saturations")
_DAMAGE = (NotImplementedError, RuntimeError, TokenError, SyntaxError, struct.error)
"""Raised for members that are encrypted, nested too deeply, or whose header is no Python literal."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_trace(path: str | Path, trace: Trace, network: Network) -> None:
    """Write a trace of a network; an existing file is replaced when the new one is complete.

    >>> import tempfile
    >>> from seneca_sim.activity import run_network
    >>> from seneca_sim.events import load_input
    >>> from seneca_sim.graph import load_network
    >>> network = load_network("digits-lif")
    >>> trace = run_network(network, load_input(network, "digits", steps=3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_trace(f"{folder}/digits.trace.npz", trace, network)
    ...     load_trace(f"{folder}/digits.trace.npz", network).n_steps
    3
    """
    with whole_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        about = {
            "format": FORMAT,
            "network": network.name,
            "source": trace.source,
            "description": trace.description,
            "steps": trace.n_steps,
            "layers": _layers(network),
        }
        archive.writestr(zipfile.ZipInfo("trace.json", _EPOCH), json.dumps(about, indent=1) + "\n")
        for name, array in _arrays(trace):
            buffer = BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), buffer.getvalue())


def _layers(network: Network) -> list[dict[str, Any]]:
    """Return what a file says about each layer of its network."""
    return [{"name": layer.name, "shape": list(layer.out_shape), "edges": len(layer.edges)} for layer in network.layers]


def _arrays(trace: Trace) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the arrays of a trace with their names."""
    for folder, layers in (("layers", trace.layers), ("held", trace.held)):
        for index, layer in enumerate(layers):
            for name in _FIELDS:
                yield f"{folder}/{index}/{name}", getattr(layer, name)
            if layer.value is not None:
                yield f"{folder}/{index}/value", layer.value
    yield "sops", trace.sops
    if trace.class_scores is not None:
        yield "class_scores", trace.class_scores


def load_trace(path: str | Path, network: Network) -> Trace:
    """Read a trace and check that it fits the network; an example is at `save_trace`.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is not a trace.
    ActivityError
        If its parts contradict each other or belong to another network.
    """
    about, arrays = _read(Path(path))
    _check_about(path, about, network)
    numbers, continues = range(len(network.layers)), any(name.startswith("held/") for name in arrays)
    layers = tuple(_layer(path, arrays, f"layers/{index}") for index in numbers)
    held = tuple(_layer(path, arrays, f"held/{index}") for index in numbers) if continues else ()
    scores = arrays.get("class_scores")
    sops = _array(path, arrays, "sops")
    trace = Trace(layers, about["source"], sops, scores, about["description"], held=held)
    check_trace(str(path), trace, network, about["steps"])
    _check_sops(path, trace, network)
    if scores is not None and (scores.dtype != np.float64 or scores.ndim != 1 or not scores.size):
        raise ActivityError(
            f"{path}: class_scores must be a list of float64, not {scores.dtype} of shape {scores.shape}"
        )
    if scores is not None and not np.isfinite(scores).all():
        raise ActivityError(f"{path}: class_scores[{int(np.argmin(np.isfinite(scores)))}] is not a finite number")
    return trace


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the description and the arrays of a file."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED:
                    raise FileFormatError(
                        f"{path}: {member.filename} is compressed; members of a trace file are stored as they are"
                    )
            about = json.loads(archive.read("trace.json"))
            arrays = {
                member.filename.removesuffix(".npy"): _plain_array(archive.read(member))
                for member in members
                if member.filename.endswith(".npy")
            }
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}") from None
    except KeyError:
        raise FileFormatError(f"{path}: not an activity trace: trace.json is missing") from None
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError, EOFError, *_DAMAGE) as error:
        raise FileFormatError(f"{path}: not an activity trace, or damaged: {error}") from None
    except ValueError as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path}: not an activity trace, or damaged: {str(error).splitlines()[0]}") from None
    return about, arrays


def _plain_array(data: bytes) -> NDArray[Any]:
    """Return the array of an ``.npy`` file; nothing is allocated before the data are known to be there."""
    stream = BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"version {version} of the npy format, expected (1, 0)")
    shape, column_major, dtype = np.lib.format.read_array_header_1_0(stream)
    if column_major or dtype.hasobject:
        raise ValueError(
            f"an array of {dtype} in {'column' if column_major else 'row'} order, expected plain numbers in row order"
        )
    content = data[stream.tell() :]
    if prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"an array of shape {shape} and type {dtype} with {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape).copy()


def _check_about(path: str | Path, about: Any, network: Network) -> None:
    """Raise an error unless the description is that of a trace of this network."""
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else about
        raise FileFormatError(
            f"{path}: not an activity trace: its format is {_shown(found)}, expected {_shown(FORMAT)}"
        )
    steps = about.get("steps")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise FileFormatError(f"{path}: steps must be an integer >= 1, not {steps!r}")
    if about.get("source") not in ("simulated", "synthetic") or not _is_line(about.get("description")):
        raise FileFormatError(f"{path}: source must be simulated or synthetic, and description a line of text")
    expected, found = _layers(network), about.get("layers")
    if found == expected:
        return
    if not isinstance(found, list) or len(found) != len(expected):
        number = len(found) if isinstance(found, list) else 0
        raise ActivityError(
            f"{path}: the trace has {number} layers, but {network.name} has {len(expected)}; load its own network"
        )
    wrong, right = next((a, b) for a, b in zip(found, expected, strict=True) if a != b)
    raise ActivityError(
        f"{path}: the trace is of another network than {network.name}: its layer is {_shown(wrong)}, expected {_shown(right)}"
    )


def _is_line(value: object) -> bool:
    """Return whether a value is a text without line ends and control characters."""
    return isinstance(value, str) and value.isprintable()


def _shown(value: Any) -> str:
    """Return how an error quotes a value of a file."""
    return json.dumps(value)[:200]


def _layer(path: str | Path, arrays: dict[str, NDArray[Any]], folder: str) -> LayerTrace:
    """Return the trace of one layer."""
    fields = {name: _array(path, arrays, f"{folder}/{name}") for name in _FIELDS}
    return LayerTrace(**fields, value=arrays.get(f"{folder}/value"))


def _array(path: str | Path, arrays: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """Return an array that every file has."""
    if name not in arrays:
        raise FileFormatError(f"{path}: {name}.npy is missing; the file is incomplete")
    return arrays[name]


def _check_sops(path: str | Path, trace: Trace, network: Network) -> None:
    """Raise `ActivityError` unless the SOPs are those of the events and the network's edges."""
    from seneca_sim.activity.synaptic import trace_sops

    expected = trace_sops(network, trace.layers, trace.held)
    if trace.sops.dtype != np.int64 or trace.sops.shape != expected.shape:
        raise ActivityError(
            f"{path}: sops must be int64 of shape {expected.shape}, not {trace.sops.dtype} of shape {trace.sops.shape}"
        )
    if not np.array_equal(trace.sops, expected):
        step, edge = np.argwhere(trace.sops != expected)[0]
        name = [edge.name for layer in network.layers for edge in layer.edges][edge]
        raise ActivityError(
            f"{path}: step {step} states {trace.sops[step, edge]} SOPs for edge {name}, but its events make "
            f"{expected[step, edge]}; the network's weights or masks are not those of the trace"
        )
