"""docs/journeys.md says what the code does."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_of_journeys_is_current() -> None:
    command = [sys.executable, "scripts/journeys.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": "."})
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_table_that_is_not_current_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "docs").mkdir()
    script = tmp_path / "scripts" / "journeys.py"
    script.write_text((ROOT / "scripts" / "journeys.py").read_text())
    (tmp_path / "docs" / "journeys.md").write_text((ROOT / "docs" / "journeys.md").read_text() + "| more |\n")
    command = [sys.executable, str(script), "--check"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert result.returncode == 1
    assert "run python scripts/journeys.py" in result.stdout
