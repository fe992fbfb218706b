"""No deadline hangs on a caller's clock (S17, F39)."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from support.factories import at, make_device, make_driver

from domain.devices import Side
from domain.driver.apply import apply
from domain.driver.events import (
    Act,
    ActTonight,
    AskUnlink,
    ConfirmUnlink,
    DeviceSeen,
    DismissPrompt,
    Enroll,
    Erase,
    RequestLink,
    SetWish,
    Withdraw,
)
from domain.driver.said import as_heard
from domain.driver.state import DriverState
from domain.driver.unlinking import RELEASE_LIMIT, TOKEN_LIVES
from domain.session.events import DriverActed

NOW = at(1)
SKEWS = [timedelta(days=-3650), timedelta(0), timedelta(days=3650)]


def heard(state: DriverState, action: Act, hours: float) -> DriverState:
    return apply(state, as_heard(action, at(hours)))


@pytest.mark.parametrize("skew", SKEWS, ids=["behind", "right", "ahead"])
@pytest.mark.parametrize(("hours_later", "status"), [(0.1, "pending"), (1.0, "refused")])
def test_s17_a_token_expires_by_the_time_it_is_heard_whatever_the_caller_says(skew, hours_later, status):
    state = apply(make_driver(), DeviceSeen(device=make_device()))
    ask = AskUnlink(action_id="ask", side=Side.VEHICLE, vendor="JEEP", at=NOW + skew)
    state = heard(state, ask, 1.0)
    outcome = state.outcomes["ask"]
    assert outcome.expires_at == NOW + TOKEN_LIVES
    state = heard(state, ConfirmUnlink(action_id="ok", token=outcome.token, at=NOW + skew), 1.0 + hours_later)
    assert state.outcomes["ok"].status == status


@pytest.mark.parametrize("skew", SKEWS, ids=["behind", "right", "ahead"])
def test_f39_an_erasure_begins_when_it_is_heard(skew):
    state = heard(make_driver(), Erase(action_id="gone", at=NOW + skew), 1.0)
    assert state.erasing.go_on_at == NOW + RELEASE_LIMIT


@pytest.mark.parametrize(("said", "counts"), [(at(0), at(0)), (at(2), NOW)], ids=["was on its way", "not yet true"])
def test_a_word_may_be_late_but_not_from_the_future(said, counts):
    for action in (
        Enroll(action_id="a", at=said, text_version="1"),
        Withdraw(action_id="a", at=said),
        ActTonight(action_id="a", at=said, vehicle_id="car-1", act="charge_now"),
    ):
        assert as_heard(action, NOW).at == counts


def test_a_withdrawal_without_an_instant_is_on_record_with_one_and_a_wish_for_later_nights_stays_one():
    assert as_heard(Withdraw(action_id="a"), NOW).at == NOW
    assert as_heard(SetWish(action_id="a", wish=make_driver().wish), NOW).at is None
    dismiss = DismissPrompt(action_id="a", prompt="prompt.relink")
    assert as_heard(dismiss, NOW) is dismiss


# What a caller writes must never stop a driver's workflow: it is refused before it is heard.


@pytest.mark.parametrize(
    "uri", ["http://[", "http://\u2100.example", "javascript:alert(1)", "data:text/html,x", "back", ""]
)
def test_an_address_that_leads_nowhere_or_runs_what_it_contains_is_refused(uri):
    with pytest.raises(ValidationError):
        RequestLink(action_id="a", side=Side.VEHICLE, redirect_uri=uri)


@pytest.mark.parametrize("uri", ["https://app.example/back?x=1", "http://localhost:8080/", "com.example.app:/linked"])
def test_an_apps_own_address_is_taken(uri):
    assert RequestLink(action_id="a", side=Side.VEHICLE, redirect_uri=uri).redirect_uri == uri


@pytest.mark.parametrize("edge", ["0001-01-01T00:00:00+23:59", "0001-01-02T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_an_instant_at_the_calendars_edge_is_refused(edge):
    for kind, more in (
        (ActTonight, {"vehicle_id": "car-1", "act": "charge_now"}),
        (DriverActed, {"act": "charge_now"}),
        (Erase, {}),
    ):
        with pytest.raises(ValidationError):
            kind.model_validate({"action_id": "a", "at": edge, **more})
