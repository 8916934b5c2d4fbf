"""Gated cells and blocks against dense maps written from the textbook, in float64 and without any of the project's code."""

import numpy as np
import pytest

from seneca_sim.activity import run_network
from seneca_sim.errors import ActivityError
from seneca_sim.events.sparse import dense_steps
from seneca_sim.graph.network import Edge, Layer, Network, Precision
from seneca_sim.graph.neurons import (
    Activation,
    ContextThreshold,
    GruCell,
    Identity,
    LstmCell,
    MguCell,
    MinimalCell,
    Product,
)
from tests.activity.test_random_networks import as_trace

FLOAT = Precision("fp32", "fp32", "fp32")
STEPS, INPUTS, CHANNELS, ROWS, COLUMNS = 6, 3, 4, 5, 7
SHAPE = (CHANNELS, ROWS, COLUMNS)


def convolve(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Cross-correlate with a 3x3 kernel and zeros around the map."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("oikl,iyxkl->oyx", weight.astype(np.float64), windows)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def frames(rng) -> np.ndarray:
    shape = (STEPS, INPUTS, ROWS, COLUMNS)
    return (rng.normal(size=shape) * (rng.random(shape) < 0.4)).astype(np.float32)


def weights(rng, gates: int, inputs: int) -> list[np.ndarray]:
    return [(rng.normal(size=(CHANNELS, inputs, 3, 3)) / 4).astype(np.float32) for _ in range(gates)]


def run_cell(cell, x, first: int, of_x, own_first: int, of_h, bias) -> np.ndarray:
    """Run a cell whose sums from `first` on are fed by x, those from `own_first` on by its own output."""
    edges = (
        Edge("x", 0, "conv", np.concatenate(of_x), padding=(1, 1), first_sum=first, sums=len(of_x)),
        Edge("h", 1, "conv", np.concatenate(of_h), padding=(1, 1), first_sum=own_first, sums=len(of_h), delay=1),
    )
    layers = (
        Layer("input", None, x.shape[1:], precision=FLOAT),
        Layer("cell", cell, SHAPE, edges, np.concatenate(bias).astype(np.float32), precision=FLOAT, is_output=True),
    )
    trace = run_network(Network("cell", layers, task="other"), [as_trace(x, binary=False)])
    return dense_steps(trace.layers[1], SHAPE)


@pytest.mark.parametrize("threshold", [None, 0.15])
@pytest.mark.parametrize("reset", ["none", "subtract", "zero"])
def test_convolutional_gru(threshold, reset):
    """h' = (1 - u) h + u tanh(Wz x + r (Uz h)), u and r gates of x and h; EGRU sends and resets where c > threshold."""
    if threshold is None:
        reset = "none"
    rng = np.random.default_rng(1)
    x, (wz, wu, wr), (uu, ur, uz) = frames(rng), weights(rng, 3, INPUTS), weights(rng, 3, CHANNELS)
    bz, bu, br, by = (rng.normal(size=CHANNELS) for _ in range(4))
    got = run_cell(GruCell(threshold, reset), x, 0, [wz, wu, wr], 1, [uu, ur, uz], [bz, bu, br, by])
    c, h = np.zeros(SHAPE), np.zeros(SHAPE)
    column = (slice(None), None, None)
    for step in range(STEPS):
        u = sigmoid(convolve(x[step], wu) + convolve(h, uu) + bu[column])
        r = sigmoid(convolve(x[step], wr) + convolve(h, ur) + br[column])
        z = np.tanh(convolve(x[step], wz) + bz[column] + r * (convolve(h, uz) + by[column]))
        c = (1 - u) * c + u * z
        fires = c > (-np.inf if threshold is None else threshold)
        h = np.where(fires, c, 0)
        c = {"none": c, "subtract": np.where(fires, c - (threshold or 0), c), "zero": np.where(fires, 0, c)}[reset]
        np.testing.assert_allclose(got[step], h, atol=2e-6)
    assert got[-1].any()


def test_convolutional_minimal_gated_unit():
    rng = np.random.default_rng(2)
    x, (wz, wf), (uf, uz) = frames(rng), weights(rng, 2, INPUTS), weights(rng, 2, CHANNELS)
    got = run_cell(MguCell(), x, 0, [wz, wf], 1, [uf, uz], [np.zeros(3 * CHANNELS)])
    h = np.zeros(SHAPE)
    for step in range(STEPS):
        f = sigmoid(convolve(x[step], wf) + convolve(h, uf))
        h = (1 - f) * h + f * np.tanh(convolve(x[step], wz) + f * convolve(h, uz))
        np.testing.assert_allclose(got[step], h, atol=2e-6)


def test_convolutional_lstm():
    """c' = f c + i tanh(g), h' = o tanh(c')."""
    rng = np.random.default_rng(3)
    x, of_x, of_h = frames(rng), weights(rng, 4, INPUTS), weights(rng, 4, CHANNELS)
    bias = [rng.normal(size=CHANNELS) for _ in range(4)]
    got = run_cell(LstmCell(), x, 0, of_x, 0, of_h, bias)
    c, h = np.zeros(SHAPE), np.zeros(SHAPE)
    for step in range(STEPS):
        sums = [
            convolve(x[step], w) + convolve(h, u) + b[:, None, None] for w, u, b in zip(of_x, of_h, bias, strict=True)
        ]
        i, f, o = map(sigmoid, sums[:3])
        c = f * c + i * np.tanh(sums[3])
        h = o * np.tanh(c)
        np.testing.assert_allclose(got[step], h, atol=2e-6)


def test_minimal_rnn():
    """z = tanh(W x); u = sigmoid(U h + V z); h' = u h + (1 - u) z."""
    rng = np.random.default_rng(4)
    x, (w,), (u_h, u_z) = frames(rng), weights(rng, 1, INPUTS), weights(rng, 2, CHANNELS)
    layers = (
        Layer("input", None, x.shape[1:], precision=FLOAT),
        Layer("z", Activation("tanh"), SHAPE, (Edge("w", 0, "conv", w, padding=(1, 1)),), precision=FLOAT),
        Layer(
            "cell",
            MinimalCell(),
            SHAPE,
            (
                Edge("candidate", 1, "add", None),
                Edge("uz", 1, "conv", u_z, padding=(1, 1), first_sum=1),
                Edge("uh", 2, "conv", u_h, padding=(1, 1), first_sum=1, delay=1),
            ),
            precision=FLOAT,
            is_output=True,
        ),
    )
    trace = run_network(Network("minimal", layers, task="other"), [as_trace(x, binary=False)])
    got, h = dense_steps(trace.layers[2], SHAPE), np.zeros(SHAPE)
    for step in range(STEPS):
        z = np.tanh(convolve(x[step], w))
        u = sigmoid(convolve(h, u_h) + convolve(z, u_z))
        h = u * h + (1 - u) * z
        np.testing.assert_allclose(got[step], h, atol=2e-6)


def test_squeeze_and_excite_with_a_residual():
    """y = relu(x * sigmoid(W2 relu(W1 mean(x))) + x)."""
    rng = np.random.default_rng(5)
    x = frames(rng)
    shape = x.shape[1:]
    down, up = rng.normal(size=(2, INPUTS)).astype(np.float32), rng.normal(size=(INPUTS, 2)).astype(np.float32)
    mean = Edge("mean", 0, "add", None, np.full(1, 1 / (ROWS * COLUMNS), np.float32), pool=(ROWS, COLUMNS))
    gated = Edge("s", 3, "add", None, first_sum=1, broadcast=True)
    scaled = Edge("x", 0, "add", None), gated, Edge("a", 0, "add", None, first_sum=2)
    layers = (
        Layer("input", None, shape, precision=FLOAT),
        Layer("mean", Identity(), (INPUTS, 1, 1), (mean,), precision=FLOAT),
        Layer("squeeze", Activation("relu"), (2, 1, 1), (Edge("w1", 1, "dense", down[..., None, None]),), precision=FLOAT),
        Layer("gate", Activation("sigmoid"), (INPUTS, 1, 1), (Edge("w2", 2, "dense", up[..., None, None]),), precision=FLOAT),
        Layer(
            "y",
            Product("relu"),
            shape,
            scaled,
            precision=FLOAT,
            is_output=True,
        ),
    )  # fmt: skip
    trace = run_network(Network("excite", layers, task="other"), [as_trace(x, binary=False)])
    got = dense_steps(trace.layers[-1], shape)
    for step in range(STEPS):
        gate = sigmoid(up @ np.maximum(down @ x[step].mean(axis=(1, 2)), 0))
        np.testing.assert_allclose(got[step], np.maximum(x[step] * gate[:, None, None] + x[step], 0), atol=1e-6)
    assert trace.sops[:, 4].tolist() == [INPUTS] * STEPS  # one addition per channel, not one per position


def test_the_input_sets_its_threshold():
    x = np.array([[1.0, 2.0], [-1.0, 0.5]], np.float32).reshape(1, 1, 2, 2)
    mean = Edge("mean", 0, "add", None, np.full(1, 0.5, np.float32), pool=(2, 2))
    edges = (Edge("x", 0, "add", None), Edge("theta", 1, "add", None, first_sum=1, broadcast=True))
    layers = (
        Layer("input", None, (1, 2, 2), precision=FLOAT),
        Layer("mean", Identity(), (1, 1, 1), (mean,), precision=FLOAT),
        Layer("y", ContextThreshold(), (1, 2, 2), edges, precision=FLOAT, is_output=True),
    )
    trace = run_network(Network("context", layers, task="other"), [as_trace(x, binary=False)])
    assert dense_steps(trace.layers[-1], (1, 2, 2)).ravel().tolist() == [0, 2, 0, 0]  # above 1.25


def cell_network(cell, **edge) -> Network:
    weight = np.ones((CHANNELS * edge.get("sums", 1), INPUTS, 1, 1), np.float32)
    layers = (
        Layer("input", None, (INPUTS, ROWS, COLUMNS), precision=FLOAT),
        Layer("cell", cell, SHAPE, (Edge("x", 0, "conv", weight, **edge),), precision=FLOAT),
    )
    return Network("bad", layers, task="other")


@pytest.mark.parametrize(
    ("cell", "edge", "message"),
    [
        (
            GruCell(None, "zero"),
            {"sums": 3},
            "bad: cell: a cell without a threshold sends in every step, so its state cannot be reset (zero); give it a threshold, "
            "or the reset none",
        ),
        (
            LstmCell(),
            {"sums": 3, "first_sum": 2},
            "cell: edge x from input: sums 2 to 4 are fed, but the neurons of cell have 4; the first is 0",
        ),
        (
            LstmCell(),
            {"sums": 2, "groups": 2},
            "cell: edge x from input: grouped weights can feed one sum, not 2; give an edge for each",
        ),
        (
            LstmCell(),
            {"broadcast": True},
            "cell: edge x from input: a broadcast needs a source of one position and one kernel position, not a map of 5x7 and 1x1",
        ),
        (
            LstmCell(),
            {"scale": np.ones(3, np.float32)},
            "cell: edge x from input: the scale has 3 entries, expected 1 or 4",
        ),
    ],
)
def test_sums_that_do_not_exist_are_refused(cell, edge, message):
    with pytest.raises(ActivityError) as error:
        run_network(cell_network(cell, **edge), [as_trace(frames(np.random.default_rng(0)), binary=False)])
    assert str(error.value) == message
