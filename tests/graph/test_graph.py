"""Malformed graphs are refused with a sentence that names the node and a way out."""

import numpy as np
import pytest

from seneca_sim.errors import GraphError
from seneca_sim.graph import (
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Dense,
    Flatten,
    Graph,
    GraphBuilder,
    If,
    Input,
    Lif,
    Link,
    MaxPool2d,
    Output,
    Relu,
    SigmaDelta,
    lower,
)
from seneca_sim.graph.graph import node_order


def chain(*nodes, shape=(2, 4, 4)):
    build = GraphBuilder("net").add("input", Input(shape))
    for number, node in enumerate(nodes):
        build.add(f"n{number}", node)
    return build.add("output", Output()).graph()


def ones(*shape):
    return np.ones(shape, np.int8)


NAN = np.full((2, 2, 1, 1), np.nan, np.float32)

BROKEN = {
    "nan": (
        [Conv2d(NAN)],
        "net: n0: weight is nan at [0, 0, 0, 0], expected a finite number (4 of 4 are not); export the network again from a "
        "healthy checkpoint",
    ),
    "infinite number": (
        [Affine(float("inf"))],
        "net: n0: scale is inf, expected a finite number (1 of 1 are not); export the network again from a healthy checkpoint",
    ),
    "objects": ([Conv2d(np.array(["a"]))], "net: n0: weight holds <U1, expected numbers; convert the array"),
    "rank": (
        [Conv2d(ones(2, 2, 3))],
        "net: n0: the weight has shape (2, 2, 3), expected 4 axes (out, in / groups, kernel rows, kernel columns)",
    ),
    "zero size": (
        [Conv2d(ones(0, 2, 3, 3))],
        "net: n0: the weight has shape (0, 2, 3, 3), a layer of zero size; remove the node",
    ),
    "bool weight": (
        [Conv2d(np.ones((2, 2, 1, 1), bool))],
        "net: n0: the weight holds bool, expected int8, int16, int32 or float32; convert it",
    ),
    "wide weight": (
        [Conv2d(np.full((2, 2, 1, 1), 2**40))],
        "net: n0: an integer weight does not fit 32 bits; rescale the weights",
    ),
    "bias": (
        [Conv2d(ones(2, 2, 1, 1), np.ones(3))],
        "net: n0: the bias has shape (3,), expected (2,), one per output channel",
    ),
    "scale": (
        [Conv2d(ones(2, 2, 1, 1), scale=np.ones(3))],
        "net: n0: the scale has shape (3,), expected one number or (2,)",
    ),
    "mask": (
        [Conv2d(ones(2, 2, 1, 1), mask=np.ones((2, 2), bool))],
        "net: n0: the mask has shape (2, 2) and type bool, expected bool of the weight's shape (2, 2, 1, 1)",
    ),
    "stride": (
        [Conv2d(ones(2, 2, 1, 1), stride=0)],
        "net: n0: stride is 0, expected an integer of at least 1, or two (rows, columns)",
    ),
    "padding": (
        [Conv2d(ones(2, 2, 1, 1), padding=(0, -1))],
        "net: n0: padding is (0, -1), expected an integer of at least 0, or two (rows, columns)",
    ),
    "groups": (
        [Conv2d(ones(3, 1, 1, 1), groups=2)],
        "net: n0: 3 output channels cannot form 2 groups; groups must divide the channels",
    ),
    "channels": (
        [Conv2d(ones(2, 3, 1, 1))],
        "net: n0: the weight takes 3 channels (1 groups of 3), 'input' gives 2; check channels and groups",
    ),
    "kernel": (
        [Conv2d(ones(2, 2, 3, 3), dilation=2)],
        "net: n0: a kernel spanning 5 x 5 is larger than its input, 4 x 4 from 'input' with padding 0, 0; use a smaller kernel or "
        "more padding",
    ),
    "pool kernel": ([MaxPool2d(0)], "net: n0: kernel is 0, expected an integer of at least 1, or two (rows, columns)"),
    "pool padding": (
        [AvgPool2d(2, padding=2)],
        "net: n0: padding (2, 2) is more than half of the kernel (2, 2); use less padding",
    ),
    "dense on a map": (
        [Dense(ones(2, 32))],
        "net: n0: a dense layer takes a vector, 'input' gives a map (2, 4, 4); put a Flatten between them",
    ),
    "dense size": (
        [Flatten(), Dense(ones(2, 31))],
        "net: n1: the weight takes 31 values, 'n0' gives 32; check shapes up to here",
    ),
    "map behind flatten": (
        [Flatten(), MaxPool2d(2)],
        "net: n1: takes a map, 'n0' gives a flattened one (32 values); move the Flatten behind it",
    ),
    "variance": (
        [BatchNorm2d(np.zeros(2), np.array([1.0, -1.0]))],
        "net: n0: variance + epsilon must be positive in every channel; export the network again",
    ),
    "norm channels": (
        [BatchNorm2d(np.arange(3.0), np.ones(3))],
        "net: n0: constants of shape (3,) do not fit a map (2, 4, 4); expected one number, or one per channel",
    ),
    "decay": (
        [Lif(1.5)],
        "net: n0: decay must lie between 0 and 1 in every channel; check time constant and time step",
    ),
    "spikes": ([If(max_spikes=0)], "net: n0: max_spikes is 0, expected 1 to 2147483647"),
    "threshold": (
        [If(-1.0)],
        "net: n0: the threshold is -1.0 in some channel, where the neuron fires without end; make it positive",
    ),
    "step": ([SigmaDelta(0.0)], "net: n0: the step of a sigma-delta neuron in mode 'round' must be positive"),
    "threshold per pixel": (
        [If(np.arange(1.0, 33.0).reshape(2, 4, 4))],
        "net: n0: threshold has shape (2, 4, 4) for neurons (2, 4, 4); only one number, or one per channel, is supported",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_node_that_cannot_be_is_refused(case):
    nodes, text = BROKEN[case]
    with pytest.raises(GraphError) as caught:
        lower(chain(*nodes))
    assert str(caught.value) == text


@pytest.mark.parametrize("shape", [(), (0, 4, 4), (2, 4, 4, 4), (2, 1 << 21, 1)])
def test_impossible_inputs_are_refused(shape):
    with pytest.raises(GraphError) as caught:
        lower(chain(Relu(), shape=shape))
    assert str(caught.value) == (
        f"net: input: the input shape is {shape}, expected 1 to 3 sizes of 1 to 1048576: (channels, rows, columns)"
    )


def linked(nodes, *links):
    return Graph("net", nodes, tuple(Link(*link) for link in links))


ENDS = {"in": Input((2,)), "out": Output()}
RELU = ENDS | {"relu": Relu()}
LINKS = {
    "missing target": (
        ENDS,
        [("in", "relu"), ("in", "out")],
        "net: the link 'in' -> 'relu' has a target that does not exist: 'relu'; add the node or remove the link",
    ),
    "delay": (
        ENDS,
        [("in", "out", 0, 2)],
        "net: the link 'in' -> 'out' has delay 2; only 0 (same time step) and 1 (next time step) are supported",
    ),
    "no input": ({"out": Output()}, [], "net: there is no Input node; add one"),
    "no output": ({"in": Input((2,))}, [], "net: there is no Output node; add one"),
    "into an input": (
        ENDS,
        [("in", "out"), ("in", "in")],
        "net: in: an Input takes no links; remove the links into it",
    ),
    "from an output": (
        RELU,
        [("in", "out"), ("out", "relu")],
        "net: out: an Output has no links to other nodes; remove the links from it",
    ),
    "unreached": (RELU, [("in", "out"), ("relu", "out")], "net: relu: nothing reaches this node; link it or remove it"),
    "dead end": (
        RELU,
        [("in", "out"), ("in", "relu")],
        "net: relu: this node leads nowhere; link it to an Output or remove it",
    ),
    "cycle": (
        ENDS | {"a": Relu(), "b": Add(), "c": Relu()},
        [("in", "a"), ("a", "b"), ("b", "a"), ("b", "c"), ("c", "out")],
        "net: the nodes a -> b -> a form a cycle without delay; give one of its links delay 1, so that it carries the values of "
        "the time step before",
    ),
}


@pytest.mark.parametrize("case", LINKS)
def test_links_that_cannot_be_are_refused(case):
    nodes, links, text = LINKS[case]
    with pytest.raises(GraphError) as caught:
        lower(linked(nodes, *links))
    assert str(caught.value) == text


def test_sums_need_equal_shapes():
    build = GraphBuilder("net").add("a", Input((2, 4, 4))).add("b", Input((2, 3, 4)))
    graph = build.add("sum", Add(), "a", "b").add("out", Output()).graph()
    with pytest.raises(GraphError) as caught:
        lower(graph)
    assert str(caught.value) == (
        "net: sum: values of shape (2, 4, 4) from 'a' and (2, 3, 4) from 'b' cannot be added; make the shapes equal (a convolution "
        "with stride or more channels on one path), or join them with Concat"
    )


def test_sums_of_different_flattened_maps_are_refused():
    build = GraphBuilder("net").add("a", Input((2, 4, 4))).add("b", Input((4, 2, 4))).add("fa", Flatten(), "a")
    graph = build.add("fb", Flatten(), "b").add("sum", Add(), "fa", "fb").add("out", Output()).graph()
    with pytest.raises(GraphError) as caught:
        lower(graph)
    assert (
        str(caught.value)
        == "net: sum: 'fa' and 'fb' are flattened from different maps and cannot be added; add before Flatten"
    )


def test_joined_maps_need_equal_rows_and_columns():
    build = GraphBuilder("net").add("a", Input((2, 4, 4))).add("b", Input((2, 3, 4)))
    graph = build.add("join", Concat(), "a", "b").add("out", Output()).graph()
    with pytest.raises(GraphError) as caught:
        lower(graph)
    assert str(caught.value) == (
        "net: join: 'a' gives (2, 4, 4) and 'b' gives (2, 3, 4); joined maps need equal rows and columns"
    )


def test_neurons_behind_joined_flattened_maps_are_refused():
    build = GraphBuilder("net").add("a", Input((2, 4, 4))).add("fa", Flatten(), "a").add("join", Concat(), "fa", "fa")
    with pytest.raises(GraphError) as caught:
        lower(build.add("relu", Relu()).add("out", Output()).graph())
    assert str(caught.value) == (
        "net: relu: the neurons stand behind joined flattened maps, which form no map; put them before the Concat"
    )


def recurrent(node):
    build = GraphBuilder("net").add("input", Input((2, 4, 4))).add("lif", Lif(0.5)).add("back", node)
    return build.add("output", Output(), "lif").link("back", "lif", delay=1).graph()


def test_two_delays_on_a_path_are_refused():
    build = GraphBuilder("net").add("input", Input((2,))).add("lif", Lif(0.5)).add("output", Output())
    build._nodes["back"] = Dense(ones(2, 2))
    graph = build.link("lif", "back", delay=1).link("back", "lif", delay=1).graph()
    with pytest.raises(GraphError) as caught:
        lower(graph)
    assert str(caught.value) == "net: lif: the path from 'lif' over 'back' has two links with delay 1; keep one of them"


def test_delay_between_operators_is_refused():
    build = (
        GraphBuilder("net")
        .add("input", Input((2,)))
        .add("a", Dense(ones(2, 2)))
        .add("lif", Lif(0.5))
        .add("output", Output())
    )
    build._nodes["b"] = Dense(ones(2, 2))
    graph = build.link("a", "b", delay=1).link("b", "lif").graph()
    with pytest.raises(GraphError) as caught:
        lower(graph)
    assert str(caught.value) == (
        "net: b: the link with delay 1 from 'a' neither leaves nor enters a neuron; move the delay to a link that does"
    )


def test_a_name_is_used_once():
    with pytest.raises(GraphError) as caught:
        GraphBuilder("net").add("a", Input((2,))).add("a", Relu())
    assert str(caught.value) == "net: a: there is a node of this name already; choose another name"


def test_order_is_the_files_wherever_links_allow():
    build = GraphBuilder("net").add("a", Input((2,))).add("b", Input((2,))).add("z", Relu(), "a").add("c", Relu(), "b")
    build.add("y", Relu(), "z").add("oy", Output(), "y").add("oc", Output(), "c")
    assert node_order(build.graph()) == ("a", "b", "z", "c", "y", "oy", "oc")
