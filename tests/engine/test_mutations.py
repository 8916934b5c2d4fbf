"""Mutations: each breaks one rule of the reference engine on purpose, and a walk or an invariant must notice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seneca_sim.engine.reference import (
    firing,
    host,
    inlet,
    integration,
    loop_controller,
    mesh,
    packet,
    part,
    riscv,
    sending,
)
from seneca_sim.engine.reference.core import Core
from seneca_sim.engine.reference.geometry import Position
from tests.engine import test_network_walks, test_walks
from tests.engine.test_options import DENSE, POOLED

WALKS = (test_walks, test_network_walks)
CHECKS = [getattr(module, name) for module in WALKS for name in dir(module) if name.startswith("test_")]
CHECKS += [POOLED.checked, DENSE.checked]
"""All walks, and the invariants of overlapping windows and of groups across packets."""


def is_caught() -> bool:
    """Return whether a walk or an invariant notices that the engine is not what it should be."""
    for check in CHECKS:
        try:
            check()
        except (AssertionError, RuntimeError):
            return True
    return False


Patch = pytest.MonkeyPatch
Mutation = Callable[[Patch], None]


def packet_passes_its_own_position(patch: Patch) -> None:
    """Readiness is not strict: a position counts as passed before its last packet."""

    def pass_before(self: inlet.Frontier, step: int, position: Position) -> None:
        self._enter(step)
        self.open = {place for place in self.open if place > position}

    patch.setattr(inlet.Frontier, "pass_before", pass_before)


def token_is_lost(patch: Patch) -> None:
    """The host forgets the token of row 1."""
    add = host.InputStream._add

    def forgetful(self: host.InputStream, kind: str, step: int, place: Position, channels: tuple[int, ...]) -> None:
        if (kind, place[0]) != ("token", 1):
            add(self, kind, step, place, channels)

    patch.setattr(host.InputStream, "_add", forgetful)


def group_forms_across_pixels(patch: Patch) -> None:
    """Convolutions keep groups open across packets, as dense edges do."""
    patch.setattr(
        integration,
        "_within_packet",
        lambda inlet, position, values, timing: integration._across_packets(inlet, 0, values, timing),
    )


def border_is_not_clipped(patch: Patch) -> None:
    """Events at the border address a neuron row that does not exist."""
    touched_line = inlet.touched_line

    def unclipped(edge, axis, place, size, line):  # type: ignore[no-untyped-def]
        return touched_line(edge, axis, place, size, range(line.start - (axis == 0), line.stop))

    patch.setattr(inlet, "touched_line", unclipped)


def second_producer_is_ignored(patch: Patch) -> None:
    """Readiness looks at the first producer of an edge only."""
    incomplete = inlet.Inlet.incomplete
    patch.setattr(
        inlet.Inlet,
        "incomplete",
        lambda self, position, step: [o for o in incomplete(self, position, step) if o is next(iter(self.frontiers))],
    )


def credit_is_forgotten(patch: Patch) -> None:
    """Of several credits that fall due at once, the last is dropped."""
    raise_grants = Core.raise_grants

    def forgetful(self: Core, part: part.Part) -> None:
        before = len(self.credits)
        raise_grants(self, part)
        if len(self.credits) > before + 1:
            self.credits.pop()

    patch.setattr(Core, "raise_grants", forgetful)


def credit_comes_early(patch: Patch) -> None:
    """A row is granted when the lowest, not the highest, neuron row that it touches has state."""

    def is_free(self: inlet.Inlet, grant: tuple[int, int]) -> bool:
        last = self.part.row_number(grant[0], min(self.touched_rows[grant[1]]))
        return last <= self.part.lowest_row + self.part.state_rows - 1

    patch.setattr(inlet.Inlet, "is_free", is_free)


def round_robin_is_stuck(patch: Patch) -> None:
    """Arbitration always starts at north."""
    winner = mesh.Router._winner

    def stuck(self: mesh.Router, output: int) -> int | None:
        self.last_winner[output] = mesh.LOCAL
        return winner(self, output)

    patch.setattr(mesh.Router, "_winner", stuck)


def room_is_released_early(patch: Patch) -> None:
    """Values leave the event FIFO when their packet is made, not when it has been injected."""
    value_packet = sending.value_packet

    def early(core, outlet, account, position, channels, room=0):  # type: ignore[no-untyped-def]
        core.release(room)
        return value_packet(core, outlet, account, position, channels)

    patch.setattr(sending, "value_packet", early)


def room_is_never_taken(patch: Patch) -> None:
    """Fire tasks do not reserve room for their values."""
    patch.setattr(Core, "reserve", lambda self, values: None)


def slot_is_free_at_once(patch: Patch) -> None:
    """A popped task leaves its slot in the same cycle."""
    patch.setattr(loop_controller.LoopController, "_begin", loop_controller.LoopController._free_slot)


def task_fifo_has_no_end(patch: Patch) -> None:
    """Tasks are pushed into a full Task FIFO."""
    patch.setattr(Core, "has_slot", lambda self: True)


def replay_is_not_awaited(patch: Patch) -> None:
    """A row fires, and overwrites the held row, before the held row has been replayed to the end."""
    incomplete = inlet.Inlet.incomplete
    patch.setattr(part.Part, "may_follow_replay", lambda self: True)
    patch.setattr(
        inlet.Inlet,
        "incomplete",
        lambda self, position, step: [] if self.edge.delay else incomplete(self, position, step),
    )


def replay_starts_early(patch: Patch) -> None:
    """The replay does not wait for the first packet of its step."""
    patch.setattr(part.Part, "heard_step", property(lambda self: 99, lambda self, step: None), raising=False)


def decoding_goes_first(patch: Patch) -> None:
    """Packets are decoded before ready positions fire."""

    def choose(self: riscv.RiscV) -> object:
        core = self.core
        return sending.inject_job(core) or sending.send_job(core) or self.decoder.job() or firing.fire_job(core)

    patch.setattr(riscv.RiscV, "choose", choose)


def earliest_layer_goes_first(patch: Patch) -> None:
    """A packet for several parts of a core is decoded for the earliest layer first."""
    order = lambda self: (self.part.layer_index, self.part.index, self.number)  # noqa: E731
    patch.setattr(inlet.Inlet, "decode_order", property(order))


def one_branch_frees_the_packet(patch: Patch) -> None:
    """A multicast packet leaves its buffer when its first branch has been granted."""
    grant = mesh.Router._grant

    def hasty(self: mesh.Router, port: int, output: int) -> None:
        wanted = self.inputs[port].entries[0].wanted
        wanted.intersection_update({output})
        grant(self, port, output)

    patch.setattr(mesh.Router, "_grant", hasty)


def header_is_free(patch: Patch) -> None:
    """Packets carry no header flits."""
    patch.setattr(packet.PacketSize, "flits", lambda self, values: -(-values // self.pairs))


def border_packet_is_kept(patch: Patch) -> None:
    """Positions that reach nobody on an edge are decoded for it all the same."""
    patch.setattr(inlet.Outlet, "reached", lambda self, position: tuple(self.inlets))


def window_is_updated_twice(patch: Patch) -> None:
    """Neurons under two overlapping windows are updated for each."""
    patch.setattr(part.Part, "fresh", lambda self: len(self.window(self.position).positions()))


def open_group_is_dropped(patch: Patch) -> None:
    """An incomplete group is not flushed when its position fires."""
    patch.setattr(firing, "_open_inlet", lambda part: None)


MUTATIONS: list[Mutation] = [
    packet_passes_its_own_position,
    token_is_lost,
    group_forms_across_pixels,
    border_is_not_clipped,
    second_producer_is_ignored,
    credit_is_forgotten,
    credit_comes_early,
    round_robin_is_stuck,
    room_is_released_early,
    room_is_never_taken,
    slot_is_free_at_once,
    task_fifo_has_no_end,
    replay_is_not_awaited,
    replay_starts_early,
    decoding_goes_first,
    earliest_layer_goes_first,
    one_branch_frees_the_packet,
    header_is_free,
    border_packet_is_kept,
    window_is_updated_twice,
    open_group_is_dropped,
]


def test_the_unbroken_engine_raises_no_alarm() -> None:
    assert not is_caught()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    assert is_caught()
