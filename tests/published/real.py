"""Networks built from the arrays of real, trained ones."""

import numpy as np

from seneca_sim.graph import (
    BatchNorm2d,
    Conv2d,
    CubaLif,
    Dense,
    Flatten,
    GraphBuilder,
    Identity,
    If,
    Input,
    InputContract,
    Lif,
    LstmCell,
    MaxPool2d,
    Output,
    Precision,
    Relu,
    SqueezeExcite,
    SumPool2d,
)

INTEGERS = Precision("int8", "int32", "binary")


def corner_detector(z, size):
    """Return the graph of the FireNet of OpenEB's corner detector: squeeze-excite and ConvLSTM in turns, ten heatmaps."""
    fp32 = Precision("fp32", "fp32", "fp32")
    net = GraphBuilder("corners", task="other", default_precision=fp32, input_contract=InputContract("frame"))
    net.add("input", Input((10, *size)))
    squeezed(net, z, "block1", "input", "conv0.module")
    recurrent(net, z, "lstm1", "block1", "conv3")
    squeezed(net, z, "block2", "lstm1", "conv1.module")
    recurrent(net, z, "lstm2", "block2", "conv4")
    net.add("pred", Conv2d(z["pred.module.0.weight"], z["pred.module.0.bias"], padding=1), "lstm2").add(
        "heat", Identity()
    )
    return net.add("output", Output()).graph()


def normalised(net, z, name, key, *sources):
    """Add a convolution and its batch normalisation."""
    net.add(f"{name}.conv", Conv2d(z[f"{key}.0.weight"], z.get(f"{key}.0.bias"), padding=1), *sources)
    constants = [z[f"{key}.1.{field}"] for field in ("running_mean", "running_var", "weight", "bias")]
    net.add(f"{name}.norm", BatchNorm2d(*constants))


def squeezed(net, z, name, source, key):
    """Add a residual block with squeeze-excite."""
    normalised(net, z, f"{name}.a", f"{key}.conv1", source)
    net.add(f"{name}.a", Relu())
    normalised(net, z, f"{name}.b", f"{key}.conv2", f"{name}.a")
    net.add(f"{name}.b", Relu())
    skip = source
    if f"{key}.downsample.0.weight" in z:
        skip = f"{name}.skip"
        net.add(skip, Conv2d(z[f"{key}.downsample.0.weight"]), source)
    arrays = [z[f"{key}.{field}.weight"][:, :, 0, 0] for field in ("fc1", "fc2")]
    biases = [z[f"{key}.{field}.bias"] for field in ("fc1", "fc2")]
    net.add(name, SqueezeExcite(*arrays, *biases), f"{name}.b", skip)


def recurrent(net, z, name, source, key):
    """Add a ConvLSTM."""
    normalised(net, z, f"{name}.x", f"{key}.conv_x2h.module")
    net.add(name, LstmCell(), f"{name}.x.norm")
    net.add(f"{name}.y", Conv2d(z[f"{key}.timepool.conv_h2h.weight"], z[f"{key}.timepool.conv_h2h.bias"], padding=1))
    net.link(f"{name}.y", name, delay=1, port=1)


def gesture_cnn(z):
    """Return the graph of SLAYER's gesture network; every layer has the same integer neurons, which fire from 5120 on."""
    contract = InputContract("binary", slice_us=1000)
    net = GraphBuilder("gestures", dt_us=1000.0, input_contract=contract).add("events", Input((2, 128, 128)))
    weight = int(z["pool_weight"])

    def fire(name):
        net.add(name, CubaLif(3072 / 4096, 3968 / 4096, 1.0, 64.0, 5119.0), precision=INTEGERS)

    def pool(name, channels, side):
        ones = np.full((channels, 1, side, side), weight, np.int8)
        net.add(f"{name}.sum", Conv2d(ones, stride=side, groups=channels))
        fire(name)

    def conv(name, padding):
        net.add(f"{name}.conv", Conv2d(z[name].astype(np.int8), padding=padding))
        fire(name)

    pool("pool1", 2, 4)
    conv("conv1", 2)
    pool("pool2", 16, 2)
    conv("conv2", 1)
    pool("pool3", 32, 2)
    net.add("flat", Flatten())
    for name in ("fc1", "fc2"):
        net.add(f"{name}.dense", Dense(z[name].astype(np.int8)))
        fire(name)
    return net.add("output", Output()).graph()


