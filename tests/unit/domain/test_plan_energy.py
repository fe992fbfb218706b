"""Energy that a plan has drawn until an instant."""

import pytest
from support.factories import at, make_plan


@pytest.mark.parametrize(
    ("hours", "kwh"),
    [(-1, 0.0), (0, 0.0), (6, 0.0), (6.5, 5.5), (7, 11.0), (8.25, 24.75), (9, 33.0), (12, 33.0), (20, 33.0)],
)
def test_energy_until_an_instant_counts_whole_slots_and_the_share_of_the_running_one(hours: float, kwh: float) -> None:
    # 11 kW from the sixth to the ninth hour.
    assert make_plan((6.0, 9.0)).energy_until_kwh(at(hours)) == pytest.approx(kwh)
