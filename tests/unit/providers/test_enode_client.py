"""One call: authorised, escaped, repeated only where harmless, bounded, silent about secrets."""

import asyncio
import base64
import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from domain.errors import (
    CallerError,
    MalformedReply,
    NightchargeError,
    RateLimited,
    RetryableError,
    Unauthorized,
    VendorUnavailable,
)
from providers.enode import EnodeClient, EnodeSettings
from providers.enode.client import Call
from providers.enode.errors import Kind
from providers.traffic import BudgetRule
from settings import Settings
from worker import enode_settings

READ = Call(Kind.READ, "GET", "/vehicles/{}", ("car-1",))
COMMAND = Call(Kind.COMMAND, "POST", "/vehicles/{}/charging", ("car-1",), body={"action": "START"})
CAR, CHARGING, TOKEN = "GET /vehicles/car-1", "POST /vehicles/car-1/charging", "POST /oauth2/token"


class TestRequests:
    async def test_login_is_basic_with_a_form_and_no_scope(self, enode: Any) -> None:
        enode.script[CAR] = {}
        await enode.client.call(READ)
        login = enode.requests[0]
        assert login.content == b"grant_type=client_credentials"
        assert login.headers["content-type"] == "application/x-www-form-urlencoded"
        assert login.headers["authorization"] == "Basic " + base64.b64encode(b"client:canary-client-secret").decode()

    async def test_call_carries_bearer_version_and_accept(self, enode: Any) -> None:
        enode.script[CAR] = {}
        await enode.client.call(READ)
        headers = enode.requests[-1].headers
        assert headers["authorization"] == "Bearer token-1"
        assert headers["enode-version"] == "2024-10-01"
        assert headers["accept"] == "application/json"
        assert "content-type" not in headers

    async def test_version_header_can_be_left_out(self, enode: Any) -> None:
        enode.script[CAR] = {}
        await enode.new_client(api_version=None).call(READ)
        assert "enode-version" not in enode.requests[-1].headers

    @pytest.mark.parametrize(
        ("user", "path"),
        [
            ("customer-4711", "/users/customer-4711"),
            ("a/b", "/users/a%2Fb"),
            ("../vehicles", "/users/..%2Fvehicles"),
            ("a?b#c", "/users/a%3Fb%23c"),
            ("100%", "/users/100%25"),
            ("ü x", "/users/%C3%BC%20x"),
            ("a%2Fb", "/users/a%252Fb"),
        ],
    )
    async def test_opaque_ids_are_one_path_segment(self, enode: Any, user: str, path: str) -> None:
        enode.script[f"GET {path}"] = {}
        await enode.client.call(Call(Kind.READ, "GET", "/users/{}", (user,)))
        assert enode.asked() == [f"GET {path}"]

    @pytest.mark.parametrize("user", ["", ".", ".."])
    async def test_ids_that_would_change_the_path_are_refused(self, enode: Any, user: str) -> None:
        with pytest.raises(CallerError):
            await enode.client.call(Call(Kind.READ, "GET", "/users/{}", (user,)))
        assert enode.asked() == []

    async def test_redirect_is_not_followed_with_our_token(self, enode: Any) -> None:
        enode.script[CAR] = httpx.Response(302, headers={"location": "https://elsewhere.test/"})
        enode.client._http.follow_redirects = True  # a shared client may
        with pytest.raises(VendorUnavailable):
            await enode.client.call(READ)
        assert enode.asked() == [CAR]


class TestTokens:
    async def test_revoked_token_is_renewed_once_and_the_call_repeated(self, enode: Any) -> None:
        enode.script[CAR] = {"ok": True}
        await enode.client.call(READ)
        enode.revoked.add("token-1")
        reply = await enode.client.call(READ)
        assert reply.body == {"ok": True}
        assert enode.tokens == 2

    async def test_command_refused_at_the_door_is_repeated_with_a_new_token(self, enode: Any) -> None:
        """The device saw nothing of the first: only one authorised request is made."""
        enode.script[CHARGING] = {}
        enode.revoked.add("token-1")
        await enode.client.call(COMMAND)
        accepted = [one for one in enode.requests if one.headers.get("authorization") == "Bearer token-2"]
        assert len(accepted) == 1

    async def test_second_refusal_is_final(self, enode: Any, wire: Any) -> None:
        enode.script[CAR] = wire.problem(401, "Unauthorized")
        with pytest.raises(Unauthorized):
            await enode.client.call(READ)
        assert enode.asked() == [CAR, CAR]
        assert enode.tokens == 2

    async def test_revoked_token_of_many_callers_costs_one_login(self, enode: Any) -> None:
        enode.script[CAR] = {}
        await enode.client.call(READ)
        enode.revoked.add("token-1")
        await asyncio.gather(*(enode.client.call(READ) for _ in range(20)))
        assert enode.tokens == 2

    @pytest.mark.parametrize(("status", "error"), [(400, Unauthorized), (401, Unauthorized), (503, VendorUnavailable)])
    async def test_failing_login_is_told_by_its_own_error(self, enode: Any, status: int, error: type) -> None:
        enode.script[TOKEN] = httpx.Response(status, json={"error": "invalid_client"})
        with pytest.raises(error):
            await enode.client.call(READ)
        assert enode.asked() == []

    @pytest.mark.parametrize("answer", [{}, [], {"access_token": ""}, "token"])
    async def test_login_without_a_token_is_malformed(self, enode: Any, answer: Any) -> None:
        enode.script[TOKEN] = httpx.Response(200, json=answer)
        with pytest.raises(MalformedReply):
            await enode.client.call(READ)


