"""Unfold a number of a result: a tree whose leaves are counts times prices, each price with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from seneca_sim.chip import Chip
from seneca_sim.errors import ResultError
from seneca_sim.report.columns import COMPONENTS, MEMORY_KINDS
from seneca_sim.report.leaves import UNASSIGNED, Leaf, area_leaves, energy_leaves, memory_leaves
from seneca_sim.report.result import Result
from seneca_sim.report.terms import constant_line
from seneca_sim.units import counted
from seneca_sim.yaml_positions import did_you_mean

__all__ = ["Node", "explain", "explainable", "tree_text"]

Key = Callable[[Leaf], str]
_RATIOS = ("energy_uj_per_step", "pj_per_sop", "mean_power_mw")
_ENERGY_PARTS = {f"energy_{name}_uj": name for name in COMPONENTS}
_MEMORY_PARTS = {f"memory_{name}_bits": name for name in MEMORY_KINDS}


@dataclass(frozen=True, slots=True)
class Node:
    """A number of the tree: a leaf, or the sum of its children times `scale`."""

    label: str
    value: float
    unit: str
    children: tuple[Node, ...] = ()
    leaf: Leaf | None = None
    scale: float = 1.0

    def leaves(self) -> Iterator[Leaf]:
        """Yield the leaves below this node, or its own."""
        if self.leaf is not None:
            yield self.leaf
        for child in self.children:
            yield from child.leaves()


def explainable(result: Result) -> tuple[str, ...]:
    """Return the fields that `explain` can unfold."""
    apart = ("first_step_energy_uj",) if result.record.run.sigma_delta else ()
    energies = ("energy_uj", *_RATIOS, "energy_by_component_uj", "energy_unassigned_uj", *_ENERGY_PARTS, *apart)
    return (*energies, "memory_bits", "memory_unique_bits", "memory_by_kind_bits", *_MEMORY_PARTS, "area_mm2")


def explain(result: Result, question: str) -> Node:
    """Return the tree of a field of the result, of one layer, or of one component (or kind of memory) of it.

    The question is ``field[:layer[:component]]``, such as ``energy_uj:conv1:npe`` or ``memory_bits:conv1``.
    """
    field, layer, part = _parsed(result, question)
    leaves = [leaf for leaf in _leaves(result, field) if layer in (None, leaf.layer) and part in (None, leaf.part)]
    keys: list[Key] = [] if layer is not None or field == "area_mm2" else [_layer]
    if part is None and field != "area_mm2":
        keys.append(_part)
    if "_by_" in field:
        keys.reverse()
    unit = "bit" if field.startswith("memory") else "mm2" if field == "area_mm2" else "µJ"
    if field not in _RATIOS:
        return _grouped(question, leaves, keys, unit)
    energy = _grouped(question.replace(field, "energy_uj", 1), leaves, keys, unit)
    scale, unit, divisor = _ratio(result, field)
    return Node(f"{question} = {energy.label} / {divisor}", energy.value * scale, unit, (energy,), None, scale)


def _layer(leaf: Leaf) -> str:
    return leaf.layer


def _part(leaf: Leaf) -> str:
    return leaf.part


def _leaves(result: Result, field: str) -> Iterator[Leaf]:
    """Yield the leaves of a field."""
    record = result.record
    if field == "area_mm2":
        return area_leaves(record)
    if field == "memory_unique_bits":
        return (leaf for leaf in memory_leaves(record) if leaf.part != "replicas")
    if field.startswith("memory"):
        return memory_leaves(record)
    return energy_leaves(record, result.energy, slice(0, 1) if field == "first_step_energy_uj" else slice(None))


def _grouped(label: str, leaves: Sequence[Leaf], keys: Sequence[Key], unit: str) -> Node:
    """Return the tree of leaves, grouped by one key after the other in the order in which groups first occur."""
    if keys:
        groups: dict[str, list[Leaf]] = {}
        for leaf in leaves:
            groups.setdefault(keys[0](leaf), []).append(leaf)
        children = tuple(_grouped(name, group, keys[1:], unit) for name, group in groups.items())
    else:
        children = tuple(Node(leaf.label, leaf.value, unit, (), leaf) for leaf in leaves)
    return Node(label, sum(child.value for child in children), unit, children)


def _ratio(result: Result, field: str) -> tuple[float, str, str]:
    """Return what an energy in µJ is multiplied with to give a ratio, the ratio's unit, and its divisor in words."""
    record = result.record
    if field == "energy_uj_per_step":
        return 1 / record.n_steps, "µJ", counted(record.n_steps, "step")
    if field == "mean_power_mw":
        powered_us = result.energy.powered.cycles / record.chip.clock_mhz.value
        return 1e3 / powered_us, "mW", f"{powered_us:.9g} µs"
    sops = int(record.activity.sops.sum())
    if not sops:
        raise ResultError("pj_per_sop has no value: the run made no synaptic operation")
    return 1e6 / sops, "pJ", f"{sops:,} SOPs"


