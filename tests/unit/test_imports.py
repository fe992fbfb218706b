"""Who may import whom: the arrows of the architecture, held against every module of the product."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PARTS = frozenset(
    {"activities", "benchmarks", "cli", "client", "demo", "deploy", "domain", "gateway", "nights", "ops", "planner"}
    | {"providers", "settings", "simulator", "storage", "worker", "workflows"}
)
"""Everything of ours that can be imported."""

ANY = PARTS


@dataclass(frozen=True)
class Rule:
    """What modules may import: our own modules by prefix, packages of others by name (None: all but `KEPT_INSIDE`)."""

    ours: frozenset[str] | set[str]
    others: set[str] | None = None


RULES = {
    "domain": Rule(set(), {"pydantic"}),
    "planner": Rule({"domain"}, {"pydantic", "numpy", "ortools"}),
    "planner.command": Rule({"planner", "domain"}, {"typer", "rich"}),  # `nightcharge plan`
    "planner.picture": Rule({"planner", "domain"}, {"matplotlib"}),
    "storage": Rule({"domain"}, {"pydantic", "sqlmodel", "sqlalchemy", "alembic"}),
    "providers": Rule({"domain"}, {"pydantic", "httpx"}),
    "providers.prices.entsoe": Rule({"providers", "domain"}, {"pydantic", "httpx", "entsoe"}),  # an extra
    "activities": Rule({"domain"}, {"temporalio"}),  # they hold ports; vendors, solvers and tables are injected
    "workflows": Rule({"domain"}, {"temporalio", "pydantic"}),
    "client": Rule({"domain", "workflows"}, {"temporalio"}),
    "settings": Rule({"domain"}, {"pydantic", "pydantic_settings"}),
    "gateway": Rule({"client", "storage", "domain"}),
    "gateway.contract": Rule({"gateway", "workflows", "domain"}),  # tells what the workflows hear
    "gateway.server": Rule(ANY),  # its factory wires
    "simulator": Rule({"domain.clock", "domain.model"}),  # it must not share the product's view of the world
    "nights": Rule(ANY),  # the runner wires
    "ops": Rule(ANY),  # starts everything
    "demo": Rule(ANY),
    "nights.judge": Rule(
        {"nights.judge", "nights.world", "domain.clock", "domain.model", "domain.nightlog", "domain.errors"}
    ),  # no policy: it sees truth and words
    "nights.world": Rule(
        {"nights.world", "simulator", "domain.devices", "domain.errors", "domain.model", "domain.clock"}
    ),  # what vendors say, in the words of the port; nothing of what we make of it
    "benchmarks": Rule({"domain", "planner"}),
    "benchmarks.webhooks": Rule(ANY),  # plays against real processes
    "benchmarks.charge_now": Rule(ANY),  # likewise
    "benchmarks.bare": Rule({"client"}),
    "benchmarks.webhook_traffic": Rule({"domain", "providers"}),
    "benchmarks.oracle": Rule({"benchmarks.checker"}, {"numpy"}),  # shares nothing with what it judges
    "benchmarks.checker": Rule({"benchmarks.oracle"}, {"numpy"}),
    "worker": Rule(ANY),
    "cli": Rule(ANY),
    "deploy": Rule(ANY),
}

KEPT_INSIDE = {"ortools": "planner", "sqlmodel": "storage", "sqlalchemy": "storage", "alembic": "storage"}
"""Packages that only one part may know."""


def modules() -> Iterator[tuple[str, str]]:
    """Name and source of every module of the product."""
    for part in sorted(PARTS):
        for path in [*ROOT.glob(f"{part}.py"), *ROOT.glob(f"{part}/**/*.py")]:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            yield name, path.read_text("utf-8")


def imported(source: str) -> Iterator[str]:
    """Full names of what a module imports, anywhere in it: `a.b` for `from a import b`. Relative ones stay inside."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rule_of(module: str) -> Rule:
    """The rule with the longest name that the module's begins with."""
    names = [name for name in RULES if is_within(module, name)]
    return RULES[max(names, key=len)]


def is_within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def violations(module: str, source: str) -> list[str]:
    """The imports of a module that its rule forbids."""
    rule, part = rule_of(module), module.split(".")[0]
    found = []
    for name in imported(source):
        top = name.split(".")[0]
        if top in PARTS:
            is_allowed = (top == part and rule is RULES[part]) or any(is_within(name, ours) for ours in rule.ours)
        elif top in sys.stdlib_module_names:
            is_allowed = True
        else:
            is_allowed = rule.others is None or top in rule.others
            is_allowed = is_allowed and KEPT_INSIDE.get(top, part) == part
        if not is_allowed:
            found.append(f"{module} imports {name}")
    return found


def test_every_module_keeps_to_its_arrows() -> None:
    found = [violation for module, source in modules() for violation in violations(module, source)]
    assert found == []


def test_every_folder_of_python_has_a_rule() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/*.py")} | {path.stem for path in ROOT.glob("*.py")}
    assert folders - {"tests", "scripts", "build"} <= PARTS


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("domain.plan", "import numpy"),
        ("domain.plan", "from planner import plan"),
        ("domain.plan", "from storage.sql import SqlStore"),
        ("planner.model", "import providers.enode.client"),
        ("planner.model", "import matplotlib"),
        ("storage.sql", "from workflows import ids"),
        ("activities.devices", "import httpx"),
        ("activities.devices", "from providers.enode import provider"),
        ("activities.planning", "from planner import plan"),
        ("workflows.session", "import ortools.sat.python.cp_model"),
        ("workflows.session", "from activities.devices import Devices"),
        ("workflows.session", "import sqlmodel"),
        ("client", "from storage.sql import SqlStore"),
        ("gateway.app", "from providers.enode import webhooks"),
        ("gateway.server", "from ortools.sat.python import cp_model"),
        ("nights.runner", "import sqlalchemy"),
        ("nights.judge", "from domain.session import decide"),
        ("nights.judge.promises", "from nights.loop import LoopSession"),
        ("nights.judge.possible", "from domain.fusion import fuse"),
        ("nights.world.vendor", "from domain.energy_flow import Hold"),
        ("nights.world.vendor", "from nights.judge.truth import Truth"),
        ("simulator.world", "from domain.devices import Reading"),
        ("simulator.world", "from domain import devices"),
        ("benchmarks.oracle", "from planner.night import plan"),
        ("domain.plan", "if True:\n    def later():\n        from settings import Settings"),
    ],
)
def test_planted_violation_is_found(module: str, line: str) -> None:
    assert len(violations(module, line)) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("domain.session.decide", "from domain.plan import ChargingPlan"),
        ("simulator.world", "from domain.clock import Clock"),
        ("gateway.server", "from providers.enode import webhooks"),
        ("gateway.server", "from gateway.app import create_app"),
        ("workflows.session", "from datetime import timedelta"),
        ("nights.judge.promises", "from domain.nightlog import LogEntry"),
        ("nights.judge.promises", "from nights.judge.truth import Truth"),
        ("providers.enode.client", "from . import errors"),
    ],
)
def test_allowed_import_is_no_violation(module: str, line: str) -> None:
    assert violations(module, line) == []


def test_workflows_load_nothing_that_touches_the_world() -> None:
    """Also indirectly: what the sandbox would load again for every workflow, or what a replay must not depend on."""
    heavy = {"ortools", "numpy", "pandas", "httpx", "sqlalchemy", "sqlmodel", "fastapi", "matplotlib"}
    code = f"import sys, workflows.driver, workflows.session; print(sorted({heavy!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"
