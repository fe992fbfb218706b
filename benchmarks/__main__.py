"""`python -m benchmarks`: cost and time of the planner on the sample, in one run; writes results.md.

Protocol: README.md in this folder. Options: `--quick` takes a tenth of the nights and the small sites.
"""

import json
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count, getloadavg
from pathlib import Path
from time import perf_counter

from benchmarks import checker, instances, oracle
from benchmarks.instances import Row
from planner import modulated, plan, plan_batch, plan_site, site_flow
from planner.files import night_answer, night_problem, site_answer, site_problem

FOLDER = Path(__file__).parent
ROUNDS = 3  # every night is planned so often; its median counts
WORKERS = 2
BATCH_SECONDS = 1.0

Line = tuple[str, str, str, str]


def main(arguments: Sequence[str]) -> None:
    quick = "--quick" in arguments
    content = instances.read()
    nights = content["nights"][:: 10 if quick else 1]
    sites = [site for site in content["sites"] if not quick or len(site["cars"]) < 5]
    free = [instances.as_control(night, "modulated") for night in nights]
    apart = [instances.without_ties(night) for night in free]
    fixed = [night for night in nights if night["control"] == "onoff"]
    loose = [night for night in nights if night["control"] == "modulated"]
    lines = [
        _free_optimiser(free),
        _nights("modulated night, whole call with reasons", free, "<= 0.25 ms; cost within 1e-4"),
        _nights("on/off night, 15 min", fixed, "<= 1.5 ms, p99 <= 20 x; gap 0"),
        _nights("on/off night, 5 min", [instances.in_shorter_slots(night, 3) for night in fixed], "<= 15 ms; gap 0"),
        _nights(
            "semi-continuous night",
            [instances.as_control(night, "semicontinuous") for night in loose],
            "<= 10 ms",
            judged=False,
        ),
        _nights(
            "taper above 80 %, target above it",
            [instances.with_taper(night) for night in nights if night["target"] > 0.8 * night["cap"]],
            "<= 1 ms",
            judged=False,
        ),
        _sites_optimiser(sites),
        _sites_free(sites),
        *_sites(sites),
        _batch("batch of modulated nights, columns in and out, 2 processes", _columns_rate, _batch_quality(free), free),
        _batch("the same, a price of its own in every slot", _columns_rate, _batch_quality(apart), apart),
        _batch("night by night, problems and plans as objects, 2 processes", _objects_rate, "", free),
        _oracle(free, oracle.best_modulated, "reference: exact greedy, modulated"),
        _oracle(fixed, oracle.best_onoff, "reference: exact table, on/off 15 min"),
    ]
    text = _table(lines)
    print(text)
    if not quick:
        (FOLDER / "results.md").write_text(text, encoding="utf-8")


def _timed(row: Row) -> tuple[float, Row, Row]:
    """Median time of the public call [ms], the row, and the answer as a file has it."""
    problem = night_problem(row)
    times = []
    for _ in range(ROUNDS):
        answer = plan(problem)
        times.append(answer.solve_ms)
    return statistics.median(times), row, night_answer(row["id"], answer, problem.control)


def _nights(name: str, rows: list[Row], target: str, *, judged: bool = True) -> Line:
    _timed(rows[0])
    done = [_timed(row) for row in rows]
    faults = sum(bool(checker.night_faults(row, answer)) for _, row, answer in done)
    if judged:
        gaps = [_relative(answer["cost_eur"], oracle.best_cost(row)) for _, row, answer in done]
        quality = f"worst gap to oracle {max(map(abs, gaps)):.1e}"
    else:
        quality = f"worst own gap {max(_relative(a['cost_eur'], a['lower_bound_eur']) for _, _, a in done):.1e}"
    return name, _spread([time for time, _, _ in done]), f"{quality}, invalid {faults} of {len(rows)}", target


def _free_optimiser(rows: list[Row]) -> Line:
    """Only the solver: building the flow, solving it, reading it."""
    times: list[float] = []
    whole = modulated._flow

    def measured(*arguments: object) -> list[int]:
        begun = perf_counter()
        flows: list[int] = whole(*arguments)  # type: ignore[arg-type]
        times.append((perf_counter() - begun) * 1e3)
        return flows

    modulated._flow = measured  # type: ignore[assignment]
    try:
        for row in rows:
            plan(night_problem(row))
    finally:
        modulated._flow = whole
    return "modulated night, in the optimiser", _spread(times), "", "<= 0.10 ms"


def _sites_optimiser(rows: list[Row]) -> Line:
    """Only the flow of all cars and the prices that prove it."""
    times: list[float] = []
    whole = site_flow.share

    def measured(*arguments: object) -> site_flow.Shared:
        begun = perf_counter()
        shared = whole(*arguments)  # type: ignore[arg-type]
        times.append((perf_counter() - begun) * 1e3)
        return shared

    site_flow.share = measured  # type: ignore[assignment]
    try:
        for row in rows * ROUNDS:
            plan_site(site_problem(instances.site_as_control(row, "modulated")))
    finally:
        site_flow.share = whole
    return "site, modulated, flow and certificate", _spread(times), "", "<= 1 ms"


