"""Which call does what, and what its answer means to the product."""

from typing import Any

import httpx
import pytest

from domain.devices import ActionState, LinkedVendor, Side
from domain.errors import (
    CallerError,
    CommandRejected,
    ControlledElsewhere,
    MalformedReply,
    RateLimited,
    UnknownDevice,
    VendorUnavailable,
)
from providers.enode.languages import INTERVENTION, LINK, best

ANSWER = {"linkUrl": "https://link.test/x", "linkToken": "canary-link-token"}
PLACE = {
    "id": "home",
    "name": "Home",
    "latitude": 52.370216,
    "longitude": 4.895168,
    "timezoneName": "Europe/Berlin",
}
BOTH = [(Side.VEHICLE, "vehicles"), (Side.CHARGER, "chargers")]


class TestDevices:
    async def test_devices_of_both_sides_come_with_their_owner(self, enode: Any, wire: Any) -> None:
        enode.script["GET /users/driver-1/vehicles"] = wire.page(wire.vehicle(userId=None))
        enode.script["GET /users/driver-1/chargers"] = wire.page(wire.charger())
        [car] = await enode.provider.list_devices("driver-1", Side.VEHICLE)
        [box] = await enode.provider.list_devices("driver-1", Side.CHARGER)
        assert (car.side, car.driver_id, box.side, box.driver_id) == (
            Side.VEHICLE,
            "driver-1",
            Side.CHARGER,
            "driver-1",
        )

    async def test_item_without_id_is_left_out_and_counted(self, enode: Any, wire: Any) -> None:
        enode.script["GET /users/driver-1/vehicles"] = wire.page({"vendor": "JEEP"}, 7, wire.vehicle())
        assert [car.id for car in await enode.provider.list_devices("driver-1", Side.VEHICLE)] == ["car-1"]
        assert enode.provider.mapping.surprises.counts == {"unreadable item: Asset": 2}

    async def test_driver_who_never_linked_has_no_devices_and_no_vendors(self, enode: Any) -> None:
        assert await enode.provider.list_devices("driver-1", Side.VEHICLE) == []
        assert await enode.provider.linked_vendors("driver-1") == []
        assert await enode.provider.places("driver-1") == []

    async def test_reading_is_stamped_with_world_time(self, enode: Any, wire: Any) -> None:
        enode.script["GET /vehicles/car-1"] = wire.vehicle()
        assert (await enode.provider.read(Side.VEHICLE, "car-1")).reading.received_at == enode.now

    async def test_unknown_device_is_permanent(self, enode: Any) -> None:
        with pytest.raises(UnknownDevice):
            await enode.provider.read(Side.CHARGER, "box-9")

    @pytest.mark.parametrize("body", [{}, [], {"id": ""}, {"id": "car-1"}, "car"])
    async def test_answer_that_is_no_device_is_malformed(self, enode: Any, body: Any) -> None:
        enode.script["GET /vehicles/car-1"] = httpx.Response(200, json=body)
        with pytest.raises(MalformedReply):
            await enode.provider.read(Side.VEHICLE, "car-1")

    @pytest.mark.parametrize(("side", "path"), BOTH)
    async def test_refresh_is_a_hint_without_answer(self, enode: Any, side: Side, path: str) -> None:
        enode.script[f"POST /{path}/id-1/refresh-hint"] = httpx.Response(204)
        await enode.provider.request_refresh(side, "id-1")
        assert enode.asked() == [f"POST /{path}/id-1/refresh-hint"]


