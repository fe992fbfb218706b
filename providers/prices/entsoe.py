"""Day-ahead prices of the ENTSO-E transparency platform.

Area codes, the reading of replies and their gap-compressed curves are the library's (`entsoe-py`, extra `entsoe`); the
request is ours, because the library's has no upper limit on time and writes the token into its log.

Facts (the platform's guide and help pages): 400 requests a minute and token, then a ban of about ten minutes; a query
that touches a delivery day returns it whole; "no data" is an acknowledgement, with status 200 or 400.
"""

import asyncio
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx
from entsoe.mappings import Area, lookup_area
from entsoe.parsers import parse_prices
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from domain.clock import Clock
from domain.errors import CallerError, MalformedReply, RateLimited, Unauthorized, VendorUnavailable
from domain.price_feed import within
from domain.prices import PriceReport, PriceSeries
from providers.enode.errors import retry_after
from providers.prices.limits import is_plausible
from providers.prices.normalise import Row, gaps, hours_known, normalise
from providers.prices.table import Unit
from providers.traffic import NOBODY, Bans

URL = "https://web-api.tp.entsoe.eu/api"
SOURCE = "ENTSO-E transparency platform, day-ahead"
DAY_AHEAD, DAILY = "A44", "A01"
"""Document type "price document", contract type "daily"."""

SEVERAL_AUCTIONS = frozenset({"DE_LU", "AT"})
"""Areas with a second auction a day; the first in sequence is the coupled market's."""

LONGEST_QUERY = timedelta(days=366)
"""The platform refuses longer ones."""

BAN = timedelta(minutes=10)
"""What the platform's ban lasts when a 429 does not say."""

HOUR_STAMP = "%Y%m%d%H00"


