from decimal import Decimal

import pytest

from domain.tariff import Tariff


@pytest.mark.parametrize(
    ("market", "all_in"),
    [
        (0.25, "0.484000"),  # (0.25 + 0.15) * 1.21
        (0.0, "0.181500"),
        (-0.15, "0.000000"),
        (-0.5, "-0.423500"),  # (-0.50 + 0.15) * 1.21: paid to charge, tax included
        (0.56015, "0.859282"),  # 0.71015 * 1.21 = 0.8592815, half to the even digit
    ],
)
def test_price_is_market_plus_fees_with_tax_on_the_sum(market: float, all_in: str) -> None:
    tariff = Tariff(fees_per_kwh=Decimal("0.15"), vat_fraction=Decimal("0.21"))
    assert str(tariff.all_in(market)) == all_in


def test_binary_fractions_leave_no_dust() -> None:
    assert Tariff(fees_per_kwh=Decimal(0)).all_in(0.1 + 0.2) == Decimal("0.300000")
