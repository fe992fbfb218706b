"""The story of a rollout in Markdown, for the Temporal UI: every step with its evidence."""

from domain.rollout.state import RolloutState

STEPS_SHOWN = 15
EXAMPLES_SHOWN = 2
"""Drivers named per change."""


def rollout_details(state: RolloutState) -> str:
    """Where it stands, what it waits for, what was measured, and the last steps."""
    lines = [f"**phase {state.phase.value}** of `{state.program}` · {_status(state)}"]
    if state.brand is not None and state.share >= 0:
        lines.append(f"- now: {state.brand} at {state.shares[state.share]:.0%} of its drivers")
    if state.spread is not None:
        spread = state.spread
        done = spread.next_page - len(spread.in_flight)
        lines.append(f"- version {spread.version}: {done} of {spread.pages} pages, {spread.told} drivers told")
    if state.soak is not None and state.soak.evidence is not None:
        lines.append(f"- soaks for {state.soak.nights} nights")
        lines += [f"  - {line}" for line in state.soak.evidence.lines()]
    if state.measures is not None:
        lines += [f"- {line}" for line in state.measures.lines()]
    if state.rehearsal is not None:
        lines.append("- dry run")
        lines += [f"  - {line}" for line in state.rehearsal.lines()]
        for change, drivers in sorted(state.rehearsal.named.items()):
            lines += [f"  - {change}: for example {driver}" for driver in drivers[:EXAMPLES_SHOWN]]
    lines += [f"- {treated.brand} {treated.result}: {treated.reason}" for treated in state.treated]
    lines += [f"- {step.at:%d %b %H:%M}Z {step.words}" for step in state.steps[-STEPS_SHOWN:]]
    return "\n".join(lines)


def _status(state: RolloutState) -> str:
    if state.ends_because:
        return f"over: {state.ends_because}"
    if state.is_stopped:
        return "stopped by an operator"
    if state.is_asking:
        return f"waits for an operator: {state.is_asking}"
    if state.rehearsal is not None and not state.is_going:
        return "dry run done, waits for `go`"
    return "taking back" if state.is_leaving else "under way"
