"""Each answer and each broken connection has one meaning; nothing personal or secret gets into words."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.errors import (
    CommandRejected,
    ControlledElsewhere,
    LinkRevoked,
    MalformedReply,
    NightchargeError,
    PermanentError,
    RateLimited,
    RetryableError,
    Unauthorized,
    UnknownDevice,
    VendorUnavailable,
)
from providers.enode.errors import (
    LONGEST_WAIT,
    Kind,
    Outcome,
    error_of,
    judge,
    retry_after,
    transport_error,
    unreadable,
)
from providers.enode.schemas import Problem

NOW = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
Meaning = type[NightchargeError] | Outcome

BY_STATUS: list[tuple[int, str, Meaning]] = [
    (302, "read", VendorUnavailable),
    (400, "read", CommandRejected),
    (400, "write", CommandRejected),
    (400, "command", Outcome.REFUSED),
    (400, "cancel", CommandRejected),
    (400, "token", Unauthorized),
    (401, "token", Unauthorized),
    (401, "command", Unauthorized),
    (401, "read", Unauthorized),
    (402, "read", CommandRejected),
    (403, "token", Unauthorized),
    (403, "read", VendorUnavailable),
    (403, "command", VendorUnavailable),
    (404, "read", UnknownDevice),
    (404, "command", UnknownDevice),
    (404, "cancel", UnknownDevice),
    (404, "write", UnknownDevice),
    (404, "owned", Outcome.GONE),
    (404, "remove", Outcome.GONE),
    (408, "command", VendorUnavailable),
    (409, "cancel", Outcome.RESOLVED),
    (409, "command", Outcome.REFUSED),
    (409, "write", CommandRejected),
    (410, "read", UnknownDevice),
    (410, "remove", Outcome.GONE),
    (418, "read", CommandRejected),
    (422, "command", ControlledElsewhere),
    (422, "write", CommandRejected),
    (425, "read", VendorUnavailable),
    (429, "token", RateLimited),
    (429, "read", RateLimited),
    (429, "command", RateLimited),
    (500, "command", VendorUnavailable),
    (501, "read", VendorUnavailable),
    (502, "read", VendorUnavailable),
    (503, "read", VendorUnavailable),
    (504, "token", VendorUnavailable),
    (599, "read", VendorUnavailable),
]


@pytest.mark.parametrize(("status", "kind", "means"), BY_STATUS)
def test_status_and_kind_of_call_decide_the_meaning(status: int, kind: str, means: Meaning) -> None:
    assert judge(Kind(kind), status, Problem()) is means


@pytest.mark.parametrize("kind", list(Kind))
def test_every_status_has_a_meaning_and_none_asks_for_a_new_link(kind: Kind) -> None:
    """A vendor-wide 403 must never set off re-logins; dead links are told in other ways."""
    means = {status: judge(kind, status, Problem()) for status in [*range(100, 200), *range(300, 600)]}
    errors = {one for one in means.values() if not isinstance(one, Outcome)}
    assert all(issubclass(one, RetryableError | PermanentError) for one in errors)
    assert LinkRevoked not in errors


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("status", [400, 403, 404, 422, 500, 503])
def test_vendor_down_in_words_is_passing_whatever_the_status(kind: Kind, status: int) -> None:
    problem = Problem(type="https://developers.enode.com/api/problems/vendor-temporarily-unavailable")
    assert judge(kind, status, problem) is VendorUnavailable


@pytest.mark.parametrize(
    ("title", "means"),
    [
        ("Quota exceeded", RateLimited),
        ("Rate limit reached", RateLimited),
        ("Too many requests", RateLimited),
        ("Request throttled", RateLimited),
        ("Connections limit reached.", CommandRejected),  # a contract limit: waiting does not help
        ("Forbidden", VendorUnavailable),
    ],
)
def test_words_of_a_403_tell_a_quota_from_an_outage(title: str, means: Meaning) -> None:
    assert judge(Kind.WRITE, 403, Problem(title=title)) is means


def test_422_with_issues_is_a_refusal_not_another_controller() -> None:
    assert judge(Kind.COMMAND, 422, Problem(issues=[{"path": "action"}])) is Outcome.REFUSED
    assert judge(Kind.COMMAND, 422, Problem(issues=[])) is ControlledElsewhere


def test_p16_error_carries_call_status_title_and_wait_but_no_detail_and_no_name() -> None:
    problem = Problem(title="Slow down, Anna Schmidt, 1C4PJXDN0XX000001", detail="user anna@example.com")
    error = error_of(RateLimited, "GET /vehicles/{id}", 429, problem, timedelta(hours=13))
    assert isinstance(error, RateLimited)
    assert str(error) == "GET /vehicles/{id}: 429 Slow down, …"
    assert error.retry_after == timedelta(hours=13)


def test_permanent_error_needs_no_wait() -> None:
    error = error_of(UnknownDevice, "GET /vehicles/{id}", 404, Problem(), None)
    assert str(error) == "GET /vehicles/{id}: 404"


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "wait"),
        [
            ("0", timedelta(0)),
            ("1", timedelta(seconds=1)),
            (" 46800 ", timedelta(hours=13)),
            ("1.5", timedelta(seconds=1.5)),
            ("-5", timedelta(0)),
            ("9" * 400, LONGEST_WAIT),
            ("inf", LONGEST_WAIT),
            ("nan", None),
            ("", None),
            ("soon", None),
            ("Sun, 01 Mar 2026 18:10:00 GMT", timedelta(minutes=10)),
            ("Sun, 01 Mar 2026 17:00:00 GMT", timedelta(0)),
            ("Sun, 01 Mar 2026 18:10:00", None),
            ("Sun, 99 Mar 2026 18:10:00 GMT", None),
        ],
    )
    def test_seconds_and_dates_are_read_and_junk_is_no_wait(self, value: str, wait: timedelta | None) -> None:
        assert retry_after(httpx.Headers({"retry-after": value}), NOW) == wait

    def test_no_header_is_no_wait(self) -> None:
        assert retry_after(httpx.Headers(), NOW) is None

    def test_date_counts_from_the_servers_own_clock(self) -> None:
        headers = {"retry-after": "Sun, 01 Mar 2026 18:10:00 GMT", "date": "Sun, 01 Mar 2026 18:09:00 GMT"}
        assert retry_after(httpx.Headers(headers), NOW) == timedelta(minutes=1)


def every_httpx_error(root: type[Exception] = httpx.HTTPError) -> Iterator[type[Exception]]:
    for one in root.__subclasses__():
        yield one
        yield from every_httpx_error(one)


def build(error: type[Exception]) -> Exception:
    request = httpx.Request("GET", "https://enode.test/?secret=canary", headers={"authorization": "Bearer canary"})
    if issubclass(error, httpx.HTTPStatusError):
        return error("canary", request=request, response=httpx.Response(500))
    return error("canary")


class TestTransport:
    @pytest.mark.parametrize("error", [*every_httpx_error(), TimeoutError, httpx.InvalidURL])
    def test_every_transport_error_is_mapped_without_its_words(self, error: type[Exception]) -> None:
        mapped = transport_error(build(error), "GET /vehicles/{id}")  # type: ignore[arg-type]
        ours = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)
        assert type(mapped) is (CommandRejected if issubclass(error, ours) else VendorUnavailable)
        assert str(mapped) == f"GET /vehicles/{{id}}: {error.__name__}"

    def test_web_page_is_an_outage_and_other_junk_is_malformed(self) -> None:
        assert isinstance(unreadable("GET /x", "text/html; charset=utf-8"), VendorUnavailable)
        assert isinstance(unreadable("GET /x", "application/json"), MalformedReply)
