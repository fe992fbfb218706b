"""A session played by hand: hear, decide, remember what was decided."""

from support.factories import at, make_plan, make_reading, make_session, outcome_of

from domain.commands import CommandResult, Goal, Proof
from domain.devices import PowerDeliveryState, Reading, Side
from domain.session.apply import apply, begun
from domain.session.decide import decide
from domain.session.effects import Decision, Send, SessionEffect
from domain.session.events import CommandEnded, PlanReady, ReadingArrived, SessionEvent
from domain.session.state import SessionState

CHARGING, STOPPED, UNPLUGGED = PowerDeliveryState.CHARGING, PowerDeliveryState.STOPPED, PowerDeliveryState.UNPLUGGED
NO_POWER = PowerDeliveryState.NO_POWER


class Played:
    """A session played by hand: hear, decide, remember what was decided."""

    def __init__(self, state: SessionState) -> None:
        self.state = state
        self.effects: list[SessionEffect] = []

    def decide(self, hours: float) -> Decision:
        decision = decide(self.state, at(hours))
        for effect in decision.effects:
            self.state = begun(self.state, effect, at(hours))
        self.effects = list(decision.effects)
        return decision

    def hear(self, event: SessionEvent, hours: float) -> Decision:
        self.state = apply(self.state, event)
        return self.decide(hours)

    def readings(self, hours: float, state: PowerDeliveryState, charger: PowerDeliveryState | None = None) -> Decision:
        for side, side_state in ((Side.CHARGER, charger or state), (Side.VEHICLE, state)):
            reading = make_reading(side, hours=hours, state=side_state)
            self.state = apply(self.state, ReadingArrived(reading=reading))
        return self.decide(hours)

    def hear_reading(self, reading: Reading) -> None:
        self.state = apply(self.state, ReadingArrived(reading=reading))

    def of(self, kind: type[SessionEffect]) -> list[SessionEffect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def sent(self) -> list[tuple[Goal, Side, Proof]]:
        return [(e.order.goal, e.order.side, e.order.proof) for e in self.effects if isinstance(e, Send)]

    def order(self):
        (send,) = (e for e in self.effects if isinstance(e, Send))
        return send.order

    def end(self, result: CommandResult, hours: float, *evidence) -> Decision:
        order = self.last_order
        return self.hear(CommandEnded(outcome=outcome_of(order, result, hours=hours, evidence=evidence)), hours)

    @property
    def last_order(self):
        assert self.state.night is not None
        return self.state.night.commands[-1].order


def planned(*readings, **changes) -> Played:
    """A session half an hour in, with a plan that charges from 00:00 to 03:00 UTC."""
    played = Played(make_session(*readings, **changes))
    played.decide(0.0)
    played.hear(PlanReady(revision=1, plan=make_plan()), 0.1)
    return played


def both(state: PowerDeliveryState, hours: float = 0.0, charger: PowerDeliveryState | None = None):
    return make_reading(Side.CHARGER, hours=hours, state=charger or state), make_reading(hours=hours, state=state)


def held_at_the_charger() -> Played:
    """Stopped by us through the charger, waiting for the cheap hour."""
    played = planned(*both(CHARGING))
    played.end(CommandResult.PROVEN, 0.3, *both(STOPPED, 0.3))
    return played
