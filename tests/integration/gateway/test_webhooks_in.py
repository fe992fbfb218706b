"""Webhooks over a real socket: who is let in, what is stored before the answer, and who hears of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.clock import Clock
from domain.devices import ReadingSource
from domain.relevance import Watch
from gateway.webhooks_in import LARGEST_BODY

CAR, CHARGER, DRIVER, SESSION = "car-1", "box-1", "driver-1", "car-1:1"


def vehicle(*, minute: int = 2, plugged: bool = True, charging: bool = False, **keys: Any) -> dict[str, Any]:
    state = ("PLUGGED_IN:CHARGING" if charging else "PLUGGED_IN:STOPPED") if plugged else "UNPLUGGED"
    seen = f"2026-03-01T18:{minute:02}:10.000Z"
    return {
        "id": CAR,
        "userId": DRIVER,
        "vendor": "JEEP",
        "lastSeen": seen,
        "isReachable": True,
        "information": {"vin": "1C4PJXDN0XX000001", "brand": "Jeep", "model": "Avenger", "year": 2024},
        "chargeState": {
            "batteryLevel": 41,
            "isPluggedIn": plugged,
            "isCharging": charging,
            "chargeRate": 11.0 if charging else None,
            "lastUpdated": seen,
            "powerDeliveryState": state,
        },
        **keys,
    }


def event(name: str = "user:vehicle:updated", **device: Any) -> dict[str, Any]:
    return {
        "event": name,
        "createdAt": "2026-03-01T18:02:12.000Z",
        "version": "2024-10-01",
        "user": {"id": DRIVER},
        "vehicle": vehicle(**device),
    }


async def listen(gateway) -> None:
    await gateway.store.save_watch(Watch(session_id=SESSION, driver_id=DRIVER, device_ids=(CAR, CHARGER)))


async def test_a_forged_signature_is_turned_away_and_nothing_is_stored(gateway):
    assert await gateway.deliver(event(), secret="another") == 401
    assert await gateway.post(b"[]", {"x-enode-delivery": "d-1"}) == 401
    assert await gateway.inbox.pending(10) == []
    assert await gateway.store.device(CAR) is None
    assert gateway.told.tries == 0
    assert await gateway.deliver(event()) == 200  # the forger did not use up the delivery's id
    await gateway.worked_off()
    assert len(gateway.told.seen) == 1


async def test_a_delivery_without_its_id_or_too_large_is_turned_away(gateway):
    assert await gateway.deliver(event(), delivery="") == 400
    assert await gateway.post(b" " * (LARGEST_BODY + 1), {"x-enode-delivery": "d-1"}) == 413
    assert await gateway.inbox.pending(10) == []


@pytest.mark.parametrize("second", ["d-1", "d-2"])
async def test_a_delivery_that_comes_twice_is_handled_once(gateway, second: str):
    await listen(gateway)
    assert await gateway.deliver(event()) == 200
    assert await gateway.deliver(event(), delivery=second) == 200
    await gateway.worked_off()
    assert len(gateway.told.readings) == 1
    assert len(gateway.told.seen) == 1


async def test_a_discovered_device_goes_to_its_driver(gateway):
    await gateway.deliver(event("user:vehicle:discovered"))
    await gateway.worked_off()
    ((driver, heard),) = gateway.told.seen
    assert (driver, heard.device.id, heard.device.brand) == (DRIVER, CAR, "Jeep")
    assert gateway.told.readings == []
    stored = await gateway.store.device(CAR)
    assert stored is not None
    assert stored.id == CAR


async def test_a_reading_of_an_open_watch_goes_to_the_session_and_a_plain_one_to_nobody(gateway):
    await listen(gateway)
    await gateway.deliver(event())
    await gateway.worked_off()
    gateway.told.readings.clear()
    gateway.told.drivers.clear()

    await gateway.deliver(event(minute=9, charging=True), delivery="d-2")
    await gateway.deliver(event(minute=11, charging=True), delivery="d-3")
    await gateway.worked_off()
    ((session, heard),) = gateway.told.readings
    assert session == SESSION
    assert heard.reading.charge_rate_kw == 11.0
    assert heard.reading.source is ReadingSource.WEBHOOK
    assert gateway.told.seen == []
    device = await gateway.store.device(CAR)
    assert device is not None
    assert device.reading.observed_at.minute == 11


async def test_without_a_watch_the_plug_is_news_to_the_driver(gateway):
    await gateway.deliver(event(plugged=False))
    await gateway.deliver(event(minute=9), delivery="d-2")
    await gateway.worked_off()
    assert [heard.device.reading.is_plugged_in for _, heard in gateway.told.seen] == [False, True]
    assert gateway.told.readings == []


async def test_an_older_observation_that_comes_late_is_kept_in_the_series_and_told_to_nobody(gateway):
    await listen(gateway)
    await gateway.deliver(event(minute=9, charging=True))
    await gateway.worked_off()
    before = gateway.told.tries
    await gateway.deliver(event(minute=3), delivery="d-2")
    await gateway.worked_off()
    assert gateway.told.tries == before
    device = await gateway.store.device(CAR)
    assert device is not None
    newest = device.reading.observed_at
    assert newest.minute == 9
    series = await gateway.store.readings(CAR, newest.replace(minute=0), newest.replace(minute=30))
    assert [reading.observed_at.minute for reading in series] == [3, 9]


async def test_a_device_that_is_gone_is_forgotten_and_its_driver_told(gateway):
    await gateway.deliver(event())
    await gateway.deliver(event("user:vehicle:deleted"), delivery="d-2")
    await gateway.worked_off()
    assert [(driver, heard.device_id) for driver, heard in gateway.told.gone] == [(DRIVER, CAR)]
    assert await gateway.store.device(CAR) is None


async def test_what_cannot_be_read_costs_the_others_nothing(gateway):
    assert await gateway.deliver({"event": "user:vehicle:updated"}, {"no": "name"}, event()) == 200
    await gateway.worked_off()
    assert len(gateway.told.seen) == 1


async def test_a_delivery_is_stored_and_answered_while_temporal_is_down_and_worked_off_later(gateway):
    gateway.told.is_down = True
    assert await gateway.deliver(event()) == 200

    async def was_tried_again() -> bool:
        return gateway.told.tries > 1

    await gateway.until(was_tried_again)
    assert [delivery.id for delivery in await gateway.inbox.pending(10)] == ["d-1"]
    gateway.told.is_down = False
    await gateway.worked_off()
    assert len(gateway.told.seen) == 1


async def test_what_an_earlier_gateway_left_is_worked_off_by_the_next(start_gateway, told):
    told.is_down = True
    async with start_gateway(told) as first:
        assert await first.deliver(event()) == 200
    assert told.seen == []
    told.is_down = False
    async with start_gateway(told) as second:
        await second.worked_off()
    assert len(told.seen) == 1


async def test_a_delivery_that_always_fails_is_set_aside_and_holds_nobody_up(gateway):
    gateway.told.chokes_on = DRIVER
    assert await gateway.deliver(event()) == 200
    other = event(id="car-2", userId="driver-2") | {"user": {"id": "driver-2"}}
    assert await gateway.deliver(other, delivery="d-2") == 200
    await gateway.worked_off()
    assert [driver for driver, _ in gateway.told.seen] == ["driver-2"]


async def test_a_reading_for_a_session_that_is_over_goes_to_its_driver_and_ends_the_watch(gateway):
    await listen(gateway)
    gateway.told.is_over = True
    await gateway.deliver(event(plugged=False))
    await gateway.deliver(event(minute=9), delivery="d-2")
    await gateway.worked_off()
    assert [heard.device.reading.is_plugged_in for _, heard in gateway.told.seen] == [False, True]
    assert await gateway.store.watch_of(CAR) is None


def login_died(*, minute: int) -> dict[str, Any]:
    at = f"2026-03-01T18:{minute:02}:00.000Z"
    return {
        "event": "user:credentials:invalidated",
        "createdAt": at,
        "version": "2024-10-01",
        "user": {"id": DRIVER},
        "vendor": "JEEP",
    }


async def test_a_login_that_died_is_told_to_the_driver(gateway):
    await gateway.deliver(event())
    await gateway.deliver(login_died(minute=5), delivery="d-2")
    await gateway.worked_off()
    ((driver, heard),) = [(who, one) for who, one in gateway.told.drivers if one.type == "credentials_died"]
    assert (driver, heard.vendor, heard.at.minute) == (DRIVER, "JEEP", 5)


async def test_an_old_word_that_a_login_died_is_dropped_once_its_device_was_reached(gateway):
    """F40, F43: replayed after the driver has linked again."""
    await gateway.deliver(event(minute=30))
    await gateway.deliver(login_died(minute=5), delivery="d-2")
    await gateway.worked_off()
    assert [one.type for _, one in gateway.told.drivers] == ["device_seen"]


async def test_a_replayed_deletion_takes_no_device_away(gateway):
    """F43: its id and content are long forgotten, its time is not."""
    await gateway.deliver(event(minute=30))
    await gateway.deliver(event("user:vehicle:deleted"), delivery="d-2")
    await gateway.worked_off()
    assert gateway.told.gone == []
    assert await gateway.store.device(CAR) is not None


async def test_a_late_picture_does_not_bring_back_a_device_that_is_gone(gateway):
    await gateway.deliver(event(minute=1))
    await gateway.deliver(event("user:vehicle:deleted"), delivery="d-2")
    await gateway.worked_off()
    await gateway.deliver(event(minute=1, charging=True), delivery="d-3")
    await gateway.worked_off()
    assert len(gateway.told.seen) == 1
    assert await gateway.store.device(CAR) is None


async def test_a_burst_about_one_device_reaches_the_session_as_one(gateway):
    """F42: a backlog is told in one."""
    await listen(gateway)
    await gateway.deliver(event(minute=0))
    await gateway.worked_off()
    gateway.told.readings.clear()
    for minute in range(1, 20):
        body = json.dumps([event(minute=minute, charging=bool(minute % 2))]).encode()
        await gateway.inbox.accept(f"burst-{minute}", body, Clock().now())
    gateway.intake.wake()
    await gateway.worked_off()
    (told,) = gateway.told.readings
    assert told[1].reading.observed_at.minute == 19


async def test_health_tells_the_age_of_the_oldest_event_and_what_was_set_aside(gateway):
    quiet = await gateway.health()
    assert quiet == {"status": "ok", "oldest_event_seconds": 0.0, "pending_deliveries": 0, "set_aside_deliveries": 0}
    gateway.told.is_down = True
    await gateway.deliver(event())
    busy = await gateway.health()
    assert busy["pending_deliveries"] == 1
    assert busy["oldest_event_seconds"] > 0
    gateway.told.is_down = False
    gateway.told.chokes_on = DRIVER

    async def is_aside() -> bool:
        return (await gateway.health())["set_aside_deliveries"] == 1

    await gateway.until(is_aside)
    assert (await gateway.health())["pending_deliveries"] == 0


async def test_what_was_set_aside_is_worked_off_once_it_is_tried_again(gateway):
    gateway.told.chokes_on = DRIVER
    await gateway.deliver(event())
    await gateway.worked_off()
    (aside,) = await gateway.inbox.set_aside()
    assert (aside.delivery_id, aside.tries) == ("d-1", 3)
    assert "no such news" in aside.why
    gateway.told.chokes_on = None
    await gateway.inbox.retry()  # by an operator, who tells the gateway nothing
    await gateway.worked_off()
    assert len(gateway.told.seen) == 1
    assert await gateway.inbox.set_aside() == []


async def test_f39_what_comes_late_of_an_erased_driver_leaves_no_trace(gateway):
    erased_at = datetime(2026, 3, 1, 18, 5, tzinfo=UTC)
    await gateway.store.erasure.erase(DRIVER, (CAR,), erased_at)
    assert await gateway.deliver(event(minute=4)) == 200
    await gateway.worked_off()
    assert (gateway.told.seen, await gateway.store.device(CAR)) == ([], None)
    assert await gateway.store.readings(CAR, erased_at - timedelta(days=1), erased_at + timedelta(days=1)) == []
    assert await gateway.deliver(event(minute=6), delivery="d-2") == 200  # a driver who came back
    await gateway.worked_off()
    assert len(gateway.told.seen) == 1


async def test_what_was_observed_before_an_erasure_leaves_no_trace_after_it(gateway):
    """F39: a late delivery must not write down again what was erased."""
    erased_at = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
    await gateway.store.erasure.erase(DRIVER, (CAR,), erased_at)
    await gateway.deliver(event(minute=20), login_died(minute=25))
    await gateway.worked_off()
    assert gateway.told.tries == 0
    assert await gateway.store.device(CAR) is None
    assert await gateway.store.readings(CAR, erased_at - timedelta(days=1), erased_at) == []
    await gateway.deliver(event(minute=40), delivery="d-2")  # linked anew
    await gateway.worked_off()
    assert await gateway.store.device(CAR) is not None
