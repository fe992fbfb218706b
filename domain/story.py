"""The story of a workflow in Markdown: what the Temporal UI shows without decoding anything."""

from datetime import datetime
from zoneinfo import ZoneInfo

from domain.driver.state import DriverState
from domain.journey import journey_of
from domain.session.effects import WakeAt
from domain.session.state import Command, Night, SessionState


def clip(words: str, limit: int = 200) -> str:
    """Words short enough for a summary (400 bytes at most)."""
    return words if len(words) <= limit else words[: limit - 1] + "…"


def session_details(state: SessionState, wake: WakeAt | None, operator_url: str = "") -> str:
    """Stage, plan, next instant, last proof, and the way back to the operator's page."""
    zone = ZoneInfo(state.wish.zone)
    lines = [f"**{state.labels.stage}** · car `{state.car.device_id}` ({state.car.brand or state.car.vendor})"]
    if state.night is not None:
        lines += _night_lines(state, state.night, zone)
    if state.holds:
        held = ", ".join(f"{h.side.value}{'' if h.is_certain else ' (possible)'}" for h in state.holds)
        lines.append(f"- our holds: {held}")
    if state.override is not None:
        lines.append(f"- the driver said: {state.override.kind.value.replace('_', ' ')}")
    if wake is not None:
        lines.append(f"- next: {_clock(wake.at, zone)}, {wake.reason}")
    return "\n".join([*lines, *_way_back(operator_url, f"sessions/{state.session_id}")])


def _way_back(operator_url: str, to: str) -> list[str]:
    return ["", f"[Operator's page]({operator_url}/{to})"] if operator_url else []


def _night_lines(state: SessionState, night: Night, zone: ZoneInfo) -> list[str]:
    lines = [f"- night {night.number}: {night.target_soc_pct:.0f} % by {_clock(night.departs_at, zone)}"]
    if night.plan is not None:
        plan = night.plan
        lines.append(
            f"- plan {night.plan_revision}: {sum(plan.energy_ac_kwh):.1f} kWh for {plan.energy_cost:.2f} "
            f"{state.tariff.currency}, {plan.status.value}, {_runs(night, zone)}"
        )
    proven = [c for c in night.commands if c.outcome is not None]
    if proven:
        lines.append(f"- last command: {_command_line(proven[-1], zone)}")
    return lines


def _runs(night: Night, zone: ZoneInfo) -> str:
    """When the plan charges: "02:00-05:15, 06:00-06:30"."""
    plan = night.plan
    assert plan is not None
    runs: list[list[datetime]] = []
    for t in range(len(plan.energy_ac_kwh)):
        if not plan.is_on(t):
            continue
        if runs and runs[-1][1] == plan.edges[t]:
            runs[-1][1] = plan.edges[t + 1]
        else:
            runs.append([plan.edges[t], plan.edges[t + 1]])
    return ", ".join(f"{_clock(a, zone)}-{_clock(b, zone)}" for a, b in runs) or "nothing to charge"


def _command_line(command: Command, zone: ZoneInfo) -> str:
    outcome = command.outcome
    assert outcome is not None
    order = command.order
    return f"{order.goal.value} {order.side.value} at {_clock(command.begun_at, zone)}: {outcome.result.value}"


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%a %H:%M")


def driver_details(state: DriverState, operator_url: str = "") -> str:
    """Stage, prompt, vehicles with requirement and reason, past nights, and the way back to the operator's page."""
    journey = journey_of(state)
    lines = [f"**{journey.stage.value.replace('_', ' ')}** · {'enrolled' if journey.is_enrolled else 'not enrolled'}"]
    if journey.prompt is not None:
        stays = "stays until done" if journey.prompt.is_blocking else "can be dismissed"
        lines.append(f"- prompt: `{journey.prompt.key}` ({stays})")
    if state.change is not None:
        lines.append(f"- program version {state.change.version}: {state.change.reason}")
    for vehicle in journey.vehicles:
        enabled = "enabled" if vehicle.is_enabled else "disabled"
        lines.append(f"- {vehicle.brand or 'vehicle'} `{vehicle.vehicle_id}`: smart charging {enabled}")
        lines.append(f"  - charger {vehicle.requirement.value}: {vehicle.requirement_reason}")
        if vehicle.session_id:
            lines.append(f"  - open session: `session:{vehicle.session_id}`")
    for night in reversed(state.nights):
        lines.append(f"- night {night.number} of `{night.session_id}`: {night.why}; saved {night.saving}")
    return "\n".join([*lines, *_way_back(operator_url, f"drivers/{state.driver_id}")])
