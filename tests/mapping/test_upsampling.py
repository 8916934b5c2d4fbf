"""Receptive fields of transposed convolutions, nearest upsampling and broadcast edges, against convolutions by numpy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seneca_sim.mapping.geometry import Axis, input_range


def signal(axis, row):
    """What one input position adds to each neuron, by convolving its indicator as the layer's definition says."""
    source = np.zeros(axis.inputs // axis.pool, np.int64)
    if row // axis.pool < len(source):
        source[row // axis.pool] = 1
    stuffed = np.zeros(max(0, (len(source) - 1) * axis.upsample + 1), np.int64)
    stuffed[:: axis.upsample] = source
    kernel = np.zeros((axis.kernel - 1) * axis.dilation + 1, np.int64)
    kernel[:: axis.dilation] = 1
    far = axis.neurons * axis.stride + len(kernel)
    padded = np.concatenate([np.zeros(axis.padding, np.int64), stuffed, np.zeros(far + axis.padding, np.int64)])
    return np.correlate(padded, kernel, "valid")[:: axis.stride][: axis.neurons]


axes = st.builds(
    Axis,
    inputs=st.integers(1, 9),
    neurons=st.integers(1, 12),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
    pool=st.integers(1, 2),
    upsample=st.integers(1, 4),
)


@settings(max_examples=150, deadline=None)
@given(axis=axes, data=st.data())
def test_an_input_touches_the_neurons_that_its_indicator_reaches(axis, data):
    first = data.draw(st.integers(0, axis.neurons - 1))
    span = first, data.draw(st.integers(first + 1, axis.neurons))
    reached = np.array([signal(axis, row) for row in range(axis.inputs)])[:, slice(*span)] > 0
    lowest, highest, number = axis.touched(span)
    assert number.tolist() == reached.sum(axis=1).tolist()
    for row in np.flatnonzero(number):
        neurons = np.flatnonzero(reached[row]) + first
        assert (lowest[row], highest[row]) == (neurons[0], neurons[-1])
    last = [max(np.flatnonzero(column), default=-1) for column in reached.T]
    assert axis.last_tap(span).tolist() == last
    rows = np.flatnonzero(reached.any(axis=1))
    assert input_range(axis, span) == ((rows[0], rows[-1] + 1) if len(rows) else (0, 0))


def test_nearest_upsampling_gives_each_value_to_its_neurons():
    axis = Axis(inputs=3, neurons=5, kernel=2, padding=1, upsample=2)
    assert [each.tolist() for each in axis.touched((0, 5))] == [[0, 2, 4], [1, 3, 4], [2, 2, 1]]
    assert axis.last_tap((0, 5)).tolist() == [0, 0, 1, 1, 2]


def test_a_transposed_convolution_overlaps_by_its_kernel():
    axis = Axis(inputs=3, neurons=6, kernel=3, padding=1, upsample=2)
    assert [each.tolist() for each in axis.touched((0, 6))] == [[0, 1, 3], [1, 3, 5], [2, 3, 3]]


def test_a_broadcast_position_touches_everything():
    axis = Axis(inputs=1, neurons=6, broadcast=True)
    assert [each.tolist() for each in axis.touched((2, 5))] == [[2], [4], [3]]
    assert axis.last_tap((2, 5)).tolist() == [0, 0, 0]
    assert input_range(axis, (2, 5)) == (0, 1)
