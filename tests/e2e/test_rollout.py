"""A rollout over real drivers' workflows on a real server, its worker killed twice.

Small, and held against what each driver's machine says when it hears of the last version alone. 2,000 drivers, held
against an undisturbed play one by one: `python -m nights.rollout`, benchmarks/rollout.md.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.driver.apply import apply
from domain.driver.events import ProgramChanged
from domain.rollout.standing import Phase
from nights.rollout import play
from nights.rollout_town import Ending, driver_of, ending_of, program_of

DRIVERS, PAGE = 20, 2
LAST = 3
WHY = "taken back by an operator: complaints"


def endings_by_machine() -> dict[str, Ending]:
    """How every driver stands who is told nothing but the last version."""
    first, last = (program_of(PAGE).model_copy(update={"version": n}).for_driver() for n in (1, LAST))
    endings = {}
    for number in range(DRIVERS):
        state = driver_of(number, first, datetime.now(UTC))
        asked = ending_of(state).reason
        told = apply(state, ProgramChanged(program=last, reason=f"{WHY} ({asked})"))
        endings[state.driver_id] = ending_of(told)
    return endings


async def test_a_rollout_stopped_and_taken_back_under_two_kills_leaves_nobody_between_two_states(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    killed = await play(tmp_path, drivers=DRIVERS, page_size=PAGE, is_killed=True, is_taken_back=True)
    assert killed.kills == 2
    assert killed.endings == endings_by_machine()
    assert killed.versions() == {LAST: DRIVERS}
    assert killed.asked() == {"recommended": DRIVERS}
    assert {ending.standing.phase for ending in killed.endings.values()} == {Phase.OPTIONAL}
    assert killed.state.ends_because == WHY
    asked_meanwhile = killed.state.told - DRIVERS
    assert 0 < asked_meanwhile < DRIVERS // 2  # stopped half-way: some of the brand, not all
