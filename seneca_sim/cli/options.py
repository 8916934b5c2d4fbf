"""Options that several commands share, each with its help text. Values are checked by the library, which also guesses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seneca_sim.errors import SenecaError

__all__ = [
    "Chip",
    "Cores",
    "Crop",
    "DtUs",
    "FlipPolarity",
    "Goal",
    "Input",
    "Json",
    "MaxSpikes",
    "Network",
    "NetworkSet",
    "Numerics",
    "Output",
    "Overflow",
    "Pool",
    "Reset",
    "ResetEvery",
    "Resize",
    "Set",
    "Size",
    "State",
    "Slice",
    "SwapXy",
    "Weights",
    "Width",
    "network_options",
    "output_folder",
]


def output_folder(text: str) -> Path:
    """Read the name of an output folder; an empty one is refused, because as a path it would be the current folder.

    >>> output_folder("results/today").parts
    ('results', 'today')
    """
    if not text:  # not a ValueError, which the parser of the command line would report in its own words
        raise SenecaError("-o is empty; name a folder (. for the current one), or leave it out")
    return Path(text)


Network = Annotated[
    str, typer.Argument(help="Shipped network, network file, or run.yaml of an earlier run.", metavar="NETWORK")
]
Chip = Annotated[str, typer.Option("--chip", help="Shipped chip or chip file.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Change a constant of the chip, e.g. core.npe.count=16; repeatable.", metavar="KEY=VALUE"
    ),
]
Goal = Annotated[
    str, typer.Option("--goal", help="Of the automatic mapping: fewest-cores, balanced, power-of-two, energy.")
]
Cores = Annotated[int | None, typer.Option("--cores", help="Most cores that the automatic mapping may use.")]
DtUs = Annotated[
    float | None, typer.Option("--dt-us", help="Time step of the neurons in µs, where the network file leaves it open.")
]
Reset = Annotated[
    str | None,
    typer.Option("--reset", help="Reset of spiking neurons: value or subtract, where the file leaves it open."),
]
MaxSpikes = Annotated[
    int | None, typer.Option("--max-spikes", help="Most spikes of a neuron in a step, where the file leaves it open.")
]
ResetEvery = Annotated[
    int | None, typer.Option("--reset-every", help="All states return to their start every N steps.", metavar="N")
]
Numerics = Annotated[
    str | None, typer.Option("--numerics", help="Number types of weights and states instead of the network's own.")
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size", help="Rows x columns of the input: of a published network, or of an ONNX file that leaves it open."
    ),
]
Width = Annotated[int | None, typer.Option("--width", help="Factor for the channels of a masked sigma-delta network.")]
NetworkSet = Annotated[
    list[str] | None,
    typer.Option(
        "--network-set", help="Other option of a published network, e.g. time_steps=5; repeatable.", metavar="KEY=VALUE"
    ),
]
State = Annotated[
    list[str] | None,
    typer.Option(
        "--state", help="Output of an ONNX step graph that its input is in the next step; repeatable.", metavar="OUT:IN"
    ),
]
Weights = Annotated[
    str | None, typer.Option("--weights", help="File of weights (.npz, safetensors, .pt), or random:SEED[:DENSITY].")
]
Slice = Annotated[
    str | None,
    typer.Option("--slice", help="Input of a step: a time (1000us, 5ms), a number (500events), or window:5000,100."),
]
Input = Annotated[
    str | None,
    typer.Option("--input", help="Input contract: YAML file, or words such as representation=voxel,bins=5,clip=10."),
]
Crop = Annotated[
    str | None, typer.Option("--crop", help="Pixels of the recording to see.", metavar="LEFT,TOP,WIDTH,HEIGHT")
]
Pool = Annotated[int | None, typer.Option("--pool", help="See blocks of N x N pixels as one.", metavar="N")]
Resize = Annotated[
    str | None, typer.Option("--resize", help="Move each pixel to the nearest of another size.", metavar="WxH")
]
SwapXy = Annotated[bool, typer.Option("--swap-xy", help="Exchange columns and rows of the recording.")]
FlipPolarity = Annotated[bool, typer.Option("--flip-polarity", help="Exchange ON and OFF.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Folder for the result files.", parser=output_folder, metavar="PATH"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON and nothing else.")]
Overflow = Annotated[str, typer.Option("--overflow", help="Integers that leave their range: saturate or wrap.")]


def network_options(
    state: list[str] | None, size: str | None, width: int | None, network_set: list[str] | None, **others: Any
) -> dict[str, Any]:
    """Return the options that say which network is built, as the library takes them; `others` as they are.

    >>> network_options(None, "240x304", None, ["time_steps=5"], weights="random:1")
    {'state': (), 'size': '240x304', 'width': None, 'network_set': ('time_steps=5',), 'weights': 'random:1'}
    """
    built = {"state": tuple(state or ()), "size": size, "width": width, "network_set": tuple(network_set or ())}
    return {**built, **others}
