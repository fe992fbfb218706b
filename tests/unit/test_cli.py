"""The command line: every command is there, and each loads only what it needs."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import cli


def test_every_command_says_what_it_does() -> None:
    commands = getattr(typer.main.get_command(cli.app), "commands")  # noqa: B009  (untyped attribute)
    assert set(commands) == set(cli.COMMANDS)
    assert all(command.help for command in commands.values())


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