class TestCommands:
    @pytest.mark.parametrize(("side", "path"), BOTH)
    @pytest.mark.parametrize(("verb", "word"), [("start", "START"), ("stop", "STOP")])
    async def test_command_sends_its_word_and_nothing_else(
        self, enode: Any, wire: Any, side: Side, path: str, verb: str, word: str
    ) -> None:
        enode.script[f"POST /{path}/id-1/charging"] = wire.action(targetId="id-1", targetType=side.value, kind=word)
        action = await getattr(enode.provider, verb)(side, "id-1")
        assert enode.body() == {"action": word}
        assert (action.id, action.side, action.device_id, action.state) == (
            "action-1",
            side,
            "id-1",
            ActionState.PENDING,
        )

    async def test_known_unmet_precondition_told_as_400_is_a_refusal(self, enode: Any, wire: Any) -> None:
        title = "Vehicle is already charging"
        enode.script["POST /vehicles/car-1/charging"] = wire.problem(400, title, detail="VIN 1C4PJXDN0XX000001")
        action = await enode.provider.start(Side.VEHICLE, "car-1")
        assert (action.id, action.state, action.reason) == (None, ActionState.REFUSED, title)
        assert action.detail == "VIN …"

    async def test_known_unmet_precondition_told_as_action_is_cancelled(self, enode: Any, wire: Any) -> None:
        failure = {"type": "FAILED_PRECONDITION", "detail": "not plugged in"}
        enode.script["POST /vehicles/car-1/charging"] = wire.action(state="CANCELLED", failureReason=failure)
        action = await enode.provider.start(Side.VEHICLE, "car-1")
        assert (action.state, action.reason) == (ActionState.CANCELLED, "FAILED_PRECONDITION")

    async def test_schedule_or_policy_in_control_is_its_own_error(self, enode: Any, wire: Any) -> None:
        enode.script["POST /chargers/box-1/charging"] = wire.problem(422, "Under a schedule")
        with pytest.raises(ControlledElsewhere, match="Under a schedule"):
            await enode.provider.stop(Side.CHARGER, "box-1")

    async def test_outage_dressed_as_400_is_no_refusal(self, enode: Any, wire: Any) -> None:
        enode.script["POST /chargers/box-1/charging"] = wire.problem(
            400, "Try later", kind="vendor-temporarily-unavailable"
        )
        with pytest.raises(VendorUnavailable):
            await enode.provider.start(Side.CHARGER, "box-1")

    async def test_quota_dressed_as_403_is_a_rate_limit(self, enode: Any, wire: Any) -> None:
        headers = {"retry-after": "600"}
        enode.script["POST /chargers/box-1/charging"] = wire.problem(403, "Daily quota exceeded", headers=headers)
        with pytest.raises(RateLimited) as told:
            await enode.provider.start(Side.CHARGER, "box-1")
        assert told.value.retry_after is not None
        assert told.value.retry_after.total_seconds() == 600

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"id": ""}'])
    async def test_taken_command_with_an_unreadable_answer_is_pending(self, enode: Any, content: bytes) -> None:
        """To call it failed would invite a second command."""
        enode.script["POST /chargers/box-1/charging"] = httpx.Response(200, content=content)
        action = await enode.provider.start(Side.CHARGER, "box-1")
        assert (action.id, action.device_id, action.state) == (None, "box-1", ActionState.PENDING)
        assert action.reason == "UNREADABLE_ANSWER"

    @pytest.mark.parametrize(("side", "path"), BOTH)
    async def test_current_limit_is_sent_in_ampere(self, enode: Any, wire: Any, side: Side, path: str) -> None:
        body = wire.action(targetId="id-1", targetState={"maxCurrent": 16})
        enode.script[f"POST /{path}/id-1/max-current"] = body
        action = await enode.provider.set_max_current(side, "id-1", 16)
        assert enode.body() == {"maxCurrent": 16}
        assert action.state is ActionState.PENDING

    @pytest.mark.parametrize(("side", "path"), BOTH)
    async def test_action_is_followed_by_its_id(self, enode: Any, wire: Any, side: Side, path: str) -> None:
        failure = {"type": "NO_RESPONSE", "detail": ""}
        enode.script[f"GET /{path}/actions/action-1"] = wire.action(state="FAILED", failureReason=failure)
        action = await enode.provider.action(side, "action-1")
        assert (action.state, action.reason, action.side) == (ActionState.FAILED, "NO_RESPONSE", side)

    async def test_unknown_action_is_permanent(self, enode: Any) -> None:
        with pytest.raises(UnknownDevice):
            await enode.provider.action(Side.VEHICLE, "action-9")

    async def test_cancellation_answers_with_the_action_also_when_it_came_too_late(self, enode: Any, wire: Any) -> None:
        path = "POST /chargers/actions/action-1/cancel"
        enode.script[path] = [
            wire.action(state="CANCELLED", failureReason={"type": "REQUESTED_CANCELLATION", "detail": ""}),
            httpx.Response(409, json=wire.action(state="CONFIRMED")),
        ]
        states = [(await enode.provider.cancel(Side.CHARGER, "action-1")).state for _ in range(2)]
        assert states == [ActionState.CANCELLED, ActionState.CONFIRMED]


