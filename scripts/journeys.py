"""docs/journeys.md from the code: what each event does to stage, prompt and smart charging. `--check` compares only."""

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from domain.devices import Capability, CapabilityKind, Device, LinkedVendor, Reading, Side
from domain.driver.apply import apply, begun
from domain.driver.decide import decide
from domain.driver.events import (
    ActionEnded,
    AskUnlink,
    ConfirmUnlink,
    CredentialsDied,
    DeviceGone,
    DeviceSeen,
    DismissPrompt,
    DriverEvent,
    Enroll,
    Erase,
    PlaceCharger,
    ProgramChanged,
    RequestLink,
    TimeReached,
    Withdraw,
)
from domain.driver.state import DriverState
from domain.journey import Stage, journey_of
from domain.program import Program
from domain.requirement import Rules
from domain.rollout.standing import Phase, Standing
from domain.wording import catalogue, say

PAGE = Path(__file__).resolve().parent.parent / "docs" / "journeys.md"

NOW = datetime(2026, 1, 1, 18, tzinfo=UTC)
LATER = NOW + timedelta(days=8)
"""When what follows from an event is looked at: after all deadlines of days."""

MINUTE_OF = {False: 1, True: 2}
"""A charger falls silent, and answers again."""

CONTROL = (CapabilityKind.START_CHARGING, CapabilityKind.STOP_CHARGING, CapabilityKind.LOCATION)

HEAD = """# Journeys

What each event does, computed from the code by `python scripts/journeys.py`; the tests check that this page is current.
*A*: the vehicle cannot be controlled or located by itself, or the program does not trust it alone, so the charger is
mandatory. *B*: it can, so the charger is recommended. A prompt marked with `!` cannot be dismissed.

Each block begins, in bold, with where a driver stands; below it, what each event makes of that. Rows that change
nothing are left out: a prompt of journey A cannot be dismissed, asking what an unlinking means changes nothing, and a
plug-in, an unplugging or a drive changes no journey.
"Disabled" means no plan, no hold and no command of ours: the car charges as it would without us.

{words}

## Stage x event

| before | event | after | prompt | smart charging |
|---|---|---|---|---|
"""

Event = Callable[[DriverState], Iterator[DriverEvent]]


def device(
    device_id: str,
    side: Side,
    *,
    can: bool = True,
    place: str | None = None,
    minute: int = 0,
    is_reachable: bool = True,
) -> Device:
    seen_at = NOW + timedelta(minutes=minute)
    reading = Reading(
        side=side,
        device_id=device_id,
        observed_at=seen_at,
        received_at=seen_at,
        is_plugged_in=False,
        location_id=place,
    )
    capabilities = dict.fromkeys(CONTROL, Capability(is_capable=can))
    vendor, brand = ("CAR MAKER", "Car") if side is Side.VEHICLE else ("BOX MAKER", "Box")
    return Device(
        id=device_id,
        side=side,
        driver_id="d",
        vendor=vendor,
        brand=brand,
        capabilities=capabilities,
        reading=reading.model_copy(update={"is_reachable": is_reachable}),
    )


PROGRAM = Program(name="p")
DEMANDING = PROGRAM.model_copy(update={"version": 1, "rules": Rules(demanded_brands=frozenset({"Car"}))})

CLOSED = PROGRAM.model_copy(update={"version": 1, "standing": Standing(phase=Phase.OPTIONAL)})

CAR_A = DeviceSeen(device=device("car", Side.VEHICLE, can=False))
CAR_B = DeviceSeen(device=device("car", Side.VEHICLE))
CHARGER = DeviceSeen(device=device("charger", Side.CHARGER))
ENROLL = Enroll(action_id="enroll", at=NOW, text_version="1")


def place(place_id: str | None) -> Event:
    def events(_: DriverState) -> Iterator[DriverEvent]:
        name = f"place {place_id}"
        yield PlaceCharger(action_id=name, charger_id="charger", place_id=place_id)
        yield ActionEnded(action_id=name, is_done=True, charger_id="charger", place_id=place_id)

    return events


def dismiss(state: DriverState) -> Iterator[DriverEvent]:
    prompt = journey_of(state).prompt
    if prompt is not None:
        yield DismissPrompt(action_id="dismiss", prompt=prompt.key)


def unlink(side: Side, vendor: str) -> Event:
    def events(state: DriverState) -> Iterator[DriverEvent]:
        ask = AskUnlink(action_id=f"ask {vendor}", side=side, vendor=vendor, at=NOW)
        token = apply(state, ask).outcomes[ask.action_id].token
        yield ask
        if token is not None:
            yield ConfirmUnlink(action_id=f"confirm {vendor}", token=token, at=NOW)
            yield ActionEnded(action_id=f"confirm {vendor}", is_done=True)

    return events


def once(event: DriverEvent) -> Event:
    return lambda _: iter((event,))


def linked(seen: DeviceSeen) -> Event:
    """A device is linked that was not, on a page of its own."""

    def events(state: DriverState) -> Iterator[DriverEvent]:
        if seen.device.id in state.devices:
            return
        name = f"link {len(state.outcomes)}"
        yield RequestLink(action_id=name, side=seen.device.side, redirect_uri="https://app.example")
        yield ActionEnded(action_id=name, is_done=True, url="https://vendor.example")
        yield seen

    return events


