"""Who gets into the pages and who does not: links, keys, cookies, forms from elsewhere, others' ids (P15, P16)."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from support.factories import at, make_device
from support.two_programs import TODAY, House, two_programs

from client import Nightcharge
from domain.devices import Capability, CapabilityKind, Side
from domain.driver.events import DeviceSeen
from domain.program import Program
from domain.session.state import FlowSeen
from domain.story import driver_details, session_details
from gateway.api.access import Scope
from gateway.pages import lists
from gateway.pages.entry import LARGEST_FORM
from gateway.pages.mount import PagesConfig, driver_page_url, mount_pages, operator_page_url
from storage.breakers import Breakers
from storage.tenants import DriverRecord
from workflows.messages import DriverStart

HERE = "https://pages.test"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Two programs, with the pages before them."""
    house = await two_programs(tmp_path)
    mount_pages(house.app, house.services, PagesConfig(temporal_ui_url="https://temporal.test"))
    yield house
    await house.services.store.close()


@pytest.fixture
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Keeps cookies, follows nothing."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(house.app), base_url=HERE) as browser:
        yield browser


async def enter(browser: httpx.AsyncClient, token: str) -> httpx.Response:
    return await browser.post("/driver/enter", data={"token": token}, headers={"Origin": HERE})


async def log_in(browser: httpx.AsyncClient, key: str, **fields: str) -> httpx.Response:
    return await browser.post("/operator/login", data={"key": key, **fields}, headers={"Origin": HERE})


def mark_of(answer: httpx.Response) -> str:
    """The mark in the page's forms."""
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', answer.text)
    assert found is not None
    return found[1]


