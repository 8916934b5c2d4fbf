"""The state of the simulated chip as arrays of records, one dtype per noun; `Machine` holds them all.

Every field is an int64. Indices are -1 for none. Times are cycles; a time field holds the cycle from which an effect is
visible (see `engine/timing.md`). Ragged tables live in one int32 pool, `Machine.table`, at the offsets that fields ending
in `_at` hold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BUFFER",
    "CORE",
    "EMISSION",
    "FEED",
    "GATE",
    "GROUP",
    "INLET",
    "NODE",
    "PACKET",
    "PART",
    "PORT",
    "RECORD",
    "SENDER",
    "SETTINGS",
    "TOTALS",
    "Machine",
]


def _record(fields: str) -> np.dtype[np.void]:
    """Return a dtype of int64 fields.

    >>> _record("a b").names
    ('a', 'b')
    """
    return np.dtype([(name, np.int64) for name in fields.split()])


SETTINGS = _record(
    "steps group_size step_groups task_scope inline evgen evgen_rate task_fifo event_fifo lc_task"
    " rv_packet rv_value rv_position rv_fire rv_untouched rv_out_packet rv_out rv_token rv_replay rv_skip rv_scan"
    " mesh router_cycles credits conventional barrier barrier_cycles early_replay pipelined period"
    " columns nodes n_parts n_senders n_hosts n_outputs max_depth"
)
"""Constants of a run; `task_scope` 0 position, 1 row, 2 pixel; `barrier` 1 global."""

TOTALS = _record(
    "now last_effect wheel_count nodes_used packets_used records_used free_node free_packet free_record"
    " phase_step phase_depth steps_done events_done queue_peak"
)
"""The few numbers that belong to no unit."""

PART = _record(
    "core layer sender replay_sender c0 channels y0 rows x0 columns height_neurons state_rows depth"
    " low_row_at fresh_row_at fresh_column_at window_row_at window_column_at"
    " per_chunk update_cycles pool_cycles emit_cycles pooled"
    " touched_from touched_at out_rows_at out_columns_at neuron_y0 neuron_x0 pieces inlet_first n_inlets gate_first n_gates"
    " step row column piece ready emission cleared_row blocked_feed done_rows open_groups pending_credits seen_step"
    " replay_step replay_row replay_column replay_emission replay_value replay_cleared early_replay"
)
"""A part of a layer on a core: constants first, then where it is: the next output position to fire, the next to replay."""

INLET = _record(
    "part edge layer dense grouped offset delayed group_inputs group_outputs masked mask_at mask_words per_chunk chunk_cycles chunks"
    " channels c0 width plane rows_at columns_at touch_rows_at touch_columns_at hi_row_at"
    " kernel_rows kernel_columns stride_y stride_x padding_y padding_x dilation_y dilation_x pool_y pool_x"
    " feed_first n_feeds open_values"
)
"""A part with one incoming edge. `chunks`: of one full round (convolution groups 1)."""

FEED = _record(
    "sender inlet gate host producer_core hi_at rank_at n_rows frontier granted sent received pending rows_at"
)
"""A producer of an inlet: `granted` rows so far (all steps), `sent` as credits, `received` by the producer."""

GATE = _record("feed_first n_feeds frontier at_frontier last_row_at last_column_at width plane")
"""Feeds of one inlet whose producers own the same rows and columns: `frontier` is the least of theirs."""

SENDER = _record(
    "kind part host layer y0 rows x0 columns width plane feeds_at n_feeds row_class_at column_class_at n_column_classes"
    " event_group token_group pairs capacity header node port owner core"
    " step row emission value cleared_row"
)
"""What sends events: kind 0 a part, 1 a host port, 2 the replay of a part."""

GROUP = _record("tree dests_at n_dests local_at n_local remote to_host")
"""Destinations of a packet: at `dests_at` triples (core, first feed, feeds), cores ascending."""

CORE = _record(
    "node parts_at n_parts job_end idle idle_state idle_since wake lc_free lc_busy eg_free"
    " tasks oldest_task tasks_max room room_max record_head record_tail record_shrink head_since"
    " outbox outbox_values loop_packet loop_visible queue_head queue_count flits flits_max input_room"
    " blocked retry source packet feed feeds_left started neuron_row neuron_column value fresh_scope pending_credits unfinished"
)
"""A core: its RISC-V, loop controller, event generator and FIFOs."""

RECORD = _record("part step row column value left visible end reserve count closes token scanned next")
"""A fire task's values in the event FIFO."""

PACKET = _record("kind owner step y x value count flits group tree target_node target_port feed copies rank")
"""kind 0 events, 1 token, 2 credit; `owner` is a part, or -1 - host port."""

BUFFER = _record("head count room eligible remaining sending")
"""An input buffer of a router (node * 5 + port); `sending`: the host port behind it is busy until this cycle."""

PORT = _record("busy last requests wake")
"""An output port of a router (node * 5 + port)."""

EMISSION = _record("position value count")
"""Active position of a sender: position in the layer's map, first entry of `Machine.channel`, number of values."""

NODE = _record("time kind unit argument next")
"""An entry of the time wheel."""


class Machine(NamedTuple):
    """All arrays of a run; the dimension letters are those of `Counts`."""

    settings: NDArray[np.void]
    totals: NDArray[np.void]
    parts: NDArray[np.void]
    inlets: NDArray[np.void]
    feeds: NDArray[np.void]
    gates: NDArray[np.void]
    senders: NDArray[np.void]
    groups: NDArray[np.void]
    cores: NDArray[np.void]
    records: NDArray[np.void]
    packets: NDArray[np.void]
    buffers: NDArray[np.void]
    ports: NDArray[np.void]
    emissions: NDArray[np.void]
    wheel_nodes: NDArray[np.void]
    wheel: NDArray[np.int64]
    """(2, slots) first node of each slot: effects, decisions."""
    emission_start: NDArray[np.int64]
    """(senders, T + 1)"""
    table: NDArray[np.int32]
    channel: NDArray[np.int32]
    mask: NDArray[np.uint64]
    """Chunks that are not all masked, one bit each: per inlet (input channel, kernel row, kernel column, word)."""
    tree: NDArray[np.int8]
    """(trees, nodes) output ports of a multicast tree, one bit each."""
    touched: NDArray[np.int32]
    """Step + 1 in which an output position was last touched, for parts that evaluate touched positions only."""
    task_slots: NDArray[np.int64]
    """(C, task FIFO) cycle from which the slot of a task is free."""
    queue_packet: NDArray[np.int64]
    """(C, packets) ring of the NoC FIFO."""
    queue_visible: NDArray[np.int64]
    buffer_packet: NDArray[np.int64]
    """(nodes * 5, packets) ring of an input buffer."""
    buffer_visible: NDArray[np.int64]
    open_mask: NDArray[np.uint64]
    """(I, words) chunks needed by the open group of a dense inlet."""
    node_core: NDArray[np.int64]
    """(nodes,) core at a router, -1: none."""
    node_host: NDArray[np.int64]
    """(nodes,) 0 where a host port is at the W port of a router, else -1."""
    part_counts: NDArray[np.int64]
    part_times: NDArray[np.int64]
    inlet_counts: NDArray[np.int64]
    core_states: NDArray[np.int64]
    link_counts: NDArray[np.int64]
    host_counts: NDArray[np.int64]
    step_times: NDArray[np.int64]
    output_ends: NDArray[np.int64]
    """(T,) end-of-step tokens received by the host."""
