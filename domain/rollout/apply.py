"""`apply(state, event) -> state`: what a rollout learns, and `begun`: what changes once an effect is under way."""

from datetime import datetime, timedelta

from domain.rollout.effects import AskOperator, Close, Gather, MoveOn, Publish, Rehearse, RolloutEffect, TellPage
from domain.rollout.events import (
    BrandConfirmed,
    Gathered,
    Go,
    Operator,
    PageLost,
    PageTold,
    Published,
    Rehearsed,
    Resume,
    RolloutEvent,
    SkipBrand,
    StepLost,
    Stop,
    TakeBack,
)
from domain.rollout.judge import Move
from domain.rollout.moving import moved, reached
from domain.rollout.state import RolloutState, Soak, Spread, noted

NIGHT = timedelta(days=1)


def apply(state: RolloutState, event: RolloutEvent) -> RolloutState:
    """The state after hearing `event`."""
    if state.ends_because:
        return state
    match event:
        case Operator():
            return _obey(state, event)
        case Rehearsed():
            return _rehearsed(state, event)
        case Published():
            return _published(state, event)
        case PageTold():
            return _page_told(state, event)
        case PageLost():
            return _page_lost(state, event)
        case Gathered():
            return _gathered(state, event)
        case StepLost():
            return _step_lost(state, event)
        case _:  # TimeReached changes nothing by itself
            return state


def begun(state: RolloutState, effect: RolloutEffect, at: datetime) -> RolloutState:
    """The state once `effect` is under way."""
    match effect:
        case Rehearse():
            return state.model_copy(update={"under_way": "rehearse"})
        case Gather():
            return state.model_copy(update={"under_way": "gather"})
        case Publish():
            state = state.model_copy(update={"under_way": "publish", "publishing": effect})
            return noted(state, at, effect.reason)
        case TellPage():
            return _begin_page(state, effect.page)
        case MoveOn():
            state = moved(state, effect)
            return state if effect.move is Move.HOLD else noted(state, at, f"{effect.move.value}: {effect.reason}")
        case AskOperator():
            return noted(state.model_copy(update={"is_asking": effect.reason}), at, effect.reason)
        case Close():
            return noted(state.model_copy(update={"ends_because": effect.reason}), at, effect.reason)
        case _:
            return state


def _step_lost(state: RolloutState, event: StepLost) -> RolloutState:
    """An operator must look. A publication may have reached the table: then taking back has something to undo."""
    words = f"{event.step} failed: {event.why}"
    change = state.publishing.change if state.publishing is not None else state.change
    changes = {"under_way": "", "publishing": None, "change": change, "is_asking": words, "is_spread_out": False}
    return noted(state.model_copy(update=changes), event.at, words)


def _obey(state: RolloutState, said: Operator) -> RolloutState:
    name = said.type.replace("_", " ")  # type: ignore[attr-defined]
    state = noted(state, said.at, f"{said.by} said {name}" + (f": {said.reason}" if said.reason else ""))
    match said:
        case Go():
            return _go(state, said)
        case Stop():
            return state.model_copy(update={"is_stopped": True})
        case Resume():
            return state.model_copy(update={"is_stopped": False})
        case TakeBack():
            return _leave(state, said)
        case SkipBrand():
            if said.brand and said.brand.casefold() != (state.brand or "").casefold():
                return state
            why = f"{said.by} took it back" + (f": {said.reason}" if said.reason else "")
            return state.model_copy(update={"word": "take_back", "word_reason": why, "is_asking": ""})
        case BrandConfirmed():
            confirmed = {**state.confirmed, said.brand.casefold(): said.by}
            is_awaited = said.brand.casefold() == (state.brand or "").casefold() and state.share < 0
            return state.model_copy(update={"confirmed": confirmed, "is_asking": "" if is_awaited else state.is_asking})
    return state


def _go(state: RolloutState, said: Go) -> RolloutState:
    """Begin after the dry run; elsewhere an answer to the question that was asked."""
    changes: dict[str, object] = {"is_going": True, "is_asking": ""}
    if state.is_asking and state.soak is not None and not state.is_enabled_here:
        changes["soak"] = state.soak.model_copy(update={"look_at": said.at})  # look again what is enabled here
    elif state.is_asking and state.soak is not None and state.soak.nights >= state.limits.longest_soak_nights:
        changes |= {
            "word": "widen",
            "word_reason": f"{said.by} decided so" + (f": {said.reason}" if said.reason else ""),
        }
    elif state.is_asking and state.share < 0:
        changes["rehearsal"] = None  # look again what is enabled here
    return state.model_copy(update=changes)


