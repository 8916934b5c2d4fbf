"""Step graphs with state: an output feeds an input in the next step."""

import numpy as np
import pytest
from onnx import helper

from seneca_sim.errors import GraphError, RequestError
from seneca_sim.graph import load_network, lower
from tests.onnx.models import load, model, result, save

WEIGHT = np.array([[1, 2], [-1, 1], [2, 0]], np.float32)
BACK = np.array([[0.5, 0.25], [0, 0.5]], np.float32)
NODES = [
    helper.make_node("MatMul", ["x", "w"], ["a"], name="a"),
    helper.make_node("MatMul", ["h", "u"], ["b"], name="b"),
    helper.make_node("Add", ["a", "b"], ["s"], name="s"),
    helper.make_node("Relu", ["s"], ["h_out"], name="cell"),
]
CONSTANTS = {"w": WEIGHT, "u": BACK}
INPUTS = {"x": (1, 3), "h": (1, 2)}


def steps(x):
    """Return the hidden values of each step, as the equations say."""
    hidden, seen = np.zeros(2, np.float32), []
    for value in x:
        hidden = np.maximum(value @ WEIGHT + hidden @ BACK, 0)
        seen.append(hidden)
    return np.array(seen)


X = np.random.default_rng(2).integers(-3, 4, (6, 3)).astype(np.float32)


def test_a_state_carries_the_value_of_the_step_before(tmp_path):
    graph = load(tmp_path, model(NODES, INPUTS, CONSTANTS, outputs=("h_out",)), state={"h_out": "h"})
    assert [(link.source, link.target) for link in graph.links if link.delay] == [("cell", "b")]
    np.testing.assert_array_equal(result(lower(graph), [X]).reshape(6, 2), steps(X))


def test_a_state_beside_an_output_is_no_output(tmp_path):
    nodes = [*NODES, helper.make_node("MatMul", ["h_out", "u"], ["y"], name="y")]
    path = save(tmp_path, model(nodes, INPUTS, CONSTANTS, outputs=("y", "h_out")))
    network = load_network(path, state={"h_out": "h"})
    assert [layer.name for layer in network.layers if layer.is_output] == ["y.2"]
    np.testing.assert_array_equal(result(network, [X]).reshape(6, 2), steps(X) @ BACK)


def test_a_state_that_is_no_neuron_gets_neurons_that_pass_it_on(tmp_path):
    graph = load(tmp_path, model(NODES[:3], INPUTS, CONSTANTS, outputs=("s",)), state={"s": "h"})
    hidden, want = np.zeros(2, np.float32), []
    for value in X:
        hidden = value @ WEIGHT + hidden @ BACK
        want.append(hidden)
    np.testing.assert_array_equal(result(lower(graph), [X]).reshape(6, 2), want)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"h": "h"}, "state h:h: net has no output 'h'; its outputs are h_out"),
        ({"h_out": "z"}, "state h_out:z: net has no input 'z'; its inputs are x, h"),
    ],
)
def test_states_that_do_not_exist_are_refused(tmp_path, state, text):
    with pytest.raises(RequestError) as raised:
        load(tmp_path, model(NODES, INPUTS, CONSTANTS, outputs=("h_out",)), state=state)
    assert str(raised.value) == text


def test_states_of_another_shape_are_refused(tmp_path):
    with pytest.raises(GraphError) as raised:
        load(tmp_path, model(NODES, INPUTS, CONSTANTS, outputs=("h_out",)), state={"h_out": "x"})
    assert str(raised.value) == (
        "net: the state h_out:x joins maps of different shape, [2, 1, 1] and [3, 1, 1]; check which output feeds which input"
    )


def test_a_state_for_another_format_is_refused():
    with pytest.raises(RequestError, match="is no ONNX file, it states its own recurrence; leave state out"):
        load_network("digits-lif", state={"a": "b"})
