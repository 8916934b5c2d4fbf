"""Spike grouping: events that arrive at the same neurons share one load and one store of their states.

SENECA integrates up to G events of a pixel between loading and storing the states (`core.grouping.size`). Incomplete groups are
padded and pay in full, so a sparse network gains less than a dense one, and groups that are too large cost more than they save.
Run it as it is: ``python experiments/grouping.py``.
"""

import seneca_sim as ss

for network in ("digits-sigma-delta", "digits-lif"):
    print(network)
    print("   G   energy µJ   NPE µJ   data memory µJ   latency µs   pJ per SOP")
    for size in (1, 2, 4, 8):
        result = ss.simulate(network, events="digits", cores=8, set=[f"core.grouping.size={size}"])
        summary = result.summary
        parts = summary["energy_by_component_uj"]
        print(
            f"{size:4d} {summary['energy_uj']:11.2f} {parts['npe']:8.2f} {parts['data_memory']:16.2f}"
            f" {summary['latency_us']:12.1f} {summary['pj_per_sop']:12.2f}"
        )
