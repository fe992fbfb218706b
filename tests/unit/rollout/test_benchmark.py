"""The statistical claim, small; the whole of it: `python -m benchmarks.rollout`."""

import pytest

from benchmarks.rollout import BAD, GOOD, first_moves, simulate, upper_bound
from nights.page_rows import put_row


@pytest.mark.parametrize("likeness", [0.0, 0.2])
def test_a_brand_at_0_7_instead_of_0_98_is_found_within_5_nights_at_200_drivers(likeness):
    moves = first_moves(simulate(BAD, likeness, 200, 50, seed=3))
    assert all(night is not None and night <= 5 for night in moves)


@pytest.mark.parametrize(("drivers", "weeks"), [(10, 1500), (200, 300)])
@pytest.mark.parametrize("likeness", [0.0, 0.2])
def test_a_brand_without_a_fault_is_left_alone(likeness, drivers, weeks):
    moves = first_moves(simulate(GOOD, likeness, drivers, weeks, seed=4))
    assert sum(night is not None for night in moves) == 0


@pytest.mark.parametrize(("hits", "trials", "bound"), [(0, 5000, 0.000599), (0, 100, 0.02951), (1, 100, 0.04656)])
def test_the_upper_bound_is_clopper_and_pearsons(hits, trials, bound):
    assert upper_bound(hits, trials) == pytest.approx(bound, rel=1e-3)


def test_a_figure_measured_again_takes_its_row_and_leaves_the_rest_of_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\n## Cost\n\n| drivers | actions |\n|---|---|\n| 5,000 | 2 |\n\n## Other\n", encoding="utf-8"
    )
    for row in (("20,000", "9"), ("1,000", "1"), ("5,000", "3")):
        put_row(page, "## Cost", ("drivers", "actions"), row, keys=1)
    put_row(page, "## New", ("a",), ("b",), keys=1)
    assert page.read_text("utf-8").splitlines() == [
        *("# Title", "", "## Cost", "", "| drivers | actions |", "|---|---|"),
        *("| 1,000 | 1 |", "| 5,000 | 3 |", "| 20,000 | 9 |", "", "## Other"),
        *("", "## New", "", "| a |", "|---|", "| b |"),
    ]
