"""Modules of PyTorch become network files that compute the same; what has no node is named."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install seneca-sim[torch])")
from torch import nn  # noqa: E402

from seneca_sim.errors import GraphError, RequestError  # noqa: E402
from seneca_sim.graph import Add, ThresholdRelu, load_network  # noqa: E402
from seneca_sim.torch import export, register  # noqa: E402
from seneca_sim.torch.registry import _CONVERTERS  # noqa: E402


class Residual(nn.Module):
    """A branch, a sum, pooling, upsampling and a concatenation, all as functions."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(16, 4, 1)

    def forward(self, x):
        y = torch.relu(self.a(x))
        z = torch.relu(self.b(y) + y)
        z = nn.functional.interpolate(nn.functional.max_pool2d(z, 2), scale_factor=2)
        return self.c(torch.cat([z, y], dim=1))


class Squeezed(nn.Module):
    """Pooling to one position, a gate from it that is read as a vector."""

    def __init__(self):
        super().__init__()
        self.body, self.pool, self.head = nn.Conv2d(2, 6, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Linear(6, 3)

    def forward(self, x):
        return torch.tanh(self.head(torch.flatten(self.pool(torch.relu(self.body(x))), 1)))


class Methods(nn.Module):
    """Operations of values as methods and functions, and the mean over the map."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        y = self.a(x).relu().contiguous()
        z = nn.functional.softsign(self.b(y).sigmoid()).add(y).tanh()
        return nn.functional.interpolate(z, None, 3, "nearest").mean((2, 3))


def plain():
    layers = [nn.Conv2d(2, 8, 3, padding="same", bias=False), nn.BatchNorm2d(8), nn.ReLU6(), nn.MaxPool2d(2)]
    layers += [
        nn.Conv2d(8, 8, 3, groups=4, dilation=2),
        nn.Hardtanh(),
        nn.ConvTranspose2d(8, 4, 3, stride=2),
        nn.Softsign(),
    ]
    layers += [nn.AvgPool2d(3), nn.Dropout(), nn.Flatten(), nn.Linear(36, 10)]
    module = nn.Sequential(*layers)
    module[1].running_mean.normal_()
    module[1].running_var.uniform_(0.5, 2.0)
    return module


MODULES = {"plain": plain, "residual": Residual, "squeezed": Squeezed, "methods": Methods}


@pytest.mark.parametrize("name", MODULES)
def test_both_sides_compute_the_same(name, tmp_path, capsys):
    torch.manual_seed(3)
    comparison = export(MODULES[name](), torch.randn(3, 2, 16, 16), tmp_path / "net.h5")
    assert comparison.largest < 1e-5
    assert len(comparison.layers) >= 2
    assert all(row.unequal == 0 for row in comparison.layers)
    assert str(comparison) in capsys.readouterr().out
    assert load_network(tmp_path / "net.h5").name == "net"


def test_a_difference_is_seen(tmp_path):
    torch.manual_seed(3)

    class Doubled(nn.Module):
        def forward(self, x):
            return 2 * torch.relu(x)

    register(Doubled, lambda module: ThresholdRelu(0.0))
    try:
        comparison = export(nn.Sequential(Doubled()), torch.randn(2, 2, 4, 4), tmp_path / "wrong.h5", verbose=False)
    finally:
        del _CONVERTERS[next(key for key in _CONVERTERS if key.endswith("Doubled"))]
    assert comparison.largest == pytest.approx(0.5)


class Strange(nn.Module):
    """A module that no converter knows and that fx cannot look into."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_an_unknown_module_is_named_with_the_way_to_register_it(tmp_path):
    class Opaque(nn.PReLU):
        pass

    Opaque.__module__ = "torch.nn.modules.opaque"
    with pytest.raises(GraphError) as caught:
        export(nn.Sequential(nn.Conv2d(1, 1, 1), Opaque()), torch.ones(1, 1, 2, 2), tmp_path / "a.h5")
    text = str(caught.value)
    assert text.startswith("a: 1: a Opaque has no node; known are AdaptiveAvgPool2d, AvgPool2d, ")
    assert text.endswith(
        "seneca_sim.torch.register(Opaque, function) adds one, where function takes the module and returns a node of "
        "seneca_sim.graph"
    )
    assert not (tmp_path / "a.h5").exists()


def test_control_flow_on_values_is_refused(tmp_path):
    with pytest.raises(GraphError, match=r"torch\.fx cannot trace the module"):
        export(Strange(), torch.ones(1, 1, 2, 2), tmp_path / "a.h5")


def test_a_registered_module_is_one_node(tmp_path):
    register(Strange, lambda module: Add())
    try:
        module = nn.Sequential(nn.ReLU(), Strange(), nn.Conv2d(1, 1, 1))
        assert export(module, torch.ones(1, 1, 2, 2), tmp_path / "a.h5", verbose=False).largest < 1e-6
    finally:
        del _CONVERTERS[next(key for key in _CONVERTERS if key.endswith("Strange"))]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (
            nn.Conv2d(1, 1, 3, padding_mode="reflect", padding=1),
            "a: 0: Conv2d pads with 'reflect'; only zeros are supported",
        ),
        (
            nn.MaxPool2d(2, ceil_mode=True),
            "a: 0: MaxPool2d with ceil_mode, dilation or return_indices is not supported",
        ),
        (nn.Upsample(scale_factor=2, mode="bilinear"), "a: 0: Upsample with mode 'bilinear' is not supported"),
    ],
)
def test_settings_without_a_node_are_refused(module, message, tmp_path):
    with pytest.raises(GraphError) as caught:
        export(nn.Sequential(module, nn.ReLU()), torch.ones(1, 1, 4, 4), tmp_path / "a.h5")
    assert str(caught.value).startswith(message)


