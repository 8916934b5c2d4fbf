"""Walk the whole path from a shell: network file and recording in, a folder of results out, and books that agree."""

from dataclasses import dataclass

import numpy as np
import pytest

from seneca_sim.activity import Trace, run_network
from seneca_sim.events import load_input
from seneca_sim.graph import Network
from seneca_sim.report.result import Result, load_result


@dataclass(frozen=True)
class Walk:
    """Runs ``seneca-sim run`` in this process and reads what it saved."""

    command: object
    folder: object

    def __call__(self, *arguments) -> Result:
        outcome = self.command("run", *arguments, "-o", self.folder)
        assert outcome.code == 0, outcome.err
        result = load_result(self.folder)
        check_books(result)
        return result


def check_books(result: Result) -> None:
    """Check that an engine ran, and that every table sums to the same totals."""
    summary, layers, steps = result.summary, result.layers, result.steps
    assert summary["energy_uj"] > 0
    assert summary["latency_us"] > 0
    totals = (
        layers.energy_uj.sum() + summary["energy_unassigned_uj"],
        steps.energy_uj.sum(),
        sum(summary["energy_by_component_uj"].values()),
    )
    assert totals == pytest.approx([summary["energy_uj"]] * 3)
    assert layers.sops.sum() == steps.sops.sum() == summary["sops"]
    assert summary["events"] == layers.events.sum()
    assert len(result.cores) == summary["cores"]
    cores = result.cores
    assert cores.energy_npe_uj.sum() == pytest.approx(layers.energy_npe_uj.sum())
    assert cores.filter(regex="^memory_").to_numpy().sum() == layers.memory_bits.sum() == summary["memory_bits"]


def check_activity(result: Result, trace: Trace) -> None:
    """Check that the engine was fed what the network sent: events of every layer, and operations."""
    sent = [len(layer.channel) for layer in trace.layers]
    assert result.layers.events.tolist() == sent
    assert result.summary["sops"] == trace.sops.sum()


def activity(network: Network, recording, **options) -> Trace:
    """Return what a network sends on a recording."""
    return run_network(network, load_input(network, recording, **options))


def events(result: Result) -> dict[str, int]:
    """Return the events of each layer."""
    return dict(zip(result.layers.layer, result.layers.events.tolist(), strict=True))


def arrays(path) -> dict[str, np.ndarray]:
    """Return the arrays of an archive."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}
