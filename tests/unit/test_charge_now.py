"""The figures of `benchmarks.charge_now`: what is held against what."""

from benchmarks.charge_now import SAMPLES, Figures, report


def figures(slow: float = 0.0) -> Figures:
    """A hundred samples of 30 to 40 ms beside 15 to 20, the slowest one by so much slower [ms]."""
    spread = [n / 100 for n in range(100)]
    ours = [30 + 10 * one for one in spread]
    ours[-1] += slow
    bare = [15 + 5 * one for one in spread]
    made = Figures(ours=ours, answered=ours, bare=bare, bare_at_device=[one + 5 for one in bare])
    made.stages = dict.fromkeys(made.stages, ours)
    return made


def test_a_run_is_quick_if_both_percentiles_are_within_the_limit() -> None:
    """35 to 17.5 is 2; with a tail of 10 s the 99th percentile, between the two slowest, is far above 4."""
    assert round(figures().ratio(50, figures().bare), 2) == 2.0
    assert figures().is_quick
    assert not figures(slow=10_000).is_quick


def test_the_report_tells_the_stricter_comparison_and_the_verdict() -> None:
    told = report(figures(), load=0.5)
    assert "| ratio to the bare way, to the activity | 2.00 | 2.00 | 2.00 |" in told
    assert "aim 2.5): within." in told
    assert "ABOVE" in report(figures(slow=10_000), load=0.5)
    assert SAMPLES >= 100
