"""One way in: a network by the name of a shipped one, or by a file of any known format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seneca_sim.errors import FileFormatError, RequestError
from seneca_sim.graph.contract import sidecar, with_input
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.hdf5 import open_hdf5
from seneca_sim.graph.lower import lower
from seneca_sim.graph.native_file import load_graph
from seneca_sim.graph.network import Network
from seneca_sim.graph.netx import read_netx
from seneca_sim.graph.neurons import Reset
from seneca_sim.graph.nir_file import NirOptions, read_nir
from seneca_sim.graph.numerics import override_numerics
from seneca_sim.graph.onnx import OnnxOptions, read_onnx
from seneca_sim.graph.published import PUBLISHED, build_published, parse_size, published_options
from seneca_sim.graph.state_dict import with_weights
from seneca_sim.graph.stated import check_spiking, with_resets, with_stated_rules
from seneca_sim.graph.tflite import read_tflite
from seneca_sim.shipped import shipped_folder
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["find_network", "is_published", "load_network", "lowered", "network_names", "read_graph"]

_SUFFIX = ".h5"
_OTHER_FORMATS = {".pt": "PyTorch", ".pth": "PyTorch", ".npz": "numpy"}


def network_names() -> list[str]:
    """Return the names of the networks that ship with the package: files with weights, then definitions without."""
    return [*_shipped_files(), *PUBLISHED]


def _shipped_files() -> list[str]:
    return sorted(path.stem for path in shipped_folder("models").glob(f"*{_SUFFIX}"))


def is_published(name_or_path: str | Path) -> bool:
    """Return whether a name is that of a published network, defined without weights and without a file.

    >>> is_published("red"), is_published("digits-lif")
    (True, False)
    """
    return isinstance(name_or_path, str) and name_or_path in PUBLISHED and not Path(name_or_path).exists()


def find_network(name_or_path: str | Path) -> Path:
    """Return the file of a network: the path if there is such a file, else that of the shipped network of this name.

    Raises a `FileFormatError` that suggests a name for what is neither.

    >>> find_network("digits-lif").name
    'digits-lif.h5'
    """
    path = Path(name_or_path)
    if path.exists():
        return path
    names = network_names()
    if str(name_or_path) in _shipped_files():
        return shipped_folder("models") / f"{name_or_path}{_SUFFIX}"
    guess = did_you_mean(str(name_or_path), names) or " (seneca-sim list models shows those that ship)"
    raise FileFormatError(f"{str(name_or_path)!r} is neither a file nor a shipped network{guess}")


def load_network(
    name_or_path: str | Path,
    *,
    dt_us: float | None = None,
    reset: Reset | None = None,
    max_spikes: int | None = None,
    v_min: float | None = None,
    reset_every: int | None = None,
    numerics: str | None = None,
    state: Mapping[str, str] | Sequence[str] = (),
    size: str | tuple[int, int] | None = None,
    width: int | None = None,
    network_set: Sequence[str] | Mapping[str, Any] = (),
    weights: str | Path | None = None,
) -> Network:
    """Return a network, lowered to layers; None keeps what the file says.

    Parameters
    ----------
    name_or_path
        Shipped network, or a file: native, NIR, netx of lava-dl (of HDF5 files the content decides the format), ONNX
        (``.onnx``) or TensorFlow Lite (``.tflite``).
    dt_us
        Time step of the neurons [us], for files that leave it open (NIR).
    reset, max_spikes, v_min
        After a spike: ``value`` or ``subtract``; most spikes of a neuron in a step; lowest membrane value.
    reset_every
        All states return to their start every so many steps, from step 0 on; in layer k of a netx file from step k on.
    numerics
        Number types of weights, states and events, such as ``fp32``, ``bf16`` or ``int8/bf16`` (see `override_numerics`).
    state
        Outputs of an ONNX step graph, and the inputs that take their values in the next step: a mapping, or ``out:in`` texts.
    size, width, network_set
        Of a published network: (rows, columns) or ``240x304``, a factor for its channels, other options as ``key=value`` texts
        or a mapping. `size` also of an ONNX file that leaves the size of its input open.
    weights
        File of arrays by name (``.npz``, safetensors or PyTorch's zipped state_dict) for the network; see `state_dict`.

    >>> load_network("red", size="240x304").layers[0].shape
    (6, 240, 304)
    """
    graph = read_graph(
        name_or_path, dt_us=dt_us, reset=reset, max_spikes=max_spikes, v_min=v_min, reset_every=reset_every, state=state,
        size=size, width=width, network_set=network_set, weights=weights,
    )  # fmt: skip
    return lowered(graph, name_or_path, numerics)


def lowered(graph: Graph, name_or_path: str | Path, numerics: str | None = None) -> Network:
    """Return the layers of a graph that was read, with the input contract beside its file, and other number types if stated.

    >>> lowered(read_graph("digits-lif"), "digits-lif", "fp32").layers[1].precision.state
    'fp32'
    """
    network = lower(graph)
    if not is_published(name_or_path) and (beside := sidecar(find_network(name_or_path))) is not None:
        network = with_input(network, stated=beside)
    return network if numerics is None else override_numerics(network, numerics)


def read_graph(
    name_or_path: str | Path,
    *,
    dt_us: float | None = None,
    reset: Reset | None = None,
    max_spikes: int | None = None,
    v_min: float | None = None,
    reset_every: int | None = None,
    state: Mapping[str, str] | Sequence[str] = (),
    size: str | tuple[int, int] | None = None,
    width: int | None = None,
    network_set: Sequence[str] | Mapping[str, Any] = (),
    weights: str | Path | None = None,
) -> Graph:
    """Return a network as a graph, not lowered; parameters as of `load_network`.

    Raises a `FileFormatError` for what is no network or a broken file, a `GraphError` for what cannot be built, and a
    `RequestError` for options that do not fit it.

    >>> list(read_graph("kws-mlp").nodes)[:3]
    ['input', 'layer1.weights', 'layer1']
    """
    spiking: dict[str, Any] = {"reset": reset, "max_spikes": max_spikes, "v_min": v_min}
    if is_published(name_or_path):
        name = str(name_or_path)
        if state:
            raise RequestError(f"state: {name} is no ONNX file, it states its own recurrence; leave state out")
        graph = build_published(name, published_options(name, size, width, network_set))
        graph = with_resets(with_stated_rules(graph, dt_us=dt_us, **spiking), reset_every)
    else:
        path = find_network(name_or_path)
        opened = parse_size(size) if size is not None and _file_format(path) == "onnx" else None
        built = {"size": size if opened is None else None, "width": width, "network_set": network_set or None}
        stated = [option for option, value in built.items() if value is not None]
        if stated:
            raise RequestError(
                f"{', '.join(stated)}: {name_or_path} is a file, which states its layers; leave it out, or name a published "
                "network (seneca-sim list models)"
            )
        graph = _read_file(path, dt_us, OnnxOptions(_recurrence(state), size=opened), reset_every, spiking)
    return graph if weights is None else with_weights(graph, weights)


def _recurrence(state: Mapping[str, str] | Sequence[str]) -> Mapping[str, str]:
    """Return the input that takes the value of each output in the next step."""
    if isinstance(state, Mapping):
        return state
    pairs = {}
    for text in [state] if isinstance(state, str) else state:
        output, colon, target = text.partition(":")
        if not (output and colon and target) or ":" in target:
            raise RequestError(f"state {text!r} must name an output and an input, such as h_out:h_in")
        pairs[output] = target
    return pairs


def _read_file(
    path: Path, dt_us: float | None, open_: OnnxOptions, reset_every: int | None, spiking: dict[str, Any]
) -> Graph:
    """Return the graph of a file, with what it leaves open as the user states it."""
    kind = _file_format(path)
    if open_.state and kind != "onnx":
        raise RequestError(f"state: {path} is no ONNX file, it states its own recurrence; leave state out")
    match kind:
        case "netx":
            return with_stated_rules(read_netx(path, reset_every=reset_every), dt_us=dt_us, **spiking)
        case "nir":
            graph = read_nir(path, NirOptions(dt_us, **spiking))
            check_spiking(graph, **spiking)
            return with_resets(graph, reset_every)
        case "onnx":
            graph = read_onnx(path, open_)
        case "tflite":
            graph = read_tflite(path)
        case _:
            graph = load_graph(path)
    return with_resets(with_stated_rules(graph, dt_us=dt_us, **spiking), reset_every)


def _file_format(path: Path) -> str:
    """Return ``onnx`` or ``tflite`` by the name of a file, ``native``, ``nir`` or ``netx`` by its content."""
    if path.suffix.lower() in (".onnx", ".tflite") and path.is_file():
        return path.suffix.lower()[1:]
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
            return "netx"
        found = ", ".join(root.names()[:5]) or "nothing"
        raise FileFormatError(
            f"{path}: an HDF5 file, but no network: it holds {found}; expected a native file, NIR or netx"
        )
