"""The nodes of NIR as nodes of a graph: one function per type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seneca_sim.errors import FileFormatError, GraphError
from seneca_sim.graph.neurons import CubaLif, Delay, If, Li, Lif, Reset
from seneca_sim.graph.nodes import (
    Add,
    Affine,
    Array,
    AvgPool2d,
    Conv2d,
    Dense,
    Flatten,
    Input,
    Node,
    Output,
    SumPool2d,
)

__all__ = ["Discretisation", "RawNode", "convert_node", "supported_types"]


@dataclass(frozen=True, slots=True)
class RawNode:
    """A node as stored: its type and its fields."""

    where: str
    kind: str
    fields: Mapping[str, Array | str]

    def array(self, name: str) -> Array:
        """Return a field's array."""
        value = self.fields.get(name)
        if value is None or isinstance(value, str):
            raise FileFormatError(f"{self.where}: {self.kind} has no array {name!r}; export the network again")
        return value

    def floats(self, name: str) -> NDArray[np.float64]:
        """Return a field's array as floats, all of them finite."""
        values = self.array(name).astype(np.float64)
        if not np.isfinite(values).all():
            wrong = values[~np.isfinite(values)].flat[0]
            raise GraphError(f"{self.where}: {name} holds {wrong}, expected finite numbers; export the network again")
        return values

    def integers(self, name: str) -> tuple[int, ...]:
        """Return a field as a flat tuple of integers."""
        values = self.array(name).reshape(-1)
        if values.dtype.kind not in "iu" or not 1 <= len(values) <= 4:
            raise FileFormatError(f"{self.where}: {name} holds {values[:4].tolist()}, expected one to four integers")
        return tuple(int(value) for value in values)

    def pair(self, name: str) -> tuple[int, int]:
        """Return a field as (rows, columns)."""
        values = self.integers(name)
        if len(values) > 2:
            raise FileFormatError(
                f"{self.where}: {name} holds {list(values)}, expected one integer, or two (rows, columns)"
            )
        return values[0], values[-1]


@dataclass(frozen=True, slots=True)
class Discretisation:
    """How neurons in continuous time become neurons in steps; see `graph.nir_file` for the rules."""

    dt_us: float
    pulse: bool
    """Whether integrators add r x in a step, not r dt x."""
    reset: Reset = "value"
    max_spikes: int = 1
    v_min: float | None = None

    @property
    def dt_s(self) -> float:
        """The time step in seconds, the unit of NIR."""
        return self.dt_us * 1e-6

    def leak(self, node: RawNode, name: str = "tau") -> NDArray[np.float64]:
        """Return dt / tau, refusing time constants shorter than the step."""
        tau = node.floats(name)
        if np.any(tau <= 0):
            raise GraphError(
                f"{node.where}: {name} is {tau.min():.6g} s, expected a positive time constant; export the network again"
            )
        if not np.all(tau >= self.dt_s * (1 - 1e-9)):
            raise GraphError(
                f"{node.where}: {name} is {tau.min() * 1e6:.6g} us, shorter than the time step of {self.dt_us:.6g} us; choose "
                f"dt_us of at most {tau.min() * 1e6:.6g}"
            )
        return np.minimum(self.dt_s / tau, 1.0)

    def spikes(self, node: RawNode) -> dict[str, Any]:
        """Return the constants of spiking and reset."""
        threshold = node.floats("v_threshold")
        v_reset = node.floats("v_reset") if "v_reset" in node.fields else np.zeros_like(threshold)
        rule = {"reset": self.reset, "max_spikes": self.max_spikes, "v_min": self.v_min}
        return {"threshold": threshold, "v_reset": v_reset, **rule}


def _dense(node: RawNode, _: Discretisation) -> Node:
    weight = node.array("weight")
    if weight.ndim != 2:
        raise GraphError(f"{node.where}: the weight has shape {weight.shape}, only (out, in) is supported")
    return Dense(weight, _bias(node))


def _bias(node: RawNode) -> Array | None:
    """Return the bias, None where there is none or all are zero."""
    if "bias" not in node.fields or not np.any(node.array("bias")):
        return None
    return node.array("bias")


def _conv(node: RawNode, _: Discretisation) -> Node:
    """Read Conv2d; Conv1d is a Conv2d with one row."""
    weight = node.array("weight")
    line = node.kind == "Conv1d"
    if weight.ndim != (3 if line else 4):
        raise GraphError(f"{node.where}: the weight of {node.kind} has shape {weight.shape}")
    weight = weight[:, :, None, :] if line else weight
    stride, dilation = node.pair("stride"), node.pair("dilation")
    stride, dilation = ((1, stride[1]), (1, dilation[1])) if line else (stride, dilation)
    padding = _padding(node, weight.shape[2:], stride, dilation)
    padding = (0, padding[1]) if line else padding
    return Conv2d(weight, _bias(node), None, None, stride, padding, dilation, node.integers("groups")[0])


