"""Networks in words: one line each, a table of layers, or JSON with totals."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seneca_sim.graph import is_published, load_network
from seneca_sim.graph.contract import contract_text
from seneca_sim.graph.load import lowered, read_graph
from seneca_sim.graph.network import Layer, Network
from seneca_sim.graph.nodes import Input
from seneca_sim.graph.published import PUBLISHED, build_published
from seneca_sim.graph.table import NetworkTotals, graph_parameters, layer_table, network_totals

__all__ = ["network_json", "network_line", "network_text", "save_drawing", "shown_network"]

_HEADINGS = (
    *("layer", "neurons", "map", "types (weight, state, event)", "parameters", "masked", "dense MACs", "valid"),
    *("states", "from"),
)


def network_line(name: str) -> str:
    """Return a shipped network in one line: its maps and neurons, or what a published one is, with its parameters.

    >>> network_line("red")
    'RED: detection, 5 ConvLSTM levels, without squeeze-excite; input 6x360x640; 24,095,568 parameters'
    """
    if not is_published(name):
        return _layers_line(load_network(name))
    published = PUBLISHED[name]
    graph = build_published(name, {})
    size = next("x".join(map(str, node.shape)) for node in graph.nodes.values() if isinstance(node, Input))
    options = ", ".join(option for option in published.defaults() if option != "size")
    ending = f"; options {options}" if options else ""
    return f"{published.summary}; input {size}; {graph_parameters(graph):,} parameters{ending}"


def _layers_line(network: Network) -> str:
    """Return the maps of a network, and its kinds of neurons."""
    shapes = " -> ".join("x".join(map(str, layer.out_shape)) for layer in network.layers)
    kinds = ", ".join(dict.fromkeys(_kind(layer) for layer in network.layers if not layer.is_input))
    return f"{kinds}: {shapes}"


def _kind(layer: Layer) -> str:
    """Return the kind of a layer's neurons."""
    return "input" if layer.neuron is None else type(layer.neuron).__name__


def shown_network(name: str | Path, *, numerics: str | None = None, **options: Any) -> tuple[Network, NetworkTotals]:
    """Return a network, read with options of `load_network`, and its totals."""
    graph = read_graph(name, **options)
    network = lowered(graph, name, numerics)
    return network, network_totals(network, graph)


def network_text(network: Network, totals: NetworkTotals) -> str:
    """Return the layers of a network, its inputs and what was assumed when it was read."""
    heading = [f"{network.name}: {network.task}; {contract_text(network.input_contract)}"]
    if network.dt_us is not None:
        heading.append(f"time step of the neurons: {network.dt_us:g} us")
    table = layer_table(network)
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for layer, row in zip(network.layers, table, strict=True):
        types = layer.precision
        names = (types.weight, types.state, types.event) if layer.edges else (types.event,)
        delays = [" (step before)" if edge.delay else "" for edge in layer.edges]
        sources = ", ".join(name + delay for name, delay in zip(row.sources, delays, strict=True))
        counts = row.parameters, row.masked, row.dense_macs, row.dense_macs_valid, row.states
        figures = [f"{count:,}" for count in counts]
        rows.append((row.name, row.kind, "x".join(map(str, row.out_shape)), ", ".join(names), *figures, sources))
    sums = [
        sum(row.masked for row in table),
        totals.dense_macs,
        totals.dense_macs_valid,
        sum(row.states for row in table),
    ]
    rows.append(("total", "", "", "", *(f"{count:,}" for count in (totals.parameters, *sums)), ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*heading, "", *lines, "", *_notes(network, totals, sum(row.parameters for row in table))])


def _notes(network: Network, totals: NetworkTotals, held: int) -> list[str]:
    """Return sentences below the table: bits, parameters that the layers do not show, assumptions."""
    head = f" ({totals.head_weight_bits:,} of them in heads)" if totals.head_weight_bits else ""
    lines = [
        f"bits: weights {totals.weight_bits:,}{head}, states {totals.state_bits:,}, held outputs {totals.held_bits:,}"
    ]
    if totals.head_dense_macs:
        backbone = [totals.dense_macs - totals.head_dense_macs, totals.dense_macs_valid - totals.head_dense_macs_valid]
        lines.append(f"dense MACs without heads: {backbone[0]:,}, on valid taps {backbone[1]:,}")
    if totals.parameters != held:
        lines.append(
            f"the layers hold {held:,} numbers; parameters count as a framework does, before batch normalisation is folded and "
            "with weights that several layers share once"
        )
    return [*lines, *(f"assumed: {sentence}" for sentence in network.assumptions)]


def network_json(network: Network, totals: NetworkTotals) -> str:
    """Return the layers and the totals of a network as JSON."""
    layers = []
    for layer, row in zip(network.layers, layer_table(network), strict=True):
        types = layer.precision
        layers.append({**asdict(row), "types": asdict(types), "is_output": layer.is_output, "is_head": layer.is_head})
    content = {
        "name": network.name,
        "task": network.task,
        "dt_us": network.dt_us,
        "weights": network.weights,
        "input": asdict(network.input_contract),
        "layers": layers,
        "totals": asdict(totals),
        "assumptions": network.assumptions,
    }
    return json.dumps(content, indent=2)


def save_drawing(network: Network, path: Path) -> str:
    """Save the drawing of a network and return where it is, in a sentence; the suffix decides the format."""
    from seneca_sim.report.drawing import draw_network

    draw_network(network, str(path))
    return f"{network.name}: drawing written to {path}"
