"""Outgoing webhooks: made over REST, signed, retried, and never sent into our own network."""

import hashlib
import hmac
import json
from datetime import timedelta

import httpx
import pytest
from support.two_programs import TODAY, House, make_account

from gateway import outgoing
from gateway.outgoing import SIGNATURE, Sender, is_public
from storage.hooks import HookNotices, Told

TOLD = Told(driver_id="d", session_id="s:1", kind="at_risk", cause="no_route", what_to_do="todo.nothing")


class Backend:
    """A program's server: notes what comes and answers as told."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)


def sender_to(house: House, backend: Backend) -> Sender:
    http = httpx.AsyncClient(transport=httpx.MockTransport(backend))
    return Sender(house.services.hooks, house.services.access, now=house.services.real_now, http=http)


@pytest.fixture(autouse=True)
def _public_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names resolve without a net: those of tests to a public address."""

    async def address_of(url: str, *, plain: bool) -> str | None:
        return "93.184.215.14" if "backend.example" in url else await real(url, plain=plain)

    real = outgoing._address_of
    monkeypatch.setattr(outgoing, "_address_of", address_of)


async def tell(house: House, key: str = "k") -> None:
    await house.services.hooks.tell_of_driver(house.alpha.driver, "driver.told", key, TOLD, house.services.real_now())


async def test_news_comes_signed_with_the_hooks_own_secret(house: House) -> None:
    backend = Backend()
    await tell(house)
    assert await sender_to(house, backend).send_due()
    [request] = backend.requests
    assert request.headers["host"] == "backend.example"
    assert request.url.host == "93.184.215.14", "the name was looked up again after it was checked"
    stamp, _, mac = request.headers[SIGNATURE].removeprefix("t=").partition(",v1=")
    signed = f"{stamp}.{request.content.decode()}".encode()
    assert hmac.new(house.alpha.hook_secret.encode(), signed, hashlib.sha256).hexdigest() == mac
    body = json.loads(request.content)
    assert (body["kind"], body["reference"], body["data"]["cause"]) == ("driver.told", "alpha-customer-1", "no_route")


async def test_news_is_tried_again_later_until_it_is_taken(house: House, http: httpx.AsyncClient) -> None:
    backend = Backend(500, httpx.ConnectError("down"), 200)
    sender = sender_to(house, backend)
    await tell(house)
    assert await sender.send_due()
    assert not await sender.send_due(), "it was tried again at once"
    for _ in range(2):
        house.services.real_now.now += timedelta(minutes=2)  # type: ignore[attr-defined]
        await sender.send_due()
    assert len(backend.requests) == 3
    assert {json.loads(request.content)["id"] for request in backend.requests} == {
        json.loads(backend.requests[0].content)["id"]
    }
    news = (await http.get(f"/v1/hooks/{house.alpha.hook}/news", headers=house.alpha.bearer)).json()["items"]
    assert [(one["tries"], one["status"], one["due_at"]) for one in news] == [(3, 200, None)]


async def test_news_that_nobody_takes_is_given_up_after_many_tries(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_TRIES", 5)
    backend = Backend(*[500] * 500)
    sender = sender_to(house, backend)
    await tell(house)
    for _ in range(9):
        await sender.send_due()
        house.services.real_now.now += timedelta(hours=2)  # type: ignore[attr-defined]
    [news] = await house.services.hooks.history("alpha", house.alpha.hook, limit=9)
    assert news.due_at is None
    assert news.delivered_at is None
    assert len(backend.requests) == 5


async def test_an_accounted_night_is_news(house: House) -> None:
    await house.services.store.save_night(make_account(house.alpha.driver, "alpha-car:7", 1), [])
    backend = Backend()
    await sender_to(house, backend).send_due()
    bodies = [json.loads(request.content) for request in backend.requests]
    mine = [body for body in bodies if body["data"].get("session_id") == "alpha-car:7"]
    assert [(body["kind"], body["data"]["saving"]) for body in mine] == [("night.accounted", "3.000000")]


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/",
        "https://user@93.184.215.14/",
        "http://93.184.215.14/",
        "ftp://93.184.215.14/",
        "https://93.184.215.14:99999/",
    ],
)
async def test_no_hook_leads_into_our_own_network(house: House, http: httpx.AsyncClient, url: str) -> None:
    """API7, server side request forgery."""
    assert not await is_public(url)
    answer = await http.post("/v1/hooks", json={"url": url}, headers=house.alpha.bearer)
    assert answer.status_code == 422


async def test_a_public_hook_is_made_shown_and_removed(house: House, http: httpx.AsyncClient) -> None:
    wanted = {"url": "https://93.184.215.14/hook", "kinds": ["night.accounted"]}
    made = (await http.post("/v1/hooks", json=wanted, headers=house.alpha.bearer)).json()
    assert made["secret"].startswith("whsec_")
    shown = (await http.get("/v1/hooks", headers=house.alpha.bearer)).json()["items"]
    assert made["id"] in {hook["id"] for hook in shown}
    assert "secret" not in shown[0]
    assert (await http.delete(f"/v1/hooks/{made['id']}", headers=house.beta.bearer)).status_code == 404
    assert (await http.delete(f"/v1/hooks/{made['id']}", headers=house.alpha.bearer)).status_code == 204


async def test_what_a_driver_is_told_goes_out_once(house: House) -> None:
    """The notification port's second adapter: an activity tried twice is one piece of news."""
    notices = HookNotices(house.services.hooks, house.services.real_now)
    for _ in range(2):
        await notices.tell(house.alpha.driver, "alpha-car:1", "at_risk", "no_route", "todo.nothing")
    due = await house.services.hooks.due(TODAY, 99)
    assert len([news for news in due if news.kind == "driver.told"]) == 1
