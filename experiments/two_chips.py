"""The two presets: one network, one recording, two readings of what is known about SENECA, and what more cores bring on each.

`seneca` is bound by the control cycles of its RISC-V, `seneca-seed-table` by its lanes alone. A design decision that holds on both
is safer than one that holds on either. Run it as it is: ``python experiments/two_chips.py``.
"""

import seneca_sim as ss

print("chip                cores   latency µs   interval µs   energy µJ   area mm²   bound by")
for chip in ("seneca", "seneca-seed-table"):
    for cores in (4, 8, 16):
        summary = ss.simulate("digits-sigma-delta", events="digits", chip=chip, cores=cores, warmup=1).summary
        print(
            f"{chip:18s} {summary['cores']:6d} {summary['latency_us']:12.1f} {summary['interval_us']:13.1f}"
            f" {summary['energy_uj']:11.2f} {summary['area_mm2']:10.2f}   {summary['verdict'].split(':')[0]}"
        )
