"""The state of the simulated chip: arrays of records, one dtype per noun, and how compiled code reaches them.

Kernels get one integer, `m`: the address of a table of array addresses. ``core_at(m, 3)`` is core 3, a record whose fields
can be read and set. So a call passes one register, the compiler sees plain loads and stores, and the whole chip compiles
in seconds. The caller keeps the arrays alive (`Machine`) and checks sizes before.

Every field of a `_record` is an int64; those of a `_packed` one are int32 but for the wide ones, which come first: the records
of a big chip do not fit a processor's cache, so what is used together lies together. Indices are -1 for none. Times are cycles:
that from which an effect is visible (see `engine/timing.md`). Ragged tables live in one pool, `look(m, place)`, at the offsets
that fields ending in `_at` hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from seneca_sim.kernels import inner_kernel

WHEEL_SLOTS = 4096
"""Slots of the time wheel, a power of two."""
LINE_BYTES = 64
"""Bytes of a line of a processor's cache."""


def _record(fields: str) -> np.dtype[np.void]:
    """Return a dtype of int64 fields.

    >>> _record("a b").names
    ('a', 'b')
    """
    return np.dtype([(name, np.int64) for name in fields.split()])


def _packed(wide: str, narrow: str) -> np.dtype[np.void]:
    """Return a dtype of int64 fields, then int32 fields, whose size is a multiple of 16 bytes, or of 64 from there on.

    >>> _packed("a", "b").itemsize, _packed("", "a b c d e").itemsize, _packed("a b c d e f g", "h i j").itemsize
    (16, 32, 128)
    """
    fields = [(name, np.int64) for name in wide.split()] + [(name, np.int32) for name in narrow.split()]
    size = 8 * len(wide.split()) + 4 * len(narrow.split())
    size = -(-size // 16) * 16 if size <= 32 else -(-size // 64) * 64
    return np.dtype(
        {
            "names": [f[0] for f in fields],
            "formats": [f[1] for f in fields],
            "offsets": _places(fields),
            "itemsize": size,
        }
    )


def _places(fields: list[tuple[str, type[np.signedinteger[Any]]]]) -> list[int]:
    """Return the offsets of fields that lie back to back."""
    return [0, *np.cumsum([np.dtype(kind).itemsize for _, kind in fields])[:-1].tolist()]


SETTINGS = _record(
    "steps group_size task_scope inline evgen evgen_rate task_fifo event_fifo lc_task"
    " rv_packet rv_value rv_position rv_fire rv_untouched rv_out_packet rv_out rv_token rv_replay rv_skip rv_scan"
    " mesh router_cycles credits conventional barrier barrier_cycles early_replay pipelined period"
    " columns nodes n_cores n_parts n_inlets n_hosts n_outputs max_depth"
    " n_entries n_packets n_records n_blocks n_waiting open_words"
)
"""Constants of a run; `task_scope` 0 position, 1 row, 2 pixel; `barrier` 1 global."""

TOTALS = _record(
    "now last_effect wheel_count phase_step phase_depth steps_done events_done"
    " nodes_used packets_used records_used blocks_used waiting_used free_node free_packet free_record free_block free_waiting"
)
"""The few numbers that belong to no unit."""

PART = _packed(
    "touched_at emission replay_emission",
    "step ready noted_step touched_from seen_step row column n_gates gate_first core sender replay_sender open_groups rows columns"
    " pieces piece replay_step replay_row early_replay done_rows"
    " layer c0 channels y0 x0 height_neurons state_rows depth"
    " low_row_at fresh_row_at fresh_column_at window_row_at window_column_at"
    " per_chunk update_cycles pool_cycles emit_cycles pooled"
    " out_rows_at out_columns_at neuron_y0 neuron_x0 inlet_first n_inlets pending_credits pending_feed replay_column replay_value",
)
"""A part of a layer on a core: constants first, then where it is: the next output position to fire, the next to replay; no feed
before `pending_feed` has a pending credit."""

INLET = _packed(
    "mask_at",
    "part one_position gathers grouped delayed masked width plane rows_at columns_at chunks chunk_cycles channels per_chunk"
    " touch_rows_at touch_columns_at open_values broadcast c0 offset group_inputs group_outputs mask_words hi_row_at"
    " kernel_rows kernel_columns stride_y stride_x padding_y padding_x dilation_y dilation_x pool_y pool_x"
    " upsample_y upsample_x feed_first n_feeds edge layer",
)
"""A part with one incoming edge. `channels`, `chunks`: of one full round (convolution groups 1), over all sums of the edge."""

FEED = _packed("frontier", "gate inlet")
"""A producer of an inlet, and how far it is."""

GRANT = _packed("", "n_rows received rank_at granted hi_at producer_core pending sender")
"""The row credits of a feed: `granted` rows so far (all steps), `received` by the producer."""

GATE = _packed("frontier", "at_frontier last_row_at last_column_at width plane feed_first n_feeds")
"""Feeds of one inlet whose producers own the same rows and columns: `frontier` is the least of theirs."""

SENDER = _record(
    "kind part host layer y0 rows x0 columns width plane feeds_at n_feeds row_class_at column_class_at n_column_classes"
    " event_group token_group pairs capacity header node port owner core"
    " step row emission value cleared_row asked_row asked_feed looks_again"
)
"""What sends events: kind 0 a part, 1 a host port, 2 the replay of a part. A host port `looks_again` at a step's release.
Rows before `cleared_row` (of all steps) are granted, and `asked_row` is by the feeds before `asked_feed`."""

GROUP = _packed("", "tree tree_from tree_to local remote to_host links exits")
"""Destinations of a packet: `local` feeds on its own core (as at the end of a branch, -1: none), `tree` is the branch at its source
(see `chip_branches.py`), the words of its multicast tree are [`tree_from`, `tree_to`)."""

CORE = _packed(
    "idle_since limit settle_at send_at lc_free lc_busy head_since eg_free retry wake job_end",
    "next previous queue_first queue_last queue_done awaited flits flits_max input_room"
    " idle idle_state blocked stuck quiet fire_blocked source packet feed feeds_at feeds_left started fresh_packet"
    " neuron_row neuron_column value fresh_scope"
    " next_slot oldest_slot waiting_tasks tasks_max outbox loop_packet record_head record_shrink replays pending_credits"
    " replay_quiet replay_blocked"
    " parts_at n_parts node room room_max record_tail outbox_values unfinished",
)
"""A core: its RISC-V, loop controller, event generator and FIFOs. The list of the NoC FIFO goes from `queue_done`, packets whose
decoding has an end, over `queue_first`, the next one to decode, to `queue_last`; `awaited`: the router found no room in it.
Before `settle_at` and `send_at` there is nothing to settle or to send; while `quiet`, nothing can fire, for `fire_blocked`; while
`replay_quiet`, nothing can be replayed, for `replay_blocked`. `wake`, `previous` and `next` are those of a port."""

RECORD = _packed("value visible end", "part step row column left reserve count closes token scanned next")
"""A fire task's values in the event FIFO."""

PACKET = _packed("value", "kind group step y x count flits tree copies owner feed rank")
"""kind 0 events, 1 token, 2 credit; `tree` is the branch at its source, of which `copies` have not arrived; `owner` is a part, or
-1 - host port."""

BUFFER = _packed(
    "eligible leaves_at sending", "packet flits branch remaining waiting_first waiting_last room leaving awaited feeder"
)
"""An input buffer of a router (node * 5 + port), filled by the output port `feeder` of a neighbour, or by a core (port 4) or the
host (-1); `sending`: the host port is busy until this cycle. Its first packet is `packet` (-1: none); the others wait in a list,
from `waiting_first` to `waiting_last`. `room` is without the flits of the packet that is `leaving`, which are free from
`leaves_at` on; who found no room before that is known has it `awaited`."""

PORT = _packed("busy wake flits waited", "last requests ahead core previous next")
"""An output port of a router (node * 5 + port); `ahead`: the buffer that it leads to, -1 for the `core` (port 4) and the host;
`flits` that passed it, and the cycles that eligible packets `waited` for it. It arbitrates at `wake` (`NEVER`: when it is woken);
in the wheel's list for that cycle it stands between `previous` and `next` (-1: none)."""

EMISSION = _record("position value count")
"""Active position of a sender: position in the layer's map, first entry of `Machine.channel`, number of values."""

NODE = _packed("time", "kind unit argument next")
"""An entry of the time wheel, or of a sink of the ideal network, where `kind` is the branch at which the packet ends."""

BLOCK_ENTRIES = 512
BLOCK = _packed("", "next")
"""A block of `BLOCK_ENTRIES` entries of a NoC FIFO, and the block behind it."""

ENTRY = _packed("time", "packet feeds")
"""An entry of a NoC FIFO: `time` from which the packet is visible, and the `feeds` that it is for, as at the end of a branch. Once
it is decoded, the end of that and, in the place of `packet`, its flits."""

PART_COUNTS = _record(
    "fire_tasks update_chunks pool_chunks emit_chunks markers untouched_positions events packets replay_values"
    " dropped_values tokens credits flits link_flits ejected_flits rv_cycles lc_cycles"
)
"""`engine.counts.PART_COUNTERS` (step * parts + part)."""

INLET_COUNTS = _record(
    "packets values dropped_values tokens credits tasks rounds chunks sops skip_tests rv_cycles lc_cycles"
)
"""`engine.counts.INLET_COUNTERS` (step * inlets + inlet)."""

HOST_COUNTS = _record("flits link_flits ejected_flits sent dropped received")
STEP = _record("release first_flit first_output last_output end")
PART_TIMES = _record("start first_output done")
WAITING = _packed("visible", "packet flits branch next")
"""A packet that waits in an input buffer, before `next`."""

NODE_UNITS = _record("host x y")
"""A router: 0 where a host port is at W (else -1), and its place on the mesh."""

FIRST = _record("first")
TASK_SLOT = _record("free")
"""Cycle from which the slot of a task is free (core * task_fifo + task modulo it)."""

CYCLES = _record("cycles")
COUNT = _record("count")
TOUCHED = _record("step")
"""Step in which an output position was last touched, -1: never; for parts that evaluate touched positions only."""

BITS = np.dtype([("bits", np.uint64)])


def _address(context: Any, builder: Any, m: Any, slot: int, index: Any, size: int) -> Any:
    """Emit the address of an entry: the array's address from the table, plus index times size."""
    wide = ir.IntType(64)
    table = builder.inttoptr(m, wide.as_pointer())
    base = builder.load(builder.gep(table, [ir.Constant(wide, slot)]))
    base.set_metadata("invariant.load", builder.module.add_metadata([]))  # arrays move between calls only
    return builder.add(base, builder.mul(index, ir.Constant(wide, size)))


_SLOTS: dict[str, tuple[int, np.dtype[Any]]] = {}
"""Name of each array -> its place in the address table, and its dtype."""


def _records(name: str, dtype: np.dtype[np.void]) -> Callable[[int, int], Any]:
    """Add an array of records; return the compiled accessor of its entries."""
    slot = _SLOTS.setdefault(name, (len(_SLOTS), dtype))[0]
    record = numba.from_dtype(dtype)

    @intrinsic
    def entry(_: Any, m: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = context.cast(builder, arguments[1], signature.args[1], types.int64)
            address = _address(context, builder, arguments[0], slot, place, dtype.itemsize)
            return builder.inttoptr(address, context.get_value_type(record))

        return record(types.int64, index), emit

    return cast("Callable[[int, int], Any]", entry)


def _fetching(name: str) -> Callable[[int, int], None]:
    """Return the compiled hint that an entry of an array will be used soon; the index may be that of none."""
    slot, dtype = _SLOTS[name]

    @intrinsic
    def fetch(_: Any, m: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = context.cast(builder, arguments[1], signature.args[1], types.int64)
            address = _address(context, builder, arguments[0], slot, place, dtype.itemsize)
            pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
            hint = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
            builder.call(hint, [builder.inttoptr(address, pointer), *(ir.Constant(number, each) for each in (0, 3, 1))])
            return context.get_dummy_value()

        return types.none(types.int64, index), emit

    return cast("Callable[[int, int], None]", fetch)


def _numbers(name: str, dtype: type[np.generic]) -> Callable[[int, int], int]:
    """Add a constant array of numbers; return the compiled accessor of its values."""
    slot = _SLOTS.setdefault(name, (len(_SLOTS), np.dtype(dtype)))[0]
    stored = numba.from_dtype(np.dtype(dtype))
    given = types.uint64 if dtype is np.uint64 else types.int64

    @intrinsic
    def value(_: Any, m: Any, index: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = context.cast(builder, arguments[1], signature.args[1], types.int64)
            address = _address(context, builder, arguments[0], slot, place, np.dtype(dtype).itemsize)
            pointer = builder.inttoptr(address, context.get_value_type(stored).as_pointer())
            number = builder.load(pointer)
            number.set_metadata("invariant.load", builder.module.add_metadata([]))
            return context.cast(builder, number, stored, given)

        return given(types.int64, index), emit

    return cast("Callable[[int, int], int]", value)


_settings_at = _records("settings", SETTINGS)
_totals_at = _records("totals", TOTALS)
part_at = _records("parts", PART)
inlet_at = _records("inlets", INLET)
feed_at = _records("feeds", FEED)
grant_at = _records("grants", GRANT)
gate_at = _records("gates", GATE)
sender_at = _records("senders", SENDER)
group_of = _records("groups", GROUP)
core_at = _records("cores", CORE)
record_at = _records("records", RECORD)
packet_at = _records("packets", PACKET)
buffer_at = _records("buffers", BUFFER)
port_at = _records("ports", PORT)
emission_at = _records("emissions", EMISSION)
entry_at = _records("entries", NODE)
queued_at = _records("queues", ENTRY)
block_at = _records("blocks", BLOCK)
slot_at = _records("wheel", FIRST)
task_slot_at = _records("task_slots", TASK_SLOT)
waiting_at = _records("waiting", WAITING)
open_at = _records("open_masks", BITS)
touched_at = _records("touched", TOUCHED)
due_at = _records("due", COUNT)
node_at = _records("nodes", NODE_UNITS)
part_counts_at = _records("part_counts", PART_COUNTS)
inlet_counts_at = _records("inlet_counts", INLET_COUNTS)
host_counts_at = _records("host_counts", HOST_COUNTS)
part_times_at = _records("part_times", PART_TIMES)
state_at = _records("states", CYCLES)
step_at = _records("steps", STEP)
ends_at = _records("output_ends", COUNT)
look = _numbers("table", np.int32)
channel_at = _numbers("channel", np.int32)
mask_at = _numbers("mask", np.uint64)
branch_at = _numbers("branches", np.int32)
start_at = _numbers("emission_start", np.int64)
fetch_waiting = _fetching("waiting")
fetch_branch = _fetching("branches")
fetch_packet = _fetching("packets")


@inner_kernel
def settings_of(m: int) -> Any:
    """Return the constants of the run."""
    return _settings_at(m, 0)


@inner_kernel
def totals_of(m: int) -> Any:
    """Return the totals of the run."""
    return _totals_at(m, 0)


def zeros(size: int, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return records that begin where a line of the processor's cache does, all zero."""
    memory = np.zeros(size * dtype.itemsize + LINE_BYTES, dtype=np.uint8)
    first = -memory.ctypes.data % LINE_BYTES
    return memory[first : first + size * dtype.itemsize].view(dtype)


class Machine:
    """All arrays of a run by name, and the table of their addresses that kernels get as `m`.

    Raises TypeError if an array is missing, of another dtype, or not contiguous: kernels trust these.
    """

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        if set(arrays) != set(_SLOTS):
            raise TypeError(f"machine arrays {sorted(set(arrays) ^ set(_SLOTS))} are missing or unknown")
        self._arrays: dict[str, NDArray[Any]] = {}
        self._table = np.zeros(len(_SLOTS), dtype=np.int64)
        for name, array in arrays.items():
            self.replace(name, array)

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return an array by name."""
        return self._arrays[name]

    def replace(self, name: str, array: NDArray[Any]) -> None:
        """Put an array in the place of another."""
        slot, dtype = _SLOTS[name]
        if array.dtype != dtype or not array.flags.c_contiguous or not array.flags.writeable:
            raise TypeError(f"machine array {name} must be contiguous, writeable {dtype}, not {array.dtype}")
        self._arrays[name] = array
        self._table[slot] = array.ctypes.data

    @property
    def address(self) -> int:
        """The address that kernels get as `m`."""
        return int(self._table.ctypes.data)

    @property
    def settings(self) -> Any:
        """The constants of the run."""
        return self._arrays["settings"][0]

    @property
    def totals(self) -> Any:
        """The totals of the run."""
        return self._arrays["totals"][0]
