"""Words, numbers, money and times as a driver reads them, in the language the browser asks for."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from fastapi import Request

from domain.plan_words import Manner
from domain.program import Program
from domain.wording import LANGUAGES, catalogue, number, say
from gateway.pages.entry import LANGUAGE_COOKIE

SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}
SIGN_FIRST = ("en",)


def language_of(request: Request) -> str:
    """What the visitor chose, else the first language of the browser's that we speak."""
    asked = [request.cookies.get(LANGUAGE_COOKIE, "")]
    asked += [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    spoken = (one.split("-")[0].lower() for one in asked)
    return next((one for one in spoken if one in LANGUAGES), LANGUAGES[0])


@dataclass(frozen=True, slots=True)
class PageManner(Manner):
    """Money with its sign, as it stands on a bill."""

    def money(self, amount: float) -> str:
        return money_in(abs(amount), self.currency, self.language)

    def price(self, least: float, most: float) -> str:
        low, high = (number(100 * price, 1, self.language) for price in (least, most))
        small = {"EUR": "ct"}.get(self.currency)
        if small is None:
            return Manner.price(self, least, most)
        return f"{low if low == high else f'{low}–{high}'} {small}/kWh"


@dataclass(frozen=True)
class Speaker:
    """Says everything on a page."""

    language: str
    program: Program | None = None
    brand: str = ""
    zone: str = "UTC"
    currency: str = "EUR"

    def about(self, brand: str | None) -> "Speaker":
        """The same speaker, speaking of this car."""
        return replace(self, brand=brand or self("page.car"))

    def joined(self, brands: Iterable[str | None], word: str) -> str:
        """Several cars as one speaks of them: "Jeep and Kia"."""
        *others, last = dict.fromkeys(brand or self("page.car") for brand in brands)
        return f"{', '.join(others)} {self(f'page.{word}')} {last}" if others else last

    def __call__(self, key: str, **values: object) -> str:
        values = {"brand": self.brand, **values}
        if self.program is not None:
            return self.program.say(key, self.language, **values)
        return say(key, self.language, **values)

    @property
    def keys(self) -> Container[str]:
        """Everything that can be said."""
        return catalogue(self.language)

    @property
    def manner(self) -> Manner:
        return PageManner(language=self.language, zone=self.zone, currency=self.currency)

    def clock(self, at: datetime) -> str:
        return f"{at.astimezone(ZoneInfo(self.zone)):%H:%M}"

    def day(self, at: datetime) -> str:
        """A weekday and date, short."""
        local = at.astimezone(ZoneInfo(self.zone))
        name = self("page.days").split(" ")[local.weekday()]
        return f"{name} {local.day}.{local.month}." if self.language == "de" else f"{name} {local.day}/{local.month}"

    def money(self, amount: Decimal | float) -> str:
        return money_in(float(amount), self.currency, self.language)

    def number(self, value: float, digits: int = 0) -> str:
        return number(value, digits, self.language)


def money_in(amount: float, currency: str, language: str) -> str:
    """An amount with its sign or code."""
    sign, text = SIGNS.get(currency, currency), number(abs(amount), 2, language)
    minus = "−" if amount <= -0.005 else ""
    if language in SIGN_FIRST and len(sign) == 1:
        return f"{minus}{sign}{text}"
    return f"{minus}{text}\u00a0{sign}"


def speaker_of(request: Request) -> Speaker:
    """A speaker who knows nothing but the language."""
    return Speaker(language_of(request))