async def test_a_link_opens_its_driver_and_its_cookie_no_script_reads(house: House, browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/driver")).status_code == 401
    answer = await enter(browser, house.alpha.link)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    shown = await browser.get("/driver")
    assert shown.status_code == 200
    assert house.alpha.link not in shown.text


async def test_an_expired_link_and_a_programs_key_open_no_driver_page(house: House, browser: httpx.AsyncClient) -> None:
    access = house.services.access
    expired = access.link("alpha", house.alpha.driver, TODAY - timedelta(seconds=1))
    for token in (expired, house.alpha.token, "ncl_made.up", ""):
        assert (await enter(browser, token)).status_code == 401
    browser.cookies.set("nightcharge_driver", expired)
    assert (await browser.get("/driver")).status_code == 401


async def test_pages_allow_no_inline_script_and_cannot_be_framed(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser, house.alpha.link)
    for path in ("/driver", "/operator/login", "/driver/tonight/charge_now?session=nothing"):
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", answer.text)
        assert not re.search(r'(src|href)="https?://(?!temporal\.test)', answer.text)


async def test_a_form_without_the_mark_or_from_elsewhere_changes_nothing(
    house: House, browser: httpx.AsyncClient
) -> None:
    await enter(browser, house.alpha.link)
    mark = mark_of(await browser.get("/driver"))
    fields = {"session": house.alpha.session, "act": "charge_now"}
    path = "/driver/do/tonight"
    assert (await browser.post(path, data=fields)).status_code == 403
    assert (await browser.post(path, data={**fields, "csrf": "0" * 64})).status_code == 403
    elsewhere = {"Origin": "https://elsewhere.test"}
    assert (await browser.post(path, data={**fields, "csrf": mark}, headers=elsewhere)).status_code == 403
    assert house.desk.acted == []
    assert (await browser.post(path, data={**fields, "csrf": mark})).status_code == 303
    assert [session for session, _ in house.desk.acted] == [house.alpha.session]


async def test_a_driver_does_nothing_in_another_ones_session(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser, house.alpha.link)
    mark = mark_of(await browser.get("/driver"))
    fields = {"csrf": mark, "session": house.beta.session, "act": "charge_now"}
    assert (await browser.post("/driver/do/tonight", data=fields)).status_code == 404
    assert (await browser.get(f"/driver/tonight/charge_now?session={house.beta.session}")).status_code == 409
    assert house.desk.acted == []


async def test_an_endless_form_is_refused(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser, house.alpha.link)
    answer = await browser.post("/driver/do/wish", data={"csrf": "x" * LARGEST_FORM})
    assert answer.status_code == 413


async def test_an_unchanged_page_is_not_sent_again(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser, house.alpha.link)
    first = await browser.get("/driver")
    again = await browser.get("/driver", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")


async def test_the_page_speaks_the_browsers_language_and_the_chosen_one(
    house: House, browser: httpx.AsyncClient
) -> None:
    await enter(browser, house.alpha.link)
    assert 'lang="de"' in (await browser.get("/driver", headers={"Accept-Language": "fr, de-AT;q=0.8"})).text
    await browser.get("/driver/language/en")
    assert '<html lang="en"' in (await browser.get("/driver", headers={"Accept-Language": "de"})).text


async def test_the_cost_of_an_action_is_told_before_it_is_done(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser, house.alpha.link)
    asked = await browser.get(f"/driver/tonight/charge_now?session={house.alpha.session}")
    assert "€" in asked.text
    assert house.desk.acted == []


async def test_a_car_that_charges_before_its_hours_is_said_to_pause(house: House, browser: httpx.AsyncClient) -> None:
    """Four hours after plug-in it charges, the plan begins in two: at one in the morning."""
    session = house.desk.sessions[house.alpha.session]
    flows = session.model_copy(update={"flow": FlowSeen(is_on=True, since=at(4))})
    house.desk.sessions[house.alpha.session] = flows
    await enter(browser, house.alpha.link)
    assert "go on at 01:00" in (await browser.get("/driver")).text


async def test_consent_needs_the_tick(house: House, browser: httpx.AsyncClient) -> None:
    await enter(browser, house.alpha.link)
    mark = mark_of(await browser.get("/driver"))
    assert (await browser.post("/driver/do/enroll", data={"csrf": mark})).status_code == 422
    assert (await browser.post("/driver/do/erase", data={"csrf": mark})).status_code == 422


async def test_an_intervention_is_shown_in_the_vendors_words_until_a_charger_makes_up_for_it(
    house: House, browser: httpx.AsyncClient
) -> None:
    """S27: what blocks a capable car is shown, and suppressed once a charger does it."""
    driver = await house.desk.start_driver(Program(name="alpha"), "second")
    await house.services.tenants.add_driver(DriverRecord(id=driver, program="alpha", reference="second", since=TODAY))
    waits = Capability(is_capable=False, intervention_ids=("i-1",))
    able = Capability(is_capable=True)
    kinds = {CapabilityKind.START_CHARGING: waits, CapabilityKind.STOP_CHARGING: able, CapabilityKind.LOCATION: able}
    house.desk.see(driver, DeviceSeen(device=make_device(Side.VEHICLE, driver_id=driver, capabilities=kinds)))
    await enter(browser, house.services.access.link("alpha", driver, TODAY + timedelta(minutes=5)))
    prompted = (await browser.get("/driver")).text
    assert "Open the app" in prompted
    assert 'id="consent"' not in prompted  # the car alone cannot take part
    house.desk.see(driver, DeviceSeen(device=make_device(Side.CHARGER, driver_id=driver)))
    assert "Open the app" not in (await browser.get("/driver")).text


@pytest.mark.parametrize("scopes", [{Scope.READ}, {Scope.EXPORT}, {Scope.ACT, Scope.ADMIN}])
async def test_a_key_without_both_scopes_does_not_open_the_operators_page(
    house: House, browser: httpx.AsyncClient, scopes: set[Scope]
) -> None:
    bearer = await house.key(house.alpha, *scopes)
    assert (await log_in(browser, bearer["Authorization"].partition(" ")[2])).status_code == 401
    assert (await log_in(browser, house.alpha.link)).status_code == 401
    assert (await browser.get(f"/operator/drivers/{house.alpha.driver}")).status_code == 303


async def test_a_revoked_key_ends_the_operators_visit(house: House, browser: httpx.AsyncClient) -> None:
    entered = await log_in(browser, house.alpha.token)
    assert house.alpha.token not in entered.headers["set-cookie"]
    path = f"/operator/drivers/{house.alpha.driver}"
    assert (await browser.get(path)).status_code == 200
    await house.services.tenants.revoke_key("alpha", house.alpha.key_id, TODAY)
    answer = await browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/operator/login?next={path}")


async def test_an_operator_sees_nothing_of_another_program(house: House, browser: httpx.AsyncClient) -> None:
    await log_in(browser, house.alpha.token)
    beta = house.beta
    paths = [
        f"drivers/{beta.driver}",
        f"sessions/{beta.session}",
        "sessions/beta-car:0",
        "sessions/beta-car:0/nights/1",
    ]
    for path in paths:
        assert (await browser.get(f"/operator/{path}")).status_code == 404
    for wanted in ("beta-customer-1", beta.driver, f"driver:{beta.driver}", f"session:{beta.session}"):
        found = await browser.get("/operator/find", params={"q": wanted})
        assert (found.status_code, "Nothing found" in found.text) == (200, True)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ([], "no worker says anything"),
        ([[], []], "2 workers and this gateway say so"),
        ([["TESLA"], []], "Tesla at 1 of 2 workers"),
    ],
)
async def test_the_fleet_shows_the_breakers_of_the_workers(
    house: House, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, told: list[list[str]], shown: str
) -> None:
    """Temporal is away meanwhile, which is when an operator needs the page most."""

    async def away(*_: object) -> None:
        return None

    monkeypatch.setattr(lists, "sessions", away)
    for number, vendors in enumerate(told):
        await Breakers(house.services.store.database).tell(str(number), vendors, TODAY)
    await log_in(browser, house.alpha.token)
    assert shown in (await browser.get("/operator")).text


