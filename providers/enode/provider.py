"""Enode as a `DeviceProvider`: which call does what, and what its answer means."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from domain.devices import (
    ActionState,
    Device,
    Intervention,
    LinkedVendor,
    LinkSession,
    Place,
    ReadingSource,
    Side,
    VendorAction,
)
from domain.errors import CallerError, MalformedReply
from domain.model import Model
from domain.sweep import DevicePage
from providers.enode import languages, schemas
from providers.enode.client import Call, EnodeClient, Reply
from providers.enode.errors import Kind, Outcome
from providers.enode.mapping import WireMapping
from providers.enode.surprises import scrub
from providers.traffic import Health, Parties, Party

W = TypeVar("W", bound=BaseModel)

SCOPES: dict[Side, tuple[str, ...]] = {
    Side.VEHICLE: ("vehicle:read:data", "vehicle:read:location", "vehicle:control:charging"),
    Side.CHARGER: ("charger:read:data", "charger:control:charging"),
}
"""Consent asked for: vehicle and charger are linked in two sessions that differ in scopes alone."""

LONGEST_REDIRECT = 500

UNREADABLE_ANSWER = "UNREADABLE_ANSWER"
"""Reason of an action the vendor took but described in a way we can't read: pending, without an id."""

_ASSETS = {Side.VEHICLE: "vehicles", Side.CHARGER: "chargers"}


class VendorHealth(Model):
    """The platform's own word on one vendor. Its absence proves nothing."""

    vendor: str
    side: Side
    is_ready: bool
    can_link: bool


