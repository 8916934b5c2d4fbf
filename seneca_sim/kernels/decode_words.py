"""Events with words of their own: N-MNIST's 5 bytes, Prophesee's DAT, AEDAT 2.0, and the Event Stream's bytes.

A kernel reads words from the front of an array, writes events from the front of `t`, `x`, `y`, `p` (times in microseconds) and
returns their number. What it must know of the words before stands in `state`, which it brings up to date.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seneca_sim.kernels import kernel

__all__ = ["decode_aedat", "decode_dat", "decode_es", "decode_nmnist"]

Times = NDArray[np.int64]
Places = NDArray[np.int32]
Bits = NDArray[np.uint8]
WRAP = 1 << 32
HALF = 1 << 31


@kernel
def decode_nmnist(data: NDArray[np.uint8], state: Times, t: Times, x: Places, y: Places, p: Bits) -> int:
    """Decode groups of x, y, polarity and time (24 bits, big-endian); row 240 adds 8192 us from there on, state[0] so far."""
    n, past = 0, state[0]
    for k in range(len(data) // 5):
        at = 5 * k
        if data[at + 1] == 240:
            past += 8192
            continue
        high = np.int64(data[at + 2])
        t[n] = past + ((high & 0x7F) << 16 | np.int64(data[at + 3]) << 8 | np.int64(data[at + 4]))
        x[n] = data[at]
        y[n] = data[at + 1]
        p[n] = high >> 7
        n += 1
    state[0] = past
    return n


@kernel
def decode_dat(words: NDArray[np.uint32], state: Times, t: Times, x: Places, y: Places, p: Bits) -> int:
    """Decode pairs of time and address (x 14 bits, y 14 bits, polarity); state is (time before, sum of clock wraps)."""
    n = len(words) // 2
    before, past = state[0], state[1]
    for k in range(n):
        time, address = np.int64(words[2 * k]), np.int64(words[2 * k + 1])
        if before - time > HALF:
            past += WRAP
        before = time
        t[k] = past + time
        x[k] = address & 0x3FFF
        y[k] = address >> 14 & 0x3FFF
        p[k] = address >> 28 & 1
    state[0], state[1] = before, past
    return n


@kernel
def decode_aedat(
    words: NDArray[np.uint32], state: Times, t: Times, x: Places, y: Places, p: Bits, camera: Times
) -> int:
    """Decode big-endian pairs of address and time; addresses with a bit of camera[0] are no pixels.

    camera is (mask of what is no pixel, shift and mask of x, shift and mask of y, shift of the polarity, 1 if a bit 0 means
    ON); state is (time before, sum of clock wraps).
    """
    n, before, past = 0, state[0], state[1]
    special, x_shift, x_mask, y_shift = camera[0], camera[1], camera[2], camera[3]
    y_mask, p_shift, inverted = camera[4], camera[5], camera[6]
    for k in range(len(words) // 2):
        a, b = words[2 * k], words[2 * k + 1]
        address = np.int64((a & 0xFF) << 24 | (a & 0xFF00) << 8 | (a >> 8) & 0xFF00 | a >> 24)
        time = np.int64((b & 0xFF) << 24 | (b & 0xFF00) << 8 | (b >> 8) & 0xFF00 | b >> 24)
        if before - time > HALF:
            past += WRAP
        before = time
        if address & special:
            continue
        t[n] = past + time
        x[n] = address >> x_shift & x_mask
        y[n] = address >> y_shift & y_mask
        p[n] = (address >> p_shift & 1) ^ inverted
        n += 1
    state[0], state[1] = before, past
    return n


@kernel
def decode_es(data: NDArray[np.uint8], state: Times, t: Times, x: Places, y: Places, p: Bits) -> int:
    """Decode bytes of time difference (7 bits) and polarity, each before x and y (16 bits); 255 adds 127 us, 254 adds nothing.

    state is (time, bytes consumed); an event that is cut at the end of the bytes is left for the next call.
    """
    n, at, time = 0, 0, state[0]
    while at < len(data) and n < len(t):
        head = np.int64(data[at])
        if head >= 254:
            time += 127 * (head - 254)
            at += 1
            continue
        if at + 5 > len(data):
            break
        time += head >> 1
        t[n] = time
        x[n] = np.int32(data[at + 1]) | np.int32(data[at + 2]) << 8
        y[n] = np.int32(data[at + 3]) | np.int32(data[at + 4]) << 8
        p[n] = head & 1
        n += 1
        at += 5
    state[0], state[1] = time, at
    return n
