"""RISC-V's outgoing work: inject the finished packet, make the next one from a credit or from the event FIFO."""

from __future__ import annotations

from seneca_sim.engine.reference.clock import Job
from seneca_sim.engine.reference.core import Core, Credit, Record
from seneca_sim.engine.reference.inlet import Inlet, Outlet
from seneca_sim.engine.reference.ledger import Account
from seneca_sim.engine.reference.packet import Node, Packet

__all__ = ["destinations", "inject_job", "row_token", "send_job", "value_packet"]


def inject_job(core: Core) -> Job | None:
    """Return the job that hands the finished packet to the router and to the loopback slot."""
    packet = core.outbox
    system = core.system
    if packet is None or (packet.local is not None and core.loopback is not None):
        return None
    if packet.remote and not system.noc.has_room(("core", core.number), packet.flits):
        return None

    def begin() -> None:
        if packet.kind == "event" and packet.outlet is not packet_replay(packet, core):
            system.ledger.first(("part_times", packet.step, packet.account[2]), "first_inject", system.clock.now)
        if packet.remote:
            system.ledger.add(packet.account, "flits", packet.flits)
            system.noc.inject(("core", core.number), packet)

    def finish() -> None:
        core.outbox = None
        core.release(packet.room)
        if packet.local is not None:
            core.loopback = packet

    cycles = packet.flits if packet.remote else 1
    return Job(f"inject {packet}", cycles, finish, begin, packet.account)


def packet_replay(packet: Packet, core: Core) -> Outlet | None:
    """Return the replay of the part that made a packet."""
    return core.system.parts[packet.account[2]].replay


def send_job(core: Core) -> Job | None:
    """Return the job that makes the next packet of a credit or of the event FIFO's head."""
    if core.outbox is not None:
        return None
    if core.credits:
        return _credit_job(core, core.credits[0])
    if not core.records or not core.records[0].is_visible:
        return None
    record = core.records[0]
    if not core.system.timing.event_generator and not record.is_scanned:
        return _scan_job(core, record)
    if record.sent < len(record.channels):
        return _values_job(core, record)
    return _token_job(core, record)


def _scan_job(core: Core, record: Record) -> Job:
    account = ("parts", record.step, record.part.index)

    def finish() -> None:
        record.is_scanned = True
        core.settle()

    cost = core.system.timing.rv_scan * record.n_channels
    return Job(f"scan {record.position}", max(1, cost), finish, account=account)


def _credit_job(core: Core, credit: Credit) -> Job:
    system = core.system
    account = ("parts", credit.grant[0], credit.inlet.part.index)

    def finish() -> None:
        core.credits.remove(credit)
        producer = system.node(credit.outlet)
        core.outbox = Packet(
            kind="credit",
            step=credit.grant[0],
            row=credit.grant[1],
            flits=1,
            account=account,
            source=("core", core.number),
            outlet=credit.outlet,
            remote=(producer,),
            credit=(credit.inlet, credit.grant),
        )
        system.ledger.add(account, "credits")

    return Job(f"send credit {credit.grant[1]}", max(1, system.timing.rv_token), finish, account=account)


def _values_job(core: Core, record: Record) -> Job | None:
    timing, ledger = core.system.timing, core.system.ledger
    outlet = record.part.outlet
    size = core.system.sizes[record.part.layer_index]
    count = min(len(record.channels) - record.sent, size.capacity)
    if record.visible < record.sent + count:
        return None
    account = ("parts", record.step, record.part.index)
    reaches = outlet.to_host or bool(outlet.reached(record.position))

    def finish() -> None:
        channels = record.channels[record.sent : record.sent + count]
        record.sent += count
        if reaches:
            core.outbox = value_packet(core, outlet, account, record.position, channels, room=count)
        else:
            ledger.add(account, "dropped_values", count)
            core.release(count)
        core.settle()

    cost = timing.rv_out_packet + (timing.rv_out * count if reaches else 0)
    return Job(f"{'send' if reaches else 'drop'} values {record.position}", max(1, cost), finish, account=account)


def _token_job(core: Core, record: Record) -> Job:
    account = ("parts", record.step, record.part.index)

    def finish() -> None:
        record.token_sent = True
        core.outbox = row_token(core, record.part.outlet, account, record.position[0])
        core.settle()

    return Job(f"send token {record.position[0]}", max(1, core.system.timing.rv_token), finish, account=account)


def destinations(core: Core, outlet: Outlet, inlets: tuple[Inlet, ...]) -> tuple[tuple[Node, ...], int | None]:
    """Return the remote destinations of a packet for some inlets, and the own core if it is one."""
    cores = sorted({inlet.part.core for inlet in inlets})
    remote: list[Node] = [("core", number) for number in cores if number != core.number]
    if outlet.to_host:
        remote.append(core.system.host.output)
    return tuple(remote), core.number if core.number in cores else None


def value_packet(
    core: Core,
    outlet: Outlet,
    account: Account,
    position: tuple[int, int],
    channels: tuple[int, ...],
    room: int = 0,
) -> Packet:
    """Return an event packet of a part (or of its replay) and count it."""
    targets = outlet.reached(position)
    remote, local = destinations(core, outlet, targets)
    core.system.ledger.add(account, "packets")
    return Packet(
        kind="event",
        step=account[1],
        row=position[0],
        flits=core.system.sizes[outlet.layer].flits(len(channels)),
        account=account,
        source=("core", core.number),
        outlet=outlet,
        remote=remote,
        targets=targets,
        local=local,
        position=position,
        channels=channels,
        room=room,
    )


def row_token(core: Core, outlet: Outlet, account: Account, row: int) -> Packet:
    """Return the token of a row of a part (or of its replay) and count it."""
    targets = outlet.reached_by_row(row)
    remote, local = destinations(core, outlet, targets)
    core.system.ledger.add(account, "tokens")
    return Packet(
        kind="token",
        step=account[1],
        row=row,
        flits=1,
        account=account,
        source=("core", core.number),
        outlet=outlet,
        remote=remote,
        targets=targets,
        local=local,
        closes_step=row == outlet.box.rows[-1],
    )
