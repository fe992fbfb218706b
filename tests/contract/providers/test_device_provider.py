"""What any `DeviceProvider` promises, whatever stands behind it. Knows the port only."""

from typing import Any

import pytest

from domain.devices import ActionState, CapabilityKind, ReadingSource, Side
from domain.errors import UnknownDevice

BOTH = list(Side)
NO_SUCH = "no-such-device"


class TestCensus:
    @pytest.mark.parametrize("side", BOTH)
    async def test_pages_of_all_drivers_devices_hold_every_device_once(self, stage: Any, side: Side) -> None:
        """What the sweep reads, without asking for a driver."""
        listed: list[Any] = []
        cursor = None
        while True:
            page = await stage.provider.page(side, cursor)
            listed += page.devices
            cursor = page.cursor
            if cursor is None:
                break
        ids = [device.id for device in listed]
        assert len(set(ids)) == len(ids)
        mine = await stage.device(side)
        [found] = [device for device in listed if device.id == mine.id]
        assert (found.driver_id, found.side, found.identity_digest) == (stage.driver_id, side, mine.identity_digest)
        assert found.reading.source is ReadingSource.SWEEP


class TestReading:
    @pytest.mark.parametrize("side", BOTH)
    async def test_listed_device_belongs_to_its_driver_and_side(self, stage: Any, side: Side) -> None:
        device = await stage.device(side)
        assert (device.driver_id, device.side) == (stage.driver_id, side)
        assert device.id
        assert device.vendor

    @pytest.mark.parametrize("side", BOTH)
    async def test_read_gives_the_device_that_was_listed(self, stage: Any, side: Side) -> None:
        listed = await stage.device(side)
        read = await stage.provider.read(side, listed.id)
        assert (read.id, read.side, read.driver_id) == (listed.id, side, stage.driver_id)
        assert (read.reading.device_id, read.reading.side) == (listed.id, side)
        assert read.identity_digest == listed.identity_digest
        assert read.identity_digest

    @pytest.mark.parametrize("side", BOTH)
    async def test_reading_carries_its_times_and_tells_the_plug(self, stage: Any, side: Side) -> None:
        reading = (await stage.device(side)).reading
        assert reading.received_at.utcoffset() is not None
        assert reading.observed_at is not None
        assert reading.is_plugged_in is True

    async def test_idle_charge_rate_is_unknown_or_zero_and_never_invented(self, stage: Any) -> None:
        rates = [(await stage.device(side)).reading.charge_rate_kw for side in BOTH]
        assert all(rate in (None, 0) for rate in rates)

    async def test_battery_is_told_by_the_car_alone(self, stage: Any) -> None:
        assert (await stage.device(Side.VEHICLE)).reading.soc_pct is not None
        assert (await stage.device(Side.CHARGER)).reading.soc_pct is None

    async def test_pair_names_each_other(self, stage: Any) -> None:
        car, box = await stage.device(Side.VEHICLE), await stage.device(Side.CHARGER)
        assert (car.reading.paired_with, box.reading.paired_with) == (box.id, car.id)

    @pytest.mark.parametrize("side", BOTH)
    async def test_capabilities_for_control_are_told(self, stage: Any, side: Side) -> None:
        told = (await stage.device(side)).capabilities
        assert told[CapabilityKind.START_CHARGING].is_capable
        assert told[CapabilityKind.STOP_CHARGING].is_capable

    @pytest.mark.parametrize("side", BOTH)
    async def test_unknown_device_is_told_as_such(self, stage: Any, side: Side) -> None:
        with pytest.raises(UnknownDevice):
            await stage.provider.read(side, NO_SUCH)

    @pytest.mark.parametrize("side", BOTH)
    async def test_device_is_not_found_on_the_other_side(self, stage: Any, side: Side) -> None:
        device = await stage.device(side)
        with pytest.raises(UnknownDevice):
            await stage.provider.read(side.other, device.id)

    @pytest.mark.parametrize("side", BOTH)
    async def test_refresh_is_accepted_and_unknown_devices_are_told(self, stage: Any, side: Side) -> None:
        await stage.provider.request_refresh(side, (await stage.device(side)).id)
        with pytest.raises(UnknownDevice):
            await stage.provider.request_refresh(side, NO_SUCH)


