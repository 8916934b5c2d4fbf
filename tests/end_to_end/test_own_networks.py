"""Networks of one's own, written by the test in every format: from a shell to a report, without any data but their own."""

import numpy as np
import pytest

import seneca_sim as ss
from seneca_sim.graph import (
    Conv2d,
    ConvGru,
    Dense,
    Flatten,
    GraphBuilder,
    Input,
    InputContract,
    Lif,
    Output,
    Relu,
    load_network,
    lower,
    save_graph,
)
from tests.cli.conftest import seneca_sim  # noqa: F401  (the fixture)
from tests.end_to_end.walk import Walk, activity, check_activity, events

ROAD = "synthetic:road?size=24x16&duration=80ms&seed=2"


@pytest.fixture
def walk(seneca_sim, tmp_path):  # noqa: F811
    return Walk(seneca_sim, tmp_path / "result")


def gated():
    """Return the graph of a ConvGRU with a classifier, from arrays."""
    draw = np.random.default_rng(8)

    def array(*shape):
        return draw.normal(0, 0.2, shape).astype(np.float32)

    net = GraphBuilder("gated", dt_us=10_000.0, input_contract=InputContract("histogram", slice_us=10_000))
    net.add("events", Input((2, 16, 24))).add("gru", ConvGru(array(18, 2, 3, 3), array(18, 6, 3, 3), threshold=0.05))
    net.add("flat", Flatten()).add("dense", Dense(array(4, 6 * 16 * 24))).add("classes", Relu())
    return net.add("output", Output()).graph()


def test_a_recurrent_network_gives_the_same_from_a_file_and_from_python(walk, tmp_path):
    save_graph(gated(), tmp_path / "gated.h5")
    from_file = walk(tmp_path / "gated.h5", "--events", ROAD, "--cores", 3)
    from_python = ss.simulate(lower(gated()), events=ROAD, cores=3)
    for table in ("layers.csv", "cores.csv", "links.csv", "steps.csv"):
        assert from_file.files()[table] == from_python.files()[table]
    check_activity(from_file, activity(lower(gated()), ROAD))
    assert 0 < from_file.layers.set_index("layer").neuron_density["gru"] < 0.9


def test_one_network_gives_one_report_in_every_format_that_is_written(walk, seneca_sim, tmp_path):  # noqa: F811
    save_graph(gated(), tmp_path / "gated.h5")
    assert seneca_sim("convert", tmp_path / "gated.h5", tmp_path / "gated.nir").code == 0
    tables = []
    for name in ("gated.h5", "gated.nir"):
        result = walk(tmp_path / name, "--events", ROAD, "--cores", 3, "--reset-every", 3)
        tables.append(result.files()["layers.csv"])
    assert tables[0] == tables[1]
    assert walk(tmp_path / "gated.h5", "--events", ROAD, "--cores", 3).files()["layers.csv"] != tables[0]


def test_a_step_graph_of_onnx_closes_its_loop_and_reports(walk, tmp_path):
    pytest.importorskip("onnx", reason="ONNX files need the extra [onnx]")
    from tests.onnx.models import model, save
    from tests.onnx.test_state import CONSTANTS, INPUTS, NODES, X, steps

    path = save(tmp_path, model(NODES, INPUTS, CONSTANTS, outputs=("h_out",)))
    np.savez(tmp_path / "x.npz", frames=X.reshape(6, 3, 1, 1), layout="TCHW")
    result = walk(path, "--events", tmp_path / "x.npz", "--state", "h_out:h")
    assert result.summary["class_scores"] == pytest.approx(steps(X).mean(axis=0))
    check_activity(result, activity(load_network(path, state=["h_out:h"]), tmp_path / "x.npz"))


def test_a_spiking_module_of_pytorch_reports_what_it_sends(walk, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install seneca-sim[torch])")
    snntorch = pytest.importorskip("snntorch", reason="snnTorch is not installed")
    from seneca_sim.torch import export

    torch.manual_seed(4)
    conv, leaky = torch.nn.Conv2d(2, 4, 3), snntorch.Leaky(beta=0.9, threshold=0.3, init_hidden=True)
    module = torch.nn.Sequential(conv, leaky, torch.nn.Flatten(), torch.nn.Linear(4 * 8 * 8, 3))
    frames = (torch.rand(6, 2, 10, 10) < 0.4).float()
    comparison = export(module, frames, tmp_path / "net.h5", dt_us=1000.0, verbose=False)
    assert comparison.largest < 1e-5
    np.savez(tmp_path / "frames.npz", frames=frames.numpy(), layout="TCHW")
    result = walk(tmp_path / "net.h5", "--events", tmp_path / "frames.npz", "--cores", 2)
    leaky.reset_mem()
    with torch.no_grad():
        spikes, scores = 0, torch.zeros(3)
        for frame in frames:
            sent = leaky(conv(frame[None]))
            spikes += int(sent.sum())
            scores += module[3](sent.flatten(1))[0] / len(frames)
    assert list(events(result).values())[1] == spikes
    assert result.summary["class_scores"] == pytest.approx(scores.tolist(), abs=1e-5)


def test_resets_survive_a_file_and_change_what_is_sent(walk, tmp_path):
    net = GraphBuilder("held", dt_us=10_000.0, input_contract=InputContract("count", slice_us=10_000))
    net.add("events", Input((1, 16, 24))).add("conv", Conv2d(np.full((3, 1, 3, 3), 0.2, np.float32), padding=1))
    graph = net.add("lif", Lif(0.9), reset_every=2).add("output", Output()).graph()
    save_graph(graph, tmp_path / "held.h5")
    own, stated, never = (
        walk(tmp_path / "held.h5", "--events", ROAD, *words).summary["events"]
        for words in ([], ["--reset-every", 2], ["--reset-every", 1000])
    )
    assert own == stated < never
