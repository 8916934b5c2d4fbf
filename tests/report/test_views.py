"""What people look at: the terminal summary and the plots."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from rich.console import Console

from seneca_sim.report.columns import COMPONENTS
from seneca_sim.report.plots import plot_breakdown, plot_timeline
from seneca_sim.report.result import Result
from seneca_sim.report.terminal import print_summary
from tests.report.records import small_record


@pytest.fixture(scope="module")
def result():
    return Result(small_record(sigma_delta=True))


@pytest.fixture(autouse=True)
def figures():
    before = mpl.get_backend()
    mpl.use("Agg")
    yield
    plt.close("all")
    mpl.use(before)


def printed(result, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, highlight=False)
    print_summary(result, console)
    return console.file.getvalue()


def test_a_narrow_terminal_shows_every_layer_with_all_its_figures(result):
    lines = printed(result).splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("input", "conv1", "fc"):
        assert any(line.startswith(f"{name} ") and "J" in line for line in lines)


def test_names_from_files_are_printed_as_they_are():
    text = printed(Result(small_record(network="[red]net[/red]", input="[bold]x")))
    assert "[red]net[/red] on seneca" in text
    assert "[bold]x" in text


def test_the_first_step_of_sigma_delta_networks_is_printed_apart(result):
    assert "first step" in printed(result)
    assert "first step" not in printed(Result(small_record()))


@pytest.mark.parametrize("by", ["layer", "core"])
def test_the_bars_of_a_breakdown_add_up_to_the_energy(result, by):
    axes = plot_breakdown(result, by=by)
    assert axes.get_xlabel() == "energy (µJ)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        name.replace("_", " ") for name in COMPONENTS
    ]
    table = result.layers if by == "layer" else result.cores
    expected = table[[f"energy_{name}_uj" for name in COMPONENTS]].to_numpy().sum()
    assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(expected)


def test_a_timeline_spans_first_job_to_last_row(result):
    axes = plot_timeline(result)
    layers = result.layers.dropna(subset=["start_us"])
    assert [bar.get_x() for bar in axes.patches] == pytest.approx(layers["start_us"].to_list())
    assert [bar.get_x() + bar.get_width() for bar in axes.patches] == pytest.approx(layers["end_us"].to_list())
    assert "(µs)" in axes.get_xlabel()


def test_a_plot_draws_on_the_axis_that_it_is_given(result):
    axes = plt.subplots()[1]
    assert plot_breakdown(result, axes) is axes
    assert plot_timeline(result, axes) is axes
