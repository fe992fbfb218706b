"""Finds out which linked car is in which linked charger, after a while, as the platform would."""

from datetime import timedelta

from simulator.cloud import Cloud
from simulator.faults import WrongPair
from simulator.physics import Car
from simulator.registry import Device
from simulator.timeline import Appointment


class Pairing:
    """Sets and clears `paired` on both ends. A pair stands until either side is seen unplugged or is gone.

    So a swap of cars faster than any observation goes unseen, as it does in the field (F62).
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._booked: dict[str, Appointment] = {}

    def on_observed(self, device: Device) -> None:
        if device.charge_state["isPluggedIn"] is False:
            self.part(device)
            return
        vehicle = device if device.kind == "vehicle" else self._vehicle_in(device)
        if vehicle is None or vehicle.paired is not None or vehicle.id in self._booked:
            return
        if self.partner(vehicle) is not None:
            span = timedelta(seconds=self._cloud.settings.pairing_seconds)
            self._booked[vehicle.id] = self._cloud.timeline.after(span, lambda: self._detect(vehicle))

    def pair_now(self, vehicle: Device) -> None:
        """Pairs without waiting, silently: for worlds that start plugged in."""
        if (charger := self.partner(vehicle)) is not None:
            vehicle.paired, charger.paired = charger, vehicle

    def part(self, device: Device, *, is_silent: bool = False) -> None:
        """Ends the pair of this device, if it is in one, and tells the other end."""
        if (booked := self._booked.pop(device.id, None)) is not None:
            booked.cancel()
        other = device.paired
        if other is None:
            return
        device.paired = other.paired = None
        if other.id in self._cloud.devices and not is_silent:
            self._cloud.publish(other)

    def partner(self, vehicle: Device) -> Device | None:
        """The charger this vehicle would be matched with now: both seen plugged in, both of one user."""
        wrong = self._cloud.faults.find(WrongPair, vehicle)
        for charger in self._cloud.devices_of(vehicle.user, "charger"):
            if not (vehicle.charge_state["isPluggedIn"] and charger.charge_state["isPluggedIn"]):
                continue
            is_match = charger.id == wrong.charger_id if wrong else self._is_connected(vehicle, charger)
            if is_match and charger.paired in (None, vehicle):
                return charger
        return None

    def _detect(self, vehicle: Device) -> None:
        self._booked.pop(vehicle.id, None)
        if vehicle.id not in self._cloud.devices or vehicle.paired is not None:
            return
        if (charger := self.partner(vehicle)) is not None:
            vehicle.paired, charger.paired = charger, vehicle
            self._cloud.world.note("pair", vehicle.id, "vehicle", None, charger.id, "detected")
            self._cloud.publish(vehicle)
            self._cloud.publish(charger)

    def _vehicle_in(self, charger: Device) -> Device | None:
        for vehicle in self._cloud.devices_of(charger.user, "vehicle"):
            if self._is_connected(vehicle, charger) or self.partner(vehicle) is charger:
                return vehicle
        return None

    @staticmethod
    def _is_connected(vehicle: Device, charger: Device) -> bool:
        body = vehicle.body
        return isinstance(body, Car) and body.box is charger.body
