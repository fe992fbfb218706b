"""The command line: every command is there, and each loads only what it needs."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import cli


def test_every_command_says_what_it_does() -> None:
    commands = getattr(typer.main.get_command(cli.app), "commands")  # noqa: B009  (untyped attribute)
    assert set(commands) == set(cli.COMMANDS)
    assert all(command.help for command in commands.values())


UNTIL_STOPPED = {
    ("worker",): "runs until it is stopped; what it prints is its log",
    ("serve",): "runs until it is stopped; what it prints is its log",
    ("simulator",): "runs until it is stopped; what it prints is its log",
}
"""Commands that have nothing to tell as JSON, with the reason. `up` tells its addresses."""


def leaves(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with what is typed to call it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, one in below.items():
        yield from leaves(one, *path, name)


def test_every_command_that_tells_something_tells_it_as_json_too() -> None:
    found = dict(leaves(typer.main.get_command(cli.app)))
    without = {path for path, one in found.items() if "--json" not in [name for p in one.params for name in p.opts]}
    assert without == set(UNTIL_STOPPED)
    assert len(found) > 30


def test_json_is_told_alone_on_stdout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One program from the file to its versions and keys, as a script reads it."""
    monkeypatch.setenv("NIGHTCHARGE_DATABASE_URL", f"sqlite:///{tmp_path / 'kept.db'}")
    file = tmp_path / "home.yaml"
    file.write_text("name: home\nspread_seconds: 60\n")

    def told(*words: str) -> Any:
        answer = CliRunner().invoke(cli.app, [*words, "--json"])
        assert answer.exit_code == 0, answer.output
        return [json.loads(line) for line in answer.stdout.splitlines()]

    assert told("program", "check", str(file)) == [{"program": "home", "brand_rows": 1, "phase": "launch"}]
    ((diff,), (applied,)) = (
        told("program", "diff", str(file)),
        told("program", "apply", str(file), "--reason=x", "--yes"),
    )
    assert diff["changes"] == applied["changes"] != []
    assert [one["version"] for one in told("program", "versions", "home")] == [applied["version"]]
    assert told("program", "reliability", "home") == []
    (made,) = told("keys", "create", "home")
    assert told("keys", "revoke", "home", made["id"]) == [{"id": made["id"], "is_valid": False}]
    assert [key["is_valid"] for key in told("keys", "list", "home")] == [False]
    assert told("inbox", "retry") == [{"retried": 0}]
    assert told("contract", "--check")[0]["is_current"]


def test_an_unknown_command_is_refused_with_the_usage() -> None:
    answer = CliRunner().invoke(cli.app, ["fly"])
    assert answer.exit_code == 2
    assert "No such command" in answer.output


@pytest.mark.parametrize("command", ["simulator", "keys", "inspect"])
def test_a_command_loads_no_solver_and_no_pictures(command: str) -> None:
    """Four seconds of start-up for every process of an installation otherwise."""
    code = f"import sys, cli; cli.app_of(['{command}']); print(sorted({{'ortools', 'matplotlib'}} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_a_temporal_server_that_cannot_be_reached_is_named_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("TEMPORAL_ADDRESS", nowhere)
    monkeypatch.setattr(sys, "argv", ["nightcharge", "worker"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip() == f"nightcharge worker: no Temporal server answers at {nowhere}"
