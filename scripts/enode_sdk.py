"""Drives the simulator with the vendor's SDK, one operation after the other, and tells which answers it believed.

Run by `scripts/enode_sdk.sh`; the argument is the Python that has the simulator. Exit code 0 only if every operation
ends as expected, the SDK's own known defects included: they are named, so that a cured one is noticed.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
from enode import Enode, errors, models

LAUNCH = "import typer; from simulator.command import simulator; typer.run(simulator)"
USER = "sim-user-1"
BACK = "http://127.0.0.1:1/back"


class Drive:
    """Counts what was believed and keeps what was not."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.believed = 0
        self.wrong: list[str] = []
        self.http = httpx.Client(base_url=base, trust_env=False)
        token = self.http.post("/oauth2/token", auth=("sim", "sim"), data={"grant_type": "client_credentials"})
        # The SDK calls the health routes without a token, though the API wants one.
        self.token = {"Authorization": f"Bearer {token.json()['access_token']}"}
        self.http.headers.update(self.token)
        security = models.Security(client_id="sim", client_secret="sim", token_url=f"{base}/oauth2/token")
        client = httpx.Client(trust_env=False)
        self.sdk = Enode(server_url=base, timeout_ms=10_000, security=security, client=client)

    def ok(self, name: str, call: Callable[[], Any]) -> Any:
        """The SDK accepts the answer."""
        try:
            answer = call()
        except Exception as error:
            self.wrong.append(f"{name}: {type(error).__name__} {str(error)[:300]}")
            return None
        self.believed += 1
        return answer

    def raises(self, name: str, kind: type[Exception], call: Callable[[], Any]) -> None:
        """The SDK raises exactly this typed error."""
        try:
            call()
        except Exception as error:
            if type(error) is kind:
                self.believed += 1
            else:
                self.wrong.append(f"{name}: {type(error).__name__} instead of {kind.__name__}: {str(error)[:300]}")
        else:
            self.wrong.append(f"{name}: no error")

    def check(self, name: str, is_so: bool) -> None:
        if is_so:
            self.believed += 1
        else:
            self.wrong.append(f"{name}: not so")


def users(drive: Drive) -> None:
    management = drive.sdk.user_management
    drive.ok("list users", management.list)
    drive.ok("get user", lambda: management.get(user_id=USER))
    scopes = [models.Scopes.VEHICLE_READ_DATA, models.Scopes.VEHICLE_READ_LOCATION]
    session = drive.ok(
        "link user",
        lambda: management.post_users_userid_link(
            user_id="linker", scopes=scopes, language="browser", redirect_uri=BACK
        ),
    )
    done = drive.http.post(session.link_url, data={"vendor": "AUDI", "name": "a", "password": "b", "consent": "yes"})
    drive.check("the link page returns to the app", done.headers.get("location") == BACK)
    vehicle = drive.ok("list the new user's vehicles", lambda: drive.sdk.vehicles.list_for_user(user_id="linker"))
    drive.check("a device came to light", len(vehicle.data) == 1)
    relink = lambda: management.relink_asset(asset_id=vehicle.data[0].id, language="en-US", redirect_uri=BACK)  # noqa: E731
    drive.raises("relink a living asset", errors.ProblemError, relink)
    drive.http.post("/admin/faults", json={"kind": "bad_credentials", "target": "user:linker"})
    drive.ok("relink a dead asset", relink)
    drive.ok("drop authorization", lambda: management.delete_users_userid_authorization(user_id="linker"))
    drive.ok("delete user", lambda: management.unlink_user(user_id="linker"))
    drive.raises("get a deleted user", errors.EnodeDefaultError, lambda: management.get(user_id="linker"))


def paging(drive: Drive) -> None:
    first = drive.ok("first page", lambda: drive.sdk.vehicles.list(page_size=2))
    second = drive.ok("second page", lambda: drive.sdk.vehicles.list(page_size=2, after=first.pagination.after))
    drive.check("pages do not overlap", {v.id for v in first.data}.isdisjoint({v.id for v in second.data}))
    drive.ok("back", lambda: drive.sdk.vehicles.list(page_size=2, before=second.pagination.before))


