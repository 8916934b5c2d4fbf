"""The main loop of the compiled chip: cycle after cycle, effects first, then decisions."""

from __future__ import annotations

from seneca_sim.kernels import inner_kernel, kernel, merged_kernel
from seneca_sim.kernels.chip_host import announce_step, host_port, host_receives, release_step
from seneca_sim.kernels.chip_ideal import (
    sink,
)
from seneca_sim.kernels.chip_machine import (
    WHEEL_SLOTS,
    core_at,
    due_at,
    entry_at,
    port_at,
    settings_of,
    slot_at,
    totals_of,
)
from seneca_sim.kernels.chip_network import (
    arbitrate,
)
from seneca_sim.kernels.chip_packets import HOST_PORT
from seneca_sim.kernels.chip_riscv import riscv
from seneca_sim.kernels.chip_wheel import (
    CORES,
    EFFECTS,
    NEVER,
    PORTS,
    due_cores,
    due_ports,
    wake_core,
)

__all__ = ["FULL", "MORE", "QUIET", "begin", "open_phase", "run"]

QUIET, FULL, MORE = 0, 1, 2
"""Why `run` returned: nothing is left to do, an array must grow, the cycle budget is used up."""


@inner_kernel
def serve(m: int, queue: int, cycle: int) -> bool:
    """Serve the entries of one queue for a cycle, and return whether there were any; entries of later rounds stay."""
    totals = totals_of(m)
    served = False
    slot = cycle & (WHEEL_SLOTS - 1)
    number = slot_at(m, queue * WHEEL_SLOTS + slot).first
    slot_at(m, queue * WHEEL_SLOTS + slot).first = -1
    while number >= 0:
        node = entry_at(m, number)
        following = node.next
        if node.time > cycle:
            node.next = slot_at(m, queue * WHEEL_SLOTS + slot).first
            slot_at(m, queue * WHEEL_SLOTS + slot).first = number
        else:
            served = True
            kind, unit, argument = node.kind, node.unit, node.argument
            node.next = totals.free_node
            totals.free_node = number
            totals.wheel_count -= 1
            totals.nodes_used -= 1
            if queue == EFFECTS:
                host_receives(m, unit, argument, cycle)
            elif kind == HOST_PORT:
                host_port(m, unit, cycle)
            else:
                sink(m, unit, cycle)
        number = following
    return served


@merged_kernel
def serve_ports(m: int, cycle: int) -> bool:
    """Let output ports arbitrate in a cycle, and return whether there were any."""
    ports = due_ports(m, cycle)
    for index in range(ports):
        arbitrate(m, due_at(m, index).count, cycle)
    return ports > 0


@inner_kernel
def serve_cores(m: int, cycle: int) -> bool:
    """Let the RISC-V of cores decide in a cycle, and return whether there were any."""
    cores = due_cores(m, cycle)
    for index in range(cores):
        riscv(m, due_at(m, index).count, cycle)
    return cores > 0


@inner_kernel
def earliest(m: int) -> int:
    """Return the cycle of the next entry on a wheel that is not empty."""
    cycle = NEVER
    for slot in range(WHEEL_SLOTS):
        number = slot_at(m, PORTS * WHEEL_SLOTS + slot).first
        while number >= 0:
            cycle = min(cycle, port_at(m, number).wake)
            number = port_at(m, number).next
        number = slot_at(m, CORES * WHEEL_SLOTS + slot).first
        while number >= 0:
            cycle = min(cycle, core_at(m, number).wake)
            number = core_at(m, number).next
    for slot in range(2 * WHEEL_SLOTS):
        number = slot_at(m, slot).first
        while number >= 0:
            cycle = min(cycle, entry_at(m, number).time)
            number = entry_at(m, number).next
    return cycle


@kernel
def run(m: int, until: int, margin: int) -> int:
    """Run until nothing is left, an array has less than `margin` free entries, or a cycle is reached; return which.

    After a round of the wheel in which nothing happened, the clock goes straight to the next entry.
    """
    totals = totals_of(m)
    mask = WHEEL_SLOTS - 1
    last_busy = totals.now
    while totals.wheel_count > 0:
        if (
            totals.nodes_used + margin > settings_of(m).n_entries
            or totals.packets_used + margin > settings_of(m).n_packets
            or totals.blocks_used + settings_of(m).n_cores > settings_of(m).n_blocks
            or totals.records_used + margin > settings_of(m).n_records
            or totals.waiting_used + margin > settings_of(m).n_waiting
        ):
            return FULL
        if totals.now >= until:
            return MORE
        cycle = totals.now
        for queue in range(2):  # effects, then decisions
            if slot_at(m, queue * WHEEL_SLOTS + (cycle & mask)).first >= 0 and serve(m, queue, cycle):
                last_busy = cycle
        if slot_at(m, PORTS * WHEEL_SLOTS + (cycle & mask)).first >= 0 and serve_ports(m, cycle):
            last_busy = cycle
        if slot_at(m, CORES * WHEEL_SLOTS + (cycle & mask)).first >= 0 and serve_cores(m, cycle):
            last_busy = cycle
        totals.now = cycle + 1
        if cycle - last_busy >= WHEEL_SLOTS:
            totals.now = earliest(m)
            last_busy = totals.now
    return QUIET


@kernel
def begin(m: int) -> None:
    """Wake every core, release the first step, and announce those whose release is known from the start."""
    settings = settings_of(m)
    for core in range(settings_of(m).n_cores):
        wake_core(m, core, 0)
    if not settings.barrier:
        release_step(m, 0, 0)
        for step in range(1, settings.steps if settings.pipelined else 1):
            announce_step(m, step, step * settings.period)


@kernel
def open_phase(m: int) -> bool:
    """Open the next phase of a chip with a global barrier that can do nothing more; return whether there was one."""
    settings, totals = settings_of(m), totals_of(m)
    totals.phase_depth += 1
    if totals.phase_depth > settings.max_depth:
        totals.phase_depth = 0
        totals.phase_step += 1
    if totals.phase_step >= settings.steps:
        return False
    cycle = totals.last_effect + settings.barrier_cycles
    totals.now = cycle
    if totals.phase_depth == 0:
        release_step(m, totals.phase_step, max(cycle, totals.phase_step * settings.period))
    for core in range(settings_of(m).n_cores):
        core_at(m, core).quiet = 0
        wake_core(m, core, cycle)
    return True
