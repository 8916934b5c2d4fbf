import pytest

from seneca_sim.chip import load_chip
from seneca_sim.graph.transpose import transposed
from seneca_sim.reproduce import reproduce
from seneca_sim.reproduce.tables.depth_first_memory import pooled_convolution, row_buffer_bits

SENECA = load_chip("seneca")


def test_every_row_is_the_published_one():
    table = reproduce("depth-first-memory")
    assert len(table.rows) == 5
    assert {row.status for row in table.rows} == {"exact"}
    for row in table.rows:
        assert row.ours == row.published, row.row
    assert "120x120x32, conventional: does not fit the 2,097,152 bits of a core" in table.notes
    assert "56x56x32, conventional: fits the 2,097,152 bits of a core" in table.notes


@pytest.mark.parametrize(("rows", "columns"), [(40, 40), (30, 50), (50, 30)])
def test_four_rows_of_the_shorter_side_are_held_in_one_raster_or_the_other(rows, columns):
    network = pooled_convolution(rows, columns, 8)
    bits = [row_buffer_bits(each, SENECA, "depth-first") for each in (network, transposed(network))]
    assert bits == [columns * 8 * 4 * 16, rows * 8 * 4 * 16]
    assert min(bits) == min(rows, columns) * 8 * 4 * 16
