"""Both pages in a real browser, before one house of real processes.

The driver's: both journeys, a night that shows itself, unlinking. The operator's: in by a key, the fleet, one driver,
one night, Temporal and back.
"""

import re

import httpx
from playwright.sync_api import Page, expect
from support.house import House
from support.visits import DESK, PHONE, Visit


def open_page(visit: Visit, house: House, driver: str) -> Page:
    """As the app opens it: by a fresh link."""
    page = visit.page
    page.goto(f"{house.url}/driver#{house.link(driver)}")
    expect(page.locator("#live")).to_be_visible()
    return page


def through_vendor(page: Page, button: str, vendor: str) -> None:
    """Press the button, sign in at the vendor's page, and come back."""
    page.get_by_role("button", name=button, exact=True).first.click()
    page.get_by_label("Brand").select_option(vendor)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill("any will do")
    page.get_by_role("button", name="Allow and connect").click()
    expect(page.locator("#live")).to_be_visible()


def unlink_at_once(page: Page) -> None:
    """Ask again and confirm: the question lives for ten minutes, of which a fast world makes seconds."""
    page.get_by_role("link", name="Leave it as it is").click()
    while True:
        page.get_by_role("button", name="Unlink: Easee Home").click()
        page.get_by_role("button", name="Unlink", exact=True).click()
        expect(page.locator("#live, .card.quiet")).to_be_visible()
        if page.locator("#live").count():
            break
        page.get_by_role("link", name="Back").click()
    expect(page.get_by_role("button", name="Unlink: Easee Home")).to_have_count(0)


def test_a_closed_page_says_how_to_open_it(visit: Visit, house: House) -> None:
    visit.page.goto(f"{house.url}/driver")
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("open this page from your app")
    visit.looks_well("closed")


def test_journey_a_blocks_until_the_charger_is_linked_and_placed(visit: Visit, house: House) -> None:
    """S9-S13: the prompt of an incapable car persists, cannot be dismissed, and nothing can be charged meanwhile."""
    page = open_page(visit, house, house.driver("anna"))
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("Link your car to begin")
    through_vendor(page, "Link my car", "JEEP")
    expect(title).to_have_text("Link your charger to start smart charging")
    expect(page.get_by_text("cannot be started and stopped")).to_be_visible()
    expect(page.locator(".benefits li")).to_have_count(3)
    expect(page.get_by_role("button", name="Not now")).to_have_count(0)
    expect(page.locator("#consent")).to_have_count(0)
    visit.looks_well("a-blocking", everywhere=True)
    page.reload()
    expect(title).to_have_text("Link your charger to start smart charging")
    through_vendor(page, "Link my charger", "ZAPTEC")
    expect(title).to_have_text("Where is your charger?")
    visit.looks_well("a-place")
    page.get_by_role("button", name="I am at the charger").click()
    expect(page.locator("#consent")).to_be_visible()
    visit.looks_well("a-consent")
    page.get_by_role("button", name="Switch on").click()  # without the tick the browser refuses
    expect(page.locator("#consent")).to_be_visible()
    page.get_by_label("I agree.").check()
    page.get_by_role("button", name="Switch on").click()
    expect(title).to_have_text("Plug in, and sleep well")
    visit.looks_well("a-enrolled")