def _parsed(result: Result, question: str) -> tuple[str, str | None, str | None]:
    """Return field, layer and component (or kind of memory) of a question."""
    field, *path = question.split(":")
    _check(field, explainable(result), "a field that unfolds")
    if len(path) > (0 if field in ("area_mm2", "energy_unassigned_uj") else 2):
        raise ResultError(
            f"{question!r} asks too much: {field} does not unfold that far; ask for field[:layer[:component]]"
        )
    memory = field.startswith("memory")
    part = (_MEMORY_PARTS if memory else _ENERGY_PARTS).get(field)
    layer = UNASSIGNED if field == "energy_unassigned_uj" else None
    if path:
        names = [facts.name for facts in result.record.layers]
        _check(path[0], names if memory else [*names, UNASSIGNED], f"a layer of {result.record.run.network}")
        layer = path[0]
    if len(path) == 2:
        allowed = (part,) if part is not None else MEMORY_KINDS if memory else COMPONENTS
        _check(path[1], allowed, f"{'a kind of memory' if memory else 'an energy component'} in {field}")
        part = path[1]
    return field, layer, part


def _check(word: str, allowed: Sequence[str], what: str) -> None:
    """Raise `ResultError` unless a word is allowed."""
    if word not in allowed:
        guess = did_you_mean(word, allowed) or f"; expected one of {', '.join(allowed)}"
        raise ResultError(f"{word!r} is not {what}{guess}")


def tree_text(node: Node, chip: Chip) -> str:
    """Return a tree as text: counts times prices, then each price with its formula, then each constant with its source."""
    prices: dict[_Price, int] = {}
    lines = list(_tree_lines(node, "", prices))
    if prices:
        lines += ["", "prices:", *(f"  [{note}] {price}" for price, note in prices.items())]
    if constants := dict.fromkeys(key for price in prices for key in price.constants):
        lines += ["", "constants:", *(f"  {constant_line(key, chip)}" for key in constants)]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Price:
    """A price that leaves refer to by a number."""

    text: str
    formula: str
    constants: tuple[str, ...]

    def __str__(self) -> str:
        of = f" ({', '.join(self.constants)})" if self.constants else ""
        return f"{self.text} = {self.formula}{of}"


def _tree_lines(node: Node, indent: str, prices: dict[_Price, int]) -> Iterator[str]:
    """Yield the lines of a tree, and number its prices."""
    amount = f"{indent}{node.label}: {node.value:.12g} {node.unit}"
    if node.leaf is None:
        yield amount
    else:
        price = _Price(f"{node.leaf.price:.12g} {node.leaf.price_unit}", node.leaf.formula, node.leaf.constants)
        yield f"{amount} = {node.leaf.count:,} x {price.text} [{prices.setdefault(price, len(prices) + 1)}]"
    for child in node.children:
        yield from _tree_lines(child, indent + "  ", prices)
