"""The engine without cycles, for screening thousands of design points.

**Exact**: everything that is counted (tasks, rounds, chunks, synaptic operations, values, packets, flits, links, tokens, credits,
busy cycles of RISC-V and loop controllers), for it follows from activity, mapping and rules alone. One exception: where several
senders feed a dense or broadcast edge whose groups form across packets (`group_scope: step`), their true order of arrival decides
how packets are cut into jobs (RISC-V cycles) and, with skipping masks, which chunks share a group; here it is raster order.

**Approximate**: all times. A machine of the same cores, at the grain of rows (`kernels/rows_run.py`), takes whole input rows and
fires whole output rows, by the rules of `engine/timing.md`: rows become ready, are granted by credits, fire before others are
decoded, are replayed when RISC-V has time, arrive when the last of their producers has sent its share, and wait for buffers that
are full. Each row's work is what was counted, on RISC-V, loop controller and event FIFO, which drift apart by no more than a Task
FIFO lets them (`items.py`); host ports send a flit a cycle, distances on the mesh are kept, the busiest link bounds every step. A
global barrier adds up phases (`phases.py`).

Ignored: contention for links and at routers below that bound; stalls of full buffers that spread; what happens within a row where
several inputs of a core take turns; and deadlocks: a chip that would deadlock gets an estimate too.

Measured against `fast` (`tests/engine/test_estimate.py`): on the shipped networks and chip, on 1, 4 and 8 cores, in several orders
and builds, intervals between steps come out at 0.85 to 1.06 of theirs and latencies at 0.67 to 1.13, lowest on full pipelines,
where latency is mostly waiting and depends on where cores are placed; on one core intervals agree to 0.1 %. On random systems with
FIFOs of a few entries the median error is 5 % (interval) and 8 % (latency), nine in ten are off by no more than a factor of 1.2 and
1.3, and all by no more than 1.8 and 2.2. The same holds with cells, products, upsampling,
broadcasts and forward delays, but not where outputs hear delayed edges alone, for there the order of replays decides. On networks
of published size (RED on 350 cores, SEED on 256; `seneca-seed-table`) latencies are 0.99 to 1.03 of theirs.

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
