"""ENTSO-E by replies in the platform's shape: what figures become, what failures mean, where the token never shows.

The library parses them for real; the platform itself was never asked.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from domain.errors import CallerError, MalformedReply, RateLimited, Unauthorized, VendorUnavailable
from domain.forecast import market_prices
from domain.ports import PriceSource
from domain.prices import PriceGap
from providers.prices.entsoe import EntsoePrices, EntsoeSettings

REPLIES = Path(__file__).parent / "replies"
TOKEN = "canary-5c8e-token"
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
WINTER_DAY = (datetime(2025, 1, 14, 23, tzinfo=UTC), datetime(2025, 1, 15, 23, tzinfo=UTC))
NOON = datetime(2025, 1, 14, 12, tzinfo=UTC)


def reply(name: str, status: int = 200) -> httpx.Response:
    text = (REPLIES / f"{name}.xml").read_bytes()
    return httpx.Response(status, content=text, headers={"content-type": "application/xml"})


def compressed(resolution: str, *periods: tuple[str, str, dict[int, float]]) -> httpx.Response:
    """A document of curve type A03: per period start, end, and the prices at those positions where they change."""
    text = (REPLIES / "a44-nl-60min.xml").read_text()
    told = ""
    for start, end, prices in periods:
        points = "".join(
            f"<Point><position>{at}</position><price.amount>{price}</price.amount></Point>"
            for at, price in prices.items()
        )
        told += f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        told += f"<resolution>{resolution}</resolution>{points}</Period>"
    first, last = text.index("<Period>"), text.rindex("</Period>") + len("</Period>")
    return httpx.Response(200, text=text[:first] + told + text[last:])


class Platform:
    """Answers from a list, the last one for ever; keeps what was asked and the world's time."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.asked, self.now = list(answers), list[httpx.Request](), NOON
        transport = httpx.MockTransport(self._handle)
        self.source = EntsoePrices(EntsoeSettings(token=SecretStr(TOKEN)), transport=transport)
        self.source.now = lambda: self.now

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def query(self) -> dict[str, str]:
        return dict(self.asked[-1].url.params)


@pytest.fixture
async def platform() -> AsyncIterator[Callable[..., Platform]]:
    """Builds platforms with scripted answers."""
    built: list[Platform] = []

    def build(*answers: httpx.Response | Exception) -> Platform:
        built.append(Platform(*answers))
        return built[-1]

    yield build
    for one in built:
        await one.source.__aexit__(None, None, None)


async def test_hours_are_read_with_source_and_report(platform: Any) -> None:
    source: PriceSource = platform(reply("a44-nl-60min")).source
    series = await source.prices("NL", *WINTER_DAY)
    assert (series.slots[0].starts_at, series.slots[-1].ends_at) == WINTER_DAY
    assert [slot.price_per_kwh for slot in series.slots[:3]] == [0.09341, 0.08802, 0.0845]
    assert (len(series.slots), series.currency) == (24, "EUR")
    assert "ENTSO-E" in series.source
    assert series.report is not None
    assert (series.report.rows_read, series.report.rows_used, series.report.hours_known) == (24, 24, 24)
    assert series.report.gaps == ()


async def test_query_names_area_document_and_whole_hours(platform: Any) -> None:
    enquiry = platform(reply("a44-nl-60min"))
    await enquiry.source.prices("NL", WINTER_DAY[0] + QUARTER, WINTER_DAY[1] - QUARTER)
    assert enquiry.query == {
        "documentType": "A44",
        "contract_MarketAgreement.type": "A01",
        "in_Domain": "10YNL----------L",
        "out_Domain": "10YNL----------L",
        "periodStart": "202501142300",
        "periodEnd": "202501152300",
        "securityToken": TOKEN,
    }


async def test_compressed_quarters_of_the_long_night_are_all_there(platform: Any) -> None:
    """Curve type A03 leaves out what repeats: 28 points are 100 quarters."""
    starts_at = datetime(2025, 10, 25, 22, tzinfo=UTC)
    series = await platform(reply("a44-nl-15min-25-hours")).source.prices("NL", starts_at, starts_at + 25 * HOUR)
    assert len(series.slots) == 100
    assert all(slot.ends_at - slot.starts_at == QUARTER for slot in series.slots)
    assert [slot.price_per_kwh for slot in series.slots[:4]] == [0.0621, 0.0621, 0.06044, 0.06044]
    assert min(slot.price_per_kwh for slot in series.slots) == -0.00999
    assert series.report is not None
    assert series.report.hours_known == 25