class TestRepeats:
    @pytest.mark.parametrize(
        "broken", [httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.ReadError]
    )
    async def test_read_is_repeated_once_on_a_broken_connection(self, enode: Any, broken: type[Exception]) -> None:
        enode.script[CAR] = [broken("broken"), {"ok": True}]
        assert (await enode.client.call(READ)).body == {"ok": True}
        enode.script[CAR] = [broken("broken")]
        with pytest.raises(VendorUnavailable):
            await enode.client.call(READ)
        assert enode.asked() == [CAR] * 4

    @pytest.mark.parametrize(
        "answer",
        [httpx.ReadTimeout("slow"), httpx.PoolTimeout("full"), httpx.Response(500), httpx.Response(503)],
    )
    async def test_read_is_not_repeated_on_slowness_or_server_errors(self, enode: Any, answer: Any) -> None:
        enode.script[CAR] = [answer, {"ok": True}]
        with pytest.raises(VendorUnavailable):
            await enode.client.call(READ)
        assert enode.asked() == [CAR]

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.ConnectError("broken"),
            httpx.ReadError("broken"),
            httpx.RemoteProtocolError("broken"),
            httpx.ReadTimeout("slow"),
            httpx.Response(500),
            httpx.Response(429, headers={"retry-after": "1"}),
        ],
    )
    async def test_command_is_sent_once_whatever_comes_back(self, enode: Any, answer: Any) -> None:
        enode.script[CHARGING] = [answer, {}]
        with pytest.raises(NightchargeError):
            await enode.client.call(COMMAND)
        assert enode.asked() == [CHARGING]


class TestCertainty:
    """A caller who knows that nothing happened need not wait for an effect."""

    @pytest.mark.parametrize(
        ("answer", "changed_nothing"),
        [
            (httpx.ConnectError("refused"), True),
            (httpx.ConnectTimeout("slow"), True),
            (httpx.PoolTimeout("full"), True),
            (httpx.Response(429), True),
            (httpx.ReadError("cut off"), False),
            (httpx.ReadTimeout("slow"), False),
            (httpx.RemoteProtocolError("cut off"), False),
            (httpx.Response(403), False),
            (httpx.Response(500), False),
            (httpx.Response(503), False),
        ],
    )
    async def test_command_that_failed_says_whether_it_may_have_worked(
        self, enode: Any, answer: Any, changed_nothing: bool
    ) -> None:
        enode.script[CHARGING] = answer
        with pytest.raises(RetryableError) as failed:
            await enode.client.call(COMMAND)
        assert failed.value.changed_nothing is changed_nothing

    async def test_command_without_a_token_changed_nothing(self, enode: Any) -> None:
        enode.script[TOKEN] = httpx.ReadTimeout("slow")
        with pytest.raises(VendorUnavailable) as failed:
            await enode.client.call(COMMAND)
        assert failed.value.changed_nothing


