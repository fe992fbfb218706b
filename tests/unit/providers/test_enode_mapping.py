"""Wire values to domain values: unknown stays unknown, odd values are counted, identity and place end at the edge."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from domain.devices import ActionState, CapabilityKind, Device, PowerDeliveryState, Side
from providers.enode import schemas
from providers.enode.client import _read_json
from providers.enode.mapping import STATES, WireMapping
from providers.enode.surprises import DISTINCT_LIMIT, Surprises, scrub

NOW = datetime(2026, 3, 1, 18, 3, tzinfo=UTC)


def map_device(side: Side, body: dict[str, Any], mapping: WireMapping | None = None) -> Device:
    mapping = mapping or WireMapping(SecretStr("salt"))
    return mapping.device(side, schemas.Asset.model_validate(body, context=mapping.surprises), received_at=NOW)


def test_vehicle_is_mapped_in_full(wire: Any) -> None:
    car = map_device(Side.VEHICLE, wire.vehicle())
    reading = car.reading
    assert (car.id, car.side, car.driver_id, car.vendor) == ("car-1", Side.VEHICLE, "driver-1", "JEEP")
    assert (car.brand, car.model, car.year, car.max_current_a) == ("Jeep", "Avenger", 2024, None)
    assert reading.observed_at == datetime(2026, 3, 1, 18, 2, 10, tzinfo=UTC)
    assert reading.received_at == NOW
    assert (reading.is_reachable, reading.is_plugged_in) == (True, True)
    assert (reading.state, reading.charge_rate_kw) == (PowerDeliveryState.CHARGING, 7.2)
    assert (reading.soc_pct, reading.charge_limit_pct, reading.battery_capacity_kwh) == (41, 90, 51)
    assert (reading.paired_with, reading.location_id) == ("box-1", "home")


def test_charger_is_mapped_in_full(wire: Any) -> None:
    box = map_device(Side.CHARGER, wire.charger())
    assert (box.id, box.side, box.vendor, box.model, box.year) == ("box-1", Side.CHARGER, "ZAPTEC", "Go", None)
    assert box.max_current_a == 32
    assert (box.reading.paired_with, box.reading.location_id) == ("car-1", "home")
    assert box.reading.soc_pct is None


def test_capabilities_keep_what_blocks_them_and_omit_what_was_not_told(wire: Any) -> None:
    car = map_device(Side.VEHICLE, wire.vehicle())
    assert set(car.capabilities) == set(CapabilityKind)
    start = car.capabilities[CapabilityKind.START_CHARGING]
    assert (start.is_capable, start.intervention_ids) == (False, ("fix-1", "fix-2"))
    box = map_device(Side.CHARGER, wire.charger())
    assert CapabilityKind.SMART_CHARGING not in box.capabilities


@pytest.mark.parametrize(
    ("side", "scopes", "can_start"),
    [
        (Side.VEHICLE, ["vehicle:read:data", "vehicle:control:charging"], True),
        (Side.VEHICLE, ["vehicle:read:data", "charger:control:charging"], False),
        (Side.CHARGER, ["charger:read:data", "charger:control:charging"], True),
        (Side.CHARGER, ["charger:read:data"], False),
        (Side.CHARGER, [], True),
        (Side.CHARGER, None, True),
        (Side.CHARGER, "unreadable", True),
    ],
)
def test_without_consent_to_control_nothing_can_be_started(wire: Any, side: Side, scopes: Any, can_start: bool) -> None:
    """A consent that is not told is no reason to doubt the capability."""
    told = {**(wire.vehicle() if side is Side.VEHICLE else wire.charger()), "scopes": scopes}
    told["capabilities"]["startCharging"] = {"isCapable": True, "interventionIds": []}
    device = map_device(side, told)
    assert device.capabilities[CapabilityKind.START_CHARGING].is_capable is can_start
    assert device.capabilities[CapabilityKind.CHARGE_STATE].is_capable


@pytest.mark.parametrize(("word", "state"), STATES.items())
def test_each_power_delivery_state_has_its_meaning(wire: Any, word: str, state: PowerDeliveryState) -> None:
    assert map_device(Side.CHARGER, wire.charger(chargeState={"powerDeliveryState": word})).reading.state is state


def test_table_of_states_is_complete() -> None:
    assert set(STATES.values()) == set(PowerDeliveryState)


def test_unknown_state_is_unknown_and_counted(wire: Any) -> None:
    mapping = WireMapping()
    body = wire.charger(chargeState={"powerDeliveryState": "PLUGGED_IN:DREAMING"})
    assert map_device(Side.CHARGER, body, mapping).reading.state is PowerDeliveryState.UNKNOWN
    map_device(Side.CHARGER, body, mapping)
    assert mapping.surprises.counts == {"power delivery state: PLUGGED_IN:DREAMING": 2}


def test_new_vendor_is_no_surprise(wire: Any) -> None:
    mapping = WireMapping()
    assert map_device(Side.CHARGER, wire.charger(vendor="ALFEN"), mapping).vendor == "ALFEN"
    assert mapping.surprises.total == 0


def test_null_readings_stay_none_and_zero_stays_zero(wire: Any) -> None:
    nulls = dict.fromkeys(wire.vehicle()["chargeState"])
    reading = map_device(Side.VEHICLE, wire.vehicle(chargeState=nulls, isReachable=None)).reading
    told = reading.model_dump(exclude={"side", "device_id", "received_at", "source", "location_id", "state"})
    assert set(told.values()) == {None}
    assert reading.state is PowerDeliveryState.UNKNOWN
    assert map_device(Side.VEHICLE, wire.vehicle(chargeState={"chargeRate": 0})).reading.charge_rate_kw == 0


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("batteryLevel", 101),
        ("batteryLevel", -1),
        ("batteryLevel", float("nan")),
        ("batteryLevel", "full"),
        ("batteryLevel", {"pct": 40}),
        ("chargeRate", float("inf")),
        ("chargeRate", [7.2]),
        ("batteryCapacity", 0),
        ("chargeLimit", 0),
        ("lastUpdated", "yesterday"),
        ("lastUpdated", "2026-03-01T18:02:10"),
        ("isPluggedIn", "perhaps"),
        ("pluggedInChargerId", ""),
        ("powerDeliveryState", 7),
    ],
)
def test_implausible_value_costs_only_itself(wire: Any, key: str, bad: Any) -> None:
    good = wire.vehicle()
    spoilt = wire.vehicle(chargeState={**good["chargeState"], key: bad})
    expected = wire.vehicle(chargeState={**good["chargeState"], key: None})
    assert map_device(Side.VEHICLE, spoilt) == map_device(Side.VEHICLE, expected)


def test_wrong_shapes_anywhere_leave_a_device_with_its_id(wire: Any) -> None:
    keep = {"id": "car-1", "userId": "driver-1"}
    shapeless = {key: ["odd"] for key in wire.vehicle()} | keep
    mapping = WireMapping()
    car = map_device(Side.VEHICLE, shapeless, mapping)
    assert (car.id, car.driver_id, car.vendor, car.capabilities) == ("car-1", "driver-1", "UNKNOWN", {})
    fields = ("vendor", "is_reachable", "information", "charge_state", "capabilities", "location")
    assert mapping.surprises.counts == {f"unreadable {name}: list": 1 for name in fields}


def test_missing_and_extra_keys_are_tolerated() -> None:
    car = map_device(Side.VEHICLE, {"id": "car-1", "userId": "driver-1", "mood": "good"})
    assert car.reading.soc_pct is None


def test_device_without_user_is_refused() -> None:
    with pytest.raises(ValueError, match="without user"):
        map_device(Side.VEHICLE, {"id": "car-1"})


class TestIdentity:
    def test_identity_and_coordinates_never_leave_the_adapter(self, wire: Any) -> None:
        car = map_device(Side.VEHICLE, wire.vehicle())
        box = map_device(Side.CHARGER, wire.charger())
        asset = schemas.Asset.model_validate(wire.vehicle())
        written = car.model_dump_json() + box.model_dump_json() + repr(car) + repr(asset) + asset.model_dump_json()
        for secret in ("1C4PJXDN0XX000001", "ZAP012345", "52.37", "4.895", "Anna"):
            assert secret not in written

    def test_same_vin_has_one_digest_whatever_vendor_and_spelling(self, wire: Any) -> None:
        one = map_device(Side.VEHICLE, wire.vehicle())
        information = {"vin": " 1c4pjxdn0xx-000001", "brand": "JEEP"}
        other = map_device(Side.VEHICLE, wire.vehicle(id="car-2", vendor="FIAT", information=information))
        assert one.identity_digest == other.identity_digest
        assert len(one.identity_digest or "") == 64

    def test_other_salt_or_vin_or_brand_of_charger_has_another_digest(self, wire: Any) -> None:
        digests = {
            map_device(Side.VEHICLE, wire.vehicle()).identity_digest,
            map_device(Side.VEHICLE, wire.vehicle(), WireMapping(SecretStr("pepper"))).identity_digest,
            map_device(Side.VEHICLE, wire.vehicle(information={"vin": "1C4PJXDN0XX000002"})).identity_digest,
            map_device(Side.CHARGER, wire.charger()).identity_digest,
            map_device(
                Side.CHARGER, wire.charger(information={"serialNumber": "ZAP012345", "brand": "Easee"})
            ).identity_digest,
        }
        assert len(digests) == 5

    @pytest.mark.parametrize("vin", [None, "", "0", "-----", "00000000000000000", "abc"])
    def test_empty_identities_do_not_make_all_cars_one(self, wire: Any, vin: str | None) -> None:
        assert map_device(Side.VEHICLE, wire.vehicle(information={"vin": vin})).identity_digest is None

    def test_without_salt_there_is_no_digest(self, wire: Any) -> None:
        assert map_device(Side.VEHICLE, wire.vehicle(), WireMapping(SecretStr(""))).identity_digest is None


class TestActions:
    @pytest.mark.parametrize("word", ["PENDING", "CONFIRMED", "FAILED", "CANCELLED"])
    def test_each_state_has_its_meaning(self, wire: Any, word: str) -> None:
        action = WireMapping().action(schemas.Action.model_validate(wire.action(state=word)), side=Side.CHARGER)
        assert action.state is ActionState(word.lower())

    def test_unknown_state_is_pending_and_counted(self, wire: Any) -> None:
        mapping = WireMapping()
        action = mapping.action(schemas.Action.model_validate(wire.action(state="DREAMING")), side=Side.CHARGER)
        assert action.state is ActionState.PENDING
        assert mapping.surprises.counts == {"action state: DREAMING": 1}

    @pytest.mark.parametrize(
        ("said", "passed_on"),
        [("NO_RESPONSE", "NO_RESPONSE"), ("VEHICLE_ASLEEP", "VEHICLE_ASLEEP"), ("CAR_OF_ANNA_SCHMIDT", "CAR_OF_…_…")],
    )
    def test_p16_a_failure_reason_names_nobody(self, wire: Any, said: str, passed_on: str) -> None:
        """Neither in its code, which is open to new values, nor in its words, nor in the count of what is new."""
        mapping = WireMapping()
        failure = {"type": said, "detail": "car of anna@example.com at 52.370216,\n4.895168"}
        action = mapping.action(schemas.Action.model_validate(wire.action(failureReason=failure)), side=Side.CHARGER)
        assert (action.reason, action.detail) == (passed_on, "car of … at …")
        assert "ANNA" not in str(mapping.surprises.counts)


def test_half_a_character_in_a_reply_becomes_a_question_mark() -> None:
    """Else it would break whoever writes it down."""
    assert _read_json(b'{"vendor": "JEEP\\ud83d"}') == {"vendor": "JEEP?"}


class TestSurprises:
    def test_personal_values_are_counted_by_type_only(self) -> None:
        surprises = Surprises()
        surprises.note("field", "1C4PJXDN0XX000001")
        surprises.note("field", "Anna's car")
        assert surprises.counts == {"field: <str>": 2}

    def test_junk_does_not_fill_the_memory(self) -> None:
        surprises = Surprises()
        for number in range(DISTINCT_LIMIT * 2):
            surprises.note("field", f"JUNK_{number}")
        assert len(surprises.counts) == DISTINCT_LIMIT + 1
        assert surprises.total == DISTINCT_LIMIT * 2

    def test_scrub_shortens_and_keeps_harmless_words(self) -> None:
        assert scrub("Connections limit reached.") == "Connections limit reached."
        assert len(scrub("no " * 1000, limit=80)) == 80

    @pytest.mark.parametrize(
        ("said", "passed_on"),
        [
            ("Anna Schmidt's Tesla is offline", "… is offline"),
            ("Vehicle of Jürgen O’Brien not reachable at Hoofdstraat 12, 1012 AB", "Vehicle of … not reachable at …"),
            ("call 0176 5551234", "call …"),
        ],
    )
    def test_p16_nobody_named_by_the_vendor_is_named_in_errors(self, said: str, passed_on: str) -> None:
        assert scrub(said) == passed_on
