from dataclasses import fields

import numpy as np
import pytest

from seneca_sim.errors import RequestError
from seneca_sim.graph.placeholders import is_placeholder
from seneca_sim.graph.published import PUBLISHED, build_published


def counted(graph):
    """Return all weights, biases, gains, offsets and thresholds; a node used several times counts once."""
    arrays = [
        getattr(node, entry.name)
        for node in {id(node): node for node in graph.nodes.values()}.values()
        for entry in fields(node)
        if entry.name not in ("mean", "variance", "anchors")
    ]
    return sum(array.size for array in arrays if isinstance(array, np.ndarray))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("red-se", 24_108_176),
        ("red", 24_095_568),
        ("ems-res10", 6_387_230),
        ("ems-res18", 9_523_550),
        ("ems-res34", 14_579_486),
        ("ems-res18-gen1", 9_343_370),
        ("ms-res18", 9_677_598),
        ("sew-res18", 9_743_134),
        ("kws-mlp", 172_800 + 541),
        ("firenet-ann", 74_594),
        ("firenet-snn", 74_594),
    ],
)
def test_parameters_are_the_published_ones_to_the_digit(name, parameters):
    assert counted(build_published(name, {})) == parameters


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("seed-256-gru", 13.9e6),
        ("seed-128-gru", 4.8e6),
        ("seed-256-lstm", 15.9e6),
        ("seed-256-mgu", 10.7e6),
        ("seed-256-minimal", 7.9e6),
        ("seed-256-gru-dense", 13.9e6),
        ("seed-128-gru-dense", 4.8e6),
        ("ems-res18-gen1-4scale", 10.04e6),
    ],
)
def test_parameters_of_reconstructions_are_within_one_percent(name, parameters):
    assert counted(build_published(name, {})) == pytest.approx(parameters, rel=0.01)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("seed-256-gru", 13.9e6),
        ("seed-128-gru", 4.8e6),
        ("seed-256-lstm", 15.9e6),
        ("seed-256-mgu", 10.7e6),
        ("seed-256-minimal", 7.9e6),
    ],
)
def test_parameters_of_the_repository_of_seed_are_within_one_percent(name, parameters):
    assert counted(build_published(name, {"layout": "repository"})) == pytest.approx(parameters, rel=0.01)


@pytest.mark.parametrize("cell", ["gru", "mgu", "minimal", "lstm"])
def test_seed_counts_as_many_parameters_without_thresholds(cell):
    sparse, dense = (counted(build_published(f"seed-256-{cell}{ending}", {})) for ending in ("", "-dense"))
    assert sparse == dense


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_placeholders_take_no_memory(name):
    graph = build_published(name, {})
    assert graph.weights == "absent"
    assert graph.name == name
    weights = [node.weight for node in graph.nodes.values() if hasattr(node, "weight")]
    assert weights
    assert all(is_placeholder(weight) for weight in weights)


def test_dense_recurrence_has_no_thresholds_for_each_neuron():
    sparse, dense = (
        counted(build_published(name, {"layout": "repository"})) for name in ("seed-256-gru", "seed-256-gru-dense")
    )
    assert sparse - dense == 256 * (45 * 80 + 23 * 40 + 12 * 20)


def test_options_that_a_network_lacks_are_refused_by_name():
    with pytest.raises(RequestError) as error:
        build_published("red", {"widht": 2})
    assert str(error.value) == "red has no option 'widht'; it has size (360x640)"
    with pytest.raises(RequestError) as error:
        build_published("pilotnet-msd", {"widht": 2})
    assert str(error.value) == "pilotnet-msd has no option 'widht'; did you mean width?"
    with pytest.raises(RequestError) as error:
        build_published("pilotnet-msd", {"width": 3})
    assert str(error.value) == "pilotnet-msd: width must be one of 1, 2, 4, 8, not 3"


def test_sizes_that_cannot_be_are_refused_with_the_way_out():
    with pytest.raises(RequestError) as error:
        build_published("ems-res18-gen1", {"size": (240, 304)})
    assert str(error.value) == (
        "ems-res18-gen1: rows and columns must be multiples of 32, since pooled and strided maps are added; pad 240x304 to 256x320"
    )
    with pytest.raises(RequestError) as error:
        build_published("pilotnet-msd", {"size": (20, 30)})
    assert str(error.value) == "pilotnet-msd: an input of 20x30 leaves nothing at conv3.conv; give a larger size"
