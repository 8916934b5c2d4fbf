"""Mutations: each breaks one rule of the reference engine on purpose, and a walk or an invariant must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from seneca_sim.engine import reference
from seneca_sim.engine.reference import (
    decoding,
    firing,
    host,
    inlet,
    integration,
    loop_controller,
    mesh,
    packet,
    part,
    replaying,
    riscv,
    sending,
)
from seneca_sim.engine.reference.core import Core
from seneca_sim.engine.reference.geometry import Position
from seneca_sim.graph.network import Edge
from tests.engine import test_feature_walks, test_features, test_network_walks, test_walks
from tests.engine.test_options import DENSE, POOLED

WALKS = (test_walks, test_network_walks, test_feature_walks)
CHECKS = [getattr(module, name) for module in WALKS for name in dir(module) if name.startswith("test_")]
CHECKS += [POOLED.checked, DENSE.checked]
CHECKS += [
    partial(test_features.test_masked_chunks_are_skipped_sum_after_sum, reference, 3, [2, 5, 11], 3, 8),
    partial(test_features.test_channels_of_a_depthwise_broadcast_never_share_a_group, test_features.ADDED, "step"),
    partial(test_features.test_a_broadcast_touches_no_position, reference, False, "packet"),
    partial(test_features.test_a_broadcast_needs_state_for_the_whole_map, reference),
    test_features.test_a_part_that_no_forward_edge_reaches_does_not_hold_its_replay_back,
]
"""All walks, the invariants of overlapping windows and of groups across packets, and rules that no walk shows."""


def is_caught() -> bool:
    """Return whether a walk or an invariant notices that the engine is not what it should be."""
    for check in CHECKS:
        try:
            check()
        except (AssertionError, RuntimeError, pytest.fail.Exception):
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


def only_one_sum_is_fed(patch: Patch) -> None:
    """A value meets each channel once, however many sums the edge feeds."""
    patch.setattr(integration, "round_outputs", lambda inlet, group: list(integration.addressed(inlet, group)))


def sums_are_interleaved(patch: Patch) -> None:
    """The outputs of a round go channel after channel, not sum after sum."""

    def by_channel(inlet: inlet.Inlet, group: int) -> list[int]:
        size, channels = inlet.part.layer.shape[0], integration.addressed(inlet, group)
        return [number * size + channel for channel in channels for number in range(inlet.edge.sums)]

    patch.setattr(integration, "round_outputs", by_channel)


def chunks_end_with_their_sum(patch: Patch) -> None:
    """Every sum begins a chunk of its own."""
    form_round = integration.form_round

    def separate(inlet, group, neuron, timing):  # type: ignore[no-untyped-def]
        turn = form_round(inlet, group, neuron, timing)
        channels, size = len(inlet.part.channels), inlet.costs.neurons_per_chunk
        chunks = tuple(min(size, channels - start) for start in range(0, channels, size))
        return turn if inlet.edge.sums == 1 else replace(turn, chunks=chunks * inlet.edge.sums)

    patch.setattr(integration, "form_round", separate)


def no_zeros_are_inserted(patch: Patch) -> None:
    """A transposed convolution acts as a convolution, and nearest upsampling as an addition at one place."""
    touched_line = inlet.touched_line

    def plain(edge, axis, place, size, line):  # type: ignore[no-untyped-def]
        return touched_line(replace(edge, upsample=(1, 1)), axis, place, size, line)

    patch.setattr(inlet, "touched_line", plain)


def upsampled_values_go_to_one_neuron(patch: Patch) -> None:
    """Nearest upsampling has a kernel of one tap."""
    patch.setattr(
        Edge, "kernel", property(lambda self: (1, 1) if self.weight is None else self.weight.shape[2:]), raising=False
    )


def broadcast_reaches_one_position(patch: Patch) -> None:
    """Only the first position waits for a broadcast."""
    touched_line = inlet.touched_line

    def first(edge, axis, place, size, line):  # type: ignore[no-untyped-def]
        return touched_line(edge, axis, place, size, line[:1] if edge.broadcast else line)

    patch.setattr(inlet, "touched_line", first)


def broadcast_is_integrated_everywhere(patch: Patch) -> None:
    """A broadcast has a round for every position of the part."""
    scopes = integration._scopes

    def everywhere(inlet, position, timing):  # type: ignore[no-untyped-def]
        return (
            [[neuron] for neuron in inlet.touched(position)]
            if inlet.edge.broadcast
            else scopes(inlet, position, timing)
        )

    patch.setattr(integration, "_scopes", everywhere)


def broadcast_pays_a_kernel_position(patch: Patch) -> None:
    """A broadcast is decoded as a convolution of one position, packet by packet."""
    patch.setattr(integration, "is_one_position", lambda inlet: inlet.edge.kind == "dense")


def broadcast_channels_share_a_group(patch: Patch) -> None:
    """Values of `add` broadcasts form groups across packets, whatever their channel."""
    patch.setattr(
        integration,
        "groups_across_packets",
        lambda inlet, timing: timing.group_scope == "step" and integration.is_one_position(inlet),
    )


def broadcast_touches_a_position(patch: Patch) -> None:
    """Positions count as touched when the vector has a value."""
    integrate = decoding.integrate

    def touching(core, inlet, step, job, name, then):  # type: ignore[no-untyped-def]
        for turn in job.rounds:
            inlet.part.touch(step, turn.neuron)
        return integrate(core, inlet, step, job, name, then)

    patch.setattr(decoding, "integrate", touching)


def nothing_is_held_at_the_begin(patch: Patch) -> None:
    """The first step replays an empty map, whatever the trace holds."""
    held = replaying.Replay._held
    patch.setattr(replaying.Replay, "_held", lambda self, position: held(self, position) if self.step else [])


def replay_waits_for_nobody(patch: Patch) -> None:
    """A replay waits for edges without delay on which nobody reaches the part."""
    is_due = replaying.Replay.is_due

    def stubborn(self: replaying.Replay) -> bool:
        hears = any(inlet.edge.delay == 0 for inlet in self.part.inlets)
        return is_due(self) and (self.is_early or not hears or self.part.heard_step >= self.step)

    patch.setattr(replaying.Replay, "is_due", stubborn)


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
    only_one_sum_is_fed,
    sums_are_interleaved,
    chunks_end_with_their_sum,
    no_zeros_are_inserted,
    upsampled_values_go_to_one_neuron,
    broadcast_reaches_one_position,
    broadcast_is_integrated_everywhere,
    broadcast_pays_a_kernel_position,
    broadcast_channels_share_a_group,
    broadcast_touches_a_position,
    nothing_is_held_at_the_begin,
    replay_waits_for_nobody,
]


def test_the_unbroken_engine_raises_no_alarm() -> None:
    assert not is_caught()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_broken_rule_is_noticed(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    mutation(monkeypatch)
    assert is_caught()