def vehicles(drive: Drive) -> None:
    sdk = drive.sdk.vehicles
    vehicle = drive.ok("list a user's vehicles", lambda: sdk.list_for_user(user_id=USER)).data[0]
    drive.ok("get vehicle", lambda: sdk.get(vehicle_id=vehicle.id))
    drive.ok("refresh vehicle", lambda: sdk.refresh_hint(vehicle_id=vehicle.id))
    stop = lambda: sdk.control_charging(vehicle_id=vehicle.id, action="STOP")  # noqa: E731
    drive.raises("stop what is stopped", errors.ProblemError, stop)
    action = drive.ok("start vehicle", lambda: sdk.control_charging(vehicle_id=vehicle.id, action="START"))
    drive.ok("get vehicle action", lambda: sdk.get_action(action_id=action.id))
    cancel = lambda: sdk.cancel_action(action_id=action.id)  # noqa: E731
    drive.ok("cancel vehicle action", cancel)
    drive.raises("cancel it again", errors.ChargeActionError, cancel)
    again = drive.ok("start vehicle again", lambda: sdk.control_charging(vehicle_id=vehicle.id, action="START"))
    drive.check("the action is confirmed", confirmed(lambda: sdk.get_action(action_id=again.id)))
    state = drive.ok("get charging vehicle", lambda: sdk.get(vehicle_id=vehicle.id)).charge_state
    drive.check("energy flows", bool(state.is_charging) and (state.charge_rate or 0) > 0)
    drive.ok("vehicle current", lambda: sdk.set_max_current(vehicle_id=vehicle.id, max_current=16))
    drive.ok("vehicle current, experimental", lambda: drive.sdk.experimental.set_max_current(
        vehicle_id=vehicle.id, max_current=12
    ))  # fmt: skip
    smart(drive, vehicle.id)


def smart(drive: Drive, vehicle_id: str) -> None:
    sdk = drive.sdk.vehicles
    drive.ok("get policy", lambda: sdk.get_smart_charging_policy(vehicle_id=vehicle_id))
    update = sdk.update_smart_charging_policy
    refused = errors.UpdateVehicleSmartChargingPolicyBadRequestError
    drive.raises("policy without deadline", refused, lambda: update(vehicle_id=vehicle_id, is_enabled=True))
    drive.ok("enable policy", lambda: update(vehicle_id=vehicle_id, is_enabled=True, deadline="07:00"))
    status = drive.ok("smart status", lambda: sdk.get_smart_charging_status(vehicle_id=vehicle_id))
    drive.check("a plan is under way", status.plan is not None)
    start = lambda: sdk.control_charging(vehicle_id=vehicle_id, action="START")  # noqa: E731
    drive.raises("command under a plan", errors.ProblemError, start)
    drive.ok("override", lambda: sdk.create_smart_override(vehicle_id=vehicle_id))
    end = lambda: sdk.end_smart_override(vehicle_id=vehicle_id)  # noqa: E731
    drive.ok("end override", end)
    drive.raises("end no override", errors.ProblemError, end)
    drive.ok("disable policy", lambda: update(vehicle_id=vehicle_id, is_enabled=False, deadline="07:00"))


def chargers(drive: Drive) -> None:
    sdk = drive.sdk.chargers
    drive.ok("list chargers", sdk.list)
    charger = drive.ok("list a user's chargers", lambda: sdk.list_for_user(user_id="sim-user-2")).data[0]
    drive.ok("get charger", lambda: sdk.get(charger_id=charger.id))
    drive.ok("refresh charger", lambda: sdk.refresh_data(charger_id=charger.id))
    action = drive.ok("start charger", lambda: sdk.control_charging(charger_id=charger.id, action="START"))
    # Known defects of 0.2.6: the result type of both calls is an exception class, which no answer can satisfy.
    validation = errors.ResponseValidationError
    drive.raises("get charger action (SDK defect)", validation, lambda: sdk.get_action(action_id=action.id))
    cancel = lambda: sdk.cancel_action(action_id=action.id)  # noqa: E731
    drive.raises("cancel charger action (SDK defect)", validation, cancel)
    drive.raises("cancel it again", errors.ChargerAction, cancel)
    drive.ok("charger current", lambda: sdk.set_max_current(charger_id=charger.id, max_current=16))
    drive.ok("clear charger location", lambda: sdk.update(charger_id=charger.id, location_id=None))
    schedules(drive, charger.id)


def schedules(drive: Drive, charger_id: str) -> None:
    sdk = drive.sdk.schedules
    night = models.ChargeScheduleRule(
        should_charge=True,
        hour_minute=models.ChargeScheduleHourMinute(from_="23:00", to="05:00"),
        weekdays=[0, 1, 2, 3, 4, 5, 6],
    )
    schedule = models.ChargeSchedule(
        target_id=charger_id, target_type="charger", location_id=None, default_should_charge=False, rules=[night]
    )
    made = drive.ok("create schedule", lambda: sdk.create(user_id="sim-user-2", schedule=schedule))
    drive.ok("list schedules", lambda: sdk.get_by_user(user_id="sim-user-2"))
    drive.ok("get schedule", lambda: sdk.get(schedule_id=made.id))
    status = drive.ok("schedule status", lambda: sdk.get_status(schedule_id=made.id))
    drive.check("two transitions to come", len(status.upcoming_transitions) == 2)
    command = lambda: drive.sdk.chargers.control_charging(charger_id=charger_id, action="START")  # noqa: E731
    drive.raises("command under a schedule", errors.ProblemError, command)
    off = models.PartialChargeSchedule(is_enabled=False)
    drive.ok("disable schedule", lambda: sdk.update(schedule_id=made.id, partial_schedule=off))
    drive.ok("delete schedule", lambda: sdk.delete(schedule_id=made.id))


