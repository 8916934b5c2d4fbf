import json

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.errors import RequestError
from seneca_sim.request import Request
from seneca_sim.sources import sources_of
from tests.cli.conftest import seneca_sim  # noqa: F401  (the fixture)


@pytest.mark.parametrize(
    ("command", "totals"),
    [
        ("show red-se", {"parameters": 24_108_176, "dense_macs": 30_538_334_208}),
        ("show ems-res18", {"parameters": 9_523_550}),
        ("show red --size 240x304", {"parameters": 24_095_568, "dense_macs": 9_669_967_872}),
        ("show pilotnet-msd --width 2", {"dense_macs": 98_889_494}),
    ],
)
def test_show_states_totals_as_json(seneca_sim, command, totals):  # noqa: F811
    outcome = seneca_sim(*command.split(), "--json")
    assert outcome.code == 0, outcome.err
    shown = json.loads(outcome.out)
    assert {key: shown["totals"][key] for key in totals} == totals
    assert shown["weights"] == "absent"


def test_totals_tell_heads_from_the_backbone(seneca_sim):  # noqa: F811
    totals = json.loads(seneca_sim("show", "red-se", "--json").out)["totals"]
    assert 12 * (totals["dense_macs_valid"] - totals["head_dense_macs_valid"]) == 284_070_730_752
    assert totals["head_parameters"] == 1_290_800
    assert "dense MACs without heads: 24,300,023,808, on valid taps 23,672,560,896" in seneca_sim("show", "red-se").out


def test_show_writes_a_table_and_says_what_is_absent(seneca_sim):  # noqa: F811
    lines = seneca_sim("show", "firenet-snn").out.splitlines()
    assert lines[0].startswith("firenet-snn: other; input as histogram, 10000 us a step")
    assert lines[-1] == "assumed: weights absent: no trained weights of this network are public"


def test_list_models_shows_every_published_network_with_its_parameters(seneca_sim):  # noqa: F811
    lines = seneca_sim("list", "models").out.splitlines()
    assert len(lines) == 2 + 33
    assert "red-se                  RED with squeeze-excite; input 6x360x640; 24,108,176 parameters" in lines


def test_options_for_networks_are_refused_for_chips(seneca_sim):  # noqa: F811
    assert seneca_sim("show", "seneca", "--size", "3x3").err == (
        "seneca-sim: size: 'seneca' is a chip; this is for networks, leave it out\n"
    )


def test_a_run_without_activity_says_what_to_give():
    with pytest.raises(RequestError) as error:
        ss.simulate("nmnist-msd")
    assert str(error.value) == "nothing for nmnist-msd to see: give events (a recording) or an activity"


def test_the_digest_of_a_published_network_follows_its_options():
    def digest(**options):
        (file,) = [file for file in sources_of(Request("nmnist-msd", **options)).files if file.argument == "network"]
        return file.sha256

    assert digest() == digest(size="34x34") == digest(network_set=("width=1",))
    assert len({digest(), digest(width=2), digest(size="30x34")}) == 3


def test_random_weights_run_on_a_recording_at_the_stated_density(seneca_sim, tmp_path):  # noqa: F811
    frames = (np.random.default_rng(4).random((6, 390, 1, 1)) < 0.3).astype(np.float32)
    np.savez(tmp_path / "frames.npz", frames=frames, layout="TCHW")
    options = {"events": tmp_path / "frames.npz", "network_set": ["neurons=relu"]}
    summaries = [ss.simulate("kws-mlp", weights=text, **options).summary for text in ("random:1:0.2", "random:2:0.2")]
    assert [summary["sops"] > 0 for summary in summaries] == [True, True]
    assert "weights random: drawn with seed 1" in "".join(summaries[0]["assumptions"])
    assert summaries[0]["class_scores"] != summaries[1]["class_scores"]
    again = ss.simulate("kws-mlp", weights="random:1:0.2", **options).summary
    assert again == summaries[0]


def test_random_weights_without_a_recording_are_refused():
    with pytest.raises(RequestError) as error:
        ss.simulate("kws-mlp", weights="random:1")
    assert str(error.value) == ("weights: random ones are calibrated on a recording; give events, or leave weights out")