class TestLinking:
    async def test_vehicle_and_charger_sessions_differ_in_scopes_alone(self, enode: Any) -> None:
        enode.script["POST /users/driver-1/link"] = ANSWER
        bodies = {}
        for side in Side:
            link = await enode.provider.start_link(
                "driver-1", side, redirect_uri="https://app.test/?s=1", language="nl"
            )
            assert (link.url, link.token) == ("https://link.test/x", "canary-link-token")
            bodies[side] = enode.body()
        assert bodies[Side.VEHICLE].pop("scopes") == [
            "vehicle:read:data",
            "vehicle:read:location",
            "vehicle:control:charging",
        ]
        assert bodies[Side.CHARGER].pop("scopes") == ["charger:read:data", "charger:control:charging"]
        assert (
            bodies[Side.VEHICLE]
            == bodies[Side.CHARGER]
            == {"language": "nl-NL", "redirectUri": "https://app.test/?s=1"}
        )

    @pytest.mark.parametrize("uri", ["about:blank", "https://app.test/" + "x" * 500, "", "app"])
    async def test_redirect_enode_would_refuse_is_the_callers_mistake(self, enode: Any, uri: str) -> None:
        with pytest.raises(CallerError):
            await enode.provider.start_link("driver-1", Side.VEHICLE, redirect_uri=uri, language="nl-NL")
        assert enode.asked() == []

    async def test_used_up_connections_are_for_the_operator_not_for_waiting(self, enode: Any, wire: Any) -> None:
        enode.script["POST /users/driver-1/link"] = wire.problem(403, "Connections limit reached.", kind="forbidden")
        with pytest.raises(CommandRejected, match="Connections limit reached"):
            await enode.provider.start_link("driver-1", Side.VEHICLE, redirect_uri="https://app.test", language="en-US")

    async def test_relink_renews_the_grant_behind_a_device(self, enode: Any, wire: Any) -> None:
        enode.script["POST /assets/car-1/relink"] = [ANSWER, wire.problem(400, "Asset is already linked")]
        assert (await enode.provider.relink("car-1", redirect_uri="app://back", language="de-DE")).url
        assert enode.body() == {"language": "de-DE", "redirectUri": "app://back"}
        with pytest.raises(CommandRejected):
            await enode.provider.relink("car-1", redirect_uri="app://back", language="de-DE")

    async def test_linked_vendors_tell_side_and_validity(self, enode: Any) -> None:
        enode.script["GET /users/driver-1"] = {
            "id": "driver-1",
            "linkedVendors": [
                {"vendor": "TESLA", "vendorType": "vehicle", "isValid": False},
                {"vendor": "TESLA", "vendorType": "charger", "isValid": True},
                {"vendor": "NIBE", "vendorType": "hvac", "isValid": True},
                {"vendor": "NEW", "vendorType": "robot"},
                "odd",
            ],
        }
        assert await enode.provider.linked_vendors("driver-1") == [
            LinkedVendor(vendor="TESLA", side=Side.VEHICLE, is_valid=False),
            LinkedVendor(vendor="TESLA", side=Side.CHARGER, is_valid=True),
            LinkedVendor(vendor="NIBE", side=None, is_valid=True),
            LinkedVendor(vendor="NEW", side=None, is_valid=True),
        ]
        assert enode.provider.mapping.surprises.counts == {
            "asset type: robot": 1,
            "unreadable item: LinkedVendor": 1,
        }

    async def test_unlinking_the_charger_leaves_the_car_of_the_same_vendor(self, enode: Any) -> None:
        enode.script["DELETE /users/driver-1/vendors/TESLA/charger"] = httpx.Response(204)
        await enode.provider.unlink("driver-1", "TESLA", Side.CHARGER)
        assert enode.asked() == ["DELETE /users/driver-1/vendors/TESLA/charger"]

    async def test_unlinking_and_forgetting_twice_is_no_error(self, enode: Any, wire: Any) -> None:
        for path in ("DELETE /users/driver-1/vendors/TESLA/vehicle", "DELETE /users/driver-1"):
            enode.script[path] = [httpx.Response(204), wire.problem(404, "User does not exist")]
        for _ in range(2):
            await enode.provider.unlink("driver-1", "TESLA", Side.VEHICLE)
            await enode.provider.forget_driver("driver-1")
        assert len(enode.asked()) == 4