def _leave(state: RolloutState, said: TakeBack) -> RolloutState:
    if state.is_leaving:  # said twice
        return state.model_copy(update={"is_stopped": False, "is_asking": ""})
    why = f"taken back by {said.by}" + (f": {said.reason}" if said.reason else "")
    spread = state.spread
    if spread is not None:  # no more pages of what is given up
        spread = spread.model_copy(update={"next_page": spread.pages, "lost": ()})
    return state.model_copy(
        update={
            "is_leaving": True,
            "is_going": True,
            "is_stopped": False,
            "is_asking": "",
            "wanted": state.before,
            "wanted_reason": why,
            "brands": (),
            "soak": None,
            "word": "",
            "spread": spread if spread is not None and spread.in_flight else None,
        }
    )


def _rehearsed(state: RolloutState, event: Rehearsed) -> RolloutState:
    state = state.model_copy(
        update={
            "under_way": "",
            "rehearsal": event.rehearsal,
            "brands": event.brands if state.brands is None else state.brands,
            "enabled_brands": event.enabled_brands,
            "is_going": state.is_going or (state.limits.goes_alone and not state.is_dry),
        }
    )
    return noted(reached(state), event.at, "dry run: " + "; ".join(event.rehearsal.lines()))


def _published(state: RolloutState, event: Published) -> RolloutState:
    effect = state.publishing
    if effect is None:
        return state
    if event.refused:
        words = f"{event.refused} meanwhile: have that rollout taken back or end, then say go"
        return noted(
            state.model_copy(update={"under_way": "", "publishing": None, "is_asking": words}), event.at, words
        )
    spread = Spread(version=event.version, pages=event.pages, is_everyone=effect.is_everyone)
    state = state.model_copy(
        update={
            "under_way": "",
            "publishing": None,
            "published": effect.standing,
            "change": effect.change,
            "began_at": state.began_at or event.at,
            "is_spread_out": False,
            "spread": spread if state.wanted == effect.standing else None,  # None: taken back meanwhile
        }
    )
    return _end_spread(state, event.at)


def _begin_page(state: RolloutState, page: int) -> RolloutState:
    spread = state.spread
    assert spread is not None
    left = tuple(lost for lost in spread.lost if lost != page)
    changes = {"in_flight": spread.in_flight | {page}, "next_page": max(spread.next_page, page + 1), "lost": left}
    return state.model_copy(update={"spread": spread.model_copy(update=changes)})


def _page_told(state: RolloutState, event: PageTold) -> RolloutState:
    spread = state.spread
    if spread is None or event.version != spread.version or event.page not in spread.in_flight:
        return state
    spread = spread.model_copy(
        update={
            "in_flight": spread.in_flight - {event.page},
            "told": spread.told + event.told,
            "unchanged": spread.unchanged + event.unchanged,
            "gone": spread.gone + event.gone,
        }
    )
    return _end_spread(state.model_copy(update={"spread": spread, "told": state.told + event.told}), event.at)


def _page_lost(state: RolloutState, event: PageLost) -> RolloutState:
    spread = state.spread
    if spread is None or event.version != spread.version or event.page not in spread.in_flight:
        return state
    lost = () if state.is_leaving and state.published != state.before else (*spread.lost, event.page)
    spread = spread.model_copy(update={"in_flight": spread.in_flight - {event.page}, "lost": lost})
    words = f"page {event.page} could not be told: {event.why}"
    state = noted(state.model_copy(update={"spread": spread}), event.at, words)
    return _end_spread(state, event.at) if not lost else state.model_copy(update={"is_asking": words})


def _end_spread(state: RolloutState, at: datetime) -> RolloutState:
    """Once the last page is told, the soak begins, if there is something to measure."""
    spread = state.spread
    if spread is None or spread.in_flight or spread.lost or spread.next_page < spread.pages:
        return state
    is_superseded = state.wanted != state.published
    state = state.model_copy(update={"spread": None, "is_spread_out": spread.is_everyone and not is_superseded})
    if is_superseded:
        return state
    words = f"version {spread.version}: {spread.told} drivers told, {spread.unchanged} not asked anything else"
    state = noted(state, at, words + (f", {spread.gone} gone" if spread.gone else ""))
    if state.brand is not None and state.share >= 0:
        state = state.model_copy(update={"soak": Soak(began_at=at, look_at=at + NIGHT)})
    return state


def _gathered(state: RolloutState, event: Gathered) -> RolloutState:
    state = state.model_copy(
        update={"under_way": "", "measures": event.measures, "enabled_brands": event.enabled_brands}
    )
    soak = state.soak
    if soak is None:
        return state
    nights = (event.at - soak.began_at) // NIGHT
    soak = soak.model_copy(
        update={
            "evidence": event.evidence,
            "nights": nights,
            "look_at": soak.began_at + (nights + 1) * NIGHT,
            "is_judged": False,
        }
    )
    return state.model_copy(update={"soak": soak})
