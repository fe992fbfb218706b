"""Instance files in, plan files out, and the command around them."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import checker
from planner.command import plan
from planner.files import BadFile, night_problem, read_instances, site_problem

RUNNER = CliRunner()


@pytest.fixture
def app() -> typer.Typer:
    """The command as the product mounts it: one of several."""
    app = typer.Typer()
    app.command("plan")(plan)
    app.command("other")(lambda: None)
    return app


@pytest.fixture
def few(instances: dict[str, Any], tmp_path: Path) -> Path:
    """Three nights and a site in a file of their own."""
    path = tmp_path / "few.json"
    content = {"nights": instances["nights"][:3], "sites": instances["sites"][25:26], "fleets": []}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_plans_are_written_in_the_order_of_the_file_and_valid(app: typer.Typer, few: Path, tmp_path: Path) -> None:
    out = tmp_path / "plans.json"
    result = RUNNER.invoke(app, ["plan", str(few), "--out", str(out)])
    assert result.exit_code == 0, result.output
    plans, content = json.loads(out.read_text()), json.loads(few.read_text())
    assert list(plans) == ["nights", "sites", "fleets"]
    assert [row["id"] for row in plans["nights"]] == [row["id"] for row in content["nights"]]
    for row, answer in zip(content["nights"], plans["nights"], strict=True):
        assert set(answer) == {
            "id",
            "status",
            "cost_eur",
            "energy_cost_eur",
            "lower_bound_eur",
            "shortfall_kwh",
            "energy_kwh",
            "solver",
            "solve_ms",
        }
        assert not checker.night_faults(row, answer)
    assert not checker.site_faults(content["sites"][0], plans["sites"][0])
    assert "3 nights" in result.output


def test_energy_is_left_out_on_request(app: typer.Typer, few: Path, tmp_path: Path) -> None:
    out = tmp_path / "plans.json"
    assert RUNNER.invoke(app, ["plan", str(few), "--out", str(out), "--no-energy"]).exit_code == 0
    plans = json.loads(out.read_text())
    assert all("energy_kwh" not in row for row in plans["nights"] + plans["sites"])


def test_night_is_drawn_as_a_picture(app: typer.Typer, few: Path, tmp_path: Path) -> None:
    picture = tmp_path / "night.png"
    assert RUNNER.invoke(app, ["plan", str(few), "--picture", str(picture), "--no-energy"]).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_night_is_told_in_words_with_its_answers(app: typer.Typer, few: Path, instances: dict[str, Any]) -> None:
    chosen = instances["nights"][1]["id"]
    said = CliRunner().invoke(app, ["plan", str(few), "--explain", "--night", chosen, "--why-not", "03:00"])
    assert said.exit_code == 0
    words = said.stdout[said.stdout.index(f"\n{chosen}\n") :]
    for part in ("ready by", "Proven", "charging at", "waiting at", "One more kWh", "Leaving at"):
        assert part in words


@pytest.mark.parametrize("wrong", [["--night", "none"], ["--zone", "Nowhere"], ["--why-not", "soon"]])
def test_a_question_that_cannot_be_answered_exits_with_two(app: typer.Typer, few: Path, wrong: list[str]) -> None:
    said = CliRunner().invoke(app, ["plan", str(few), "--explain", *wrong])
    assert said.exit_code == 2
    assert said.stderr.startswith("error: ")


def test_target_out_of_reach_still_exits_with_zero(app: typer.Typer, few: Path, instances: dict[str, Any]) -> None:
    short = instances["nights"][0] | {"price": instances["nights"][0]["price"][:1]}
    few.write_text(json.dumps({"nights": [short]}), encoding="utf-8")
    result = RUNNER.invoke(app, ["plan", str(few)])
    assert result.exit_code == 0
    assert "1 with missing energy" in result.output


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "an object with nights and sites is needed"),
        ('{"nights": 3}', "nights must be a list"),
        ("[" * 100_000, "not JSON"),
        ('{"nights": [3]}', "nights[0]"),
        ('{"nights": [{"id": "a"}]}', "nights[0] 'a': cap [kWh]: Field required"),
    ],
)
def test_bad_file_exits_with_two_and_names_what_is_wrong(
    app: typer.Typer, tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    result = RUNNER.invoke(app, ["plan", str(path)])
    assert result.exit_code == 2
    assert complaint in result.output


def test_missing_file_exits_with_two(app: typer.Typer, tmp_path: Path) -> None:
    assert RUNNER.invoke(app, ["plan", str(tmp_path / "none.json")]).exit_code == 2
    with pytest.raises(BadFile, match=r"none\.json"):
        read_instances(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"p_max": -1.0}, r"p_max \[kW\]"),
        ({"eta": 1.2}, r"eta \[battery kWh per meter kWh\]"),
        ({"target": 1e5}, r"target \[kWh\]"),
        ({"target": 101.0, "cap": 100.0}, r"target \[kWh\]: 101 exceeds cap"),
        ({"soc0": 1e5}, r"soc0 \[kWh\]"),
        ({"min_on": 10**18}, r"min_on \[slots\]"),
        ({"slot_min": 1e300}, r"slot_min \[minutes\]"),
        ({"start": "9999-12-31T23:00:00Z"}, r"start \[instant with offset\]"),
        ({"control": "semicontinuous", "p_min": 99.0}, r"p_min \[kW\]"),
        ({"price": []}, r"price \[EUR/kWh\]"),
        ({"price": [0.1, float("nan")]}, r"price.1 \[EUR/kWh\]"),
        ({"start": "2026-01-01T00:00:00"}, r"start \[instant with offset\]"),
        ({"control": "magic"}, "control"),
        ({"slot_min": 0}, r"slot_min \[minutes\]"),
    ],
)
def test_bad_night_names_row_field_and_unit(instances: dict[str, Any], change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadFile, match=complaint):
        night_problem(instances["nights"][0] | change)


def test_bad_site_names_row_field_and_unit(instances: dict[str, Any]) -> None:
    site = instances["sites"][0]
    with pytest.raises(BadFile, match=r"limit \[kW\]"):
        site_problem(site | {"limit": [1.0]})
    with pytest.raises(BadFile, match=r"dep \[slot\]"):
        site_problem(site | {"cars": [site["cars"][0] | {"dep": 4_000}]})
    with pytest.raises(BadFile, match=r"cars\.1\.target \[kWh\]"):
        site_problem(site | {"cars": [site["cars"][0], site["cars"][0] | {"target": 9e3}]})


def test_minimum_power_counts_only_for_cars_that_have_to_keep_it(instances: dict[str, Any]) -> None:
    assert night_problem(instances["nights"][0] | {"control": "modulated", "p_min": 99.0}).min_power_kw == 0.0


def test_offset_of_the_start_does_not_matter(instances: dict[str, Any]) -> None:
    night = instances["nights"][0] | {"start": "2022-06-23T10:45:00+00:00"}
    moved = night | {"start": "2022-06-23T12:45:00+02:00"}
    assert night_problem(night) == night_problem(moved)