def _padding(
    node: RawNode, kernel: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    """Return the padding of a convolution in numbers."""
    padding = node.fields.get("padding")
    if not isinstance(padding, str):
        return node.pair("padding")
    if padding == "valid":
        return 0, 0
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if padding != "same" or stride != (1, 1) or any(r % 2 for r in reach):
        raise GraphError(
            f"{node.where}: padding {padding!r} with kernel {tuple(kernel)} and stride {stride} is not supported; state "
            "the padding in numbers, equal on both sides"
        )
    return reach[0] // 2, reach[1] // 2


def _pool(node: RawNode, _: Discretisation) -> Node:
    kind = SumPool2d if node.kind == "SumPool2d" else AvgPool2d
    return kind(node.pair("kernel_size"), node.pair("stride"), node.pair("padding"))


def _flatten(node: RawNode, _: Discretisation) -> Node:
    start, end = node.integers("start_dim")[0], node.integers("end_dim")[0]
    axes = len(node.array("input_type").reshape(-1)) if "input_type" in node.fields else 3
    if not (-axes <= start < axes and -axes <= end < axes):
        raise GraphError(
            f"{node.where}: start_dim {start} and end_dim {end} are not both axes of {axes}; export the network again"
        )
    first, last = start % axes, end % axes
    if first == last:
        return Add()
    if (first, last) != (0, axes - 1):
        raise GraphError(
            f"{node.where}: flattens axes {first} to {last} of {axes} only; only flattening a whole map is supported (start_dim 0, "
            "end_dim -1; NIR counts no batch axis)"
        )
    return Flatten()


def _delay(node: RawNode, steps: Discretisation) -> Node:
    """Read a delay [s] as whole time steps; a delay of zero passes on what comes."""
    delay = node.floats("delay")
    if not np.any(delay):
        return Add()
    exact = delay / steps.dt_s
    whole = np.rint(exact)
    if np.any(delay < 0) or not np.allclose(exact, whole, rtol=1e-3, atol=1e-3):
        wrong = delay.reshape(-1)[np.argmax(np.abs(exact - whole))] if np.all(delay >= 0) else delay.min()
        raise GraphError(
            f"{node.where}: a delay of {wrong * 1e6:.6g} us is not a whole number of time steps of {steps.dt_us:.6g} us; choose a "
            "dt_us that divides it"
        )
    return Delay(float(whole.flat[0]) if np.all(whole == whole.flat[0]) else whole)


def _integrator(node: RawNode, steps: Discretisation) -> NDArray[np.float64]:
    """Return what a step adds per input."""
    r = node.floats("r")
    return r if steps.pulse else r * steps.dt_s


def _li(node: RawNode, steps: Discretisation) -> Node:
    leak = steps.leak(node)
    return Li(1.0 - leak, leak * node.floats("r"), node.floats("v_leak"))


def _lif(node: RawNode, steps: Discretisation) -> Node:
    leak = steps.leak(node)
    return Lif(1.0 - leak, leak * node.floats("r"), v_leak=node.floats("v_leak"), **steps.spikes(node))


def _cuba_lif(node: RawNode, steps: Discretisation) -> Node:
    synapse, membrane = steps.leak(node, "tau_syn"), steps.leak(node, "tau_mem")
    w_in = synapse * (node.floats("w_in") if "w_in" in node.fields else 1.0)
    r = membrane * node.floats("r")
    return CubaLif(1.0 - synapse, 1.0 - membrane, r, w_in, v_leak=node.floats("v_leak"), **steps.spikes(node))


def _cuba_current(node: RawNode, steps: Discretisation) -> Node:
    synapse = steps.leak(node, "tau_syn")
    return Li(1.0 - synapse, synapse * (node.floats("w_in") if "w_in" in node.fields else 1.0))


def _cuba_membrane(node: RawNode, steps: Discretisation) -> Node:
    membrane = steps.leak(node, "tau_mem")
    return Li(1.0 - membrane, membrane * node.floats("r"), node.floats("v_leak"))


_Reader = Callable[[RawNode, Discretisation], Node]

_READERS: dict[str, tuple[_Reader, ...]] = {
    "Input": (lambda node, _: Input(node.integers("shape")),),
    "Output": (lambda node, _: Output(),),
    "Affine": (_dense,),
    "Linear": (_dense,),
    "Scale": (lambda node, _: Affine(node.floats("scale")),),
    "Conv1d": (_conv,),
    "Conv2d": (_conv,),
    "SumPool2d": (_pool,),
    "AvgPool2d": (_pool,),
    "Flatten": (_flatten,),
    "Delay": (_delay,),
    "Threshold": (lambda node, _: Lif(0.0, threshold=node.floats("threshold")),),
    "I": (lambda node, steps: Li(1.0, _integrator(node, steps)),),
    "IF": (lambda node, steps: If(r=_integrator(node, steps), **steps.spikes(node)),),
    "LI": (_li,),
    "LIF": (_lif,),
    "CubaLI": (_cuba_current, _cuba_membrane),
    "CubaLIF": (_cuba_lif,),
}


def supported_types() -> list[str]:
    """Return the NIR types that can be read."""
    return sorted(_READERS)


def convert_node(name: str, node: RawNode, steps: Discretisation) -> dict[str, Node]:
    """Return the nodes that stand for a NIR node, in the order of the values; the last has its name."""
    if node.kind not in _READERS:
        raise GraphError(
            f"{node.where}: the NIR type {node.kind!r} is not supported; supported are {', '.join(supported_types())}"
        )
    readers = _READERS[node.kind]
    names = [*(f"{name}.current" for _ in readers[:-1]), name]
    return {part: reader(node, steps) for part, reader in zip(names, readers, strict=True)}