def test_journey_b_can_be_dismissed_and_comes_back_by_the_settings(visit: Visit, house: House) -> None:
    """S14-S22: recommended, dismissed, linked from the settings after all, and unlinked with its consequences."""
    page = open_page(visit, house, house.driver("ben"))
    through_vendor(page, "Link my car", "TESLA")
    prompt = page.locator("#prompt")
    expect(prompt.get_by_role("heading", level=1)).to_have_text("Link your charger for more reliable charging")
    visit.looks_well("b-recommended", everywhere=True)
    prompt.get_by_role("button", name="Not now").click()
    expect(prompt).to_have_count(0)
    page.get_by_label("I agree.").check()
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("#idle")).to_be_visible()
    through_vendor(page, "Link a charger", "EASEE")
    page.get_by_role("button", name="Unlink: Easee Home").click()
    expect(page.get_by_text("it will not be as reliable")).to_be_visible()
    visit.looks_well("b-unlink", everywhere=True)
    unlink_at_once(page)
    expect(page.locator("#idle")).to_be_visible()
    expect(prompt).to_have_count(0)
    expect(page.get_by_role("button", name="Link a charger")).to_be_visible()
    page.get_by_role("button", name="End smart charging").click()
    visit.looks_well("b-withdraw")
    page.get_by_role("button", name="End smart charging").click()
    expect(page.locator("#consent")).to_be_visible()
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_label("Yes, delete everything.").check()
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no account here")


def test_a_night_shows_itself_live_and_tells_the_cost_before_it_obeys(visit: Visit, house: House) -> None:
    driver = house.bring_home("carla", "TESLA")
    house.remember_nights(driver)
    page = open_page(visit, house, driver)
    page.evaluate("window.neverReloaded = true")
    house.plug_in(driver)
    expect(page.locator(".chart[data-drawn]")).to_be_visible()  # the plan came by itself
    assert page.evaluate("window.neverReloaded")
    expect(page.locator(".total")).to_contain_text("€5.08")
    expect(page.locator(".nights tbody tr")).to_have_count(3)
    expect(page.get_by_role("img", name=re.compile(r"Charging: \d\d:\d\d–\d\d:\d\d"))).to_be_visible()
    visit.looks_well("tonight", everywhere=True)

    page.get_by_role("link", name="Charge now").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#difference")).to_contain_text("more")
    visit.looks_well("tonight-ask")
    page.get_by_role("button", name="Yes, charge now").click()
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text("Charging at once")
    level = page.locator(".level-words b").first
    before = int(level.inner_text())
    page.evaluate("window.neverReloaded = true")
    expect(level).not_to_have_text(str(before))  # the level rises before one's eyes
    assert page.evaluate("window.neverReloaded")
    visit.looks_well("tonight-charging")

    page.get_by_role("link", name="Back to the plan").click()
    page.get_by_role("button", name="Yes, follow the plan").click()
    page.locator("summary", has_text="Departure and target").click()
    page.get_by_role("slider").fill("90")
    page.get_by_label("Ready by").fill("08:30")
    page.get_by_role("button", name="See what it costs").last.click()
    expect(page.get_by_text("08:30")).to_be_visible()
    page.get_by_role("button", name="Only tonight").click()
    expect(page.locator(".level-words").first).to_contain_text("90 % · 08:30")

    page.goto(f"{house.url}/driver/language/de")
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("heading", name="Der Plan für heute Nacht")).to_be_visible()
    visit.looks_well("tonight-de")


def in_temporal(visit: Visit, address: str, workflow_id: str, name: str, told: str) -> None:
    """A workflow's page in the Temporal UI, with its story in words. It draws itself late, the story in a frame."""
    page = visit.page
    page.set_viewport_size(DESK)
    page.goto(address)
    expect(page.get_by_role("heading", name=workflow_id)).to_be_visible()
    page.get_by_text("User Metadata", exact=True).first.click()
    expect(page.frame_locator("iframe").last.locator("body")).to_contain_text(told)
    visit.pictured(name)
    page.set_viewport_size(PHONE)


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
    in_temporal(visit, address, workflow_id, "ui-session", told="last command")
    of_driver = address.replace(address.rsplit("/", 1)[-1], f"driver%3A{driver}")
    in_temporal(visit, of_driver, f"driver:{driver}", "ui-driver", told="smart charging enabled")
    page.goto(f"{house.url}/operator")
    page.get_by_role("searchbox").fill(workflow_id)
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".timeline")).to_be_visible()
    page.get_by_role("button", name="Leave").click()
    page.goto(f"{house.url}/operator")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
