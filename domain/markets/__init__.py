"""What the law and the custom of a market add to its prices: value-added tax, and what becomes of prices below zero.

Data, with the source of every line, in markets.json; a program may overrule each of it in its tariff.
"""

import json
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources

from domain.model import Model


class NegativeRule(StrEnum):
    """What becomes of a market price below zero."""

    PASSED_ON = "passed_on"  # it counts as it is
    AT_LEAST_ZERO = "at_least_zero"  # the supplier keeps what lies below zero, before fees


class MarketRules(Model):
    """The rules of one market area."""

    market: str
    zone: str  # IANA zone of the wall clock
    currency: str
    vat_fraction: Decimal
    vat_on_negative: bool  # whether a negative sum bears (negative) tax
    negative_rule: NegativeRule
    source: str


@cache
def shipped_markets() -> dict[str, MarketRules]:
    """The rules by market area, in ENTSO-E's names."""
    text = resources.files(__package__).joinpath("markets.json").read_text(encoding="utf-8")
    return {area: MarketRules.model_validate(row) for area, row in json.loads(text)["areas"].items()}


def rules_of(area: str) -> MarketRules | None:
    """The rules of an area, None if none are shipped."""
    return shipped_markets().get(area)
