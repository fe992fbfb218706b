"""Instances and judges of the planner: benchmarks/ is not installed, and helpers live beside the tests."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
for folder in (ROOT, Path(__file__).parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def instances() -> dict[str, Any]:
    """The sample of planning instances, as its file stands."""
    content: dict[str, Any] = json.loads((ROOT / "tests/data/plan-instances.json").read_text(encoding="utf-8"))
    return content