class EnodeProvider:
    """Cars and chargers behind Enode.

    Commands are sent once: intent, read-back and any further attempt are the caller's.
    """

    def __init__(self, client: EnodeClient, mapping: WireMapping | None = None) -> None:
        self.client = client
        self.mapping = mapping or WireMapping(client.settings.identity_salt)
        self._parties = Parties()

    async def list_devices(self, driver_id: str, side: Side) -> list[Device]:
        """The driver's devices; none for a driver who never linked. Items without ids are counted and left out."""
        call = Call(Kind.OWNED, "GET", f"/users/{{}}/{_ASSETS[side]}", (driver_id,))
        assets = await self._listed(call, schemas.Asset, Party(driver_id))
        return [self._device(side, asset, driver_id=driver_id) for asset in assets]

    async def page(self, side: Side, cursor: str | None) -> DevicePage:
        """Some devices of all drivers, in the platform's order; `cursor` comes from the page before (None: the first).

        One call for fifty devices, where a call for each driver would be needed otherwise.
        """
        query = {"pageSize": str(self.client.settings.page_size), **({"after": cursor} if cursor else {})}
        reply = await self.client.call(Call(Kind.READ, "GET", f"/{_ASSETS[side]}", query=query))
        page = reply.read(schemas.Page)
        after = page.pagination.after if page.pagination else None
        assets = self._items(page.data, schemas.Asset)
        devices = tuple(self._device(side, one, source=ReadingSource.SWEEP) for one in assets if one.user_id)
        return DevicePage(devices=devices, cursor=after or None)

    async def read(self, side: Side, device_id: str) -> Device:
        call = Call(Kind.READ, "GET", f"/{_ASSETS[side]}/{{}}", (device_id,))
        reply = await self.client.call(call, self._parties.of(device_id))
        return self._device_in(side, reply)

    async def start(self, side: Side, device_id: str) -> VendorAction:
        """Ask for charging. Refusals (400, 422) are actions in state REFUSED with the vendor's title as reason.

        Raises:
            ControlledElsewhere: a schedule or smart-charging plan at the vendor holds the device.
        """
        return await self._command(side, device_id, "charging", {"action": "START"})

    async def stop(self, side: Side, device_id: str) -> VendorAction:
        """Ask for a stop; answers as `start`."""
        return await self._command(side, device_id, "charging", {"action": "STOP"})

    async def set_max_current(self, side: Side, device_id: str, max_current_a: float) -> VendorAction:
        """Ask for a limit [A]; answers as `start`. For vehicles experimental at the vendor."""
        return await self._command(side, device_id, "max-current", {"maxCurrent": max_current_a})

    async def action(self, side: Side, action_id: str) -> VendorAction:
        call = Call(Kind.READ, "GET", f"/{_ASSETS[side]}/actions/{{}}", (action_id,))
        reply = await self.client.call(call, self._parties.of(action_id))
        return self.mapping.action(reply.read(schemas.Action, self.mapping.surprises), side=side)

    async def cancel(self, side: Side, action_id: str) -> VendorAction:
        """The action, cancelled, or as it had ended already. The vendor's cloud may still carry it out."""
        call = Call(Kind.CANCEL, "POST", f"/{_ASSETS[side]}/actions/{{}}/cancel", (action_id,))
        reply = await self.client.call(call, self._parties.of(action_id))
        return self.mapping.action(reply.read(schemas.Action, self.mapping.surprises), side=side)

    async def request_refresh(self, side: Side, device_id: str) -> None:
        """Hint that our picture may be stale. The vendor may or may not ask the device."""
        call = Call(Kind.WRITE, "POST", f"/{_ASSETS[side]}/{{}}/refresh-hint", (device_id,))
        await self.client.call(call, self._parties.of(device_id))

    async def linked_vendors(self, driver_id: str) -> list[LinkedVendor]:
        """The driver's vendor accounts; none for a driver who never linked."""
        reply = await self.client.call(Call(Kind.OWNED, "GET", "/users/{}", (driver_id,)), Party(driver_id))
        if reply.outcome is Outcome.GONE:
            return []
        user = reply.read(schemas.User, self.mapping.surprises)
        return [self.mapping.linked_vendor(one) for one in self._items(user.linked_vendors or [], schemas.LinkedVendor)]

    async def start_link(self, driver_id: str, side: Side, *, redirect_uri: str, language: str) -> LinkSession:
        """A link page for one side; it lives 24 hours and works once. Put your own state in the redirect.

        Raises:
            CallerError: the redirect is longer than Enode takes, or about:blank.
            CommandRejected: Enode refuses, e.g. because the client's number of connections is used up.
        """
        body = {"scopes": list(SCOPES[side]), **_way_back(redirect_uri, language)}
        call = Call(Kind.WRITE, "POST", "/users/{}/link", (driver_id,), body=body)
        reply = await self.client.call(call, Party(driver_id))
        return self.mapping.link(reply.read(schemas.LinkSession))

    async def relink(self, device_id: str, *, redirect_uri: str, language: str) -> LinkSession:
        """A link page that renews the grant behind one device.

        Raises:
            CommandRejected: the device is unknown, or its grant is still good.
        """
        body = _way_back(redirect_uri, language)
        call = Call(Kind.WRITE, "POST", "/assets/{}/relink", (device_id,), body=body)
        reply = await self.client.call(call, self._parties.of(device_id))
        return self.mapping.link(reply.read(schemas.LinkSession))

    async def unlink(self, driver_id: str, vendor: str, side: Side) -> None:
        """Remove all of the driver's devices of this vendor and side; the vendor's other side stays.

        The vendor-wide form of the call is never used: it would take a Tesla with its wall box.
        """
        call = Call(Kind.REMOVE, "DELETE", "/users/{}/vendors/{}/{}", (driver_id, vendor, side.value))
        await self.client.call(call, Party(driver_id))

    async def forget_driver(self, driver_id: str) -> None:
        """Delete the driver and all data at Enode, for good; a driver Enode does not know is forgotten already."""
        await self.client.call(Call(Kind.REMOVE, "DELETE", "/users/{}", (driver_id,)), Party(driver_id))

    async def create_place(self, driver_id: str, name: str, latitude: float, longitude: float, zone: str) -> Place:
        """Create a charging place. Its coordinates [degrees] go out in this one request and are never read back."""
        body = {"name": name, "latitude": latitude, "longitude": longitude, "timezoneName": zone}
        call = Call(Kind.WRITE, "POST", "/users/{}/locations", (driver_id,), body=body)
        reply = await self.client.call(call, Party(driver_id))
        return self.mapping.place(reply.read(schemas.Location))

    async def places(self, driver_id: str) -> list[Place]:
        call = Call(Kind.OWNED, "GET", "/users/{}/locations", (driver_id,))
        return [self.mapping.place(one) for one in await self._listed(call, schemas.Location, Party(driver_id))]

    async def set_charger_place(self, charger_id: str, place_id: str | None) -> Device:
        """Say where the charger stands; `None` takes its place away."""
        call = Call(Kind.WRITE, "PUT", "/chargers/{}", (charger_id,), body={"locationId": place_id})
        return self._device_in(Side.CHARGER, await self.client.call(call, self._parties.of(charger_id)))

    async def interventions(self, language: str) -> list[Intervention]:
        """The vendor's catalogue. Which entries apply to a device is told by its capabilities."""
        query = {"language": languages.best(language, languages.INTERVENTION, "en-US")}
        reply = await self.client.call(Call(Kind.READ, "GET", "/interventions", query=query))
        return [self.mapping.intervention(one) for one in self._items(_array(reply), schemas.Intervention)]

    async def vendor_health(self) -> list[VendorHealth]:
        """The platform's word on each vendor; an unknown word counts as ready, for only trouble is to be acted on."""
        found: list[VendorHealth] = []
        for side in Side:
            reply = await self.client.call(Call(Kind.READ, "GET", f"/health/{_ASSETS[side]}"))
            found += [_health(side, one) for one in self._items(_array(reply), schemas.VendorHealth)]
        return found

    def trouble(self, driver_id: str, vendor: str) -> Health:
        """Whether calls for this account fail, and if so, whether the vendor fails for many or the account alone.

        While the vendor fails, nobody is asked to link again and nothing is unlinked.
        """
        return self.client.gate.health(Party(driver_id, vendor))

    async def _command(self, side: Side, device_id: str, what: str, body: dict[str, Any]) -> VendorAction:
        call = Call(Kind.COMMAND, "POST", f"/{_ASSETS[side]}/{{}}/{what}", (device_id,), body=body)
        try:
            reply = await self.client.call(call, self._parties.of(device_id))
            if reply.outcome is Outcome.REFUSED:
                return _refused(side, device_id, reply.problem)
            action = reply.read(schemas.Action, self.mapping.surprises)
            self._parties.learn(action.id, self._parties.of(device_id))
        except MalformedReply as error:
            # The vendor took the command; to call it failed would invite a second one.
            return VendorAction(
                id=None,
                side=side,
                device_id=device_id,
                state=ActionState.PENDING,
                reason=UNREADABLE_ANSWER,
                detail=str(error),
            )
        return self.mapping.action(action, side=side, device_id=device_id)

    async def _listed(self, call: Call, wire: type[W], party: Party) -> list[W]:
        return self._items([item async for item in self.client.pages(call, party)], wire)

    def _items(self, items: Sequence[Any], wire: type[W]) -> list[W]:
        """Those that can be read; the rest is counted."""
        read: list[W] = []
        for item in items:
            try:
                read.append(wire.model_validate(item, context=self.mapping.surprises))
            except ValidationError:
                self.mapping.surprises.note("unreadable item", wire.__name__)
        return read

    def _device_in(self, side: Side, reply: Reply) -> Device:
        asset = reply.read(schemas.Asset, self.mapping.surprises)
        if not asset.user_id:
            raise MalformedReply(f"{reply.label}: a device without a user")
        return self._device(side, asset)

    def _device(
        self,
        side: Side,
        asset: schemas.Asset,
        *,
        driver_id: str | None = None,
        source: ReadingSource = ReadingSource.READ,
    ) -> Device:
        now = self.client.now()
        device = self.mapping.device(side, asset, received_at=now, source=source, driver_id=driver_id)
        self._parties.learn(device.id, Party(device.driver_id, device.vendor))
        return device


