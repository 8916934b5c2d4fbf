"""Neurons of lava-dl in fixed point: LOIHI, CUBA and SDNN, with integers as on Loihi 2.

Decays are shares of 4096, synaptic sums are shifted by 6 bits (64), so are thresholds: ``u = trunc(u (4096 - iDecay) / 4096) +
64 sum``, ``v = trunc(v (4096 - vDecay) / 4096) + u + 64 bias``, spike where ``v > 64 vThMant``, then v = 0 (CUBA, LOIHI).

SDNN: messages have 6 fraction bits, weights another 6, states both. ``sigma += sum``, ``act = max(sigma + bias, 0)``, ``d = act -
act_before + residue``; ``d >> 6`` is sent where ``|d| >= vThMant << 12``, the residue keeps what was not. An encoder has no
activation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seneca_sim.errors import GraphError
from seneca_sim.graph.hdf5 import SafeGroup
from seneca_sim.graph.neurons import CubaLif, Li, Lif, Neuron, SigmaDelta
from seneca_sim.graph.nodes import Array

__all__ = ["STATE_BITS", "loihi_neuron", "number", "sdnn_neuron"]

DECAY_UNIT = 4096
SPIKE_GAIN = 64
"""Weights, biases and thresholds stand 6 bits above a membrane's lowest."""
MESSAGE_BITS = 6
"""Fraction bits of an SDNN message."""
STATE_BITS = 12
"""Fraction bits of an SDNN state."""


def number(group: SafeGroup, name: str, default: float | None = None) -> float:
    """Return one number of a group."""
    if name not in group:
        if default is not None:
            return default
        raise GraphError(f"{group.where}: there is no {name!r}; export the network again")
    values = group.array(name).reshape(-1)
    if values.size != 1 or not np.isfinite(values.astype(np.float64)).all():
        raise GraphError(f"{group.where}: {name} holds {values[:4].tolist()}, expected one number")
    return float(values[0])


def loihi_neuron(where: str, group: SafeGroup, bias: Array | None) -> Neuron:
    """Return a spiking neuron; raises a `GraphError` for settings that have no counterpart."""
    current, voltage = number(group, "iDecay"), number(group, "vDecay")
    for name, decay in (("iDecay", current), ("vDecay", voltage)):
        if not 0 <= decay <= DECAY_UNIT:
            raise GraphError(f"{where}: {name} is {decay:g}, expected 0 to {DECAY_UNIT}")
    if number(group, "refDelay", 1) > 1:
        raise GraphError(
            f"{where}: refDelay is {number(group, 'refDelay'):g}; only 1 (no refractory steps) is supported"
        )
    if number(group, "gradedSpike", 0):
        raise GraphError(
            f"{where}: graded spikes of {group.text('type')} neurons are not supported; export binary ones"
        )
    rules: dict[str, Any] = {"threshold": SPIKE_GAIN * number(group, "vThMant")}
    decay = 1.0 - voltage / DECAY_UNIT
    if current == DECAY_UNIT:
        return Lif(decay, float(SPIKE_GAIN), **rules)
    if bias is not None and np.any(bias):
        raise GraphError(
            f"{where}: a bias behind a current that lasts (iDecay {current:g}) is not supported; export without it"
        )
    return CubaLif(1.0 - current / DECAY_UNIT, decay, 1.0, float(SPIKE_GAIN), **rules)


def sdnn_neuron(where: str, group: SafeGroup, *, encodes: bool) -> Neuron:
    """Return a sigma-delta neuron: an encoder of whole input values, a decoder that sends its state, or one in between."""
    activation = group.text("activation") if "activation" in group else "relu"
    if activation not in ("relu", "identity"):
        raise GraphError(f"{where}: the activation {activation!r} is not supported; known are relu and identity")
    if number(group, "sigma_output", 0):
        return Li(1.0)
    return SigmaDelta(
        number(group, "vThMant") * 2**STATE_BITS,
        "deadband",
        "relu" if activation == "relu" and not encodes else "identity",
        float(2**STATE_BITS) if encodes else 1.0,
        MESSAGE_BITS,
        not encodes,
    )
