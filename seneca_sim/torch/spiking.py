"""Neurons of snnTorch, sinabs and SpikingJelly as neurons of a graph.

- snnTorch: spike where ``mem > threshold``; with `reset_delay` (its default) the threshold is subtracted in the step after a
  spike, behind the decay: ``mem = beta mem + x - threshold``. Without it a membrane that is still above the threshold after
  its reset is compared less the threshold in the next step; here it is compared as it is (inputs above the threshold).
- sinabs: ``v = alpha v + (1 - alpha) x`` (x, not scaled, without `norm_input`), spikes where ``v >= threshold``.
- SpikingJelly: ``v += (x - (v - v_reset)) / tau`` (x not divided without `decay_input`), spikes where ``v >= v_threshold``.

Where a framework spikes at equality, the threshold is the next smaller float32, so that both spike alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.graph.neurons import CubaLif, If, Lif, Parameter, Reset
from seneca_sim.graph.nodes import Node
from seneca_sim.torch.plain import array
from seneca_sim.torch.registry import refuse, register

__all__: list[str] = []

MOST_SPIKES = 127
"""Where a framework sets no limit to the spikes of a step: the largest count of an int8 event."""


def _constant(value: Any) -> Parameter:
    """Return a number or a tensor, one value per channel, as a constant of a neuron."""
    found = np.asarray(array(value) if hasattr(value, "detach") else value, np.float64)
    return float(found.reshape(-1)[0]) if found.size == 1 else found.reshape(-1, 1, 1)


def _below(threshold: Parameter) -> Parameter:
    """Return the largest float32 below a threshold."""
    below = np.nextafter(np.asarray(threshold, np.float32), np.float32(-np.inf)).astype(np.float64)
    return float(below) if below.ndim == 0 else below


def _snn_reset(module: Any) -> Reset:
    """Return the reset rule of an snnTorch neuron."""
    if not module.init_hidden or module.output:
        raise refuse(module, "hands its state over; create it with init_hidden=True and output=False")
    if module.inhibition or module.state_quant or float(np.max(array(module.graded_spikes_factor))) != 1.0:
        raise refuse(module, "with inhibition, state_quant or graded spikes is not supported; leave them out")
    if module.reset_mechanism == "none":
        raise refuse(module, "without reset is not supported; use reset_mechanism='subtract' or 'zero'")
    delayed = bool(getattr(module, "reset_delay", True))
    if module.reset_mechanism == "zero" and delayed:
        raise refuse(module, "resets to zero a step late; use reset_delay=False, or reset_mechanism='subtract'")
    return "value" if module.reset_mechanism == "zero" else "subtract_late" if delayed else "subtract"


def _leaky(module: Any) -> Node:
    reset = _snn_reset(module)
    beta = np.clip(np.asarray(_constant(module.beta)), 0.0, 1.0)
    return Lif(_constant(beta), threshold=_constant(module.threshold), reset=reset)


def _synaptic(module: Any) -> Node:
    reset = _snn_reset(module)
    alpha, beta = (np.clip(np.asarray(_constant(value)), 0.0, 1.0) for value in (module.alpha, module.beta))
    return CubaLif(_constant(alpha), _constant(beta), threshold=_constant(module.threshold), reset=reset)


def _sinabs_rules(module: Any) -> dict[str, Any]:
    """Return threshold, reset, spikes a step and lower limit of a sinabs neuron."""
    spikes, reset = type(module.spike_fn).__name__, type(module.reset_fn).__name__
    spikes = spikes if spikes not in ("type", "FunctionMeta") else module.spike_fn.__name__
    rules: dict[str, Any] = {"threshold": _constant(module.spike_threshold)}
    if spikes == "SingleSpike":
        rules["threshold"] = _below(rules["threshold"])
    elif spikes == "MultiSpike":
        rules["max_spikes"] = MOST_SPIKES
    else:
        raise refuse(module, f"spikes by {spikes}; use SingleSpike or MultiSpike")
    if reset == "MembraneSubtract" and getattr(module.reset_fn, "subtract_value", None) is None:
        rules["reset"] = "subtract"
    elif reset == "MembraneReset" and getattr(module.reset_fn, "reset_value", 0.0) == 0.0:
        rules["reset"] = "value"
    else:
        raise refuse(module, f"resets by {reset} with a value of its own; use MembraneSubtract() or MembraneReset()")
    if module.min_v_mem is not None:
        rules["v_min"] = float(np.asarray(_constant(module.min_v_mem)))
    if getattr(module, "tau_syn", None) is not None:
        raise refuse(module, "with a synaptic time constant is not supported; use tau_syn=None")
    return rules


def _sinabs_iaf(module: Any) -> Node:
    return If(**_sinabs_rules(module))


def _sinabs_lif(module: Any) -> Node:
    alpha = _constant(module.alpha_mem_calculated)
    gain = _constant(1.0 - np.asarray(alpha)) if module.norm_input else 1.0
    return Lif(alpha, gain, **_sinabs_rules(module))


def _jelly_rules(module: Any) -> dict[str, Any]:
    """Return threshold and reset of a SpikingJelly neuron."""
    if module.step_mode != "s":
        raise refuse(module, "takes many steps at once; use step_mode='s'")
    rules: dict[str, Any] = {"threshold": _below(float(module.v_threshold))}
    if module.v_reset is None:
        return rules | {"reset": "subtract"}
    return rules | {"v_reset": float(module.v_reset)}


def _jelly_if(module: Any) -> Node:
    return If(**_jelly_rules(module))


def _jelly_lif(module: Any) -> Node:
    tau = float(module.tau)
    leak = float(module.v_reset or 0.0)
    return Lif(1.0 - 1.0 / tau, 1.0 / tau if module.decay_input else 1.0, v_leak=leak, **_jelly_rules(module))


for _name, _converter in {
    "snntorch.Leaky": _leaky,
    "snntorch.Synaptic": _synaptic,
    "sinabs.IAF": _sinabs_iaf,
    "sinabs.LIF": _sinabs_lif,
    "spikingjelly.IFNode": _jelly_if,
    "spikingjelly.LIFNode": _jelly_lif,
}.items():
    register(_name, _converter)
