"""What a chip that can make no further progress says: who waits for whom, and what to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seneca_sim.engine.reference.host import InputStream
    from seneca_sim.engine.reference.part import Part
    from seneca_sim.engine.reference.system import System

__all__ = ["explain"]


def explain(system: System) -> str:
    """Return the sentence of a deadlock: every unfinished part and host port with what it waits for."""
    waits = [_part(system, part) for part in system.parts if not part.is_finished]
    waits += [_stream(system, stream) for port in system.host.ports.values() for stream in port.streams if stream.left]
    if system.timing.flow_control == "none":
        advice = "set flow.control=row_credits, or give the waiting parts more state rows"
    else:
        advice = "give the parts that hold back credits more state rows"
    return f"the chip is deadlocked after cycle {system.clock.last_effect}: {'; '.join(waits)}; {advice}"


def _part(system: System, part: Part) -> str:
    reasons = [
        f"{outlet.name} to pass its receptive field"
        for inlet in part.inlets
        for outlet in inlet.incomplete(part.position, part.step)
    ]
    step, row = part.step, part.position[0]
    reasons += [f"a credit of row {row} from {inlet.part.name}" for inlet in part.outlet.ungranted(step, row)]
    if not part.may_follow_replay():
        reasons.append("its own replay")
    decoder = system.cores[part.core].riscv.decoder
    if decoder.lacks_rows():
        reasons.append("state rows for the packet at the head of its core's queue")
    where = f"{part.name} on core {part.core} at step {step}, position {part.position}"
    return f"{where}, waits for {' and '.join(dict.fromkeys(reasons)) or 'room in its core'}"


def _stream(system: System, stream: InputStream) -> str:
    packet = stream.left[0]
    waits = [
        f"a credit of row {packet.row} from {i.part.name}" for i in stream.outlet.ungranted(packet.step, packet.row)
    ]
    where = f"{stream.outlet.name} at the host, at step {packet.step}, row {packet.row}"
    if packet.step >= system.host.released:
        waits.append("the end of the step before")
    return f"{where}, waits for {' and '.join(waits) or 'room in its router'}"
