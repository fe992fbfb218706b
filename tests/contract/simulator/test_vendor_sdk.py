"""The vendor's own SDK believes the simulator. Its pins must not bind ours, so it has an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SDK_PYTHON = ROOT / ".venv/enode-sdk/bin/python"


@pytest.mark.skipif(not SDK_PYTHON.exists(), reason="scripts/enode_sdk.sh installs the SDK, from the network")
def test_vendors_sdk_drives_every_operation_of_the_products_surface() -> None:
    command = [SDK_PYTHON, "scripts/enode_sdk.py", sys.executable]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "0 not" in told.stdout