def gesture_snn(z):
    """Return the graph of NeuroBench's gesture network: leaky neurons whose reset by subtraction acts a step late."""
    net = GraphBuilder("gesture-snn", dt_us=40_000.0, input_contract=InputContract("count", slice_us=40_000))
    net.add("events", Input((2, 32, 32)))
    for number in (1, 2, 3):
        net.add(f"conv{number}", Conv2d(z[f"conv{number}.weight"], z[f"conv{number}.bias"], padding=2))
        net.add(f"pool{number}", MaxPool2d(2))
        net.add(f"lif{number}", leaky(z, number))
    net.add("flat", Flatten()).add("linear1", Dense(z["linear1.weight"], z["linear1.bias"]))
    return net.add("lif4", leaky(z, 4)).add("output", Output()).graph()


def leaky(z, number):
    """Return snnTorch's leaky neuron: v = beta v + x - threshold (v before > threshold)."""
    beta, threshold = float(z[f"lif{number}.beta"]), float(z[f"lif{number}.threshold"])
    return Lif(beta, threshold=threshold, reset="subtract_late")


def digit_cnn(z, kind):
    """Return the graph of SENSIM's digit network with its `float` or its integer (`q6`) weights."""
    net = GraphBuilder("digits-conv4", input_contract=InputContract("frame")).add("image", Input((1, 28, 28)))
    _strided(net, z, kind, 1)
    return _behind_first(net, z, kind)


def _strided(net, z, kind, number):
    """Add a convolution of the digit network, whose kernels are stored as rows, columns, in, out."""
    weight, bias = (z[f"{kind}_{letter}{number}"] for letter in "wb")
    weight = weight.astype(np.int8 if kind == "q6" else np.float32)
    net.add(f"conv{number}", Conv2d(np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias, stride=2))
    net.add(f"relu{number}", Relu())


def _behind_first(net, z, kind):
    """Add the layers behind the first and return the graph."""
    for number in (2, 3):
        _strided(net, z, kind, number)
    # its flattening runs over rows, columns and channels
    weight = z[f"{kind}_w4"].astype(np.int8 if kind == "q6" else np.float32)
    weight = weight.reshape(2, 2, 32, 10).transpose(3, 2, 0, 1).reshape(10, 128)
    net.add("flat", Flatten()).add("dense", Dense(np.ascontiguousarray(weight), z[f"{kind}_b4"]))
    return net.add("scores", Identity()).add("output", Output()).graph()


def rest_of_digit_cnn(z):
    """Return the graph of SENSIM's digit network behind its first, with float weights, in FP32."""
    fp32 = Precision("fp32", "fp32", "fp32")
    net = GraphBuilder("digits-rest", default_precision=fp32, input_contract=InputContract("frame"))
    net.add("relu1", Input((8, 13, 13)))
    return _behind_first(net, z, "float")


def converted_cnn(z, threshold=1.0):
    """Return the graph of sinabs' digit network with its ReLU as integrate-and-fire neurons."""
    net = GraphBuilder("digits-spiking", dt_us=1000.0, input_contract=InputContract("count"))
    net.add("image", Input((1, 28, 28)))

    def fire(name):
        net.add(name, If(threshold, reset="subtract", max_spikes=100, v_min=-threshold))

    for number, key in enumerate(("0", "3", "6"), 1):
        net.add(f"conv{number}", Conv2d(z[f"{key}.weight"]))
        fire(f"if{number}")
        net.add(f"pool{number}", SumPool2d(2))
    net.add("flat", Flatten())
    for number, key in enumerate(("10", "12"), 4):
        net.add(f"dense{number}", Dense(z[f"{key}.weight"]))
        fire(f"if{number}")
    return net.add("output", Output()).graph()
