"""A real Chromium before a whole installation; skipped with the reason where there is no Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from support.house import House
from support.visits import PHONE, Visit

FOLDER_VARIABLE = "NIGHTCHARGE_SCREENSHOTS"
"""Where pictures of the pages go; by default beside the tests, ignored by git."""

WAITS_MS = 60_000
"""Real time for the page to show something; the machine may be busy."""


def _chromium() -> str | None:
    known = [os.environ.get("NIGHTCHARGE_CHROMIUM"), "/usr/bin/chromium", shutil.which("chromium")]
    known += [shutil.which("chromium-browser"), shutil.which("google-chrome")]
    return next((path for path in known if path and Path(path).exists()), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as it is installed on the machine. Its event loop must be gone before other modules need theirs."""
    path = _chromium()
    if path is None:
        pytest.skip("no Chromium found: install it, or name it in NIGHTCHARGE_CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Everything up, with a world that runs fast."""
    with House(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A phone that stands at home and speaks English."""
    made = browser.new_context(
        viewport=PHONE,
        locale="en-GB",
        geolocation={"latitude": 52.37, "longitude": 4.895},
        permissions=["geolocation"],
        reduced_motion="reduce",
    )
    made.set_default_timeout(WAITS_MS)
    expect.set_options(timeout=WAITS_MS)
    yield made
    made.close()


@pytest.fixture
def visit(context: BrowserContext) -> Visit:
    """A fresh page."""
    folder = Path(os.environ.get(FOLDER_VARIABLE) or Path(__file__).with_name("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return Visit(context.new_page(), folder)
