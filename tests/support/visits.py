"""A page under test: what it complains of, how it looks, and whether everybody can use it."""

from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

PHONE, DESK = ViewportSize(width=390, height=844), ViewportSize(width=1440, height=900)

GRAVE = ("serious", "critical")


class Visit:
    """A page under test, which must not complain, and its pictures."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page, self._folder = page, folder
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: object) -> None:
        text = getattr(message, "text", "")
        if "Content Security Policy" in text or "Refused to" in text:
            self.complaints.append(text)

    def looks_well(self, name: str, *, everywhere: bool = False) -> None:
        """No grave issue by axe-core and nothing wider than the screen; pictures by day and by night.

        `everywhere`: on phone and desk. Axe takes seconds where pages have grown: it looks by night, and by day where
        a page is looked at everywhere.
        """
        self._looks(name, PHONE, "light", by_axe=everywhere)
        self._looks(name, PHONE, "dark", by_axe=not everywhere)
        if everywhere:
            self._looks(name, DESK, "dark", by_axe=True)
            self._looks(name, DESK, "light", by_axe=False)
            self.page.set_viewport_size(PHONE)
        assert self.complaints == []

    def pictured(self, name: str) -> None:
        """A picture of a page that is not ours."""
        self.page.screenshot(path=self._folder / f"{name}.png")

    def _looks(self, name: str, size: ViewportSize, theme: Literal["light", "dark"], *, by_axe: bool) -> None:
        self.page.set_viewport_size(size)
        self.page.emulate_media(color_scheme=theme)
        if by_axe:
            found = Axe().run(self.page).response["violations"]
            grave = [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in GRAVE]
            assert grave == [], f"{name}, {theme}, {size['width']} px"
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        self.page.screenshot(path=self._folder / f"{name}-{size['width']}-{theme}.png", full_page=True)
