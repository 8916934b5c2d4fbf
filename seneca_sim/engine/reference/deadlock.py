"""What a chip that can make no further progress says: who waits for whom, and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seneca_sim.engine.reference.host import InputStream
    from seneca_sim.engine.reference.inlet import Inlet, Outlet
    from seneca_sim.engine.reference.packet import Packet
    from seneca_sim.engine.reference.part import Part
    from seneca_sim.engine.reference.system import System

__all__ = ["explain", "is_unfinished"]


def is_unfinished(system: System) -> bool:
    """Return whether a part has not sent all of its rows, even if no output needs them."""
    return not all(_has_sent_all(part) for part in system.parts)


def explain(system: System) -> str:
    """Return the sentence of a deadlock: every unfinished part and host port with what it waits for."""
    waits = [_part(system, part) for part in system.parts if not _has_sent_all(part)]
    waits += [_stream(system, stream) for port in system.host.ports.values() for stream in port.streams if stream.left]
    return f"the chip is deadlocked after cycle {system.clock.last_effect}: {'; '.join(waits)}; {_advice(system)}"


def _has_sent_all(part: Part) -> bool:
    return part.is_finished and (part.steps - 1, part.outputs.rows[-1]) in part.done_rows


def _part(system: System, part: Part) -> str:
    core = system.cores[part.core]
    if part.is_finished:
        return f"{part.name} on core {part.core}, which has fired all steps, waits for room in its router"
    step, position = part.step, part.position
    reasons = [_input(inlet, outlet, part) for inlet in part.inlets for outlet in inlet.incomplete(position, step)]
    reasons += _credits(part.outlet.ungranted(step, position[0]), position[0])
    if part.replay is not None and not part.may_follow_replay():
        reasons += ["its own replay", *_credits(part.replay.ungranted(step, position[0]), position[0])]
    if core.outbox is not None:
        reasons.append("room in its router")
    if core.riscv.decoder.lacks_rows():
        reasons.append("state rows for the packet at the head of its core's queue")
    where = f"{part.name} on core {part.core}, at step {step}, position {position}"
    return f"{where}, waits for {' and '.join(dict.fromkeys(reasons)) or 'its phase'}"


def _input(inlet: Inlet, outlet: Outlet, part: Part) -> str:
    needs, frontier = inlet.needs(outlet, part.position), inlet.frontiers[outlet]
    missing = needs & frontier.open if frontier.step == part.step else needs
    return f"row {max(missing)[0]} of {outlet.name}"


def _credits(inlets: list[Inlet], row: int) -> list[str]:
    return [f"a credit of row {row} from {inlet.part.name}" for inlet in inlets]


def _stream(system: System, stream: InputStream) -> str:
    packet = stream.left[0]
    reasons = _credits(stream.outlet.ungranted(packet.step, packet.row), packet.row)
    if packet.step >= system.host.released:
        reasons.append(f"the end of step {packet.step - 1}")
    where = f"{stream.outlet.name} at the host, at step {packet.step}, row {packet.row}"
    return f"{where}, waits for {' and '.join(reasons) or 'room in its router'}"


def _advice(system: System) -> str:
    longest = max(size.header + 1 for size in system.sizes)
    longest = max([longest, *(packet.flits for packet in _waiting_packets(system))])
    timing = system.timing
    if timing.noc == "mesh" and longest > min(timing.buffer_flits, timing.input_flits):
        return f"raise noc.buffer_flits and noc.input_flits to {longest}, the flits of its longest packet"
    if timing.flow_control == "none":
        return "set flow.control to row_credits, or give the waiting parts more state rows"
    holding = _holding_back(system)
    if holding:
        return f"give more state rows to {' and '.join(holding)}"
    return "raise noc.buffer_flits, noc.input_flits or core.event_fifo"


def _waiting_packets(system: System) -> list[Packet]:
    packets = [stream.left[0] for port in system.host.ports.values() for stream in port.streams if stream.left]
    return packets + [core.outbox for core in system.cores if core.outbox is not None]


def _holding_back(system: System) -> list[str]:
    """Return the parts whose credits somebody waits for."""
    waiting: list[Inlet] = []
    for part in system.parts:
        if not part.is_finished:
            waiting += part.outlet.ungranted(part.step, part.position[0])
    for port in system.host.ports.values():
        for stream in port.streams:
            if stream.left:
                waiting += stream.outlet.ungranted(stream.left[0].step, stream.left[0].row)
    return sorted({inlet.part.name for inlet in waiting})
