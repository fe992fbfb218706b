"""`nightcharge program`: what a person sees of programs, tickets and the reliability record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import app
from domain.rollout.evidence import NightRecord
from ops.program_command import _run
from storage.reliability import SqlReliability
from storage.roster import SqlRoster

PROGRAM = """
name: spring
phase: vehicle_only
rules: {lowest_success: 0.8}
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in a file, and an empty database."""
    monkeypatch.setenv("NIGHTCHARGE_DATABASE_URL", f"sqlite:///{tmp_path}/books.db")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "spring.yaml"
    file.write_text(PROGRAM, encoding="utf-8")
    return file


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_program_is_shown_as_a_diff_before_it_is_stored(written: Path):
    assert "phase vehicle_only" in call("program", "check", written).output
    first = call("program", "apply", written, "--reason", "first", "--yes")
    assert "rules.lowest_success: nothing -> 0.8" in first.output
    assert first.output.endswith("spring version 1\n")
    written.write_text(PROGRAM.replace("0.8", "0.9"), encoding="utf-8")
    assert call("program", "diff", written).output == "rules.lowest_success: 0.8 -> 0.9\n"
    refused = CliRunner().invoke(app, ["program", "apply", str(written), "--reason", "no"], input="n\n")
    assert "version 2" not in refused.output
    assert call("program", "apply", written, "--reason", "stricter", "--yes").output.endswith("spring version 2\n")
    assert call("program", "apply", written, "--reason", "again", "--yes").output == "nothing changes\n"
    written.write_text(PROGRAM.replace("0.8", "0.9").replace("vehicle_only", "targeted"), encoding="utf-8")
    assert "phase stays vehicle_only: only a rollout moves it" in call("program", "diff", written).output
    told = call("program", "versions", "spring").output
    assert "version 2: stricter" in told
    assert "  rules.lowest_success: 0.8 -> 0.9" in told


@pytest.mark.parametrize(
    "body", ["name: spring\nsurprise: 1\n", "name: [", "phase: launch\n", "\udcff", "name: a\nmode: own\nname: b\n", ""]
)
def test_a_file_that_is_no_program_is_refused_with_the_reason(written: Path, body: str):
    written.write_bytes(body.encode("utf-8", "surrogateescape"))
    for command in ("check", "diff"):
        answer = call("program", command, written)
        assert answer.exit_code == 2
        assert "spring.yaml: " in answer.output


def test_tickets_are_taken_in_and_rows_that_cannot_be_used_are_named(written: Path):
    _run(lambda store: SqlRoster(store.database).enter("spring", {"d1": (None, "")}, datetime.now(UTC)))
    file = written.with_name("tickets.csv")
    file.write_text("ticket,driver,opened_at\n1,d1,2026-01-01\n2,nobody,2026-01-01\n", encoding="utf-8")
    answer = call("program", "tickets", "spring", file)
    assert answer.exit_code == 2
    assert "1 new tickets of 1" in answer.output
    assert "line 3: no such driver in the program" in answer.output
    file.write_text("no table", encoding="utf-8")
    assert call("program", "tickets", "spring", file).exit_code == 2


def test_the_reliability_record_is_told_per_brand_with_bounds_the_worst_first(written: Path):
    nights = [
        NightRecord(
            session_id=f"{brand}:{n}",
            number=1,
            driver_id=f"{brand} {n}",
            brand=brand,
            closed_at=datetime.now(UTC) - timedelta(days=1),
            has_charger=False,
            is_ready=True,
            commands_sent=10,
            commands_proven=proven,
            api_calls=10,
            api_errors=0,
            quarters=4,
            fresh_quarters=4,
        )
        for brand, proven in (("Good", 10), ("Bad", 5))
        for n in range(20)
    ]
    _run(lambda store: SqlReliability(store.database).add_nights("spring", nights))
    lines = call("program", "reliability", "spring").output.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["Bad", "Good"]
    assert "100 of 200 commands proven at 20 drivers: 50.0% (43.1% to 56.9%)" in lines[1]
    of_one = call("program", "reliability", "spring", "--driver", "Bad 7").output.splitlines()
    assert of_one[0] == "Bad 7"
    assert "5 of 10 commands proven at 1 drivers" in of_one[1]
    assert call("program", "reliability", "another").output == "no night is accounted for yet\n"


@pytest.mark.parametrize("arguments", [("start", "nobody", "optional"), ("rehearse", "nobody", "targeted")])
def test_a_rollout_of_an_unknown_program_is_refused(written: Path, arguments: tuple[str, ...]):
    answer = call("rollout", *arguments)
    assert answer.exit_code == 2
    assert "no program nobody" in answer.output
