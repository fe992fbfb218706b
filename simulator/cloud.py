"""The vendor platform's memory: tenants, prepared and linked devices, and the events it sends about them."""

import random
from collections.abc import Callable
from datetime import timedelta
from math import cos, hypot, radians

from simulator import capabilities, wire
from simulator.faultbook import FaultBook
from simulator.faults import DropWebhook, ForgedSignature, LateWebhook, NewEnum, RepeatWebhook
from simulator.physics import Body, Box, Car
from simulator.registry import (
    Account,
    Action,
    Device,
    DeviceKind,
    Ids,
    Json,
    LinkSession,
    Location,
    Prepared,
    Tenant,
    User,
)
from simulator.scenario import ChargerSpec, Home, Scenario, UserSpec, VehicleSpec
from simulator.timeline import Timeline
from simulator.world import UnknownBody, World

LOCATION_RADIUS_M = 200.0
"""A vehicle closer than this [m] to a known location is at it. Ours: the platform's own radius is not published."""

Sender = Callable[[Tenant, Json, bool], None]


class Cloud:
    """State of the platform. Services (telemetry, pairing, control, linking) act on it; the API reads it."""

    def __init__(self, scenario: Scenario, timeline: Timeline) -> None:
        self.settings = scenario.settings
        self.timeline = timeline
        self.ids = Ids(scenario.seed)
        self.random = random.Random(f"{scenario.seed}:cloud")
        self.world = World(timeline)
        self.faults = FaultBook(timeline, self.ids, scenario.seed)
        self.tenants = {
            client_id: Tenant(client_id=client_id, secret=secret) for client_id, secret in scenario.clients.items()
        }
        self.prepared: list[Prepared] = []
        self.prepared_by_user: dict[tuple[str, str], list[Prepared]] = {}
        self.user_specs: dict[tuple[str, str], UserSpec] = {}
        self.devices: dict[str, Device] = {}
        self._by_body: dict[str, list[Device]] = {}
        self._prepared_by_body: dict[str, list[Prepared]] = {}
        self._named: dict[str, Car | Box] = {}
        self.actions: dict[str, Action] = {}
        self.sessions: dict[str, LinkSession] = {}
        self.send: Sender = lambda tenant, event, is_forged: None

    # -- the world's furniture --------------------------------------------------------------------------------------

    def prepare(self, spec: UserSpec) -> None:
        """Puts a user's cars and boxes into the world; nothing is linked yet."""
        self.user_specs[(spec.client, spec.id)] = spec
        for box in spec.chargers:
            self.prepare_device(spec.client, spec.id, box, spec.home)
        for car in spec.vehicles:
            prepared = self.prepare_device(spec.client, spec.id, car, spec.home)
            if car.plugged_into is not None:
                self._plug_at_start(prepared.body, self.body_of(spec, car.plugged_into))

    def _plug_at_start(self, car: Car | Box, box: Car | Box) -> None:
        if not isinstance(car, Car) or not isinstance(box, Box):
            raise UnknownBody(f"box {box.id} to plug a car into")
        self.world.plug(car, box, "scenario")

    def body_of(self, spec: UserSpec, key: str) -> Car | Box:
        """The user's car or box of this key. Raises UnknownBody."""
        for prepared in self.prepared_by_user.get((spec.client, spec.id), []):
            if prepared.spec.key == key:
                return prepared.body
        raise UnknownBody(f"{spec.id}/{key}")

    def prepare_device(
        self, tenant_id: str, user_id: str, spec: VehicleSpec | ChargerSpec, home: Home | None
    ) -> Prepared:
        """A new body in the world, known to the platform only once it is linked."""
        kind: DeviceKind = "vehicle" if isinstance(spec, VehicleSpec) else "charger"
        device_id = Ids.named(tenant_id, user_id, kind, spec.key)
        body = self._body(device_id, tenant_id, user_id, spec, home)
        prepared = Prepared(
            id=device_id, tenant_id=tenant_id, user_id=user_id, kind=kind, spec=spec, body=body, home=home
        )
        self.prepared.append(prepared)
        self.prepared_by_user.setdefault((tenant_id, user_id), []).append(prepared)
        self._prepared_by_body.setdefault(body.id, []).append(prepared)
        self._named.setdefault(f"{user_id}/{spec.key}", body)
        return prepared

    def _body(
        self, body_id: str, tenant_id: str, user_id: str, spec: VehicleSpec | ChargerSpec, home: Home | None
    ) -> Car | Box:
        place = None if home is None else (home.latitude, home.longitude)
        if isinstance(spec, VehicleSpec) and spec.same_as is not None:
            return self.body_of(self.user_specs[(tenant_id, user_id)], spec.same_as)
        body = _car(body_id, spec, place) if isinstance(spec, VehicleSpec) else _box(body_id, spec, place)
        self.world.add(body)
        return body

    def prepared_of(self, body: Body) -> list[Prepared]:
        """Specs and owners of a car or box; none for foreign boxes."""
        return self._prepared_by_body.get(body.id, [])

    def body_named(self, name: str) -> Car | Box:
        """A car or box by device id, body id, or `user/key` (of the first client that has it). Raises UnknownBody."""
        if (device := self.devices.get(name)) is not None:
            return device.body
        return self._named.get(name) or self.world.body(name)

    def foreign_box(self) -> Box:
        """A public box that belongs to nobody here."""
        box = Box(id=self.ids.next("foreign-box"), max_kw=11.0, auto_start=True)
        self.world.add(box)
        return box

    # -- what is linked ---------------------------------------------------------------------------------------------

    def user(self, tenant: Tenant, user_id: str) -> User:
        """The user of this id, created if new."""
        known = tenant.users.get(user_id)
        if known is None:
            known = tenant.users[user_id] = User(id=user_id, tenant=tenant, created_at=self.timeline.now)
        return known

    def add_device(self, prepared: Prepared, user: User, account: Account) -> Device:
        scopes = sorted(scope for scope in account.scopes if scope.startswith(prepared.kind))
        again = [f"again-{prepared.generation}"] if prepared.generation else []
        device_id = Ids.named(prepared.id, *again) if again else prepared.id
        device = Device(
            id=device_id,
            kind=prepared.kind,
            user=user,
            prepared=prepared,
            created_at=self.timeline.now,
            scopes=scopes,
            last_seen_at=self.timeline.now,
        )
        device.charge_state = wire.empty_charge_state(device)
        self.devices[device.id] = user.devices[device.id] = device
        self._by_body.setdefault(prepared.body.id, []).append(device)
        return device

    def remove_device(self, device: Device) -> None:
        """Forgets the device; its body stays in the world."""
        del self.devices[device.id], device.user.devices[device.id]
        self._by_body[device.body.id].remove(device)

    def devices_showing(self, body: Body) -> list[Device]:
        """The linked devices that show this car or box; two if one car is linked through two vendors."""
        return self._by_body.get(body.id, [])

    @staticmethod
    def devices_of(user: User, kind: DeviceKind | None = None) -> list[Device]:
        return [device for device in user.devices.values() if kind in (None, device.kind)]

    def capabilities(self, device: Device) -> wire.Capabilities:
        chargers = self.devices_of(device.user, "charger")
        return capabilities.effective(device, chargers, self.settings.control, self.faults)

    def location_id(self, device: Device, can_locate: bool) -> str | None:
        """Where the platform thinks a vehicle is: the paired charger's location, else a known one nearby."""
        if device.paired is not None and device.paired.location_id is not None:
            return device.paired.location_id
        if not can_locate or device.position is None:
            return None
        near = [
            place
            for place in device.user.tenant.locations.values()
            if place.user_id == device.user.id and _metres(device.position, place) <= LOCATION_RADIUS_M
        ]
        return near[0].id if near else None

    # -- what is told -----------------------------------------------------------------------------------------------

    def json(self, device: Device) -> Json:
        """The device as the API shows it now."""
        able = self.capabilities(device)
        if device.kind == "charger":
            body = wire.charger(device, able)
        else:
            body = wire.vehicle(device, able, self.location_id(device, able["location"][0]))
        if (odd := self.faults.find(NewEnum, device)) is not None:
            body["chargeState"]["powerDeliveryState"] = odd.value
            body["extraFromTheFuture"] = {"answer": 42}
        return body

    def publish(self, device: Device) -> None:
        """Sends an `updated` event if what the API shows has changed since the last one."""
        body = self.json(device)
        now, before = wire.flat(body), device.last_sent
        device.last_sent = now
        changed = sorted(path for path in now if before is None or now[path] != before.get(path))
        if changed:
            name = f"user:{device.kind}:updated"
            self.emit(device, name, **{device.kind: body, "updatedFields": changed})

    def mark_sent(self, device: Device) -> None:
        """Takes the present view as known to everybody."""
        device.last_sent = wire.flat(self.json(device))

    def publish_user(self, user: User) -> None:
        for device in self.devices_of(user):
            if device.last_sent is not None:
                self.publish(device)

    def emit(self, device: Device, name: str, **content: object) -> None:
        """Queues an event about a device, as late, often or wrong as its faults want."""
        event = wire.event(name, self.timeline.now, user={"id": device.user.id}, **content)
        if self.faults.strike(DropWebhook, device) is not None:
            return
        is_forged = self.faults.strike(ForgedSignature, device) is not None
        late = self.faults.strike(LateWebhook, device)
        share = self.random.random() if late and late.at_random else 1.0
        delay = timedelta(minutes=late.minutes * share) if late else timedelta(0)
        self._send_after(delay, device.user.tenant, event, is_forged)
        if (repeat := self.faults.strike(RepeatWebhook, device)) is not None:
            for number in range(1, repeat.times + 1):
                again = delay + timedelta(seconds=repeat.seconds * number)
                self._send_after(again, device.user.tenant, event, is_forged)

    def _send_after(self, delay: timedelta, tenant: Tenant, event: Json, is_forged: bool) -> None:
        if delay:
            self.timeline.after(delay, lambda: self.send(tenant, event, is_forged))
        else:
            self.send(tenant, event, is_forged)


def _car(body_id: str, spec: VehicleSpec, place: tuple[float, float] | None) -> Car:
    return Car(
        id=body_id,
        max_kw=spec.max_kw,
        min_kw=spec.min_kw,
        auto_start=spec.auto_start,
        capacity_kwh=spec.battery_capacity_kwh,
        stored_kwh=spec.battery_capacity_kwh * spec.soc_pct / 100,
        limit_pct=spec.charge_limit_pct,
        efficiency=spec.efficiency,
        taper_from_pct=spec.taper_from_pct,
        ramp=timedelta(seconds=spec.ramp_seconds),
        place=place if spec.is_at_home else None,
        odometer_km=spec.odometer_km,
    )


def _box(body_id: str, spec: ChargerSpec, place: tuple[float, float] | None) -> Box:
    return Box(id=body_id, max_kw=spec.max_kw, auto_start=spec.auto_start, phases=spec.phases, place=place)


def _metres(position: tuple[float, float], place: Location) -> float:
    """Distance [m] on a locally flat Earth: good to a percent over a few kilometres."""
    north = (position[0] - place.latitude) * 111_320
    east = (position[1] - place.longitude) * 111_320 * cos(radians(place.latitude))
    return hypot(north, east)