@pytest.mark.parametrize(
    ("resolution", "start", "end", "slots"),
    [
        ("PT60M", "2025-03-29T23:00Z", "2025-03-30T22:00Z", 23),
        ("PT15M", "2025-03-29T23:00Z", "2025-03-30T22:00Z", 92),
        ("PT60M", "2025-10-25T22:00Z", "2025-10-26T23:00Z", 25),
        ("PT15M", "2025-10-25T22:00Z", "2025-10-26T23:00Z", 100),
    ],
)
async def test_days_of_the_clock_change_have_all_their_slots(
    platform: Any, resolution: str, start: str, end: str, slots: int
) -> None:
    """Told by three points, the last far from the end: what follows it repeats it, to the end and no further."""
    enquiry = platform(compressed(resolution, (start, end, {1: 90.0, 4: -5.0, 8: 120.0})))
    day = (datetime.fromisoformat(start), datetime.fromisoformat(end))
    series = await enquiry.source.prices("NL", *day)
    assert [slot.price_per_kwh for slot in series.slots] == [0.09] * 3 + [-0.005] * 4 + [0.12] * (slots - 7)
    assert (series.slots[0].starts_at, series.slots[-1].ends_at) == day


async def test_a_hole_between_two_periods_stays_a_hole(platform: Any) -> None:
    """A position left out repeats the one before; a time that no period covers has no price."""
    start, end = datetime(2025, 1, 14, 23, tzinfo=UTC), datetime(2025, 1, 15, 23, tzinfo=UTC)
    parts = [
        ("2025-01-14T23:00Z", "2025-01-15T03:00Z", {1: 90.0}),
        ("2025-01-15T05:00Z", "2025-01-15T23:00Z", {1: 80.0}),
    ]
    series = await platform(compressed("PT60M", *parts)).source.prices("NL", start, end)
    assert len(series.slots) == 4 + 18
    assert series.report is not None
    assert series.report.gaps == (PriceGap(starts_at=start + 4 * HOUR, ends_at=start + 6 * HOUR),)


async def test_several_series_of_different_lengths_become_one(platform: Any) -> None:
    enquiry = platform(reply("a44-de-lu-60-and-15min"))
    starts_at = datetime(2025, 9, 29, 22, tzinfo=UTC)
    series = await enquiry.source.prices("DE_LU", starts_at, starts_at + 48 * HOUR)
    lengths = [slot.ends_at - slot.starts_at for slot in series.slots]
    assert lengths == [HOUR] * 24 + [QUARTER] * 96
    assert enquiry.query["classificationSequence_AttributeInstanceComponent.position"] == "1"


async def test_only_what_overlaps_the_question_is_answered(platform: Any) -> None:
    midnight = WINTER_DAY[0]
    series = await platform(reply("a44-nl-60min")).source.prices("NL", midnight + HOUR, midnight + 3 * HOUR)
    assert [slot.starts_at for slot in series.slots] == [midnight + HOUR, midnight + 2 * HOUR]


@pytest.mark.parametrize("status", [200, 400])
async def test_no_data_is_no_error_and_no_price(platform: Any, status: int) -> None:
    series = await platform(reply("no-data", status)).source.prices("NL", *WINTER_DAY)
    assert series.slots == ()


async def test_partial_publication_stays_partial_and_its_tail_is_a_marked_forecast(platform: Any) -> None:
    series = await platform(reply("a44-nl-half-a-day")).source.prices("NL", *WINTER_DAY)
    assert len(series.slots) == 12
    market, is_forecast = market_prices(series, [WINTER_DAY[0] + n * HOUR for n in range(24)])
    assert is_forecast == (False,) * 12 + (True,) * 12
    assert market[0] == 0.09341
    assert all(price > 0 for price in market)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<price_Measure_Unit.name>MWH", "<price_Measure_Unit.name>KWH"),
        ("<currency_Unit.name>EUR", "<currency_Unit.name>RON"),
        ("<currency_Unit.name>EUR</currency_Unit.name>", ""),
    ],
)
async def test_f48_prices_in_another_unit_are_refused(platform: Any, old: str, new: str) -> None:
    text = (REPLIES / "a44-nl-60min.xml").read_text().replace(old, new)
    if not new:
        text = text.replace("<price_Measure_Unit.name>MWH</price_Measure_Unit.name>", "")
    with pytest.raises(MalformedReply, match="not in EUR/MWh"):
        await platform(httpx.Response(200, text=text)).source.prices("NL", *WINTER_DAY)


async def test_implausible_and_repeated_prices_are_counted(platform: Any) -> None:
    text = (REPLIES / "a44-nl-60min.xml").read_text()
    series_of_it = text[text.index("  <TimeSeries>") : text.index("</Publication")]
    text = text.replace("</Publication", series_of_it + "</Publication").replace(">93.41<", ">93410<")
    series = await platform(httpx.Response(200, text=text)).source.prices("NL", *WINTER_DAY)
    assert series.report is not None
    assert (series.report.rows_read, series.report.implausible, series.report.duplicates) == (48, 2, 23)
    assert len(series.slots) == 23


