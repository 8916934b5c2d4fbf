"""Slicing as the definitions have it, event by event, for small recordings."""

from collections import deque

import numpy as np


def slow_steps(stream, shape, contract, view, steps=None):
    """Return the maps (steps, channels, rows, columns) of a recording whose events are in the order of time."""
    events = [one for event in seen(stream, shape, contract, view) if (one := event) is not None]
    if contract.window_events is not None:
        return changes(windows(events, shape, contract), contract)
    slices, spans = [], []
    if contract.slice_events is not None:
        size = contract.slice_events
        slices = [events[first : first + size] for first in range(0, len(events), size)]
        spans = [None] * len(slices)
    else:
        width = contract.slice_us
        last = int(stream.t_us[-1]) // width + 1
        for step in range(last):
            slices.append([event for event in events if event[0] // width == step])
            spans.append((step * width, width))
    if steps is not None:
        slices, spans = slices[:steps], spans[:steps]
        slices += [[]] * (steps - len(slices))
        spans += [(0, 1)] * (steps - len(spans))
    maps = np.zeros((len(slices), *shape), np.float64)
    for number, (inside, span) in enumerate(zip(slices, spans, strict=True)):
        maps[number] = one_map(inside, span, shape, contract)
    return changes(maps, contract)


def seen(stream, shape, contract, view):
    """Yield (time, x, y, sign, channel of the polarity) of each event, None where nothing is seen."""
    for t, x, y, p in zip(*(axis.tolist() for axis in (stream.t_us, stream.x, stream.y, stream.p)), strict=True):
        if view.swap_xy:
            x, y = y, x
        if view.flip_polarity:
            p = 1 - p
        width, height = (stream.height, stream.width) if view.swap_xy else (stream.width, stream.height)
        if view.crop is not None:
            left, top, width, height = view.crop
            x, y = x - left, y - top
            if not (0 <= x < width and 0 <= y < height):
                continue
        if view.resize is not None:
            x, y = x * view.resize[0] // width, y * view.resize[1] // height
        else:
            x, y = x // view.pool, y // view.pool
        place = p if contract.polarity_order == "off-on" else 1 - p
        yield t, x, y, 1 if p else -1, 0 if shape[0] == 1 else place


def limited(value, contract):
    """Cut a count as the contract says."""
    if contract.representation == "binary":
        return min(max(value, -1), 1)
    return value if contract.clip is None else min(max(value, -contract.clip), contract.clip)


def one_map(events, span, shape, contract):
    """Return the map of one slice."""
    cells = np.zeros(shape)
    if not events:
        return cells
    surface = contract.representation == "time_surface"
    start, length = span or (None, None)
    if span is None or contract.bin_span == "events":
        start, length = events[0][0], events[-1][0] - events[0][0] + surface
    for t, x, y, sign, place in events:
        channel = place
        if contract.in_parts:
            part_length = max(length, 1) / contract.bins
            part = min(int((t - start) * contract.bins // max(length, 1)), contract.bins - 1)
            if surface:
                part = min(int((t - start) // part_length), contract.bins - 1)
            channel = place * contract.bins + part if contract.channel_order == "polarity-major" else 2 * part + place
            channel = part if contract.representation == "signed_voxel" else channel
        if surface:
            cells[channel, y, x] = np.float32(((t - start) - part * part_length) / part_length)
        else:
            cells[channel, y, x] += sign if contract.representation.startswith("signed") else 1
    if not surface:
        cells = np.vectorize(lambda value: limited(value, contract), otypes=[float])(cells)
    return cells * contract.scale


def windows(events, shape, contract):
    """Return the histogram of the last events after each step's new ones."""
    last, maps = deque(maxlen=contract.window_events), []
    for first in range(0, len(events), contract.slice_events):
        last.extend(events[first : first + contract.slice_events])
        cells = np.zeros(shape)
        for _, x, y, sign, place in last:
            cells[place, y, x] += sign if contract.representation == "signed_count" else 1
        maps.append(np.vectorize(lambda value: limited(value, contract), otypes=[float])(cells) * contract.scale)
    return np.array(maps).reshape(-1, *shape)


def changes(maps, contract):
    """Return maps, or what changes from one to the next."""
    return np.diff(maps, axis=0, prepend=np.zeros((1, *maps.shape[1:]))) if contract.differences else maps
