"""Who waits for whom, when a chip can make no further progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seneca_sim.engine.fast.plan import Plan

if TYPE_CHECKING:
    from seneca_sim.kernels.chip_machine import Machine

__all__ = ["explain_deadlock", "is_unfinished"]


def is_unfinished(plan: Plan, machine: Machine) -> bool:
    """Return whether a part has not sent all of its rows, even if no output needs them."""
    parts = machine["parts"]
    return bool((parts["done_rows"] < plan.trace.n_steps * parts["rows"]).any())


def explain_deadlock(plan: Plan, machine: Machine) -> str:
    """Return one line for the whole, then one for each unfinished part and host port."""
    lines = [
        f"deadlock at cycle {int(machine.totals['last_effect'])}: the chip can make no further progress; "
        "raise state_rows of the parts below, or use flow control row_credits"
    ]
    for number, part in enumerate(machine["parts"]):
        if part["step"] < plan.trace.n_steps:
            lines.append(
                f"  {_name(plan, number)}, step {part['step']}, row {part['y0'] + part['row']}: "
                f"waits for {_reason(plan, machine, number)}"
            )
    for host in range(len(plan.hosts)):
        sender = machine["senders"][len(plan.parts) + host]
        if sender["step"] < plan.trace.n_steps:
            name = plan.network.layers[plan.hosts[host]].name
            waits = _ungranted(plan, machine, len(plan.parts) + host, int(sender["step"]), int(sender["row"]))
            lines.append(
                f"  host port of {name}, step {sender['step']}, row {sender['row']}: "
                f"waits for {waits or 'room in the network'}"
            )
    return "\n".join(lines)


def _name(plan: Plan, number: int) -> str:
    """Return how a part is called in messages."""
    part = plan.mapping.parts[number]
    layer = plan.network.layers[part.layer].name
    return f"{layer} channels {part.channels[0]}-{part.channels[1] - 1} on core {part.core}"


def _ungranted(plan: Plan, machine: Machine, sender: int, step: int, row: int) -> str:
    """Return the parts that have not granted a row, or nothing."""
    if not machine.settings["credits"]:
        return ""
    names = []
    for number in plan.senders[sender].feeds:
        grant = machine["grants"][number]
        rank = int(machine["table"][grant["rank_at"] + row])
        if rank >= 0 and grant["received"] < step * grant["n_rows"] + rank + 1:
            names.append(_name(plan, plan.inlets[plan.feeds[number].inlet].part))
    return f"a row granted by {', '.join(names)}" if names else ""


def _reason(plan: Plan, machine: Machine, number: int) -> str:
    """Return what a part's next output position waits for."""
    part = machine["parts"][number]
    sender, step, row = int(part["sender"]), int(part["step"]), int(part["row"])
    missing = []
    for index in range(int(part["gate_first"]), int(part["gate_first"] + part["n_gates"])):
        gate = machine["gates"][index]
        y = int(machine["table"][gate["last_row_at"] + row])
        x = int(machine["table"][gate["last_column_at"] + part["column"]])
        need = step * int(gate["plane"]) + y * int(gate["width"]) + x
        if y >= 0 and x >= 0:
            late = [feed for feed in plan.gates[index] if machine["feeds"][feed]["frontier"] <= need]
            missing += [_producer(plan, feed) + f" to pass row {y}" for feed in late]
    if missing:
        return ", ".join(missing)
    return _ungranted(plan, machine, sender, step, row) or "room in the event FIFO, its own replay, or the network"


def _producer(plan: Plan, feed: int) -> str:
    """Return the name of a feed's producer."""
    sender = plan.senders[plan.feeds[feed].sender]
    if sender.kind == 1:
        return f"the host port of {plan.network.layers[sender.layer].name}"
    return ("the replay of " if sender.kind == 2 else "") + _name(plan, sender.part)
