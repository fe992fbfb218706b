"""A small load with a kill in the middle; the large one is `python -m benchmarks.webhooks`."""

from pathlib import Path

from benchmarks.webhook_traffic import Load
from benchmarks.webhooks import run


async def test_nothing_is_lost_or_told_twice_though_the_gateway_is_killed_under_load(tmp_path: Path) -> None:
    """Repeats and late deliveries included; real processes, a real Temporal server, SIGKILL."""
    load = Load(seconds=4, rate=25, cars=80, drivers=8, kills=1, whole=True)
    figures = await run(load, tmp_path)
    assert figures.kills == 1
    assert figures.events > 800
    assert figures.changes > 20
    assert (figures.lost_readings, figures.lost_changes) == (0, 0)
    assert (figures.told_twice, figures.told_needlessly) == (0, 0)
