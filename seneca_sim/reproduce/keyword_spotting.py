"""Keyword spotting on one core: what was run on the five published builds of the architecture (Tang, talk NCN 2023).

The network is the perceptron 390-256-256-29. Its activity is not published: how many synaptic operations an inference
takes, whether events are binary and how many share a group are assumptions (`Workload`). BF16 weights take 2.76 Mb,
more than the 2.1 Mb of a core, so the builds were measured with narrower ones or with more memory; the sources do not
say, and here the memory is doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from seneca_sim.activity.synthetic import Densities, LayerDensities, synthetic_trace
from seneca_sim.activity.trace import Trace
from seneca_sim.graph import load_network
from seneca_sim.graph.network import Network, Precision
from seneca_sim.request import Engine

if TYPE_CHECKING:
    from seneca_sim.report.result import Result

__all__ = ["BUILDS", "SYNAPSES", "Build", "Workload", "simulate_build"]

SYNAPSES = 172_800
Unit = Literal["npe", "loop_controller", "event_generator"]


@dataclass(frozen=True, slots=True)
class Build:
    """What a build of the architecture lacks."""

    absent: tuple[Unit, ...] = ()
    grouped: bool = False


BUILDS = {
    "RISC-V only": Build(("npe", "loop_controller", "event_generator")),
    "+ NPEs": Build(("loop_controller", "event_generator")),
    "+ loop controller": Build(("event_generator",)),
    "+ event generator": Build(),
    "+ spike grouping": Build(grouped=True),
}
"""The published builds, each with one feature more than the one before."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is assumed of an inference."""

    sops: int = 126_000
    """Synaptic operations, spread evenly over the network."""
    group: int = 4
    """Events that share a load and a store of the states, in the last build."""
    graded: bool = False
    """Whether events carry a value (ReLU) or are spikes (LIF)."""

    @property
    def label(self) -> str:
        """Say it in words.

        >>> Workload().label
        '126,000 of 172,800 synaptic operations, binary events, groups of 4'
        """
        kind = "graded" if self.graded else "binary"
        return f"{self.sops:,} of {SYNAPSES:,} synaptic operations, {kind} events, groups of {self.group}"

    def network(self) -> Network:
        """Return the perceptron in BF16; its inputs are events of the same kind as those of its layers."""
        network = load_network("kws-mlp", network_set={"neurons": "relu" if self.graded else "lif"})
        types = Precision("bf16", "bf16", "bf16" if self.graded else "binary")
        return replace(network, layers=(replace(network.layers[0], precision=types), *network.layers[1:]))

    def activity(self, network: Network) -> Trace:
        """Draw one step with these operations."""
        share = self.sops / SYNAPSES
        layer = LayerDensities((share, share), (1.0, 1.0), f"assumed: {self.label}")
        layers = (layer,) * len(network.layers)
        return synthetic_trace(network, Densities(network.name, layer.provenance, 1, 4.0, layers))


def simulate_build(name: str, workload: Workload, overrides: Sequence[str] = (), engine: Engine = "fast") -> Result:
    """Run one inference on a build of the preset `seneca`, with other constants of the chip if they are given."""
    from seneca_sim.simulation import simulate

    build = BUILDS[name]
    changes = [
        *(f"core.{unit}.enabled=false" for unit in build.absent),
        f"core.grouping.size={workload.group if build.grouped else 1}",
        "core.data_memory_bits=4194304",
        *overrides,
    ]
    network = workload.network()
    activity = workload.activity(network)
    return simulate(network, activity=activity, set=changes, goal="fewest-cores", cores=1, engine=engine)
