import numpy as np

from seneca_sim.activity import run_network
from seneca_sim.events.sparse import dense_steps, sparse_steps
from seneca_sim.graph import load_network
from seneca_sim.graph.transpose import transposed


def test_a_network_transposed_twice_is_the_network():
    network = load_network("digits-lif")
    again = transposed(transposed(network))
    assert again.assumptions == network.assumptions
    assert again.input_contract == network.input_contract
    for one, other in zip(network.layers, again.layers, strict=True):
        assert (one.shape, one.pool) == (other.shape, other.pool)
        for a, b in zip(one.edges, other.edges, strict=True):
            assert (a.stride, a.padding, a.pool) == (b.stride, b.padding, b.pool)
            assert a.weight is None or np.array_equal(a.weight, b.weight)


def test_the_transposed_network_computes_the_same_transposed():
    network = load_network("digits-lif")
    seen = np.random.default_rng(1).random((4, 2, 20, 20)) < 0.2
    straight, turned = (
        run_network(each, [trace_of(maps)])
        for each, maps in ((network, seen), (transposed(network), np.swapaxes(seen, 2, 3)))
    )
    assert straight.class_scores.tolist() == turned.class_scores.tolist()
    assert straight.sops.tolist() == turned.sops.tolist()
    shape = network.layers[1].out_shape
    one, other = (dense_steps(trace.layers[1], shape) for trace in (straight, turned))
    assert one.any()
    assert np.array_equal(one, np.swapaxes(other, 2, 3))


def trace_of(maps):
    """Return maps of (steps, channels, rows, columns) as events, cells numbered step by step, by position, then channel."""
    steps, channels, rows, columns = maps.shape
    cells = np.flatnonzero(np.moveaxis(maps, 1, 3).reshape(-1)).astype(np.int64)
    return sparse_steps(cells, None, steps, (channels, rows, columns))
