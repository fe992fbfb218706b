"""The operator's page in a real browser: in by a key, the fleet, one driver, one night, Temporal and back."""

import re

import httpx
from playwright.sync_api import expect
from support.house import House
from support.visits import Visit


def test_an_operator_finds_a_driver_and_follows_the_night(visit: Visit, house: House) -> None:
    driver = house.bring_home("dora", "TESLA")
    house.remember_nights(driver)
    house.plug_in(driver)
    page = visit.page
    page.goto(f"{house.url}/operator")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    visit.looks_well("operator-login")
    page.get_by_label("API key").fill("nck_0123456789abcdef_wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("does not open this page")
    page.get_by_label("API key").fill(house.key)
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#tiles")).to_contain_text("Oldest event")
    expect(page.locator("#missed")).to_contain_text("no")  # not ready, and nobody was told
    expect(page.locator("#middle tbody a").first).to_be_visible()  # the session shows up without a reload
    visit.looks_well("operator-fleet", everywhere=True)

    page.get_by_role("searchbox").fill("dora")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("dora")
    visit.looks_well("operator-driver", everywhere=True)
    page.locator("#nights tbody a").first.click()
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text("A plan is asked for")
    expect(timeline).to_contain_text(re.compile(r"(Stop|Start) (charger|vehicle): proven"))  # live
    expect(page.locator(".chart[data-drawn]")).to_be_visible()
    visit.looks_well("operator-night", everywhere=True)

    address = page.get_by_role("link", name="Workflow in Temporal").get_attribute("href") or ""
    assert address.startswith(house.at.ui_url)
    assert httpx.get(address, timeout=60).status_code == 200
    workflow_id = address.rsplit("/", 1)[-1].replace("%3A", ":")
    page.get_by_role("searchbox").fill(workflow_id)
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".timeline")).to_be_visible()
    page.get_by_role("button", name="Leave").click()
    page.goto(f"{house.url}/operator")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
