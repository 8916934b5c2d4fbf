"""Writers of recordings in the formats of cameras, from (t, x, y, p) tuples. They follow the descriptions, not our readers."""

import struct
from itertools import pairwise

import numpy as np


def columns(events):
    """Return the columns t, x, y, p of a list of events."""
    return [np.array(column, np.int64) for column in zip(*events, strict=True)]


def random_events(n, size=(34, 34), seed=0, step_us=40, start_us=0):
    """Return the columns of n events in the order of time."""
    random = np.random.default_rng(seed)
    t = start_us + np.cumsum(random.integers(0, step_us, n))
    return [t, random.integers(0, size[0], n), random.integers(0, size[1], n), random.integers(0, 2, n)]


def nmnist(t, x, y, p):
    """Return five bytes an event."""
    rows = np.stack([x, y, p << 7 | t >> 16, t >> 8 & 0xFF, t & 0xFF], axis=1)
    return rows.astype(np.uint8).tobytes()


def dat(t, x, y, p, header=b"% Data file\n% Width 304\n% Height 240\n", kind=12, size=8):
    """Return a Prophesee DAT file."""
    words = np.stack([t & 0xFFFFFFFF, x | y << 14 | p << 28], axis=1)
    return header + bytes([kind, size]) + words.astype("<u4").tobytes()


def raw(version, words, geometry="", more=()):
    """Return a RAW file of these words."""
    lines = ["% Date 2020-01-01 00:00:00", f"% evt {version}", *more]
    lines += [f"% geometry {geometry}"] if geometry else []
    data = np.array(words, "<u4" if version == "2.0" else "<u2").tobytes()
    return ("\n".join(lines) + "\n").encode() + data


def evt2_words(t, x, y, p):
    """Return EVT2 words: a time word where its upper 28 bits change, then one word an event."""
    words, high = [], None
    for time, column, row, polarity in zip(*(c.tolist() for c in (t, x, y, p)), strict=True):
        if time >> 6 != high:
            high = time >> 6
            words.append(8 << 28 | high & 0xFFFFFFF)
        words.append(polarity << 28 | (time & 0x3F) << 22 | column << 11 | row)
    return words


def evt3_words(t, x, y, p):
    """Return EVT3 words without vectors: time and row where they change, then one word an event."""
    words, high, low, before = [], None, None, None
    for time, column, row, polarity in zip(*(c.tolist() for c in (t, x, y, p)), strict=True):
        if time >> 12 != high:
            high, low = time >> 12, None
            words.append(8 << 12 | high & 0xFFF)
        if time & 0xFFF != low:
            low = time & 0xFFF
            words.append(6 << 12 | low)
        if row != before:
            before = row
            words.append(row)
        words.append(2 << 12 | polarity << 11 | column)
    return words


def aedat2(t, x, y, p, chip="eu.seebetter.ini.chips.davis.DAVIS240C", dvs128=False):
    """Return an AEDAT 2.0 file of a DAVIS or DVS128 camera."""
    lines = ["#!AER-DAT2.0", "# This is a raw AE data file - do not edit", "# Timestamps tick is 1 us"]
    lines += [f"# AEChip: {chip}"] if chip else []
    address = y << 8 | x << 1 | (1 - p) if dvs128 else y << 22 | x << 12 | p << 11
    words = np.stack([address, t & 0xFFFFFFFF], axis=1).astype(">u4")
    return "".join(f"{line}\r\n" for line in lines).encode() + words.tobytes()


def event_stream(t, x, y, p, size=(34, 34), version=(2, 0, 0), kind=1):
    """Return an Event Stream file of DVS events."""
    data = b"Event Stream" + bytes(version) + bytes([kind]) + struct.pack("<HH", *size)
    before = 0
    for time, column, row, polarity in zip(*(c.tolist() for c in (t, x, y, p)), strict=True):
        overflows, difference = divmod(time - before, 127)
        before = time
        data += b"\xff" * overflows + struct.pack("<BHH", difference << 1 | polarity, column, row)
    return data


def aedat3(t, x, y, p, valid=None, packet=64, other=False):
    """Return an AEDAT 3.1 file of a DVS128; every packet of events may be followed by one of inertial measurements."""
    lines = ["#!AER-DAT3.1", "#Format: RAW", "#Source 1: DVS128", "#Start-Time: 2016-01-01 00:00:00", "#!END-HEADER"]
    data = "".join(f"{line}\r\n" for line in lines).encode()
    valid = np.ones(len(t), np.int64) if valid is None else valid
    words = np.stack([valid | p << 1 | y << 2 | x << 17, t & 0x7FFFFFFF], axis=1).astype("<u4")
    starts = sorted({*range(0, len(t), packet), *(np.flatnonzero(np.diff(t >> 31)) + 1).tolist(), len(t)})
    for first, last in pairwise(starts):
        n = last - first
        data += struct.pack("<hh6i", 1, 1, 8, 4, int(t[first]) >> 31, n, n, n) + words[first:last].tobytes()
        data += struct.pack("<hh6i", 3, 1, 36, 4, 0, 1, 1, 1) + bytes(36) if other else b""
    return data
