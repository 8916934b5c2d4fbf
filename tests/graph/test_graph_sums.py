"""Graphs whose ports, blocks and enlarged maps do not fit are refused with a sentence that names the node and a way out."""

import dataclasses

import numpy as np
import pytest

from seneca_sim.errors import GraphError
from seneca_sim.graph import (
    ContextAware,
    ContextThreshold,
    Conv2d,
    ConvGru,
    ConvTranspose2d,
    DetectionOutput,
    GraphBuilder,
    GruCell,
    Input,
    Output,
    Relu,
    SigmaDelta,
    SqueezeExcite,
    Upsample,
    lower,
    placeholder,
)


def gated(*links):
    """A gated cell on maps, with further links (source, target, port)."""
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("one", Input((2, 1, 1))).add("odd", Input((5, 4, 4)))
    build.add("wide", Input((6, 4, 4))).add("small", Input((6, 3, 4)))
    kind = ContextThreshold() if any(target == "aware" for _, target, _ in links) else GruCell()
    build._nodes["aware" if isinstance(kind, ContextThreshold) else "gru"] = kind
    for source, target, port in links:
        build.link(source, target, port=port)
    for source in ("input", "one", "odd", "wide", "small"):
        build.add(f"out_{source}", Output(), source)
    return build.add("out", Output(), list(build._nodes)[5]).graph()


@pytest.mark.parametrize(
    ("links", "text"),
    [
        (
            [("wide", "gru", 0), ("wide", "gru", 2)],
            "gru: the link from 'wide' is at port 2, a GruCell has ports 0 to 1 (zx, u, r; u, r, zy)",
        ),
        ([("wide", "gru", 0)], "gru: nothing is linked to port 1 (u, r, zy) of this GruCell; add a link"),
        (
            [("odd", "gru", 0), ("wide", "gru", 1)],
            "gru: 'odd' gives 5 channels at port 0, which feeds 3 sums; expected a multiple of 3",
        ),
        (
            [("wide", "gru", 0), ("small", "gru", 1)],
            "gru: 'small' gives (6, 3, 4) at port 1, expected (6, 4, 4) to fit 'wide' at port 0",
        ),
        (
            [("input", "aware", 0), ("odd", "aware", 1)],
            "aware: 'odd' gives (5, 4, 4) at port 1, expected (2, 1, 1) to fit 'input' at port 0",
        ),
        (
            [("input", "aware", 0), ("input", "aware", 1)],
            "aware: 'input' gives (2, 4, 4) at port 1, expected (2, 1, 1) to fit 'input' at port 0",
        ),
    ],
)
def test_ports_that_do_not_fit_are_refused(links, text):
    with pytest.raises(GraphError) as caught:
        lower(gated(*links))
    assert str(caught.value) == f"net: {text}"


def single(node, shape=(2, 4, 4), second=None):
    build = GraphBuilder("net").add("input", Input(shape))
    if second:
        build.add("second", Input(second)).add("also", Output())
    build.add("node", node, *(["input", "second"] if second else ["input"]))
    is_end = isinstance(node, DetectionOutput)
    return (build if is_end else build.add("out", Output(), "node")).graph()


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (
            single(ConvTranspose2d(placeholder(3, 2, 3, 3))),
            "'input' gives 2 channels, the weight of shape (3, 2, 3, 3) takes 3; check the order of axes (in, out / groups, rows, "
            "columns)",
        ),
        (
            single(ConvTranspose2d(placeholder(2, 2, 3, 3), padding=2), (2, 1, 4)),
            "padding 2 leaves a map of -1 x 2; use less padding",
        ),
        (
            single(Upsample(2, (6, 8))),
            "size 6 x 8 does not fit the map 4 x 4 of 'input' enlarged by 2 x 2; expected 7 to 8 rows and 7 to 8 columns",
        ),
        (
            single(SqueezeExcite(placeholder(2, 4), placeholder(4, 2))),
            "'input' gives 2 channels, the block's arrays are for 4",
        ),
        (
            single(SqueezeExcite(placeholder(1, 2), placeholder(2, 1)), second=(2, 4, 5)),
            "values of shape (2, 4, 4) from 'input' and (2, 4, 5) from 'second' cannot be added; make the shapes equal (a "
            "convolution with stride or more channels on one path), or join them with Concat",
        ),
        (
            single(ContextAware(placeholder(2, 3)), second=(4, 9, 9)),
            "'second' gives 4 channels, the weight of shape (2, 3) takes 3 from port 1",
        ),
        (single(ContextAware(placeholder(2, 3))), "nothing is linked to port 1 (w) of this ContextAware; add a link"),
        (
            single(DetectionOutput("yolo", 3, np.ones((2, 2)), 8)),
            "'input' gives 2 channels, 2 anchors with 8 values each (yolo, 3 classes) need 16",
        ),
    ],
)
def test_nodes_that_do_not_fit_their_maps_are_refused(graph, text):
    with pytest.raises(GraphError) as caught:
        lower(graph)
    assert str(caught.value) == f"net: node: {text}"


def test_changes_cannot_feed_gates():
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("delta", SigmaDelta(0.5))
    build.add("gru", ConvGru(placeholder(6, 2, 3, 3), placeholder(6, 2, 3, 3))).add("output", Output())
    with pytest.raises(GraphError) as caught:
        lower(build.graph())
    assert str(caught.value) == (
        "net: gru: what arrives at port 0 are changes from sigma-delta neurons, but GruCell takes values; put Li(decay=1) neurons, "
        "which add changes up, in front"
    )


def test_a_map_of_one_position_cannot_be_replayed_over_a_whole_map():
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("one", Input((2, 1, 1))).add("relu", Relu())
    build.add("aware", ContextThreshold(), "input").add("output", Output()).link("relu", "aware", delay=1)
    with pytest.raises(GraphError) as caught:
        lower(build.graph())
    assert str(caught.value) == (
        "net: aware: the link with delay 1 from 'relu' brings a map of one position for the whole map; put Identity neurons "
        "behind it"
    )


def test_names_of_parts_of_a_block_must_be_free():
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("gru.x", Relu())
    build.add("gru", ConvGru(placeholder(6, 2, 3, 3), placeholder(6, 2, 3, 3))).add("output", Output())
    with pytest.raises(GraphError) as caught:
        lower(build.graph())
    assert str(caught.value) == "net: gru.x: this name is needed for a part of 'gru' (ConvGru); rename the node"


@pytest.mark.parametrize(
    ("name", "every", "first", "text"),
    [
        ("conv", 3, 0, "conv: resets are stated for it, but there are no neurons of this name"),
        ("relu", 3, -1, "relu: states reset every 3 steps from step -1 on, expected at least 1 and 0"),
    ],
)
def test_resets_of_nothing_are_refused(name, every, first, text):
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("conv", Conv2d(placeholder(2, 2, 1, 1)))
    graph = build.add("relu", Relu()).add("output", Output()).graph()
    with pytest.raises(GraphError) as caught:
        lower(dataclasses.replace(graph, resets={name: (every, first)}))
    assert str(caught.value) == f"net: {text}"