@pytest.mark.parametrize("text", ["", "<html>Maintenance</html>", "<Publication_MarketDocument>", "{}"])
async def test_what_is_no_price_document_is_malformed(platform: Any, text: str) -> None:
    with pytest.raises(MalformedReply):
        await platform(httpx.Response(200, text=text)).source.prices("NL", *WINTER_DAY)


async def test_series_without_curve_type_is_malformed_not_a_crash(platform: Any) -> None:
    text = (REPLIES / "a44-nl-60min.xml").read_text().replace("<curveType>A03</curveType>", "")
    with pytest.raises(MalformedReply, match="unreadable"):
        await platform(httpx.Response(200, text=text)).source.prices("NL", *WINTER_DAY)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(503), VendorUnavailable),
        (httpx.Response(503, text="<html><body>Service Temporarily Unavailable</body></html>"), VendorUnavailable),
        (httpx.Response(302, headers={"location": "https://elsewhere.test"}), VendorUnavailable),
        (httpx.ReadTimeout("slow"), VendorUnavailable),
        (httpx.ConnectError("down"), VendorUnavailable),
        (httpx.Response(401, text="<html><head><title>401 Unauthorized</title></head></html>"), Unauthorized),
        (reply("refused", 401), Unauthorized),
        (reply("refused", 200), MalformedReply),
        (reply("refused", 400), MalformedReply),
    ],
)
async def test_each_failure_is_passing_or_permanent(platform: Any, answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await platform(answer).source.prices("NL", *WINTER_DAY)


async def test_platform_that_never_answers_is_given_up(platform: Any) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    settings = EntsoeSettings(token=SecretStr(TOKEN), call_timeout_seconds=0.01)
    async with EntsoePrices(settings, transport=httpx.MockTransport(hang)) as source:
        with pytest.raises(VendorUnavailable, match="TimeoutError"):
            await source.prices("NL", *WINTER_DAY)


async def test_ban_is_obeyed_to_the_second_and_not_touched_again(platform: Any) -> None:
    banned = httpx.Response(429, headers={"retry-after": "600"})
    enquiry = platform(banned, reply("a44-nl-60min"))
    for _ in range(10):
        with pytest.raises(RateLimited) as told:
            await enquiry.source.prices("NL", *WINTER_DAY)
        enquiry.now += timedelta(minutes=1)
    assert len(enquiry.asked) == 1
    assert told.value.retry_after == timedelta(minutes=1)
    assert len((await enquiry.source.prices("NL", *WINTER_DAY)).slots) == 24


async def test_a_platform_in_repair_says_when_to_come_back(platform: Any) -> None:
    with pytest.raises(VendorUnavailable) as told:
        await platform(httpx.Response(503, headers={"retry-after": "1800"})).source.prices("NL", *WINTER_DAY)
    assert told.value.retry_after == timedelta(minutes=30)


async def test_ban_without_a_time_lasts_ten_minutes(platform: Any) -> None:
    with pytest.raises(RateLimited) as told:
        await platform(httpx.Response(429)).source.prices("NL", *WINTER_DAY)
    assert told.value.retry_after == timedelta(minutes=10)


async def test_area_unknown_or_years_at_once_are_the_callers_mistake(platform: Any) -> None:
    enquiry = platform(reply("a44-nl-60min"))
    with pytest.raises(CallerError):
        await enquiry.source.prices("ATLANTIS", *WINTER_DAY)
    with pytest.raises(CallerError):
        await enquiry.source.prices("NL", WINTER_DAY[0], WINTER_DAY[0] + timedelta(days=400))
    assert enquiry.asked == []


async def test_token_shows_on_the_wire_alone(platform: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = (REPLIES / "refused.xml").read_text().replace("Delivered", f"securityToken={TOKEN} Delivered")
    shown = []
    for answer in (reply("a44-nl-60min"), httpx.ConnectError("down"), httpx.Response(400, text=text)):
        enquiry = platform(answer)
        shown.append(repr(enquiry.source))
        try:
            await enquiry.source.prices("NL", *WINTER_DAY)
        except (VendorUnavailable, MalformedReply) as error:
            shown += [str(error), repr(error)]
        assert enquiry.query["securityToken"] == TOKEN
    shown.append(repr(EntsoeSettings(token=SecretStr(TOKEN))))
    assert "web-api.tp.entsoe.eu" in caplog.text  # the request is logged, so the look at the log can fail
    assert TOKEN not in caplog.text
    assert not any(TOKEN in one for one in shown)