def renewed(state: DriverState) -> Iterator[DriverEvent]:
    """A listing that tells of every ended login that it lives."""
    logins = tuple(LinkedVendor(vendor=vendor, side=None, is_valid=True) for vendor in state.dead_logins)
    yield ActionEnded(action_id="listed", is_done=True, logins=logins)


def charger_told(*, is_reachable: bool) -> Event:
    """A picture of the linked charger, newer than any other."""

    def events(state: DriverState) -> Iterator[DriverEvent]:
        known = state.devices.get("charger")
        if known is None or known.reading.is_reachable is is_reachable:
            return
        told = {"minute": MINUTE_OF[is_reachable], "place": state.places.get("charger"), "is_reachable": is_reachable}
        yield DeviceSeen(device=device("charger", Side.CHARGER, **told))  # type: ignore[arg-type]

    return events


def closed(state: DriverState) -> Iterator[DriverEvent]:
    """Of a capable vehicle's journey it changes the reasons alone."""
    if any(own.missing for own in state.own.values()):
        yield ProgramChanged(program=CLOSED, reason="rollout")


EVENTS: dict[str, Event] = {
    "incapable vehicle linked": linked(CAR_A),
    "capable vehicle linked": linked(CAR_B),
    "charger linked": linked(CHARGER),
    "charger placed": place("home"),
    "place removed": place(None),
    "prompt dismissed": dismiss,
    "enroll": once(ENROLL),
    "withdraw": once(Withdraw(action_id="withdraw", at=NOW)),
    "charger unlinked, confirmed": unlink(Side.CHARGER, "BOX MAKER"),
    "vehicle unlinked, confirmed": unlink(Side.VEHICLE, "CAR MAKER"),
    "charger gone from its account": once(DeviceGone(device_id="charger")),
    "vehicle's login ended": once(CredentialsDied(vendor="CAR MAKER", at=NOW)),
    "charger's login ended": once(CredentialsDied(vendor="BOX MAKER", at=NOW)),
    "login renewed": renewed,
    "charger out of reach for a week": charger_told(is_reachable=False),
    "charger in reach again": charger_told(is_reachable=True),
    "program demands a charger": once(ProgramChanged(program=DEMANDING, reason="rollout")),
    "program takes no incapable vehicles yet": closed,
    "erase": once(Erase(action_id="erase", at=NOW)),
}

A_ENROLLED = ("incapable vehicle linked", "charger linked", "charger placed", "enroll")

BEFORE: dict[str, tuple[str, ...]] = {
    "nothing linked": (),
    "A, vehicle alone": ("incapable vehicle linked",),
    "A, charger without place": ("incapable vehicle linked", "charger linked"),
    "A, charger placed": ("incapable vehicle linked", "charger linked", "charger placed"),
    "A, enrolled": A_ENROLLED,
    "A, enrolled, charger out of reach": (*A_ENROLLED, "charger out of reach for a week"),
    "A, enrolled, charger's login ended": (*A_ENROLLED, "charger's login ended"),
    "A, not admitted yet": ("incapable vehicle linked", "program takes no incapable vehicles yet"),
    "B, vehicle alone": ("capable vehicle linked",),
    "B, prompt dismissed": ("capable vehicle linked", "prompt dismissed"),
    "B, enrolled without charger": ("capable vehicle linked", "prompt dismissed", "enroll"),
    "B, charger without place": ("capable vehicle linked", "charger linked"),
    "B, enrolled with charger": ("capable vehicle linked", "charger linked", "charger placed", "enroll"),
    "B, enrolled, charger unlinked": (
        "capable vehicle linked",
        "charger linked",
        "charger placed",
        "enroll",
        "charger unlinked, confirmed",
    ),
}


def after(state: DriverState, name: str) -> DriverState:
    """The state once an event and all that follows from it has happened."""
    for event in (*EVENTS[name](state), TimeReached()):
        state = apply(state, event)
        for effect in decide(state, LATER).effects:
            state = begun(state, effect, LATER)
    return state


def row(before: str, name: str, state: DriverState) -> str:
    journey = journey_of(state)
    prompt = journey.prompt
    shown = "none" if prompt is None else f"{prompt.key.removeprefix('prompt.')}{'!' if prompt.is_blocking else ''}"
    enabled = "enabled" if journey.is_enabled else "disabled"
    return f"| {before} | {name} | {journey.stage.value} | {shown} | {enabled} |"


def words() -> str:
    """What stages and prompts are called, as the driver reads it."""
    prompts = sorted(key for key in catalogue("en") if key.startswith("prompt."))
    named = [(f"`{stage.value}`", say(f"stage.{stage.value}", "en")) for stage in Stage]
    asked = [(f"`{key.removeprefix('prompt.')}`", say(key, "en", brand="car")) for key in prompts]
    lines = [
        "| stage or prompt | what the driver reads |",
        "|---|---|",
        *(f"| {key} | {text} |" for key, text in named),
    ]
    return "\n".join([*lines, *(f"| {key} (prompt) | {text} |" for key, text in asked)])


def page() -> str:
    rows = []
    for before, path in BEFORE.items():
        state = DriverState(driver_id="d", program=PROGRAM, wish=PROGRAM.wish)
        for name in path:
            state = after(state, name)
        rows.append(row(f"**{before}**", "", state))
        for name in EVENTS:
            then = after(state, name)
            if journey_of(then) != journey_of(state):
                rows.append(row("", name, then))
    return HEAD.format(words=words()) + "\n".join(rows) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if PAGE.read_text() != page():
        print("docs/journeys.md is not what the code does: run python scripts/journeys.py")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
