"""Export a PyTorch module as a network file, and compare what both sides compute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import GraphError, RequestError
from seneca_sim.graph.graph import Graph
from seneca_sim.graph.lower import lower
from seneca_sim.graph.native_file import save_graph
from seneca_sim.graph.network import InputContract, Layer, Network
from seneca_sim.graph.nodes import MaxPool2d
from seneca_sim.torch.tracing import Traced, trace_module

__all__ = ["Comparison", "LayerDifference", "export"]


@dataclass(frozen=True, slots=True)
class LayerDifference:
    """How far one layer lies from the module's values, over all steps."""

    layer: str
    step: str
    """The step of the trace that it was compared with."""
    largest: float
    scale: float
    """Largest magnitude of the module's values."""
    unequal: int
    """Values that differ by more than 1e-5 of the scale."""
    values: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `export` found; printing it shows one line a layer."""

    graph: Graph
    path: Path
    layers: tuple[LayerDifference, ...]

    @property
    def largest(self) -> float:
        """The largest difference of all layers, relative to the largest value of the layer."""
        return max((row.largest / (row.scale or 1.0) for row in self.layers), default=0.0)

    def __str__(self) -> str:
        width = max((len(row.layer) for row in self.layers), default=5)
        lines = [f"{self.graph.name}: {len(self.graph.nodes)} nodes written to {self.path}"]
        lines.append(f"{'layer':<{width}}  largest difference  largest value  unequal")
        lines += [
            f"{row.layer:<{width}}  {row.largest:18.3g}  {row.scale:13.4g}  {row.unequal} of {row.values}"
            for row in self.layers
        ]
        return "\n".join(lines)


def export(
    module: Any,
    example: Any,
    path: str | Path,
    *,
    name: str | None = None,
    dt_us: float | None = None,
    input_contract: InputContract | None = None,
    verbose: bool = True,
) -> Comparison:
    """Write a module as a native network file, run both sides on an example, and print the largest difference per layer.

    Parameters
    ----------
    module
        In evaluation mode (it is set to it); torch.fx must be able to trace it.
    example
        Tensor (steps, channels, rows, columns) or (steps, values): each row is one time step, run one after the other with the
        neurons' states kept, from a reset.
    path
        File to write; ``.h5``.
    name
        Of the network; by default the file's.
    dt_us
        Time step of spiking neurons [us]; needed where recordings are sliced by it.
    input_contract
        How events become the input; by default frames, values as they are.

    Raises
    ------
    GraphError
        If a module or an operation has no node; it is named, with the way to make it known (`register`).
    """
    try:
        import torch
    except ImportError:
        raise RequestError("PyTorch is not installed; install it with: pip install seneca-sim[torch]") from None
    path = Path(path)
    contract = input_contract or InputContract(representation="frame", slice_us=max(1, round(dt_us or 1000)))
    if not isinstance(example, torch.Tensor) or example.ndim not in (2, 4) or not example.shape[0]:
        raise RequestError("example must be a tensor of shape (steps, channels, rows, columns) or (steps, values)")
    module.eval()
    _reset(module)
    traced = trace_module(module, example, name or path.stem, dt_us, contract)
    network = lower(traced.graph)
    save_graph(traced.graph, path)
    comparison = Comparison(traced.graph, path, _differences(traced, network, example))
    if verbose:
        print(comparison)
    return comparison


def _reset(module: Any) -> None:
    """Return the states of spiking neurons to their start."""
    for inner in module.modules():
        for method in ("reset_mem", "reset_states", "reset"):
            if hasattr(inner, method) and type(inner).__module__.split(".")[0] in (
                "snntorch",
                "sinabs",
                "spikingjelly",
            ):
                getattr(inner, method)()
                break


def _differences(traced: Traced, network: Network, example: Any) -> tuple[LayerDifference, ...]:
    """Run module and network on the example and compare them layer by layer."""
    from seneca_sim.activity import run_network
    from seneca_sim.events.frames import frame_steps
    from seneca_sim.events.sparse import dense_steps

    values = example.detach().cpu().numpy().astype(np.float32)
    frames = values.reshape(*values.shape, 1, 1) if values.ndim == 2 else values
    trace = run_network(network, [frame_steps(frames, "frame", "example")])
    expected = _module_values(traced, example)
    rows = []
    for layer, sent in zip(network.layers, trace.layers, strict=True):
        step = None if layer.is_input else _compared_step(traced, layer)
        if step is None or step not in expected:
            continue
        own = dense_steps(sent, layer.out_shape).reshape(len(values), -1)
        theirs = expected[step].reshape(len(values), -1)
        if own.shape != theirs.shape:
            raise GraphError(
                f"{network.name}: {layer.name}: the layer has {own.shape[1]} values, {step} has {theirs.shape[1]}"
            )
        difference = np.abs(own - theirs)
        scale = float(np.abs(theirs).max(initial=0.0))
        unequal = int(np.count_nonzero(difference > 1e-5 * scale))
        rows.append(LayerDifference(layer.name, step, float(difference.max(initial=0.0)), scale, unequal, own.size))
    return tuple(rows)


def _compared_step(traced: Traced, layer: Layer) -> str | None:
    """Return the step of the trace whose value a layer sends: behind fused max pooling that of the pooling."""
    graph = traced.graph
    if layer.name not in graph.nodes:
        return None
    near = [layer.name]
    if layer.pool is not None:
        links = [*graph.links_from(layer.name), *graph.links_into(layer.name)]
        near += [end for link in links for end in (link.target, link.source) if isinstance(graph.nodes[end], MaxPool2d)]
    order = list(traced.step_of)
    return traced.step_of.get(max(near, key=order.index)) if all(name in order for name in near) else None


def _module_values(traced: Traced, example: Any) -> dict[str, NDArray[np.float64]]:
    """Return what each step of the trace gives, (steps, ...), running the example row by row."""
    import torch
    from torch import fx

    gathered: dict[str, list[NDArray[np.float64]]] = {}

    class _Recorder(fx.Interpreter):  # type: ignore[misc,unused-ignore]
        def run_node(self, n: Any) -> Any:
            value = super().run_node(n)
            if isinstance(value, torch.Tensor):
                gathered.setdefault(n.name, []).append(value.detach().cpu().numpy().astype(np.float64))
            return value

    recorder = _Recorder(traced.steps)
    with torch.no_grad():
        for row in range(len(example)):
            recorder.run(example[row : row + 1])
    return {name: np.concatenate(values) for name, values in gathered.items()}
