"""The closed-form engine, for screening thousands of design points.

**Exact**: everything that is counted (tasks, rounds, chunks, synaptic operations, values, packets, flits, links, tokens, credits,
busy cycles of RISC-V and loop controllers), for it follows from activity, mapping and rules alone. One exception: where several
senders feed a dense or broadcast edge whose groups form across packets (`group_scope: step`), their true order of arrival decides
how packets are cut into jobs (RISC-V cycles) and, with skipping masks, which chunks share a group; here it is raster order.

**Approximate**: all times. Modelled, row by row (`pipeline.py`, `service.py`): the rows that must have arrived before a row can
fire, on every path; the load of each row on RISC-V, loop controller and event FIFO, and how far a Task FIFO lets these drift apart;
layers that share a core, served as their rows arrive, behind what the core's NoC FIFO holds; host ports of one flit a cycle;
distances on the mesh; replays; steps that follow each other in the pipeline, or not; row credits and buffers that hold producers
back (`pressure.py`: found in a run through the pipeline, kept in the next, until little is added); the busiest link, as a bound of
every step; phases of a global barrier (`phases.py`).

Ignored: contention for links and at routers below that bound, and with it producers of one layer that get out of step; stalls of
full buffers that spread; that replays wait for an idle RISC-V; and deadlocks: a chip that would deadlock gets an estimate too.

Measured against `fast` (`tests/engine/test_estimate.py`): on the shipped networks and chip, on 1, 4 and 8 cores, in several orders
and builds, intervals between steps come out at 0.80 to 1.11 of theirs and latencies at 0.67 to 1.19, lowest on full pipelines,
where latency is mostly waiting; on one core intervals agree to 1 %. On random systems with FIFOs of a few entries the median
error is 5 % (interval) and 9 % (latency), and nine in ten are within 0.77 to 1.10 and 0.67 to 1.19; of a thousand, a handful of
latencies are off by more than a factor of 2.5, one by 10. On a synthetic stack of 343 cores (`tests/benchmarks/stacks.py`), with up
to 64 producers a layer, latency comes out at 0.84, in about a second instead of three quarters of a minute. On random systems with
cells, products, upsampling, broadcasts and forward delays the median error is 7 % (interval) and 9 % (latency), and nine in ten are
within 0.74 to 1.10 and 0.66 to 1.16; not where outputs hear delayed edges alone, which the order of replays decides. On networks of
published size (RED on 340 cores, SEED on 256, EMS-YOLO on 256; `seneca-seed-table`) intervals are 0.75 to 0.98 of theirs, in 3 s.

FIFO occupancies are not estimated (0), packets do not wait on links (0), and whatever time a core is not busy counts as `input`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seneca_sim.activity.trace import Trace
from seneca_sim.chip.timing import Timing
from seneca_sim.engine.costs import Costs
from seneca_sim.engine.counts import CORE_STATES, Counts
from seneca_sim.engine.estimate.clock import times_of
from seneca_sim.engine.estimate.design import Design
from seneca_sim.engine.estimate.work import Work, work_of
from seneca_sim.errors import GraphError
from seneca_sim.graph.network import Network
from seneca_sim.mapping.types import Mapping

__all__ = ["run"]


def run(
    network: Network,
    mapping: Mapping,
    trace: Trace,
    timing: Timing,
    costs: Costs,
    progress: Callable[[int, int], None] | None = None,
) -> Counts:
    """Estimate a mapped network on a trace in closed form and return its counts: work exact, times approximate."""
    if not any(layer.is_output for layer in network.layers):
        raise GraphError(f"network {network.name!r} has no output layer, so no step would ever end; mark one as output")
    design = Design(network, mapping, trace, timing, costs)
    work = work_of(design)
    times = times_of(work)
    busy, lanes = work.riscv_busy().sum(axis=0), work.lanes_busy().sum(axis=0)
    makespan = max(times.makespan, int(busy.max()), int(lanes.max()))
    if progress is not None:
        progress(design.steps, design.steps)
    return Counts(
        makespan=makespan,
        parts=work.parts(),
        part_times=times.parts,
        inlets=work.inlets(),
        cores=_states(work, busy, makespan),
        npe_busy=lanes,
        fifo_max=np.zeros((len(busy), 3), np.int64),
        links=np.stack([work.links.sum(axis=2), np.zeros(work.links.shape[:2], np.int64)], axis=2),
        host=work.host,
        steps=times.steps,
    )


def _states(work: Work, busy: NDArray[np.int64], makespan: int) -> NDArray[np.int64]:
    """Return (cores, states): busy, and the rest as waiting for input, or idle where nothing is mapped."""
    states = np.zeros((len(busy), len(CORE_STATES)), np.int64)
    states[:, CORE_STATES.index("busy")] = busy
    used = np.isin(np.arange(len(busy)), [part.core for part in work.design.mapping.parts])
    states[:, CORE_STATES.index("input")] = np.where(used, makespan - busy, 0)
    states[:, CORE_STATES.index("idle")] = np.where(used, 0, makespan)
    return states
