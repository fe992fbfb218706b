"""Whether a rollout may begin, and its state when it does."""

from domain.errors import CallerError
from domain.program import Program
from domain.rollout.standing import Phase
from domain.rollout.state import RolloutState

ORDER = (Phase.VEHICLE_ONLY, Phase.OPTIONAL, Phase.TARGETED, Phase.EXTENDED)
"""Each phase builds on the one before (S29)."""


def rollout_of(program: Program, phase: Phase, seq: int, *, is_dry: bool = False) -> RolloutState:
    """The rollout of a phase of a stored program, not yet begun.

    Raises:
        CallerError: the phase does not follow on where the program stands.
    """
    now = program.standing.phase
    if now is Phase.LAUNCH or phase not in ORDER[1:]:
        raise CallerError(f"a program in phase {now.value} has no rollout to {phase.value}: a launch has both flows")
    if ORDER.index(phase) not in (ORDER.index(now), ORDER.index(now) + 1):
        raise CallerError(f"phase {phase.value} does not follow on {now.value}")
    return _state(program, phase, f"{phase.value}:{seq}", is_dry=is_dry)


def telling_of(program: Program, seq: int) -> RolloutState:
    """A rollout that asks nobody anything new: everyone is told the newest version of the program."""
    state = _state(program, program.standing.phase, f"tell:{seq}")
    reason = f"version {program.version} is told"
    return state.model_copy(update={"brands": (), "change": 1, "wanted_reason": reason})


def _state(program: Program, phase: Phase, what: str, *, is_dry: bool = False) -> RolloutState:
    return RolloutState(
        rollout_id=f"{program.name}:{what}",
        program=program.name,
        phase=phase,
        limits=program.limits,
        enabled_brands=program.enabled_brands,
        before=program.standing,
        published=program.standing,
        wanted=program.standing,
        is_dry=is_dry,
    )