def _sites_free(rows: list[Row]) -> Line:
    times, gaps = [], []
    for row in rows:
        free = instances.site_as_control(row, "modulated")
        problem = site_problem(free)
        answers = [plan_site(problem) for _ in range(ROUNDS)]
        times.append(statistics.median(answer.solve_ms for answer in answers))
        gaps.append(_relative(answers[0].cost, answers[0].lower_bound))
    return "site, modulated, whole call with reasons", _spread(times), f"worst own gap {max(gaps):.1e}", "<= 1 ms"


def _sites(rows: list[Row]) -> list[Line]:
    bounds = json.loads((FOLDER / "site-bounds.json").read_text(encoding="utf-8"))
    times, gaps, own, avoidable, faults = [], [], [], 0, 0
    for row in rows:
        problem = site_problem(row)
        answer = plan_site(problem)
        written = site_answer(row["id"], answer, problem)
        times.append(answer.solve_ms)
        gaps.append(_relative(answer.cost, bounds[row["id"]]["bound_eur"]))
        own.append(_relative(answer.cost, answer.lower_bound))
        avoidable += answer.shortfall_ac_kwh > checker.hopeless_kwh(row) + 0.1
        faults += bool(checker.site_faults(row, written))
    near = sum(gap <= 5e-3 for gap in gaps) / len(gaps)
    return [
        (
            "site, on/off and mixed",
            _spread(times),
            f"to the long run's bound: worst {max(gaps):.2%}, within 0.5 % {near:.0%}; own gap median "
            f"{statistics.median(own):.2%}; "
            f"avoidably missing (over 0.1 kWh) {avoidable}, invalid {faults} of {len(rows)}",
            "<= 120 ms median, p99 5 s; all within 1 %, 95 % within 0.5 %",
        )
    ]


def _batch(name: str, rate: Callable[[list[Row]], float], quality: str, rows: list[Row]) -> Line:
    """Independent nights on two processes at once."""
    chunks = [rows[k::WORKERS] for k in range(WORKERS)]
    with ProcessPoolExecutor(WORKERS) as pool:
        rates = list(pool.map(rate, chunks))
    return name, f"{sum(rates):,.0f} plans/s", quality, ">= 30,000 plans/s" if quality else "for comparison"


def _columns_rate(rows: list[Row]) -> float:
    """Plans a second of one process: columns checked, planned, priced and proven."""
    columns = instances.as_columns(rows)
    return _rate(lambda: plan_batch(replace(columns))) * len(rows)


def _objects_rate(rows: list[Row]) -> float:
    problems = [night_problem(row) for row in rows]
    return _rate(lambda: [plan(problem) for problem in problems]) * len(rows)


def _rate(work: Callable[[], object]) -> float:
    """How often a second the work can be done, once it is warm."""
    work()
    begun, rounds = perf_counter(), 0
    while perf_counter() - begun < BATCH_SECONDS:
        work()
        rounds += 1
    return rounds / (perf_counter() - begun)


def _batch_quality(rows: list[Row]) -> str:
    found = plan_batch(instances.as_columns(rows))
    best = [oracle.best_modulated(row) for row in rows]
    gaps = [abs(_relative(cost, least)) for cost, least in zip(found.cost.tolist(), best, strict=True)]
    own = [_relative(cost, bound) for cost, bound in zip(found.cost.tolist(), found.lower_bound.tolist(), strict=True)]
    return f"worst gap to oracle {max(gaps):.1e}, to own bound {max(own):.1e}"


def _oracle(rows: list[Row], best: Callable[[Row], float], name: str) -> Line:
    times = []
    for row in rows:
        begun = perf_counter()
        best(row)
        times.append((perf_counter() - begun) * 1e3)
    return name, _spread(times), "", "no optimiser"


def _relative(cost: float, best: float) -> float:
    return (cost - best) / max(1e-9, abs(best)) if cost != best else 0.0


def _spread(times: list[float]) -> str:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    median = statistics.median(ordered)
    return f"median {median:.3f} ms, p99 {p99:.2f} ms ({p99 / median:.0f} x)"


def _table(lines: list[Line]) -> str:
    load = ", ".join(f"{value:.1f}" for value in getloadavg())
    head = [
        "# Results of the planner",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {cpu_count()} cores of {platform.machine()}, load {load}, "
        f"Python {platform.python_version()}, ortools {version('ortools')}. `python -m benchmarks`, one run.",
        "",
        "| what | time | quality | reach |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in lines)]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
