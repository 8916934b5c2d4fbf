"""Prophesee's streams of typed words, EVT2 (32 bits) and EVT3 (16 bits): the upper four bits of a word are its type.

A kernel reads words from the front of an array, writes events from the front of `t`, `x`, `y`, `p` (times in microseconds) and
returns their number. It stops where the next word might not find room. What it must know of the words before stands in
`state`, which it brings up to date: state[0] becomes the number of words it consumed, state[1] the place of a word of
unknown type at which it stopped, else -1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import kernel

__all__ = ["decode_evt2", "decode_evt3"]

Times = NDArray[np.int64]
Places = NDArray[np.int32]
Bits = NDArray[np.uint8]


@kernel
def decode_evt2(words: NDArray[np.uint32], state: Times, t: Times, x: Places, y: Places, p: Bits) -> int:
    """Decode EVT2; state[2] is the time's high part with its overflows, -1 before the first; events before it are left out."""
    n, bad = 0, -1
    last = min(len(words), len(t))
    high = state[2]
    k = 0
    while k < last:
        word = np.int64(words[k])
        kind = word >> 28
        if kind <= 1:
            if high >= 0:
                t[n] = high << 6 | word >> 22 & 0x3F
                x[n] = word >> 11 & 0x7FF
                y[n] = word & 0x7FF
                p[n] = kind
                n += 1
        elif kind == 8:
            low, loops = word & 0xFFFFFFF, max(high, 0) >> 28
            if high >= 0 and (high & 0xFFFFFFF) - low > 1 << 27:
                loops += 1
            high = loops << 28 | low
        elif not (kind == 10 or kind >= 14):
            bad = k
            break
        k += 1
    state[0], state[1], state[2] = k, bad, high
    return n


@kernel
def decode_evt3(words: NDArray[np.uint16], state: Times, t: Times, x: Places, y: Places, p: Bits) -> int:
    """Decode EVT3; state[2:] is (time, its upper 12 bits -1 before the first, y -1 before the first, base x, its polarity).

    The lower 12 bits of the time restart with each word of the upper ones. Events before the first time, row or base are
    left out.
    """
    n, bad, room = 0, -1, len(t) - 12
    time, high, row, base, polarity = state[2], state[3], state[4], state[5], state[6]
    k = 0
    while k < len(words) and n <= room:
        word = np.int64(words[k])
        kind = word >> 12
        if kind == 2:
            if high >= 0 and row >= 0:
                t[n] = time
                x[n] = word & 0x7FF
                y[n] = row
                p[n] = word >> 11 & 1
                n += 1
        elif kind == 0:
            row = word & 0x7FF
        elif kind == 6:
            time = high << 12 | word & 0xFFF
        elif kind == 4 or kind == 5:
            bits, width = (word & 0xFFF, 12) if kind == 4 else (word & 0xFF, 8)
            if high >= 0 and row >= 0 and base >= 0:
                for i in range(width):
                    if bits >> i & 1:
                        t[n] = time
                        x[n] = base + i
                        y[n] = row
                        p[n] = polarity
                        n += 1
                base += width
        elif kind == 3:
            base, polarity = word & 0x7FF, word >> 11 & 1
        elif kind == 8:
            upper, loops = word & 0xFFF, max(high, 0) >> 12
            if high >= 0 and (high & 0xFFF) - upper > 1 << 11:
                loops += 1
            if high != (loops << 12 | upper):
                high = loops << 12 | upper
                time = high << 12
        elif not (kind == 10 or kind == 7 or kind >= 14):
            bad = k
            break
        k += 1
    state[0], state[1] = k, bad
    state[2], state[3], state[4], state[5], state[6] = time, high, row, base, polarity
    return n
