from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.markets import NegativeRule, shipped_markets
from domain.tariff import Band, Days, Tariff, TariffKind

NIGHT = Band(since=time(23), price_per_kwh=Decimal("0.08"))
DAY = Band(since=time(7), price_per_kwh=Decimal("0.18"), days=Days.WORKDAYS)
WEEKEND_DAY = Band(since=time(9), price_per_kwh=Decimal("0.12"), days=Days.WEEKEND)
BY_TIME = Tariff(
    kind=TariffKind.TIME_OF_USE,
    bands=(NIGHT, DAY, WEEKEND_DAY),
    fees_per_kwh=Decimal("0.02"),
    vat_fraction=Decimal("0.21"),
)


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


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_a_price_below_zero_may_stay_with_the_supplier() -> None:
    # 0 instead of -0.5, then (0 + 0.15) * 1.21.
    kept = Tariff(negative_rule=NegativeRule.AT_LEAST_ZERO, vat_fraction=Decimal("0.21"))
    assert kept.all_in(-0.5) == Decimal("0.181500")
    assert kept.all_in(0.25) == Decimal("0.484000")


def test_a_negative_sum_may_be_free_of_tax() -> None:
    # -0.5 + 0.15 = -0.35, no 21 % on it.
    tariff = Tariff(vat_fraction=Decimal("0.21"), vat_on_negative=False)
    assert tariff.all_in(-0.5) == Decimal("-0.350000")
    assert tariff.all_in(0.0) == Decimal("0.181500")


def test_a_fixed_price_ignores_market_and_clock() -> None:
    # (0.20 + 0.05) * 1.19
    fixed = Tariff(
        kind=TariffKind.FIXED, fixed_per_kwh=Decimal("0.20"), fees_per_kwh=Decimal("0.05"), vat_fraction="0.19"
    )
    assert {fixed.price_at(utc(2026, 1, 5, h), market) for h in range(24) for market in (-1.0, 2.0)} == {
        Decimal("0.297500")
    }
    assert not list(fixed.changes(utc(2026, 1, 5), utc(2026, 1, 6)))


@pytest.mark.parametrize(
    ("instant", "price"),
    [
        (utc(2026, 1, 5, 5, 59), "0.121000"),  # Monday 06:59 in Amsterdam: (0.08 + 0.02) * 1.21
        (utc(2026, 1, 5, 6, 0), "0.242000"),  # 07:00: (0.18 + 0.02) * 1.21
        (utc(2026, 1, 5, 21, 59), "0.242000"),
        (utc(2026, 1, 5, 22, 0), "0.121000"),  # 23:00
        (utc(2026, 1, 10, 7, 0), "0.121000"),  # Saturday 08:00: the day begins at nine
        (utc(2026, 1, 10, 8, 0), "0.169400"),  # (0.12 + 0.02) * 1.21
        (utc(2026, 7, 6, 5, 0), "0.242000"),  # Monday 07:00 in summer time
    ],
)
def test_time_of_use_follows_the_wall_clock_and_the_day_of_the_week(instant: datetime, price: str) -> None:
    assert BY_TIME.price_at(instant) == Decimal(price)


@given(
    st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 72),
)
def test_between_two_changes_the_price_stays(start: datetime, hours: int) -> None:
    """Also over both clock changes and from Friday to Saturday."""
    end = start + timedelta(hours=hours)
    edges = [start, *BY_TIME.changes(start, end), end]
    for a, b in pairwise(edges):
        span = b - a
        assert len({BY_TIME.price_at(a + span * part / 7) for part in range(7)}) == 1


def test_a_tariff_without_its_prices_is_refused() -> None:
    with pytest.raises(ValueError, match=r"fixed_per_kwh \[currency/kWh\]"):
        Tariff(kind=TariffKind.FIXED)
    with pytest.raises(ValueError, match="one for workdays and one for weekends"):
        Tariff(kind=TariffKind.TIME_OF_USE, bands=(DAY,))


def test_every_shipped_market_has_rules_with_a_source_and_makes_a_tariff() -> None:
    for area, rules in shipped_markets().items():
        assert len(rules.source) > 10
        assert 0 <= rules.vat_fraction <= Decimal("0.27")
        tariff = Tariff.of_market(area)
        assert (tariff.area, tariff.currency, tariff.zone) == (area, rules.currency, rules.zone)


def test_terms_overrule_the_rules_of_the_market() -> None:
    tariff = Tariff.of_market("NL", fees_per_kwh=Decimal("0.13"), negative_rule="at_least_zero")
    assert tariff.all_in(-1.0) == Decimal("0.157300")  # (0 + 0.13) * 1.21
    with pytest.raises(ValueError, match="no market rules"):
        Tariff.of_market("XX")
