"""How far the side that will be commanded has earned trust: this driver's nights before, and tonight."""

from domain.commands import Goal
from domain.reliability import RouteRecord, added, routes_of
from domain.routing import route
from domain.session.state import SessionState


def route_record(state: SessionState) -> RouteRecord:
    """Commands tried and proven over the side that a start would be sent to; nothing known of it: an empty record."""
    sides = route(state, Goal.START)
    if not sides:
        return RouteRecord()
    commands = state.night.commands if state.night is not None else ()
    tonight = routes_of(command.outcome for command in commands if command.outcome is not None)
    return added(state.record.routes, tonight).get(sides[0], RouteRecord())
