"""Instances and judges of the planner: benchmarks/ is not installed, so its folder's parent is put on the path."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def instances() -> dict[str, Any]:
    """The sample of planning instances, as its file stands."""
    content: dict[str, Any] = json.loads((ROOT / "tests/data/plan-instances.json").read_text(encoding="utf-8"))
    return content