async def test_an_operators_look_at_a_driver_is_audited(house: House, browser: httpx.AsyncClient) -> None:
    await log_in(browser, house.alpha.token)
    await browser.get(f"/operator/drivers/{house.alpha.driver}")
    acts = await house.services.audit.acts("alpha", limit=5)
    assert ("look at driver", house.alpha.driver) in {(act.act, act.object) for act in acts}


async def test_a_night_leads_to_temporal_and_a_workflow_id_leads_back(house: House, browser: httpx.AsyncClient) -> None:
    await log_in(browser, house.alpha.token)
    shown = await browser.get("/operator/sessions/alpha-car:0/nights/1")
    address = "https://temporal.test/namespaces/default/workflows/session%3Aalpha-car%3A0"
    assert address in shown.text
    back = await browser.get("/operator/find", params={"q": f"session:{house.alpha.session}"})
    assert back.headers["location"] == "/operator/sessions/alpha-car%3A1"


async def test_driver_and_session_lead_from_temporal_back_to_the_page(house: House, browser: httpx.AsyncClient) -> None:
    started: list[DriverStart] = []

    class Temporal:
        async def start_workflow(self, _run: object, start: DriverStart, **_how: object) -> None:
            started.append(start)

    workflows = Nightcharge(Temporal(), operator_url=operator_page_url(HERE))  # type: ignore[arg-type]
    await workflows.start_driver(Program(name="alpha"), "alpha-customer-1")
    url = started[0].operator_url
    session = house.desk.sessions[house.alpha.session]
    await log_in(browser, house.alpha.token)
    for details in (driver_details(started[0].state, url), session_details(session, None, url)):
        [address] = re.findall(r"\[Operator's page\]\((.+)\)", details)
        assert "alpha-customer-1" in (await browser.get(address)).text


@pytest.mark.parametrize("target", ["https://elsewhere.test", "//elsewhere.test", "/operatorx", "/operator/../v1"])
async def test_a_login_leads_nowhere_else(house: House, browser: httpx.AsyncClient, target: str) -> None:
    answer = await log_in(browser, house.alpha.token, next=target)
    assert answer.headers["location"] == "/operator"


def test_addresses_of_both_pages() -> None:
    assert driver_page_url("https://charge.test/", "ncl_x") == "https://charge.test/driver#ncl_x"
    assert operator_page_url("https://charge.test/") == "https://charge.test/operator"
