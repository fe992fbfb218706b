"""Deliveries: signature over the raw bytes, tolerant reading of events."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from domain.devices import ActionState, PowerDeliveryState, ReadingSource, Side
from domain.provider_events import (
    ActionUpdated,
    CredentialsInvalidated,
    DeviceDeleted,
    DeviceDiscovered,
    DeviceUpdated,
    Heartbeat,
    Ignored,
    ProviderEvent,
)
from providers.enode.mapping import WireMapping
from providers.enode.webhooks import parse_delivery, sign, verify

RECEIVED_AT = datetime(2026, 3, 1, 18, 2, 20, tzinfo=UTC)
SECRET = "a-secret-of-the-hook"


def event(name: str, **keys: Any) -> dict[str, Any]:
    return {
        "event": name,
        "createdAt": "2026-03-01T18:02:12.000Z",
        "version": "2024-10-01",
        "user": {"id": "driver-1"},
        **keys,
    }


def vehicle(**keys: Any) -> dict[str, Any]:
    return {
        "id": "car-1",
        "userId": "driver-1",
        "vendor": "JEEP",
        "lastSeen": "2026-03-01T18:02:11.000Z",
        "isReachable": True,
        "information": {"vin": "1C4PJXDN0XX000001", "brand": "Jeep", "model": "Avenger", "year": 2024},
        "chargeState": {
            "batteryLevel": 41,
            "isPluggedIn": True,
            "chargeRate": None,
            "lastUpdated": "2026-03-01T18:02:10.000Z",
            "powerDeliveryState": "PLUGGED_IN:STOPPED",
            "pluggedInChargerId": "box-1",
        },
        "location": {"id": "home", "latitude": 52.370216, "longitude": 4.895168, "lastUpdated": None},
        **keys,
    }


def parse(*events: Any, mapping: WireMapping | None = None) -> list[ProviderEvent]:
    return parse_delivery(json.dumps(list(events)).encode(), RECEIVED_AT, mapping=mapping)


class TestSignature:
    def test_signature_over_the_raw_body_is_accepted(self) -> None:
        body = b'[ {"event":"enode:webhook:test"} ]'
        header = "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
        assert verify(SECRET, body, header)
        assert verify(SecretStr(SECRET), body, header)
        assert sign(SECRET, body) == header

    def test_same_json_in_other_bytes_is_refused(self) -> None:
        header = sign(SECRET, b'[{"event": "x"}]')
        assert not verify(SECRET, b'[{"event":"x"}]', header)

    @pytest.mark.parametrize(
        "header",
        [None, "", "sha1=", "sha1=00", "sha256=" + "0" * 64, "sha1=" + "0" * 40, "sha1=" + "é" * 40, "\udcff"],
    )
    def test_wrong_or_odd_headers_are_refused_without_an_exception(self, header: str | None) -> None:
        assert not verify(SECRET, b"[]", header)

    def test_signature_without_its_prefix_is_refused(self) -> None:
        assert not verify(SECRET, b"[]", sign(SECRET, b"[]").removeprefix("sha1="))

    def test_empty_secret_verifies_nothing(self) -> None:
        assert not verify("", b"[]", sign("", b"[]"))


class TestEvents:
    def test_update_carries_the_full_reading_with_its_source(self) -> None:
        [parsed] = parse(event("user:vehicle:updated", vehicle=vehicle(), updatedFields=["chargeState.batteryLevel"]))
        assert isinstance(parsed, DeviceUpdated)
        assert parsed.created_at == datetime(2026, 3, 1, 18, 2, 12, tzinfo=UTC)
        reading = parsed.device.reading
        assert parsed.device.driver_id == "driver-1"
        assert reading.source is ReadingSource.WEBHOOK
        assert reading.received_at == RECEIVED_AT
        assert reading.observed_at == datetime(2026, 3, 1, 18, 2, 10, tzinfo=UTC)
        assert (reading.soc_pct, reading.charge_rate_kw, reading.paired_with) == (41, None, "box-1")

    def test_discovered_vehicle_without_any_state_is_read(self) -> None:
        bare = {
            "id": "car-1",
            "vendor": "JEEP",
            "information": {"brand": "Jeep"},
            "chargeState": None,
            "capabilities": None,
        }
        [parsed] = parse(event("user:vehicle:discovered", vehicle=bare))
        assert isinstance(parsed, DeviceDiscovered)
        assert parsed.device.driver_id == "driver-1"
        assert parsed.device.capabilities == {}
        assert parsed.device.reading.state is PowerDeliveryState.UNKNOWN
        assert parsed.device.reading.is_plugged_in is None

    def test_charger_events_are_on_the_charger_side(self) -> None:
        box = {"id": "box-1", "userId": "driver-1", "vendor": "ZAPTEC"}
        parsed = parse(*(event(f"user:charger:{what}", charger=box) for what in ("discovered", "updated", "deleted")))
        assert [type(one) for one in parsed] == [DeviceDiscovered, DeviceUpdated, DeviceDeleted]
        assert all(not isinstance(one, Ignored) and one.device.side is Side.CHARGER for one in parsed)  # type: ignore[union-attr]

    def test_action_update_names_driver_side_and_state(self) -> None:
        action = {
            "id": "action-1",
            "userId": "driver-1",
            "state": "FAILED",
            "targetId": "box-1",
            "targetType": "charger",
            "kind": "START",
            "failureReason": {"type": "NO_RESPONSE", "detail": "VIN 1C4PJXDN0XX000001 did not react"},
        }
        [parsed] = parse(event("user:vendor-action:updated", vendorAction=action))
        assert isinstance(parsed, ActionUpdated)
        assert (parsed.driver_id, parsed.action.side, parsed.action.device_id) == ("driver-1", Side.CHARGER, "box-1")
        assert (parsed.action.state, parsed.action.reason) == (ActionState.FAILED, "NO_RESPONSE")
        assert parsed.action.detail == "VIN … did not react"

    def test_action_of_an_unused_kind_of_device_is_ignored(self) -> None:
        action = {"id": "action-1", "userId": "driver-1", "state": "PENDING", "targetId": "x", "targetType": "hvac"}
        assert parse(event("user:vendor-action:updated", vendorAction=action)) == [
            Ignored(name="user:vendor-action:updated", created_at=datetime(2026, 3, 1, 18, 2, 12, tzinfo=UTC))
        ]

    def test_dead_credentials_name_driver_and_vendor(self) -> None:
        [parsed] = parse(event("user:credentials:invalidated", vendor="TESLA"))
        assert isinstance(parsed, CredentialsInvalidated)
        assert (parsed.driver_id, parsed.vendor) == ("driver-1", "TESLA")

    @pytest.mark.parametrize(("told", "pending"), [(12, 12), (0, 0), (None, 0), (-3, 0), (2.7, 2), (float("inf"), 0)])
    def test_heartbeat_tells_the_queue(self, told: float | None, pending: int) -> None:
        [parsed] = parse({"event": "system:heartbeat", "pendingEvents": told})
        assert isinstance(parsed, Heartbeat)
        assert parsed.pending == pending

    def test_unused_events_are_ignored_in_silence_and_new_ones_are_counted(self) -> None:
        mapping = WireMapping()
        parsed = parse(
            event("enode:webhook:test"), event("user:meter:updated"), event("user:robot:born"), mapping=mapping
        )
        assert [one.name for one in parsed if isinstance(one, Ignored) and one.problem is None] == [
            "enode:webhook:test",
            "user:meter:updated",
            "user:robot:born",
        ]
        assert dict(mapping.surprises.counts) == {"event: user:robot:born": 1}


class TestMalformed:
    def test_name_cut_within_a_character_costs_neither_its_event_nor_the_others(self) -> None:
        """A strict reader refuses the whole body for it."""
        cut = event("user:vehicle:updated", vehicle=vehicle(vendor="JEEP\ud83d"))
        body = json.dumps([cut, event("user:vehicle:updated", vehicle=vehicle())]).encode()
        assert b"\\ud83d" in body
        first, second = parse_delivery(body, RECEIVED_AT)
        assert isinstance(first, DeviceUpdated)
        assert isinstance(second, DeviceUpdated)
        assert (first.device.vendor, second.device.vendor) == ("JEEP?", "JEEP")
        assert first.model_dump_json()

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"", "body is not JSON"),
            (b"\xff\xfe", "body is not JSON"),
            (b"[" * 100_000, "body is not JSON"),
            (b"{}", "body is not an array"),
            (b"null", "body is not an array"),
        ],
    )
    def test_unreadable_body_is_reported_not_raised(self, body: bytes, problem: str) -> None:
        assert parse_delivery(body, RECEIVED_AT) == [Ignored(name="", problem=problem)]

    @pytest.mark.parametrize(
        "broken",
        [
            17,
            None,
            {},
            {"event": 5},
            event("user:vehicle:updated"),
            event("user:vehicle:updated", vehicle={"vendor": "JEEP"}),
            {"event": "user:vehicle:updated", "vehicle": {"id": "car-1"}},
            event("user:vendor-action:updated"),
            event("user:vendor-action:updated", vendorAction={"id": "action-1"}),
            event("user:credentials:invalidated"),
        ],
    )
    def test_one_bad_event_costs_only_itself(self, broken: Any) -> None:
        parsed = parse(broken, event("user:vehicle:updated", vehicle=vehicle()))
        assert isinstance(parsed[0], Ignored)
        assert parsed[0].problem
        assert isinstance(parsed[1], DeviceUpdated)

    def test_identity_and_coordinates_stay_out_of_events(self) -> None:
        mapping = WireMapping(SecretStr("salt"))
        [parsed] = parse(event("user:vehicle:updated", vehicle=vehicle()), mapping=mapping)
        written = parsed.model_dump_json() + repr(parsed)
        assert "1C4PJXDN0XX000001" not in written
        assert "52.37" not in written
        assert "4.895" not in written
        assert isinstance(parsed, DeviceUpdated)
        assert parsed.device.identity_digest is not None
