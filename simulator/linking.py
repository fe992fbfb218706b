"""How accounts come and go: link sessions, what completing one brings to light, unlinking, deletion."""

from datetime import timedelta
from typing import get_args

from simulator.cloud import Cloud
from simulator.control import Control
from simulator.faultbook import concerns
from simulator.faults import BadCredentials
from simulator.pairing import Pairing
from simulator.problems import Refused, not_found
from simulator.registry import Account, Device, DeviceKind, LinkSession, Prepared, Tenant, User
from simulator.scenario import ChargerSpec, VehicleSpec
from simulator.schedules import Schedules
from simulator.telemetry import Telemetry
from simulator.vendors import vendors_of
from simulator.wire import discovered_vehicle, problem

KINDS: tuple[DeviceKind, ...] = get_args(DeviceKind)


class LinkFailed(Exception):
    """The vendor's sign-in did not succeed; the text goes back to the app with the redirect."""


class Linking:
    """Accounts of all users. Devices are never linked one by one: an account brings all of its vendor's."""

    def __init__(
        self, cloud: Cloud, telemetry: Telemetry, pairing: Pairing, control: Control, schedules: Schedules
    ) -> None:
        self._cloud = cloud
        self._telemetry = telemetry
        self._pairing = pairing
        self._control = control
        self._schedules = schedules

    # -- sessions ---------------------------------------------------------------------------------------------------

    def open_session(
        self,
        tenant: Tenant,
        user_id: str,
        *,
        scopes: list[str],
        language: str,
        redirect_uri: str,
        vendor: str | None = None,
        vendor_kind: str | None = None,
        relinks: Device | None = None,
    ) -> LinkSession:
        """A session that lives a day and works once. Raises Refused (403) when the client has too many users."""
        limit = self._cloud.settings.connection_limit
        if user_id not in tenant.users and limit is not None and len(tenant.users) >= limit:
            raise Refused(403, problem("forbidden", "Connections limit reached.", "Raise the client's limit."))
        self._cloud.user(tenant, user_id)
        session = LinkSession(
            token=self._cloud.ids.next("link"),
            user_id=user_id,
            tenant=tenant,
            scopes=sorted(set(scopes)),
            language=language,
            redirect_uri=redirect_uri,
            vendor=vendor,
            vendor_kind=vendor_kind,
            expires_at=self._cloud.timeline.now + timedelta(hours=self._cloud.settings.link_hours),
            relinks=relinks,
        )
        self._cloud.sessions[session.token] = session
        return session

    def session(self, token: str) -> LinkSession:
        """The session if it can still be used. Raises Refused (404) if unknown, used or expired."""
        session = self._cloud.sessions.get(token)
        if session is None or session.is_used or session.expires_at <= self._cloud.timeline.now:
            raise not_found("Link session not found", "The link session is unknown, used or expired.")
        return session

    @staticmethod
    def kinds(session: LinkSession) -> list[DeviceKind]:
        """The kinds of device the session may bring to light."""
        return [kind for kind in KINDS if f"{kind}:read:data" in session.scopes and session.vendor_kind in (None, kind)]

    def vendors(self, session: LinkSession) -> list[str]:
        """What the brand picker offers."""
        if session.vendor is not None:
            return [session.vendor]
        return sorted(set().union(*(vendors_of(kind) for kind in self.kinds(session))))

    def complete(self, session: LinkSession, vendor: str) -> list[Device]:
        """Sign-in and consent given: the account is linked. Raises LinkFailed if the scenario wants it to fail."""
        spec = self._cloud.user_specs.get((session.tenant.client_id, session.user_id))
        if spec is not None and (error := spec.link_fails.get(vendor)) is not None:
            raise LinkFailed(error)
        session.is_used = True
        user = self._cloud.user(session.tenant, session.user_id)
        kinds = [kind for kind in self.kinds(session) if vendor in vendors_of(kind)]
        if session.relinks is not None:
            self._revive(session.relinks)
        added = self.link(user, vendor, kinds, set(session.scopes))
        for device in added:
            shown = discovered_vehicle(device) if device.kind == "vehicle" else self._cloud.json(device)
            self._cloud.emit(device, f"user:{device.kind}:discovered", **{device.kind: shown})
            self._telemetry.start(device, first_after=timedelta(seconds=self._cloud.settings.first_reading_seconds))
        self._cloud.publish_user(user)
        return added

    def link(self, user: User, vendor: str, kinds: list[DeviceKind], scopes: set[str]) -> list[Device]:
        """Links the account and returns the devices that came to light."""
        account = user.accounts.setdefault(vendor, Account(vendor=vendor))
        account.kinds |= set(kinds)
        account.scopes |= scopes
        account.is_valid = True
        added = []
        for kind in kinds:
            linked = {device.prepared for device in self._cloud.devices_of(user, kind)}
            added += [
                self._cloud.add_device(prepared, user, account)
                for prepared in self._prepared(user, vendor, kind)
                if prepared not in linked
            ]
        if "charger" in kinds:
            user.is_pairing_reset = False
        for device in added:
            self._cloud.world.note("link", device.id, device.kind, None, vendor, "linked")
        return added

    def _prepared(self, user: User, vendor: str, kind: DeviceKind) -> list[Prepared]:
        """What the scenario holds ready for this account; a stock device if it holds nothing."""
        tenant_id = user.tenant.client_id
        mine = self._cloud.prepared_by_user.get((tenant_id, user.id), [])
        waiting = [prepared for prepared in mine if (prepared.kind, prepared.spec.vendor) == (kind, vendor)]
        if waiting:
            return waiting
        key = f"{vendor.lower()}-{kind}"
        stock = VehicleSpec(key=key, vendor=vendor) if kind == "vehicle" else ChargerSpec(key=key, vendor=vendor)
        spec = self._cloud.user_specs.get((tenant_id, user.id))
        return [self._cloud.prepare_device(tenant_id, user.id, stock, None if spec is None else spec.home)]

    def _revive(self, device: Device) -> None:
        """Signing in again cures dead credentials."""
        device.account.is_valid = True
        for fault in list(self._cloud.faults.faults.values()):
            if isinstance(fault, BadCredentials) and concerns(fault, device):
                self._cloud.faults.remove(fault.id)
        for other in self._cloud.devices_of(device.user):
            if other.vendor == device.vendor:
                self._telemetry.observe_soon(other)

    # -- and the way back -------------------------------------------------------------------------------------------

    def unlink(self, user: User, vendor: str, kinds: list[DeviceKind]) -> None:
        """Removes the vendor's devices of these kinds, and the account when none is left. Raises Refused (404)."""
        account = user.accounts.get(vendor)
        if account is None or not account.kinds & set(kinds):
            raise not_found("Vendor not found", f"User {user.id} has not linked {vendor}.")
        for device in self._cloud.devices_of(user):
            if device.vendor == vendor and device.kind in kinds:
                self._drop(device, is_for_good=True)
                if self._cloud.settings.sends_deleted_events:
                    self._cloud.emit(device, f"user:{device.kind}:deleted", **{device.kind: self._cloud.json(device)})
        account.kinds -= set(kinds)
        account.scopes = {scope for scope in account.scopes if scope.split(":")[0] not in kinds}
        if not account.kinds:
            del user.accounts[vendor]
        self._cloud.publish_user(user)

    def deauthorize(self, user: User) -> None:
        """Drops all credentials and keeps the rest; linking again restores everything. No events."""
        for device in self._cloud.devices_of(user):
            self._drop(device, is_for_good=False)
        user.accounts.clear()

    def delete_user(self, user: User) -> None:
        """Deletes the user and all data for good."""
        for device in self._cloud.devices_of(user):
            self._drop(device, is_for_good=True)
        self._schedules.remove_of(user)
        tenant = user.tenant
        for place in [place for place in tenant.locations.values() if place.user_id == user.id]:
            del tenant.locations[place.id]
        del tenant.users[user.id]

    def _drop(self, device: Device, *, is_for_good: bool) -> None:
        self._control.on_removed(device)
        self._pairing.part(device, is_silent=not is_for_good)
        self._telemetry.stop(device)
        self._cloud.remove_device(device)
        if is_for_good:
            device.prepared.generation += 1
        self._cloud.world.note("link", device.id, device.kind, device.vendor, None, "unlinked")