class TestPlaces:
    async def test_place_is_created_with_coordinates_that_do_not_come_back(self, enode: Any) -> None:
        enode.script["POST /users/driver-1/locations"] = PLACE
        place = await enode.provider.create_place("driver-1", "Home", 52.370216, 4.895168, "Europe/Berlin")
        assert enode.body() == {
            "name": "Home",
            "latitude": 52.370216,
            "longitude": 4.895168,
            "timezoneName": "Europe/Berlin",
        }
        assert place.model_dump() == {"id": "home", "name": "Home", "zone": "Europe/Berlin"}

    async def test_coordinates_are_in_no_error(self, enode: Any, wire: Any) -> None:
        title = "Bad point 52.370216, 4.895168"
        enode.script["POST /users/driver-1/locations"] = wire.problem(400, title, detail="52.370216")
        with pytest.raises(CommandRejected) as failed:
            await enode.provider.create_place("driver-1", "Home", 52.370216, 4.895168, "Europe/Berlin")
        assert "52.37" not in repr(failed.value)

    async def test_places_are_listed(self, enode: Any, wire: Any) -> None:
        enode.script["GET /users/driver-1/locations"] = wire.page(PLACE)
        assert [place.id for place in await enode.provider.places("driver-1")] == ["home"]

    @pytest.mark.parametrize("place_id", ["home", None])
    async def test_charger_is_put_in_its_place_or_taken_out(self, enode: Any, wire: Any, place_id: str | None) -> None:
        enode.script["PUT /chargers/box-1"] = wire.charger(location={"id": place_id, "lastUpdated": None})
        box = await enode.provider.set_charger_place("box-1", place_id)
        assert enode.body() == {"locationId": place_id}
        assert box.reading.location_id == place_id


class TestCatalogues:
    async def test_interventions_tell_what_a_person_must_do(self, enode: Any) -> None:
        resolution = {"title": "Link again", "description": "**Do it**", "access": "Physical", "agent": "User"}
        enode.script["GET /interventions"] = [
            [
                {"id": "fix-1", "vendor": "AUDI", "resolution": {**resolution, "action": "Link"}},
                {"id": "fix-2", "vendor": None, "resolution": {**resolution, "access": "Remote", "action": None}},
                {"id": "fix-3"},
                {"vendor": "AUDI"},
            ]
        ]
        found = await enode.provider.interventions("it-IT")
        assert dict(enode.requests[-1].url.params) == {"language": "en-US"}
        assert [(one.id, one.needs_relink, one.is_physical) for one in found] == [
            ("fix-1", True, True),
            ("fix-2", False, False),
            ("fix-3", False, False),
        ]

    async def test_catalogue_that_is_no_array_is_malformed(self, enode: Any) -> None:
        enode.script["GET /interventions"] = {"data": []}
        with pytest.raises(MalformedReply):
            await enode.provider.interventions("en-US")

    async def test_health_tells_trouble_per_vendor_and_side(self, enode: Any) -> None:
        enode.script["GET /health/vehicles"] = [
            [
                {"vendor": "TESLA", "status": "READY", "linkingStatus": "OUTAGE"},
                {"vendor": "BMW", "status": "ELEVATED_ERROR_RATE", "linkingStatus": "READY"},
            ]
        ]
        enode.script["GET /health/chargers"] = [[{"vendor": "ZAPTEC", "status": "SPLENDID"}]]
        found = {(one.vendor, one.side): (one.is_ready, one.can_link) for one in await enode.provider.vendor_health()}
        assert found == {
            ("TESLA", Side.VEHICLE): (True, False),
            ("BMW", Side.VEHICLE): (False, True),
            ("ZAPTEC", Side.CHARGER): (True, True),
        }


@pytest.mark.parametrize(
    ("wanted", "link", "intervention"),
    [
        ("de-DE", "de-DE", "de-DE"),
        ("DE_de", "de-DE", "de-DE"),
        ("nl", "nl-NL", "nl-NL"),
        ("nl-BE", "nl-BE", "nl-BE"),
        ("de-AT", "de-DE", "de-DE"),
        ("en", "en-US", "en-US"),
        ("sv", "sv-SE", "sv-SE"),
        ("it-IT", "it-IT", "en-US"),
        ("browser", "browser", "en-US"),
        ("xx", "browser", "en-US"),
        ("", "browser", "en-US"),
    ],
)
def test_nearest_language_is_chosen(wanted: str, link: str, intervention: str) -> None:
    assert best(wanted, LINK, "browser") == link
    assert best(wanted, INTERVENTION, "en-US") == intervention