def _refused(side: Side, device_id: str, problem: schemas.Problem) -> VendorAction:
    return VendorAction(
        id=None,
        side=side,
        device_id=device_id,
        state=ActionState.REFUSED,
        reason=scrub(problem.title, limit=80) if problem.title else None,
        detail=scrub(problem.detail) if problem.detail else None,
    )


def _way_back(redirect_uri: str, language: str) -> dict[str, str]:
    if len(redirect_uri) > LONGEST_REDIRECT or ":" not in redirect_uri or redirect_uri.startswith("about:"):
        raise CallerError("a redirect is a URI of at most 500 characters, and not about:blank")
    return {"redirectUri": redirect_uri, "language": languages.best(language, languages.LINK, "browser")}


def _array(reply: Reply) -> list[Any]:
    if not isinstance(reply.body, list):
        raise MalformedReply(f"{reply.label}: not an array")
    return reply.body


def _health(side: Side, wire: schemas.VendorHealth) -> VendorHealth:
    trouble = ("OUTAGE", "ELEVATED_ERROR_RATE")
    return VendorHealth(
        vendor=wire.vendor,
        side=side,
        is_ready=wire.status not in trouble,
        can_link=wire.linking_status != "OUTAGE",
    )


if TYPE_CHECKING:
    from domain.ports import DeviceProvider
    from domain.sweep import Census

    def _keeps_to_the_ports(provider: EnodeProvider) -> tuple[DeviceProvider, Census]:
        return provider, provider
