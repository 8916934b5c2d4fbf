"""One way in: a network by the name of a shipped one, or by a file of any known format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.hdf5 import open_hdf5
from seneca_sim.graph.lower import lower
from seneca_sim.graph.native_file import load_graph
from seneca_sim.graph.network import Network
from seneca_sim.graph.neurons import CubaLif, If, Lif, Reset
from seneca_sim.graph.nir_file import NirOptions, read_nir
from seneca_sim.graph.numerics import event_type, override_numerics
from seneca_sim.shipped import shipped_folder
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["find_network", "load_network", "network_names", "read_graph"]

_SUFFIX = ".h5"
_OTHER_FORMATS = {".onnx": "ONNX", ".tflite": "TensorFlow Lite", ".pt": "PyTorch", ".pth": "PyTorch", ".npz": "numpy"}


def network_names() -> list[str]:
    """Return the names of the networks that ship with the package."""
    return sorted(path.stem for path in shipped_folder("models").glob(f"*{_SUFFIX}"))


def find_network(name_or_path: str | Path) -> Path:
    """Return the file of a network: the path if there is such a file, else the shipped network of this name."""
    path = Path(name_or_path)
    if path.exists():
        return path
    names = network_names()
    if str(name_or_path) in names:
        return shipped_folder("models") / f"{name_or_path}{_SUFFIX}"
    guess = did_you_mean(str(name_or_path), names) or f" ({', '.join(names) or 'none ship with this version'})"
    raise FileFormatError(f"{str(name_or_path)!r} is neither a file nor a shipped network{guess}")


def load_network(
    name_or_path: str | Path,
    *,
    dt_us: float | None = None,
    reset: Reset | None = None,
    max_spikes: int | None = None,
    v_min: float | None = None,
    numerics: str | None = None,
) -> Network:
    """Return a network, lowered to layers; None keeps what the file says.

    Parameters
    ----------
    name_or_path
        Shipped network, native file or NIR file; the content decides the format, not the suffix.
    dt_us
        Time step of the neurons [us], for files that leave it open (NIR).
    reset, max_spikes, v_min
        After a spike: ``value`` or ``subtract``; most spikes of a neuron in a step; lowest membrane value.
    numerics
        Number types of weights, states and events, such as ``fp32``, ``bf16`` or ``int8/bf16`` (see `override_numerics`).
    """
    graph = read_graph(name_or_path, dt_us=dt_us, reset=reset, max_spikes=max_spikes, v_min=v_min)
    network = lower(graph)
    return network if numerics is None else override_numerics(network, numerics)


def read_graph(
    name_or_path: str | Path,
    *,
    dt_us: float | None = None,
    reset: Reset | None = None,
    max_spikes: int | None = None,
    v_min: float | None = None,
) -> Graph:
    """Return a network as a graph, not lowered."""
    path = find_network(name_or_path)
    match _file_format(path):
        case "nir":
            graph = read_nir(path, NirOptions(dt_us, reset, max_spikes, v_min))
            _check_spiking(graph, reset=reset, max_spikes=max_spikes, v_min=v_min)
            return graph
        case _:
            graph = load_graph(path)
            if dt_us is not None and dt_us != graph.dt_us:
                held = (
                    "no neuron of it depends on time"
                    if graph.dt_us is None
                    else f"its neurons hold for {graph.dt_us:g} us"
                )
                raise RequestError(f"dt_us={dt_us:g}: {graph.name} states its own time step ({held}); leave dt_us out")
            return _with_spiking(graph, reset=reset, max_spikes=max_spikes, v_min=v_min)


def _file_format(path: Path) -> str:
    """Return ``native`` or ``nir`` by the content of a file."""
    if path.suffix.lower() in _OTHER_FORMATS and path.is_file():
        raise FileFormatError(
            f"{path}: {_OTHER_FORMATS[path.suffix.lower()]} files cannot be read; export the network as NIR, or write it with "
            "seneca_sim.graph.GraphBuilder and save_graph"
        )
    with open_hdf5(path) as root:
        if root.has_attribute("format"):
            return "native"
        if "node" in root:
            return "nir"
        if "layer" in root:
            raise FileFormatError(f"{path}: a lava-dl network, which cannot be read; export the network as NIR")
        found = ", ".join(root.names()[:5]) or "nothing"
        raise FileFormatError(f"{path}: an HDF5 file, but no network: it holds {found}; expected a native file or NIR")


def _check_spiking(graph: Graph, **stated: Any) -> None:
    """Refuse rules for spikes where no neuron spikes."""
    names = [name for name, value in stated.items() if value is not None]
    if names and not any(isinstance(node, If | Lif | CubaLif) for node in graph.nodes.values()):
        raise RequestError(f"{', '.join(names)}: no neuron of {graph.name} spikes; leave it out")


def _with_spiking(graph: Graph, **stated: Any) -> Graph:
    """Return the graph with other rules for its spiking neurons, event types that hold their spikes, and a note that says so."""
    _check_spiking(graph, **stated)
    changed = {name: value for name, value in stated.items() if value is not None}
    if not changed:
        return graph
    if changed.get("reset", "value") not in ("value", "subtract"):
        raise RequestError(f"reset={changed['reset']!r}: expected 'value' or 'subtract'")
    nodes = {
        name: replace(node, **changed) if isinstance(node, If | Lif | CubaLif) else node
        for name, node in graph.nodes.items()
    }
    precision = dict(graph.precision)
    for name, types in precision.items():
        node = nodes.get(name)
        if "max_spikes" in changed and isinstance(node, If | Lif | CubaLif):
            precision[name] = replace(types, event=event_type(node, graph.input_contract, types.event))
    note = "as the user stated: " + ", ".join(f"{name} {value}" for name, value in changed.items())
    return replace(
        graph,
        nodes=MappingProxyType(nodes),
        precision=MappingProxyType(precision),
        assumptions=(*graph.assumptions, note),
    )
