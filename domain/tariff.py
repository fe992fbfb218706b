"""What a kWh costs the driver, by the rules of the tariff: fixed, by time of use, or the market's price plus fees.

Money is Decimal. The planner plans on the very prices that the account later charges.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from domain.markets import NegativeRule, rules_of
from domain.model import Request

PRICE_STEP = Decimal("0.000001")

_SATURDAY = 5
_DAY = timedelta(days=1)


class TariffKind(StrEnum):
    """Where the price of energy comes from."""

    SPOT = "spot"  # the market's price of the slot
    FIXED = "fixed"  # one price
    TIME_OF_USE = "time_of_use"  # a price per time of day


class Days(StrEnum):
    """The days on which a band holds."""

    ALL = "all"
    WORKDAYS = "workdays"  # Monday to Friday; public holidays are not known
    WEEKEND = "weekend"

    def holds_on(self, weekday: int) -> bool:
        return self is Days.ALL or (weekday >= _SATURDAY) is (self is Days.WEEKEND)


class Band(Request):
    """A price from a wall-clock time on, until the next band of the day; the day's last band also opens it."""

    since: time
    price_per_kwh: Decimal  # energy alone, before fees and tax [currency/kWh]
    days: Days = Days.ALL


class Tariff(Request):
    """Price of energy, fees on every kWh, value-added tax on the sum."""

    kind: TariffKind = TariffKind.SPOT
    area: str = "NL"  # market area of the spot price
    currency: str = "EUR"
    fees_per_kwh: Decimal = Decimal("0.15")  # taxes and fees, before VAT [currency/kWh]
    vat_fraction: Decimal = Field(default=Decimal("0"), ge=0)
    vat_on_negative: bool = True  # whether a negative sum bears negative tax
    negative_rule: NegativeRule = NegativeRule.PASSED_ON
    fixed_per_kwh: Decimal | None = None  # FIXED: energy alone, before fees and tax [currency/kWh]
    bands: tuple[Band, ...] = ()  # TIME_OF_USE
    zone: str = "Europe/Amsterdam"  # of the bands' wall clock

    @model_validator(mode="after")
    def _has_its_prices(self) -> Self:
        if self.kind is TariffKind.FIXED and self.fixed_per_kwh is None:
            raise ValueError("fixed_per_kwh [currency/kWh]: a fixed tariff needs it")
        if self.kind is TariffKind.TIME_OF_USE:
            for weekday in (0, _SATURDAY):
                if not self._bands_of(weekday):
                    raise ValueError("bands: a time-of-use tariff needs one for workdays and one for weekends")
        return self

    @classmethod
    def of_market(cls, area: str, **terms: object) -> "Tariff":
        """A spot tariff by the shipped rules of a market, `terms` laid over them.

        Raises:
            ValueError: no rules are shipped for this area.
        """
        rules = rules_of(area)
        if rules is None:
            raise ValueError(f"area {area!r}: no market rules are shipped for it")
        shipped = rules.model_dump(include={"currency", "zone", "vat_fraction", "vat_on_negative", "negative_rule"})
        return cls.model_validate(shipped | {"area": area} | terms)

    @property
    def needs_market(self) -> bool:
        """Whether the price depends on the market's."""
        return self.kind is TariffKind.SPOT

    def all_in(self, market_price_per_kwh: float) -> Decimal:
        """The driver's price [currency/kWh] at a market price [currency/kWh], rounded to 1e-6, half to even."""
        market = Decimal(str(round(market_price_per_kwh, 9)))
        if self.negative_rule is NegativeRule.AT_LEAST_ZERO:
            market = max(market, Decimal(0))
        return self._taxed(market)

    def price_at(self, instant: datetime, market_price_per_kwh: float = 0.0) -> Decimal:
        """The driver's price at an instant [currency/kWh]; the market's price counts for SPOT alone."""
        match self.kind:
            case TariffKind.SPOT:
                return self.all_in(market_price_per_kwh)
            case TariffKind.FIXED:
                assert self.fixed_per_kwh is not None
                return self._taxed(self.fixed_per_kwh)
            case TariffKind.TIME_OF_USE:
                return self._taxed(self._band_at(instant).price_per_kwh)

    def changes(self, starts_at: datetime, ends_at: datetime) -> Iterator[datetime]:
        """The instants strictly between at which the price may change by the wall clock (UTC)."""
        if self.kind is not TariffKind.TIME_OF_USE:
            return
        zone = ZoneInfo(self.zone)
        day, last = starts_at.astimezone(zone).date(), ends_at.astimezone(zone).date()
        instants: set[datetime] = set()
        while day <= last:
            midnight = datetime.combine(day, time(0), tzinfo=zone)
            clocks = [midnight, *(datetime.combine(day, band.since, tzinfo=zone) for band in self.bands)]
            # Where the clock is set back, a band begins twice, and the hour before it returns.
            instants.update(clock.replace(fold=fold).astimezone(UTC) for clock in clocks for fold in (0, 1))
            if midnight.utcoffset() != (midnight + _DAY).utcoffset():
                instants.update(midnight.astimezone(UTC) + timedelta(hours=h) for h in range(24))
            day += _DAY
        yield from sorted(instant for instant in instants if starts_at < instant < ends_at)

    def _bands_of(self, weekday: int) -> list[Band]:
        return sorted((band for band in self.bands if band.days.holds_on(weekday)), key=lambda band: band.since)

    def _band_at(self, instant: datetime) -> Band:
        local = instant.astimezone(ZoneInfo(self.zone))
        bands = self._bands_of(local.weekday())
        begun = [band for band in bands if band.since <= local.time()]
        return (begun or bands)[-1]

    def _taxed(self, energy_per_kwh: Decimal) -> Decimal:
        """With fees and tax. Where a negative sum bears tax too, the supplier settles it as it does what it charges."""
        net = energy_per_kwh + self.fees_per_kwh
        vat = self.vat_fraction if net >= 0 or self.vat_on_negative else Decimal(0)
        return (net * (1 + vat)).quantize(PRICE_STEP)
