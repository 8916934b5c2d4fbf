"""The last events of a camera, as a histogram that slides: what enters counts up, what leaves counts down.

N = events, S = steps. A ring keeps the last events; maps and lists are those of `noted_map`.
"""

from __future__ import annotations

import numpy as np

from seneca_sim.kernels import inner_kernel, kernel
from seneca_sim.kernels.landing import Int32, Int64
from seneca_sim.kernels.noted_map import FLAG_CELLS, Memory, Sparse, drain, in_order, limited, write_all

__all__ = ["window_steps"]


@inner_kernel
def _limit_changes(histogram: Int32, change: Int32, memory: Memory, limit: int) -> None:
    """Turn the changes of a histogram into those of its limited counts."""
    _, words, listed, state = memory
    if state[0] < len(listed):
        in_order(listed, state[0])
        for k in range(state[0]):
            cell = listed[k]
            if k == 0 or cell != listed[k - 1]:
                change[cell] = limited(histogram[cell], limit) - limited(histogram[cell] - change[cell], limit)
        return
    for w in range(len(words)):
        if words[w] != 0:
            for cell in range(8 * FLAG_CELLS * w, min(8 * FLAG_CELLS * (w + 1), len(change))):
                if change[cell] != 0:
                    change[cell] = limited(histogram[cell], limit) - limited(histogram[cell] - change[cell], limit)


@kernel
def window_steps(
    cell: Int64,
    weight: Int32,
    sizes: tuple[int, int],
    ring: tuple[Int64, Int32],
    histogram: Int32,
    change: Int32,
    memory: Memory,
    channels: int,
    limit: int,
    sparse: Sparse,
    rules: tuple[bool, bool],
) -> int:
    """Slide the window over events, and write the changes of each step, or all counts; return the number of steps.

    `sizes` holds the events of the window and of a step, `rules` whether changes are written, and whether an open step is
    finished at the end. `memory`'s last two numbers are the events seen and those of the open step.
    """
    window, step_events = sizes
    changes, closing = rules
    flags, _, listed, state = memory
    step_start = sparse[0]
    step_start[0] = state[1]
    most, steps, begin = len(listed), 0, 0
    while begin < len(cell) or (closing and state[4] > 0):
        end = min(begin + step_events - state[4], len(cell))
        noted, place = state[0], state[3] % window
        for e in range(begin, end):
            if state[3] + e - begin >= window:
                old = np.uint64(ring[0][place])
                listed[min(noted, most - 1)] = old
                noted += change[old] == 0
                change[old] -= ring[1][place]
                histogram[old] -= ring[1][place]
                flags[old >> np.uint64(3)] = 1
            at = np.uint64(cell[e])
            listed[min(noted, most - 1)] = at
            noted += change[at] == 0
            change[at] += weight[e]
            histogram[at] += weight[e]
            flags[at >> np.uint64(3)] = 1
            ring[0][place], ring[1][place] = at, weight[e]
            place = 0 if place + 1 == window else place + 1
        state[0], state[3], state[4] = noted, state[3] + end - begin, state[4] + end - begin
        begin = end
        if state[4] < step_events and not (closing and end == len(cell)):
            break
        if not changes:
            write_all(histogram, channels, limit, memory, sparse)
        else:
            if limit > 0:
                _limit_changes(histogram, change, memory, limit)
            drain(change, memory, channels, 0, sparse)
        state[4] = 0
        steps += 1
        step_start[steps] = state[1]
    return steps
