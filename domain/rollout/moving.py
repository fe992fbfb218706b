"""What a move makes of a rollout: the next share of a brand, the next brand, or the brand taken back."""

from domain.rollout.effects import MoveOn
from domain.rollout.judge import Move
from domain.rollout.standing import ALL, Phase, Share, Standing
from domain.rollout.state import RolloutState, Treated


def moved(state: RolloutState, effect: MoveOn) -> RolloutState:
    """The state after a move, with what is to be published next."""
    state = state.model_copy(update={"word": "", "word_reason": ""})
    match effect.move:
        case Move.WIDEN:
            return _widened(state, effect.reason)
        case Move.TAKE_BACK:
            return _taken_back(state, effect.reason)
        case Move.ASK_OPERATOR:
            return _judged(state).model_copy(update={"is_asking": effect.reason})
        case Move.HOLD:
            return _judged(state)


def standing_with(standing: Standing, phase: Phase, brand: str, fraction: float, seed: str, reason: str) -> Standing:
    """The standing with this share of the brand in place of the one before. Its drivers are shown the reason."""
    if brand == ALL:
        return standing.model_copy(update={"phase": phase})
    share = Share(brand=brand, fraction=fraction, seed=seed, reason=reason)
    without = standing_without(standing, phase, brand)
    if phase is Phase.EXTENDED:
        return without.model_copy(update={"phase": phase, "admitted": (*without.admitted, share)})
    return without.model_copy(update={"phase": phase, "demands": (*without.demands, share)})


def standing_without(standing: Standing, phase: Phase, brand: str) -> Standing:
    field = "admitted" if phase is Phase.EXTENDED else "demands"
    kept = tuple(share for share in getattr(standing, field) if share.brand.casefold() != brand.casefold())
    return standing.model_copy(update={field: kept})


def _widened(state: RolloutState, reason: str) -> RolloutState:
    brand = state.brand
    assert brand is not None
    if state.share + 1 >= len(state.shares):
        return _treated(state, Treated(brand=brand, result="rolled out", reason=reason))
    fraction = state.shares[state.share + 1]
    wanted = standing_with(state.wanted, state.phase, brand, fraction, state.rollout_id, reason)
    said = f"phase {state.phase.value}, {brand} at {fraction:.0%}: {reason}"
    return state.model_copy(update={"share": state.share + 1, "soak": None, "wanted": wanted, "wanted_reason": said})


def _taken_back(state: RolloutState, reason: str) -> RolloutState:
    brand = state.brand
    assert brand is not None
    if state.share >= 0:
        wanted = state.before if brand == ALL else standing_without(state.wanted, state.phase, brand)
        state = state.model_copy(update={"wanted": wanted, "wanted_reason": f"{brand} taken back: {reason}"})
    return _treated(state, Treated(brand=brand, result="taken back", reason=reason))


def _treated(state: RolloutState, treated: Treated) -> RolloutState:
    left = (state.brands or ())[1:]
    state = state.model_copy(
        update={"treated": (*state.treated, treated), "brands": left, "share": -1, "soak": None, "is_asking": ""}
    )
    return state if treated.brand == ALL else reached(state)


def reached(state: RolloutState) -> RolloutState:
    """Once no brand is left the phase is reached, also if none needed it: the next phase builds on this one (S29)."""
    if state.brands != () or state.is_leaving or state.wanted.phase is state.phase:
        return state
    words = f"phase {state.phase.value}: no brand is asked anything else"
    wanted = state.wanted.model_copy(update={"phase": state.phase})
    return state.model_copy(update={"wanted": wanted, "wanted_reason": words})


def _judged(state: RolloutState) -> RolloutState:
    if state.soak is None:
        return state
    return state.model_copy(update={"soak": state.soak.model_copy(update={"is_judged": True})})
