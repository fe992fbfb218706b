"""A backend engineer's part in the demo: link, prompt, place, enroll, with nothing but the public client."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from client import ActionRefused, Nightcharge
from demo.cast import PROGRAM, Role
from domain.devices import Side
from domain.driver.events import DismissPrompt, Enroll, LinkReturned, PlaceCharger, RequestLink
from domain.journey import Journey, Stage
from domain.wording import say
from ops.embedded import Installation
from providers.enode.provider import EnodeProvider

WAITS_SECONDS = 20.0
"""Real time for a journey to reach a stage."""

HOME = (52.3702, 4.8952)
"""The demo's charging place; coordinates go to the vendor and nowhere else."""


@dataclass
class JourneyRecord:
    """What the app would have shown along the way."""

    stages: list[Stage] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # stages and answers, in order, for people

    def note(self, journey: Journey) -> None:
        if not self.stages or self.stages[-1] is not journey.stage:
            self.stages.append(journey.stage)
            self.lines.append(journey.stage.value.replace("_", " "))


class Backend:
    """Brings one driver from nothing to enrolled."""

    def __init__(
        self,
        role: Role,
        at: Installation,
        client: Nightcharge,
        provider: EnodeProvider,
        say: Callable[[str, str], None],
    ) -> None:
        self._role, self._at, self._client, self._provider, self._say = role, at, client, provider, say
        self.record = JourneyRecord()
        self.driver = ""

    async def bring_home(self) -> None:
        """The journey of the role (A blocked until the charger is there, B and C prompted), then the plug-in."""
        role = self._role
        self.driver = await self._client.start_driver(PROGRAM, role.reference)
        await self._until(lambda j: j.stage is Stage.LINK_VEHICLE)
        await self._link(Side.VEHICLE, role.car["vendor"])
        journey = await self._until(lambda j: bool(j.vehicles) and "reported" in j.vehicles[0].own.evidence)
        self._say(role.letter, f"car linked; {journey.vehicles[0].requirement_reason}")
        await self._answer_prompt(journey)
        if role.links_charger and role.charger is not None:
            await self._link(Side.CHARGER, role.charger["vendor"])
            journey = await self._until(lambda j: bool(j.charger_ids))
            await self._place(journey.charger_ids[0])
        await self._until(lambda j: j.stage is Stage.READY_TO_ENROLL)
        await self._client.act(
            self.driver,
            Enroll(action_id="enroll", at=self._at.settings.clock.now(), text_version="demo-1", language="en"),
        )
        journey = await self._until(lambda j: j.stage is Stage.ENROLLED)
        self._say(role.letter, "enrolled: smart charging is on")
        await self._come_home(journey)

    async def _answer_prompt(self, journey: Journey) -> None:
        prompt = journey.prompt
        if prompt is None:
            return
        brand = journey.vehicles[0].brand or "car"
        stays = "stays until done" if prompt.is_blocking else "can be dismissed"
        self._say(self._role.letter, f"the app asks ({stays}): {say(prompt.key, 'en', brand=brand)}")
        self._say(self._role.letter, f"  why: {say(prompt.why, 'en', brand=brand)}")
        if self._role.links_charger and not prompt.is_blocking:
            return
        await self._try(DismissPrompt(action_id="dismiss", prompt=prompt.key))
        if prompt.is_blocking:
            await self._try(
                Enroll(action_id="too-early", at=self._at.settings.clock.now(), text_version="demo-1", language="en")
            )

    async def _try(self, action: DismissPrompt | Enroll) -> None:
        try:
            await self._client.act(self.driver, action)
            self.record.lines.append("prompt dismissed")
            self._say(self._role.letter, f"{action.type.replace('_', ' ')}: done")
        except ActionRefused as refusal:
            self.record.refused.append(action.type)
            self._say(self._role.letter, f"{action.type.replace('_', ' ')}: refused, {refusal}")

    async def _link(self, side: Side, vendor: str) -> None:
        """Open the vendor's page, have the driver consent there, come back."""
        outcome = await self._client.act(
            self.driver,
            RequestLink(action_id=f"link-{side.value}", side=side, redirect_uri="https://app.invalid/linked"),
        )
        token = (outcome.url or "").rstrip("/").rsplit("/", 1)[-1]
        await self._at.admin("POST", f"links/{token}/complete", vendor=vendor)
        await self._client.act(self.driver, LinkReturned(action_id=f"returned-{side.value}", side=side))

    async def _place(self, charger_id: str) -> None:
        place = await self._provider.create_place(self.driver, "Home", *HOME, PROGRAM.wish.zone)
        await self._client.act(self.driver, PlaceCharger(action_id="place", charger_id=charger_id, place_id=place.id))
        self._say(self._role.letter, "charger linked and placed: start, stop and location unlocked")

    async def _come_home(self, journey: Journey) -> None:
        """Plug in at the time of the cast, or now if linking took longer."""
        clock = self._at.settings.clock
        await asyncio.sleep(max(0.0, (clock.real(self._role.plugs_in_at) - datetime.now(UTC)).total_seconds()))
        charger_id = journey.charger_ids[0] if journey.charger_ids else None
        await self._at.admin("POST", f"vehicles/{journey.vehicles[0].vehicle_id}/plug", charger_id=charger_id)
        self._say(self._role.letter, "plugged in")

    async def _until(self, is_there: Callable[[Journey], bool]) -> Journey:
        deadline = asyncio.get_running_loop().time() + WAITS_SECONDS
        while True:
            journey = await self._client.journey(self.driver)
            self.record.note(journey)
            if is_there(journey):
                return journey
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"driver {self._role.letter} stays at {journey.stage.value}")
            await asyncio.sleep(0.1)
