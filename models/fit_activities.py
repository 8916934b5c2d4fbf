"""Make the activity files of SENECA's hardware table again: one rule, one free number a row, solved for the row's operations.

Run in a clone: ``python models/fit_activities.py``. The rule is `activities/rules/zeros.yaml`; no latency was looked at.
"""

from __future__ import annotations

from pathlib import Path

from seneca_sim.activity.fit import fit_densities, write_activity
from seneca_sim.activity.rule import load_rule
from seneca_sim.graph import load_network

FOLDER = Path(__file__).parent / "activities"
ROWS = {
    "seed-128-sparsity-loss": ("seed-128-gru", 2.75),
    "seed-256-sparsity-loss": ("seed-256-gru", 3.83),
    "seed-128-no-loss": ("seed-128-gru", 4.79),
    "seed-256-no-loss": ("seed-256-gru", 5.69),
    "seed-256-dense": ("seed-256-gru-dense", 20.1),
    "red": ("red", 26.1),
}
"""File: network, published operations per step [10^9]. Both rows of RED share one."""


def main() -> None:
    """Write all files."""
    rule = load_rule(FOLDER / "rules" / "zeros.yaml")
    for name, (network, gsop) in ROWS.items():
        write_activity(fit_densities(load_network(network), rule, gsop * 1e9), FOLDER / f"{name}.yaml")


if __name__ == "__main__":
    main()
