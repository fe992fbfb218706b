"""A rollout over real drivers' workflows on a real server, its worker killed twice. Small; 2,000 drivers: see docs."""

from pathlib import Path

import pytest

from domain.rollout.standing import Phase
from nights.rollout import play

DRIVERS, PAGE = 40, 4


async def test_a_rollout_stopped_and_taken_back_under_two_kills_ends_like_the_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    runs = []
    for is_killed in (False, True):
        folder = tmp_path / str(is_killed)
        folder.mkdir()
        runs.append(await play(folder, drivers=DRIVERS, page_size=PAGE, is_killed=is_killed, is_taken_back=True))
    undisturbed, killed = runs
    assert killed.kills == 2
    assert killed.endings == undisturbed.endings
    assert killed.versions() == {3: DRIVERS}  # nobody between two states
    assert killed.asked() == {"recommended": DRIVERS}
    assert {ending.standing.phase for ending in killed.endings.values()} == {Phase.OPTIONAL}
    assert all("complaints" in ending.change for ending in killed.endings.values())
    assert killed.state.ends_because == "taken back by an operator: complaints"
    asked_meanwhile = killed.state.told - DRIVERS
    assert 0 < asked_meanwhile < DRIVERS // 2  # stopped half-way: some of the brand, not all
