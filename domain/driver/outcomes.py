"""What became of actions: kept for the last 500, so that a repeated action returns its first answer."""

from domain.driver.events import Act
from domain.driver.state import OUTCOMES_REMEMBERED, ActionOutcome, DriverState, Todo


def with_outcome(state: DriverState, outcome: ActionOutcome) -> DriverState:
    """The state that remembers an action's outcome. The oldest are forgotten; never this one, or one still to come."""
    outcomes = {**state.outcomes, outcome.action_id: outcome}
    too_many = len(outcomes) - OUTCOMES_REMEMBERED
    if too_many > 0:
        ended = [key for key, known in outcomes.items() if known.status != "pending" and key != outcome.action_id]
        outcomes = {key: known for key, known in outcomes.items() if key not in ended[:too_many]}
    return state.model_copy(update={"outcomes": outcomes})


UNDER_WAY_AT_MOST = 50
"""Actions that wait for the outside world at a time: far more than a person asks for."""


def is_busy(state: DriverState) -> bool:
    return sum(outcome.status == "pending" for outcome in state.outcomes.values()) >= UNDER_WAY_AT_MOST


def accept(state: DriverState, todo: Todo) -> DriverState:
    """An action that needs the outside world."""
    state = state.model_copy(update={"todo": (*state.todo, todo)})
    return with_outcome(state, ActionOutcome(action_id=todo.action_id, status="pending"))


def done(state: DriverState, action: Act, detail: str) -> DriverState:
    return with_outcome(state, ActionOutcome(action_id=action.action_id, status="done", detail=detail))


def refuse(state: DriverState, action: Act, why: str) -> DriverState:
    """Nothing is changed, and the outcome says why."""
    return with_outcome(state, ActionOutcome(action_id=action.action_id, status="refused", detail=why))


def is_pending(state: DriverState, *, besides: str = "") -> bool:
    """Whether the outcome of an action is still to come."""
    return any(outcome.status == "pending" for key, outcome in state.outcomes.items() if key != besides)
