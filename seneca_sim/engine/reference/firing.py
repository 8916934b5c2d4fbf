"""RISC-V's firing: which position is next, what its job needs, and what it pushes."""

from __future__ import annotations

from typing import Literal

from seneca_sim.engine.reference.clock import Job
from seneca_sim.engine.reference.core import Core, Record, Task
from seneca_sim.engine.reference.decoding import integrate
from seneca_sim.engine.reference.inlet import Inlet
from seneca_sim.engine.reference.integration import Integration, flushed
from seneca_sim.engine.reference.part import Part

__all__ = ["fire_job", "fire_obstacle"]

Obstacle = Literal["event_room", "task_fifo", "credit"]


def fire_job(core: Core) -> Job | None:
    """Return the first possible firing job: latest layer first, then lowest part."""
    for part in core.parts:
        if _is_due(core, part) and _may_go(core, part) and _obstacle(core, part) is None:
            return _job(core, part)
    return None


def fire_obstacle(core: Core) -> set[Obstacle]:
    """Return what the ready positions of a core lack."""
    obstacles: set[Obstacle] = set()
    for part in core.parts:
        if not _is_due(core, part):
            continue
        if part.outlet.ungranted(part.step, part.position[0]):
            obstacles.add("credit")
        elif part.may_follow_replay():
            obstacle = _obstacle(core, part)
            if obstacle is not None:
                obstacles.add(obstacle)
    return obstacles


def _is_due(core: Core, part: Part) -> bool:
    return not part.is_finished and core.system.phase_is_open(part.step, part.depth) and part.is_ready()


def _may_go(core: Core, part: Part) -> bool:
    return not part.outlet.ungranted(part.step, part.position[0]) and part.may_follow_replay()


def _open_inlet(part: Part) -> Inlet | None:
    return next((inlet for inlet in part.inlets if inlet.open_groups.get(part.step)), None)


def _has_values(core: Core, part: Part) -> bool:
    return bool(core.system.values(part, part.step, part.position, part.channels))


def _is_untouched(core: Core, part: Part) -> bool:
    touched_only = part.costs.touched_only(part.step, continues=core.system.trace.continues)
    return touched_only and not part.is_touched() and not _has_values(core, part)


def _obstacle(core: Core, part: Part) -> Obstacle | None:
    inlet = _open_inlet(part)
    if inlet is not None:
        pushes = flushed(inlet, part.step, core.system.timing).pushes
        return None if core.has_slot() or not pushes else "task_fifo"
    if _is_untouched(core, part):
        return None if core.has_slot() or not part.closes_row else "task_fifo"
    if core.reserved + len(part.slices[part.slice]) > core.system.timing.event_fifo:
        return "event_room"
    return None if core.has_slot() else "task_fifo"


def _job(core: Core, part: Part) -> Job:
    system = core.system
    system.ledger.first(("part_times", part.step, part.index), "start", system.clock.now)
    inlet = _open_inlet(part)
    if inlet is not None:
        return _flush_job(core, inlet, flushed(inlet, part.step, system.timing))
    if not _is_untouched(core, part):
        return _task_job(core, part)
    return _marker_job(core, part) if part.closes_row else _skip_job(core, part)


def _flush_job(core: Core, inlet: Inlet, job: Integration) -> Job:
    step = inlet.part.step
    return integrate(core, inlet, step, job, f"flush {inlet.part.position}", lambda: None)


def _skip_job(core: Core, part: Part) -> Job:
    account = ("parts", part.step, part.index)

    def finish() -> None:
        core.system.ledger.add(account, "untouched_positions")
        part.advance()
        core.raise_grants(part)

    return Job(f"skip {part.position}", max(1, core.system.timing.rv_untouched), finish, account=account)


def _marker_job(core: Core, part: Part) -> Job:
    account = ("parts", part.step, part.index)
    record = Record(part, part.step, part.position, n_channels=0, channels=(), closes_row=True)
    task = Task(f"mark {part.position}", 1, account, record)

    def finish() -> None:
        core.system.ledger.add(account, "untouched_positions")
        core.system.ledger.add(account, "markers")
        core.push(task)
        part.advance()
        core.raise_grants(part)

    return Job(f"fire {part.position}", _cycles(core, task), finish, account=account)


def _task_job(core: Core, part: Part) -> Job:
    channels = part.slices[part.slice]
    is_last = part.slice == len(part.slices) - 1
    values = core.system.values(part, part.step, part.position, channels)
    record = Record(part, part.step, part.position, len(channels), values, closes_row=is_last and part.closes_row)
    account = ("parts", part.step, part.index)
    task = Task(f"fire {part.position}", _duration(core, part, account, len(channels)), account, record)

    def finish() -> None:
        core.push(task)
        part.slice += 1
        if is_last:
            part.advance()
            core.raise_grants(part)

    return Job(task.name, _cycles(core, task), finish, lambda: core.reserve(len(channels)), account)


def _cycles(core: Core, task: Task) -> int:
    timing = core.system.timing
    return max(1, timing.rv_fire + (task.duration if timing.inline else 0))


def _duration(core: Core, part: Part, account: tuple[str, int, int], channels: int) -> int:
    """Return the cycles of a fire task, and count its chunks."""
    timing, ledger, costs = core.system.timing, core.system.ledger, part.costs
    chunks = -(-channels // costs.neurons_per_chunk)
    window = 0 if part.layer.pool is None else len(part.window(part.position).positions())
    programs = (
        ("update_chunks", part.fresh() * chunks, costs.update_cycles),
        ("pool_chunks", window * chunks, costs.pool_cycles),
        ("emit_chunks", chunks, costs.emit_cycles),
    )
    ledger.add(account, "fire_tasks")
    ledger.add(account, "events", len(core.system.values(part, part.step, part.position, part.slices[part.slice])))
    for name, executed, _ in programs:
        ledger.add(account, name, executed)
    return max(1, timing.lc_task + sum(executed * (cycles + timing.lc_chunk) for _, executed, cycles in programs))
