"""Every number unfolds into counts times prices that add up to it."""

import pytest

from seneca_sim.chip import load_chip
from seneca_sim.errors import ResultError
from seneca_sim.report.columns import COMPONENTS, MEMORY_KINDS, TABLES
from seneca_sim.report.explain import explain, explainable, tree_text
from seneca_sim.report.result import Result
from seneca_sim.report.terms import explain_term
from tests.report.records import small_record


@pytest.fixture(scope="module")
def result():
    return Result(small_record(("core.riscv.idle_pj=0.25", "prices.powered=all"), sigma_delta=True))


def printed(result, field):
    """Return the summary's value of a field, whatever holds it."""
    summary = result.summary
    by_component, by_kind = summary["energy_by_component_uj"], summary["memory_by_kind_bits"]
    parts = {f"energy_{name}_uj": by_component[name] for name in COMPONENTS} | {
        f"memory_{name}_bits": by_kind[name] for name in MEMORY_KINDS
    }
    totals = {"energy_by_component_uj": summary["energy_uj"], "memory_by_kind_bits": summary["memory_bits"]}
    return {**summary, **parts, **totals}[field]


def leaf_sum(node):
    scale = node.scale
    return sum(leaf.count * leaf.price * leaf.scale for leaf in node.leaves()) * scale


def test_leaves_of_every_energy_memory_and_area_field_add_up_to_the_summary(result):
    fields = explainable(result)
    assert {name for name in result.summary if "energy" in name or "memory" in name or "area" in name} <= set(fields)
    for field in fields:
        node = explain(result, field)
        assert leaf_sum(node) == pytest.approx(printed(result, field), rel=1e-11), field
        assert node.value == pytest.approx(printed(result, field), rel=1e-11), field


def test_leaves_of_every_layer_and_component_add_up_to_the_table_of_layers(result):
    for row in result.layers.to_dict("records"):
        name = row["layer"]
        assert leaf_sum(explain(result, f"energy_uj:{name}")) == pytest.approx(row["energy_uj"], rel=1e-11)
        assert leaf_sum(explain(result, f"memory_bits:{name}")) == row["memory_bits"]
        for component in COMPONENTS:
            expected = pytest.approx(row[f"energy_{component}_uj"], rel=1e-11)
            assert leaf_sum(explain(result, f"energy_uj:{name}:{component}")) == expected
            assert leaf_sum(explain(result, f"energy_{component}_uj:{name}")) == expected


def test_leaves_of_every_kind_of_memory_add_up_to_the_table_of_cores(result):
    for kind in MEMORY_KINDS:
        assert leaf_sum(explain(result, f"memory_{kind}_bits")) == result.cores[f"memory_{kind}_bits"].sum()


def test_the_printed_tree_multiplies_out(result):
    lines = tree_text(explain(result, "energy_uj:conv1:npe"), result.record.chip).splitlines()
    leaves = [
        line
        for line in lines
        if " x " in line
        and line.startswith("  ")
        and "[" in line
        and line.split("]")[0].count("=") == 1
        and "pJ [" in line
    ]
    total = 0.0
    for line in leaves:
        amount, product = line.split(" = ")
        count, price = product.split(" x ")
        value = float(amount.rsplit(": ", 1)[1].split()[0])
        assert int(count.replace(",", "")) * float(price.split()[0]) / 1e6 == pytest.approx(value, rel=1e-10)
        total += value
    assert leaves
    assert total == pytest.approx(float(lines[0].split(": ")[1].split()[0]), rel=1e-10)


def test_every_constant_behind_a_price_is_printed_with_its_source(result):
    text = tree_text(explain(result, "energy_riscv_uj"), result.record.chip)
    assert "prices.riscv_instruction_pj = 5.9: " in text
    assert "(published: Tang et al. 2023" in text
    assert (
        "core.riscv.idle_pj = 0.25: energy of a cycle in which RISC-V waits [pJ/cycle] (set: set by the user)" in text
    )


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("enrgy_uj", "'enrgy_uj' is not a field that unfolds; did you mean energy_uj?"),
        ("energy_uj:convl", "'convl' is not a layer of small; did you mean conv1?"),
        ("energy_uj:conv1:npes", "'npes' is not an energy component in energy_uj; did you mean npe?"),
        ("energy_npe_uj:conv1:riscv", "'riscv' is not an energy component in energy_npe_uj; expected one of npe"),
        ("memory_bits:unassigned", "'unassigned' is not a layer of small; expected one of input, conv1, fc"),
        (
            "area_mm2:conv1",
            "'area_mm2:conv1' asks too much: area_mm2 does not unfold that far; ask for field[:layer[:component]]",
        ),
        (
            "energy_uj:a:b:c",
            "'energy_uj:a:b:c' asks too much: energy_uj does not unfold that far; ask for field[:layer[:component]]",
        ),
    ],
)
def test_questions_without_an_answer_are_refused(result, question, message):
    with pytest.raises(ResultError) as error:
        explain(result, question)
    assert str(error.value) == message


def test_every_column_and_constant_is_a_term():
    chip = load_chip("seneca")
    for table, columns in TABLES.items():
        for column in columns:
            assert column.meaning in explain_term(column.name, chip), (table, column.name)
    for key in chip.flat():
        assert explain_term(key, chip).startswith(f"{key} = ")


def test_an_unknown_term_is_refused_with_a_guess():
    with pytest.raises(ResultError) as error:
        explain_term("latency_u", load_chip("seneca"))
    assert str(error.value) == "'latency_u' is no output column, table or chip constant; did you mean latency_us?"