class EntsoeSettings(BaseModel):
    """How to reach the platform. Seconds are real."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: SecretStr
    url: str = URL
    connect_timeout_seconds: float = Field(default=5, gt=0)
    read_timeout_seconds: float = Field(default=30, gt=0)
    call_timeout_seconds: float = Field(default=60, gt=0)  # one call in all, body included
    max_reply_bytes: int = Field(default=20_000_000, ge=1)


class EntsoePrices:
    """A `PriceSource`. Every series carries its report; what a reply leaves out stays a gap.

    Args:
        clock: world time, which a ban is counted in. Timeouts are real.
        transport: the wire, for tests; the token is added behind everything that logs.
    """

    def __init__(
        self,
        settings: EntsoeSettings,
        *,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self.now: Callable[[], datetime] = (clock or Clock()).now
        self._bans = Bans()
        limit = httpx.Timeout(settings.read_timeout_seconds, connect=settings.connect_timeout_seconds)
        wire = _WithToken(settings.token, transport or httpx.AsyncHTTPTransport())
        self._http = httpx.AsyncClient(transport=wire, timeout=limit, follow_redirects=False, trust_env=False)

    def __repr__(self) -> str:
        return f"EntsoePrices(url={self._settings.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def prices(self, area: str, starts_at: datetime, ends_at: datetime) -> PriceSeries:
        """What the platform knows of `[starts_at, ends_at)`; no slots if nothing is out yet.

        Raises:
            CallerError: an area the library does not know, or more than a year at once.
            RateLimited, VendorUnavailable: later.
            Unauthorized: the token is refused.
            MalformedReply: not a price document in EUR/MWh, or not to be read.
        """
        if ends_at - starts_at > LONGEST_QUERY:
            raise CallerError("ENTSO-E answers for a year at most")
        text = await self._ask(_query(_area(area), starts_at, ends_at))
        rows = [] if text is None else await asyncio.to_thread(_rows, text)
        return _series(area, rows, starts_at, ends_at)

    async def _ask(self, query: dict[str, str]) -> str | None:
        """The document; None if the platform has no data."""
        wait = self._bans.wait(NOBODY, self.now())
        if wait > timedelta(0):
            raise RateLimited("ENTSO-E: held back, banned", retry_after=wait, changed_nothing=True)
        try:
            async with asyncio.timeout(self._settings.call_timeout_seconds):
                response, text = await self._get(query)
        except (httpx.HTTPError, TimeoutError) as error:
            raise VendorUnavailable(f"ENTSO-E: {type(error).__name__}") from None
        return self._judged(response, text)

    async def _get(self, query: dict[str, str]) -> tuple[httpx.Response, str]:
        async with self._http.stream("GET", self._settings.url, params=query) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._settings.max_reply_bytes:
                    raise MalformedReply("ENTSO-E: reply too large")
            return response, body.decode(response.charset_encoding or "utf-8", errors="replace")

    def _judged(self, response: httpx.Response, text: str) -> str | None:
        status = response.status_code
        if _says_no_data(text):
            return None
        if status == 200:
            return text
        if status == 429:
            wait = retry_after(response.headers, self.now()) or BAN
            self._bans.refused(NOBODY, wait, self.now())
            raise RateLimited("ENTSO-E: 429", retry_after=wait, changed_nothing=True)
        if status in (401, 403):
            raise Unauthorized(f"ENTSO-E: {status}, the token is refused")
        if status in (408, 425) or status >= 500 or response.is_redirect:
            wait_asked = retry_after(response.headers, self.now())
            raise VendorUnavailable(f"ENTSO-E: {status}", retry_after=wait_asked)
        raise MalformedReply(f"ENTSO-E: {status} {_reason(text)}")


class _WithToken(httpx.AsyncBaseTransport):
    """Adds the token on the wire alone: logs and errors show the request without it."""

    def __init__(self, token: SecretStr, inner: httpx.AsyncBaseTransport) -> None:
        self._token, self._inner = token, inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_merge_params({"securityToken": self._token.get_secret_value()})
        sent = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return await self._inner.handle_async_request(sent)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _area(area: str) -> Area:
    try:
        return lookup_area(area)
    except ValueError:
        raise CallerError(f"ENTSO-E knows no area {area[:20]}") from None


def _query(area: Area, starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    hour = timedelta(hours=1)
    last = ends_at.astimezone(UTC)
    query = {
        "documentType": DAY_AHEAD,
        "in_Domain": area.code,
        "out_Domain": area.code,
        "contract_MarketAgreement.type": DAILY,
        "periodStart": starts_at.astimezone(UTC).strftime(HOUR_STAMP),
        "periodEnd": (last if last.minute == 0 else last + hour).strftime(HOUR_STAMP),
    }
    if area.name in SEVERAL_AUCTIONS:
        query["classificationSequence_AttributeInstanceComponent.position"] = "1"
    return query


def _rows(text: str) -> list[Row]:
    """Every price of the document, in the order of its series. Raises `MalformedReply`."""
    _refuse_other_units(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library reads XML as HTML and joins empty series, knowingly
            by_length = parse_prices(text)  # type: ignore[no-untyped-call]
            parts = [(_length(name), found) for name, found in by_length.items() if len(found)]
    except Exception as error:  # the library raises whatever its tools raise
        raise MalformedReply(f"ENTSO-E: unreadable, {type(error).__name__}") from None
    points = ((at.to_pydatetime(), length, float(price)) for length, found in parts for at, price in found.items())
    return [
        Row(line, at.astimezone(UTC), price / Unit.PER_MWH.value, at.astimezone(UTC) + length)
        for line, (at, length, price) in enumerate(points, start=1)
    ]


def _length(name: str) -> timedelta:
    return timedelta(minutes=int(name.removesuffix("min")))


def _refuse_other_units(text: str) -> None:
    """The library reads figures only; a price per kWh or in another currency would pass as EUR/MWh (F48)."""
    units = {("currency", one) for one in re.findall(r"<currency_Unit\.name>\s*(\w+)", text)}
    units |= {("measure", one) for one in re.findall(r"<price_Measure_Unit\.name>\s*(\w+)", text)}
    if not units <= {("currency", "EUR"), ("measure", "MWH")} or not units:
        raise MalformedReply(f"ENTSO-E: prices in {sorted(name for _, name in units) or 'no unit'}, not in EUR/MWh")


def _series(area: str, rows: Sequence[Row], starts_at: datetime, ends_at: datetime) -> PriceSeries:
    counts: Counter[str] = Counter()
    usable = list(_usable(rows, counts))
    result = normalise(usable)
    slots = tuple(slot for slot in result.slots if within([slot], starts_at, ends_at))
    report = PriceReport(
        source=SOURCE,
        rows_read=len(rows),
        hours_known=hours_known(result.slots),
        gaps=gaps(result.slots),
        **result.counts,
        **counts,
    )
    return PriceSeries(area=area, currency="EUR", source=SOURCE, slots=slots, report=report)


def _usable(rows: Iterable[Row], counts: Counter[str]) -> Iterable[Row]:
    for row in rows:
        if math.isnan(row.price_per_kwh):
            counts["without_price"] += 1
        elif not is_plausible(row.price_per_kwh):
            counts["implausible"] += 1
        else:
            yield row._replace(price_per_kwh=round(row.price_per_kwh, 9))


def _says_no_data(text: str) -> bool:
    return "Acknowledgement_MarketDocument" in text and "No matching data found" in text


def _reason(text: str) -> str:
    """The platform's own words for a refusal, without anything we sent."""
    found = re.search(r"<text>([^<]{1,200})", text)
    words = re.sub(r"securityToken=\S+|[0-9a-f]{8}-[0-9a-f-]{27}", "***", found.group(1)) if found else ""
    return words[:80]
