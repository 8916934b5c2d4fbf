"""Nodes that cannot be right are refused in one sentence that names the field."""

import numpy as np
import pytest

from seneca_sim.errors import GraphError
from seneca_sim.graph import (
    Activation,
    Clip,
    ContextAware,
    Conv2d,
    ConvGru,
    ConvLstm,
    ConvMgu,
    ConvMinimalRnn,
    ConvTranspose2d,
    Delay,
    Dense,
    DetectionOutput,
    GruCell,
    MultiThreshold,
    Quantise,
    SigmaDelta,
    SqueezeExcite,
    Upsample,
    placeholder,
)
from seneca_sim.graph.checks import check_node

ones = placeholder


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (
            ConvTranspose2d(ones(2, 3, 3, 3), bias=np.ones(2)),
            "the bias has shape (2,), expected (3,), one per output channel",
        ),
        (
            ConvTranspose2d(ones(2, 3, 3)),
            "the weight has shape (2, 3, 3), expected 4 axes (in, out / groups, kernel rows, kernel columns)",
        ),
        (
            ConvTranspose2d(ones(3, 3, 3, 3), groups=2),
            "3 input channels cannot form 2 groups; groups must divide the channels",
        ),
        (
            ConvTranspose2d(ones(2, 3, 3, 3), padding=3),
            "padding (3, 3) is more than the kernel reaches, 2 rows and 2 columns; use less padding",
        ),
        (
            ConvTranspose2d(ones(2, 3, 3, 3), stride=2, output_padding=2),
            "output_padding (2, 2) must be smaller than stride (2, 2) or dilation (1, 1)",
        ),
        (Upsample(0), "factor is 0, expected an integer of at least 1, or two (rows, columns)"),
        (Upsample(2, (0, 4)), "size is (0, 4), expected an integer of at least 1, or two (rows, columns)"),
        (SqueezeExcite(ones(8), ones(8, 2)), "squeeze has shape (8,), expected (hidden, channels)"),
        (SqueezeExcite(ones(2, 8), ones(2, 8)), "excite has shape (2, 8), expected (8, 2)"),
        (SqueezeExcite(ones(2, 8), ones(8, 2), ones(8)), "squeeze_bias has shape (8,), expected (2,)"),
        (ContextAware(ones(4, 4, 1, 1)), "weight has shape (4, 4, 1, 1), expected (channels of x, channels of w)"),
        (ContextAware(ones(4, 3), ones(3)), "bias has shape (3,), expected (4,)"),
        (
            ConvGru(ones(6, 1, 3, 3), ones(6, 2, 2, 2)),
            "weight_y has shape (6, 2, 2, 2), expected (6, 2, kernel rows, kernel columns), the kernel odd",
        ),
        (
            ConvGru(ones(4, 1, 3, 3), ones(6, 2, 3, 3)),
            "weight_x has 4 output channels, expected 6: 3 sums of the 2 channels that weight_y takes",
        ),
        (ConvGru(ones(6, 1, 3, 3), ones(6, 2, 3, 3), ones(6)), "bias has shape (6,), expected (8,)"),
        (ConvMgu(ones(4, 1, 3, 3), ones(4, 2, 3, 3), ones(4)), "bias has shape (4,), expected (6,)"),
        (ConvLstm(ones(8, 1, 3, 3), ones(8, 2, 3, 3), ones(6)), "bias has shape (6,), expected (8,)"),
        (
            ConvLstm(ones(8, 3), ones(8, 2, 3, 3)),
            "weight_x has shape (8, 3), expected (out, in, kernel rows, kernel columns)",
        ),
        (
            ConvMinimalRnn(ones(2, 1, 3, 3), ones(2, 2, 3, 3), weight_z=ones(2, 1, 3, 3)),
            "weight_z has shape (2, 1, 3, 3), expected (2, 2, kernel rows, kernel columns), the kernel odd",
        ),
        (
            ConvMinimalRnn(ones(2, 1, 3, 3), ones(2, 2, 3, 3), weight_z=ones(2, 2, 3, 3), candidate_threshold=-1.0),
            "candidate_threshold must be 0 or more: magnitudes are compared with it",
        ),
        (
            DetectionOutput("ssd", 0, ones(1, 2), 8),
            "classes is 0 and stride 8, expected whole numbers of at least 1",
        ),
        (
            DetectionOutput("yolo", 2, np.ones((3, 4)), 8),
            "anchors have shape (3, 4), expected positive widths and heights [pixels], (anchors, 2)",
        ),
        (
            Activation("tanh", -0.5),
            "the threshold is -0.5 in some channel, expected 0 or more: magnitudes are compared with it",
        ),
        (
            Activation("swish"),
            "function is 'swish', expected one of identity, relu, sigmoid, tanh, softsign, hard_sigmoid, hard_tanh, "
            "table_sigmoid, table_tanh",
        ),
        (GruCell(reset="hard"), "reset is 'hard', expected one of none, subtract, zero"),
        (
            GruCell(threshold=np.array([0.5, np.nan])),
            "threshold is nan at [1], expected a finite number (1 of 2 are not); export the network again from a "
            "healthy checkpoint",
        ),
        (
            GruCell(reset="zero"),
            "reset is 'zero', but a cell without a threshold sends in every step; state a threshold, or reset 'none'",
        ),
        (
            ConvMgu(ones(4, 1, 3, 3), ones(4, 2, 3, 3), reset="subtract"),
            "reset is 'subtract', but a cell without a threshold sends in every step; state a threshold, or reset 'none'",
        ),
        (Clip(1.0, 0.0), "low is above high in some channel, expected low <= high; exchange them"),
        (Quantise(np.array([0.5, 0.0]), -1.0, 1.0), "the step is 0.0 in some channel, expected a positive number"),
        (MultiThreshold(np.ones(3)), "thresholds have shape (3,), expected (channels or 1, number of thresholds)"),
        (MultiThreshold(np.array([[1.0, 0.0]])), "thresholds must ascend in every channel; sort them"),
        (SigmaDelta(0.0, "deadband", fraction_bits=32), "fraction_bits is 32, expected 0 to 31: states have 32 bits"),
        (Delay(1.5), "steps must be whole numbers from 0 to 65536, found 1.5"),
        (Delay(np.array([1.0, -2.0])), "steps must be whole numbers from 0 to 65536, found -2.0"),
    ],
)
def test_wrong_nodes_are_refused(node, text):
    with pytest.raises(GraphError) as caught:
        check_node("net: node", node)
    assert str(caught.value) == f"net: node: {text}"


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (Conv2d([[[[1.0]]]]), "net: n: weight is a list, expected a numpy array"),
        (Dense(np.ones((1, 1)), bias=3.0), "net: n: bias is a float, expected a numpy array"),
        ("Relu", "net: n: a str is no node; use the nodes of seneca_sim.graph"),
    ],
)
def test_what_is_no_array_or_node_is_named(node, text):
    with pytest.raises(GraphError) as caught:
        check_node("net: n", node)
    assert str(caught.value) == text
