"""The driver wins, at once. A repeat of a remembered action changes nothing."""

from datetime import datetime

from domain.departure import next_departure
from domain.session.events import DriverActed
from domain.session.hearing import note_match, with_night
from domain.session.picture import picture_of
from domain.session.state import Override, OverrideKind, SessionState
from domain.session.whatif import preview_of

ACTIONS_REMEMBERED = 50
"""Actions of one plug-in whose repeats are recognised."""

ANSWERS_REMEMBERED = 10
"""Actions of one plug-in whose cost and risk can still be asked for."""


def obey(state: SessionState, event: DriverActed) -> SessionState:
    """The state after the driver's word, with the answer what it costs and risks."""
    if event.action_id in state.acted:
        return state
    now = _latest(state, event.at)
    answers = {**state.answers, event.action_id: preview_of(state, event, now)}
    answers = dict(list(answers.items())[-ANSWERS_REMEMBERED:])
    acted = (*state.acted, event.action_id)[-ACTIONS_REMEMBERED:]
    return _obeyed(state.model_copy(update={"acted": acted, "answers": answers}), event, now)


def _latest(state: SessionState, at: datetime) -> datetime:
    """The action's instant, or the newest known: a caller's clock may lag."""
    opened_at = state.night.opened_at if state.night is not None else at
    return max([at, opened_at, *(reading.received_at for reading in state.readings.values())])


def _obeyed(state: SessionState, event: DriverActed, now: datetime) -> SessionState:
    match event.act:
        case "charge_now" | "stay_stopped" | "skip_night":
            return _override(state, Override(kind=OverrideKind(event.act), since=event.at))
        case "pause_until" if event.until is not None:
            override = Override(kind=OverrideKind.PAUSE_UNTIL, since=event.at, until=event.until)
            return with_night(_override(state, override), wants_replan="the driver pauses until later")
        case "follow_plan":
            return with_night(_override(state, None), wants_replan="the driver follows the plan again")
        case "set_wish":
            return _take_wish(state, event, now)
        case "name_charger" if event.charger_id is not None:
            return note_match(state.model_copy(update={"named_charger": event.charger_id}))
    return state


def _override(state: SessionState, override: Override | None) -> SessionState:
    """A new word takes the place of the one before; what was conceded to others ends with it."""
    return with_night(state.model_copy(update={"override": override}), undone=())


def _take_wish(state: SessionState, event: DriverActed, now: datetime) -> SessionState:
    if event.wish is None:
        return state
    state = state.model_copy(update={"wish": event.wish})
    if state.night is None:
        return state
    picture = picture_of(state, now)
    is_there = picture.soc_pct is not None and picture.soc_pct >= event.wish.target_soc_pct
    return with_night(
        state,
        departs_at=next_departure(event.wish, now),
        ready_at=picture.soc_at if is_there else None,
        target_soc_pct=event.wish.target_soc_pct,
        min_soc_pct=event.wish.min_soc_pct,
        catches_up=False,
        wants_replan="the driver changed target or departure",
    )
