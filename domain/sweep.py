"""The sweep: what hooks lose and crashes leave behind, found and repaired page by page."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import Field

from domain.clock import Clock
from domain.devices import Device, Side
from domain.model import Instant, Model

SWEEP_PAGE = "sweep_page"
"""Name of the durable step that sweeps one page."""


class Part(StrEnum):
    """What is swept. The first four go side by side; the last needs the result of the devices' parts."""

    VEHICLES = "vehicles"
    CHARGERS = "chargers"
    ENDED_SESSIONS = "ended_sessions"  # terminated or failed, so that they told nobody
    GONE_DRIVERS = "gone_drivers"  # terminated, though their sessions go on
    UNSEEN = "unseen"  # devices we know and the platform did not list


SIDES = {Part.VEHICLES: Side.VEHICLE, Part.CHARGERS: Side.CHARGER}

FIRST = (Part.VEHICLES, Part.CHARGERS, Part.ENDED_SESSIONS, Part.GONE_DRIVERS)


class Line(Model):
    """How far one part has got."""

    part: Part
    cursor: str | None = None


class SweepPage(Model):
    """Input of the step: one page of one part."""

    line: Line
    began_at: Instant  # the sweep's
    since: Instant  # engine's clock: look at what ended from then on
    clock: Clock = Clock()


class SweptPage(Model):
    """What came of it."""

    cursor: str | None = None  # None: that was the last page
    looked_at: int = 0
    repaired: int = 0


class Sweep(Model):
    """A sweep under way, and its report at the end."""

    began_at: Instant  # world time
    started_at: Instant  # the same instant by the engine's clock, which speeds up in no demo
    since: Instant  # engine's clock: what ended before was swept before
    open: tuple[Line, ...] = tuple(Line(part=part) for part in FIRST)
    is_last_part_due: bool = True
    looked_at: dict[Part, int] = Field(default_factory=dict)
    repaired: dict[Part, int] = Field(default_factory=dict)
    given_up: tuple[Part, ...] = ()  # a page could not be read, for good

    def after(self, pages: tuple[SweptPage | None, ...]) -> "Sweep":
        """The sweep after one page of each open line; None: the page failed for good."""
        looked_at, repaired, given_up = dict(self.looked_at), dict(self.repaired), list(self.given_up)
        lines: list[Line] = []
        for line, page in zip(self.open, pages, strict=True):
            if page is None:
                given_up.append(line.part)
                continue
            looked_at[line.part] = looked_at.get(line.part, 0) + page.looked_at
            repaired[line.part] = repaired.get(line.part, 0) + page.repaired
            if page.cursor is not None:
                lines.append(Line(part=line.part, cursor=page.cursor))
        is_due = self.is_last_part_due
        if not lines and is_due:
            is_due = False
            # Without a full list nobody can say what is missing from it.
            lines = [] if set(given_up) & SIDES.keys() else [Line(part=Part.UNSEEN)]
        return self.model_copy(
            update={
                "open": tuple(lines),
                "is_last_part_due": is_due,
                "looked_at": looked_at,
                "repaired": repaired,
                "given_up": tuple(given_up),
            }
        )


class DevicePage(Model):
    """Some devices of all drivers."""

    devices: tuple[Device, ...]
    cursor: str | None  # of the next page; None: that was the last


class EndedSession(Model):
    """A session that ended without a word."""

    session_id: str
    driver_id: str

    @property
    def vehicle_id(self) -> str:
        return self.session_id.rpartition(":")[0]


class EndedPage(Model):
    """Some of what ended."""

    sessions: tuple[EndedSession, ...] = ()
    driver_ids: tuple[str, ...] = ()
    cursor: str | None = None


class Census(Protocol):
    """A vendor platform, read without asking for a driver."""

    async def page(self, side: Side, cursor: str | None) -> DevicePage: ...

    async def read(self, side: Side, device_id: str) -> Device: ...


class Register(Protocol):
    """Which workflows ended, and which go on."""

    async def ended_sessions(self, since: datetime, cursor: str | None) -> EndedPage:
        """Sessions that ended otherwise than by themselves."""
        ...

    async def gone_drivers(self, since: datetime, cursor: str | None) -> EndedPage:
        """Drivers whose workflow ended otherwise than by itself, and does not run again."""
        ...

    async def open_sessions(self, driver_id: str) -> list[str]: ...