class TestAnswers:
    async def test_wait_asked_for_reaches_the_caller(self, enode: Any) -> None:
        enode.script[CAR] = httpx.Response(429, headers={"retry-after": "46800"})
        with pytest.raises(RateLimited) as told:
            await enode.client.call(READ)
        assert told.value.retry_after is not None
        assert told.value.retry_after.total_seconds() == 46800

    async def test_error_without_a_readable_body_is_still_that_error(self, enode: Any) -> None:
        for content in (b"", b"<html>", b"[" * 100_000, b"[1]", b'"x"', b"\xff"):
            enode.script[CAR] = httpx.Response(500, content=content)
            with pytest.raises(VendorUnavailable):
                await enode.client.call(READ)

    async def test_web_page_with_a_good_status_is_an_outage(self, enode: Any) -> None:
        enode.script[CAR] = httpx.Response(200, html="<html>Maintenance</html>")
        with pytest.raises(VendorUnavailable):
            await enode.client.call(READ)

    async def test_junk_with_a_good_status_is_malformed(self, enode: Any) -> None:
        enode.script[CAR] = httpx.Response(200, content=b"{", headers={"content-type": "application/json"})
        with pytest.raises(MalformedReply):
            await enode.client.call(READ)

    async def test_reply_without_end_is_cut_off(self, enode: Any) -> None:
        enode.script[CAR] = httpx.Response(200, content=b"[" + b" " * 2000 + b"]")
        with pytest.raises(MalformedReply):
            await enode.new_client(max_reply_bytes=1000).call(READ)

    async def test_call_is_bounded_as_a_whole(self, enode: Any) -> None:
        """A peer that trickles bytes never runs into the read time-out."""

        async def never(_: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        enode.script[CAR] = never
        with pytest.raises(VendorUnavailable, match="TimeoutError"):
            await enode.new_client(call_timeout_seconds=0.05).call(READ)


class TestPages:
    LIST = Call(Kind.OWNED, "GET", "/users/{}/vehicles", ("driver-1",))
    PATH = "GET /users/driver-1/vehicles"

    async def test_all_pages_are_read_by_cursor(self, enode: Any, wire: Any) -> None:
        enode.script[self.PATH] = [wire.page(1, 2, after="a=b/c"), wire.page(3, after="next"), wire.page(4)]
        assert [item async for item in enode.client.pages(self.LIST)] == [1, 2, 3, 4]
        assert [dict(one.url.params) for one in enode.requests[1:]] == [
            {"pageSize": "50"},
            {"pageSize": "50", "after": "a=b/c"},
            {"pageSize": "50", "after": "next"},
        ]

    async def test_unknown_owner_has_an_empty_list(self, enode: Any) -> None:
        assert [item async for item in enode.client.pages(self.LIST)] == []

    async def test_circle_of_cursors_ends_in_an_error(self, enode: Any, wire: Any) -> None:
        enode.script[self.PATH] = [wire.page(1, after="a"), wire.page(2, after="b"), wire.page(3, after="a")]
        with pytest.raises(MalformedReply, match="does not end"):
            [item async for item in enode.client.pages(self.LIST)]

    @pytest.mark.parametrize("body", [{}, [], None, {"data": {}}, {"data": None}])
    async def test_page_without_data_is_malformed(self, enode: Any, body: Any) -> None:
        enode.script[self.PATH] = httpx.Response(200, json=body)
        with pytest.raises(MalformedReply):
            [item async for item in enode.client.pages(self.LIST)]

    async def test_page_without_cursors_is_the_last(self, enode: Any) -> None:
        enode.script[self.PATH] = {"data": [1]}
        assert [item async for item in enode.client.pages(self.LIST)] == [1]


class TestSecrets:
    async def test_secrets_are_in_no_repr_log_or_error(self, enode: Any, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        words = [repr(enode.client), repr(enode.client.settings), str(enode.client.settings), repr(COMMAND)]
        echo = httpx.Response(500, json={"title": "boom", "detail": "canary-client-secret token-1"})
        for entry in (httpx.ConnectError("canary-client-secret"), echo, httpx.Response(200, content=b"token-1 {")):
            enode.script[CAR] = entry
            with pytest.raises(NightchargeError) as failed:
                await enode.client.call(READ)
            error: BaseException | None = failed.value
            while error is not None:
                words += [str(error), repr(error)]
                error = None if error.__suppress_context__ else error.__context__
        text = "\n".join(words) + caplog.text
        assert "canary-client-secret" not in text
        assert "token-1" not in text
        assert base64.b64encode(b"client:canary-client-secret").decode() not in text

    async def test_malformed_reply_names_the_field_but_not_its_value(self, enode: Any) -> None:
        enode.script[TOKEN] = {"access_token": {"value": "canary"}}
        with pytest.raises(MalformedReply) as failed:
            await enode.client.call(READ)
        assert str(failed.value) == "POST token: access_token"


class TestSettings:
    @pytest.mark.parametrize(
        "url",
        ["http://enode.test", "ftp://enode.test", "enode.test", "https://", "https://a:b@enode.test", "https://x/?a=1"],
    )
    def test_address_that_would_expose_secrets_is_refused(self, url: str) -> None:
        with pytest.raises(ValidationError) as failed:
            EnodeSettings(client_id="a", client_secret=SecretStr("canary"), base_url=url)
        assert "canary" not in str(failed.value)

    def test_several_workers_can_be_given_a_share_of_an_accounts_calls_each(self) -> None:
        share = Settings(enode_calls_a_day=1000, enode_client_id="a")
        assert enode_settings(share).traffic.account == BudgetRule(1000, timedelta(days=1), reserve=100)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1", "https://x/v1"])
    def test_loopback_may_be_plain(self, url: str) -> None:
        assert EnodeSettings(client_id="a", client_secret=SecretStr("b"), base_url=url).base_url == url

    def test_plain_http_elsewhere_is_a_decision(self) -> None:
        settings = EnodeSettings(
            client_id="a", client_secret=SecretStr("b"), base_url="http://simulator:80", allow_plain_http=True
        )
        assert settings.base_url == "http://simulator:80"

    async def test_own_connections_are_closed_and_shared_ones_are_not(self) -> None:
        settings = EnodeSettings(client_id="a", client_secret=SecretStr("b"))
        shared = httpx.AsyncClient()
        async with EnodeClient(settings) as own, EnodeClient(settings, shared):
            pass
        assert own._http.is_closed
        assert not shared.is_closed
        await shared.aclose()

    async def test_own_connections_have_the_limits_and_ignore_the_environment(self) -> None:
        settings = EnodeSettings(client_id="a", client_secret=SecretStr("b"), connect_timeout_seconds=3)
        async with EnodeClient(settings) as own:
            assert own._http.timeout == httpx.Timeout(connect=3, read=20, write=20, pool=10)
            assert not own._http.follow_redirects
            assert not own._http.trust_env