class Called(nn.Module):
    """One call of a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: nn.functional.max_pool2d(x, 2, ceil_mode=True), "max_pool2d"),
        (lambda x: nn.functional.max_pool2d(x, 2, 1, 0, 2), "max_pool2d"),
        (lambda x: nn.functional.interpolate(x, None, 2.0, "bilinear"), "interpolate"),
        (lambda x: nn.functional.interpolate(x, scale_factor=1.5), "interpolate"),
        (lambda x: x.mean(1), "mean"),
        (lambda x: torch.cat([x, x], 2), "cat"),
        (lambda x: x + 1, "add"),
        (lambda x: torch.flatten(x), "flatten"),
    ],
)
def test_calls_without_a_node_are_refused(function, name, tmp_path):
    with pytest.raises(GraphError) as caught:
        export(nn.Sequential(nn.ReLU(), Called(function)), torch.ones(1, 2, 4, 4), tmp_path / "a.h5")
    assert str(caught.value) == (
        f"a: {name}: the call of {name!r} with these arguments has no node; write it as a module and make that known with "
        "seneca_sim.torch.register"
    )


def test_an_example_of_the_wrong_shape_is_refused(tmp_path):
    with pytest.raises(RequestError, match=r"example must be a tensor of shape \(steps, channels, rows, columns\)"):
        export(nn.ReLU(), torch.ones(2, 2, 2), tmp_path / "a.h5")


def spiking(first, second, drive=3.0):
    """Return a small network with two layers of neurons and enough drive to spike often."""
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1), first, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(288, 10), second
    )
    with torch.no_grad():
        module[0].weight *= drive
        module[4].weight *= 2 * drive
    return module


def spikes():
    return torch.from_numpy((np.random.default_rng(2).random((12, 2, 12, 12)) < 0.3).astype(np.float32))


def check_spikes(module, tmp_path):
    comparison = export(module, spikes(), tmp_path / "net.h5", dt_us=1000.0, verbose=False)
    assert [row.unequal for row in comparison.layers] == [0, 0]
    assert all(row.scale >= 1 for row in comparison.layers)


@pytest.mark.parametrize("late", [False, True])
def test_snntorch_neurons_spike_alike(late, tmp_path):
    snn = pytest.importorskip("snntorch", reason="snnTorch is not installed")
    first = snn.Leaky(beta=0.9, init_hidden=True, reset_delay=late)
    module = spiking(first, snn.Synaptic(alpha=0.7, beta=0.9, init_hidden=True), 3.0 if late else 1.0)
    check_spikes(module, tmp_path)


def test_snntorch_neurons_that_hand_over_their_state_are_refused(tmp_path):
    snn = pytest.importorskip("snntorch", reason="snnTorch is not installed")
    with pytest.raises(GraphError, match="net: 1: Leaky hands its state over; create it with init_hidden=True"):
        check_spikes(spiking(snn.Leaky(beta=0.9), nn.ReLU()), tmp_path)


def test_sinabs_neurons_spike_alike(tmp_path):
    layers = pytest.importorskip("sinabs.layers", reason="sinabs is not installed")
    from sinabs.activation import SingleSpike

    first = layers.IAFSqueeze(batch_size=1, spike_fn=SingleSpike, min_v_mem=-1.0)
    check_spikes(spiking(first, layers.LIFSqueeze(tau_mem=20.0, batch_size=1, norm_input=False)), tmp_path)


def test_spikingjelly_neurons_spike_alike(tmp_path):
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron", reason="SpikingJelly is not installed")
    check_spikes(spiking(neuron.LIFNode(tau=2.0), neuron.IFNode(v_reset=None)), tmp_path)


def test_brevitas_layers_keep_their_integers(tmp_path):
    qnn = pytest.importorskip("brevitas.nn", reason="Brevitas is not installed")
    from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat

    torch.manual_seed(0)
    module = nn.Sequential(
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat),
        qnn.QuantConv2d(2, 8, 3, padding=1, weight_bit_width=4),
        nn.BatchNorm2d(8),
        qnn.QuantReLU(bit_width=4),
        nn.MaxPool2d(2),
        nn.Flatten(),
        qnn.QuantLinear(288, 10, bias=True, weight_quant=Int8WeightPerChannelFloat),
    )
    module.train()
    for _ in range(3):
        module(torch.randn(4, 2, 12, 12))
    comparison = export(module, torch.randn(5, 2, 12, 12), tmp_path / "net.h5", verbose=False)
    assert comparison.largest < 1e-5
    network = load_network(tmp_path / "net.h5")
    weights = [edge.weight for layer in network.layers for edge in layer.edges if edge.weight is not None]
    assert [weight.dtype for weight in weights] == [np.int8, np.int8]
    assert np.abs(weights[0]).max() <= 7