class TestCommands:
    @pytest.mark.parametrize("side", BOTH)
    async def test_start_becomes_an_action_that_can_be_followed(self, stage: Any, side: Side) -> None:
        device = await stage.device(side)
        action = await stage.provider.start(side, device.id)
        assert (action.side, action.device_id) == (side, device.id)
        assert action.state in (ActionState.PENDING, ActionState.CONFIRMED)
        assert action.id
        followed = await stage.provider.action(side, action.id)
        assert (followed.id, followed.side, followed.device_id) == (action.id, side, device.id)

    @pytest.mark.parametrize("side", BOTH)
    async def test_command_to_an_unknown_device_is_told_as_such(self, stage: Any, side: Side) -> None:
        with pytest.raises(UnknownDevice):
            await stage.provider.start(side, NO_SUCH)

    @pytest.mark.parametrize("side", BOTH)
    async def test_unknown_action_is_told_as_such(self, stage: Any, side: Side) -> None:
        with pytest.raises(UnknownDevice):
            await stage.provider.action(side, "no-such-action")


class TestLinking:
    async def test_driver_who_never_linked_is_no_error(self, stage: Any) -> None:
        assert await stage.provider.linked_vendors(stage.never_linked) == []
        for side in BOTH:
            assert await stage.provider.list_devices(stage.never_linked, side) == []

    async def test_linked_vendors_are_those_of_the_devices(self, stage: Any) -> None:
        linked = {(one.vendor, one.side): one.is_valid for one in await stage.provider.linked_vendors(stage.driver_id)}
        devices = [await stage.device(side) for side in BOTH]
        assert linked == {(device.vendor, device.side): True for device in devices}

    @pytest.mark.parametrize("side", BOTH)
    async def test_link_page_is_opened_for_one_side(self, stage: Any, side: Side) -> None:
        link = await stage.provider.start_link(
            stage.driver_id, side, redirect_uri="https://app.example/linked?state=1", language="en-US"
        )
        assert link.url.startswith("http")
        assert link.token

    async def test_unlinking_the_charger_leaves_the_car_and_may_be_repeated(self, stage: Any) -> None:
        box = await stage.device(Side.CHARGER)
        for _ in range(2):
            await stage.provider.unlink(stage.driver_id, box.vendor, Side.CHARGER)
        assert await stage.provider.list_devices(stage.driver_id, Side.CHARGER) == []
        assert await stage.device(Side.VEHICLE)
        assert [one.side for one in await stage.provider.linked_vendors(stage.driver_id)] == [Side.VEHICLE]
        with pytest.raises(UnknownDevice):
            await stage.provider.read(Side.CHARGER, box.id)

    async def test_forgotten_driver_has_nothing_left_and_may_be_forgotten_again(self, stage: Any) -> None:
        for _ in range(2):
            await stage.provider.forget_driver(stage.driver_id)
        for side in BOTH:
            assert await stage.provider.list_devices(stage.driver_id, side) == []
        assert await stage.provider.linked_vendors(stage.driver_id) == []


class TestPlaces:
    async def test_created_place_is_listed_with_its_zone(self, stage: Any) -> None:
        created = await stage.provider.create_place(stage.driver_id, "Cabin", 52.5, 13.4, "Europe/Berlin")
        assert (created.name, created.zone) == ("Cabin", "Europe/Berlin")
        assert created in await stage.provider.places(stage.driver_id)

    async def test_charger_is_put_in_a_place_and_taken_out(self, stage: Any) -> None:
        box = await stage.device(Side.CHARGER)
        place = await stage.provider.create_place(stage.driver_id, "Cabin", 52.5, 13.4, "Europe/Berlin")
        there = await stage.provider.set_charger_place(box.id, place.id)
        assert (there.id, there.reading.location_id) == (box.id, place.id)
        assert (await stage.provider.set_charger_place(box.id, None)).reading.location_id is None


async def test_interventions_have_ids_and_words(stage: Any) -> None:
    catalogue = await stage.provider.interventions("en-US")
    assert len({one.id for one in catalogue}) == len(catalogue)
    assert all(one.title and one.description for one in catalogue)