def locations(drive: Drive) -> None:
    sdk, tariffs = drive.sdk.locations, drive.sdk.tariffs
    create = lambda: sdk.create(  # noqa: E731
        user_id=USER, name="Work", latitude=52.1, longitude=5.1, timezone_name="Europe/Amsterdam"
    )
    place = drive.ok("create location", create)
    drive.ok("list locations", sdk.list)
    drive.ok("list a user's locations", lambda: sdk.list_for_user(user_id=USER))
    drive.ok("get location", lambda: sdk.get(location_id=place.id))
    drive.ok("update location", lambda: sdk.update(location_id=place.id, name="Office"))
    charger = drive.sdk.chargers.list_for_user(user_id=USER).data[0]
    drive.ok("set charger location", lambda: drive.sdk.chargers.update(charger_id=charger.id, location_id=place.id))
    rates = [models.TariffRate(name="day", cost="0.31"), models.TariffRate(name="night", cost="0.12")]
    drive.ok("put tariff", lambda: tariffs.create(tariff_id="two-rates", request_body=rates))
    drive.ok("get tariff", lambda: tariffs.get(tariff_id="two-rates"))
    night = models.TariffRateInterval(name="night", from_="22:00", to="06:00")
    day = models.TariffRateInterval(name="day", from_="05:00", to="22:00")
    put = lambda intervals: tariffs.link_to_location(  # noqa: E731
        location_id=place.id, tariff_id="two-rates", tariff_intervals=intervals
    )
    drive.ok("put location tariff", lambda: put([night]))
    drive.raises("overlapping intervals", errors.ProblemError, lambda: put([night, day]))
    drive.ok("get location tariff", lambda: tariffs.get_by_location(location_id=place.id))
    drive.ok("delete location", lambda: sdk.delete(location_id=place.id))


def webhooks(drive: Drive) -> None:
    sdk = drive.sdk.webhooks
    secret = "a secret of thirty-two characters"
    authentication = {"header_name": "x-key", "header_value": "v"}
    # Nobody listens on port 9 (discard).
    url = "http://127.0.0.1:9/hook"
    hook = drive.ok("create webhook", lambda: sdk.create(url=url, secret=secret, authentication=authentication))
    invalid = errors.WebhookNotValidProblemError
    drive.raises("duplicate webhook", invalid, lambda: sdk.create(url=url, secret=secret))
    far = "https://example.com/hook"
    drive.raises("webhook beyond the loopback", invalid, lambda: sdk.create(url=far, secret=secret))
    drive.ok("list webhooks", sdk.list)
    drive.ok("get webhook", lambda: sdk.get(webhook_id=hook.id))
    drive.ok("update webhook", lambda: sdk.update(webhook_id=hook.id, events=["user:vehicle:updated"]))
    drive.ok("test webhook", lambda: sdk.test(webhook_id=hook.id))
    drive.ok("delete webhook", lambda: sdk.delete(webhook_id=hook.id))
    drive.raises("get no webhook", errors.WebhookNotFoundProblemError, lambda: sdk.get(webhook_id=hook.id))


def service(drive: Drive) -> None:
    health, catalogue = drive.sdk.service_health, drive.sdk.interventions
    drive.ok("readiness", health.check_readiness)
    for name in ("get_vehicle_vendors", "check_charger_vendors", "list_integrations"):
        call = getattr(health, name)
        drive.raises(f"{name} without a token", errors.EnodeDefaultError, call)
        drive.ok(name, lambda call=call: call(http_headers=drive.token))
    entries = drive.ok("list interventions", catalogue.list)
    drive.ok("get intervention", lambda: catalogue.get(intervention_id=entries[0].id))


def confirmed(read: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if read().state == "CONFIRMED":
            return True
        time.sleep(0.05)
    return False


def main(python: str) -> int:
    arguments = [python, "-c", LAUNCH, "--seed-users", "3", "--speed", "60"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        drive = Drive(process.stdout.readline().split()[-1])
        for part in (users, paging, vehicles, chargers, locations, webhooks, service):
            part(drive)
    finally:
        process.terminate()
        ended = process.wait(10)
    print(
        f"{drive.believed} answers believed by the vendor's SDK, {len(drive.wrong)} not; simulator ended with {ended}"
    )
    for line in drive.wrong:
        print(f"  {line}")
    return 1 if drive.wrong or ended else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
