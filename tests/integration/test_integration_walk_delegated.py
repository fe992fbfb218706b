"""S54: docs/integration.md is walked from top to bottom where the vendor coordinates charger and car."""

from pathlib import Path

import pytest
from support.walk import walk


async def test_s54_integration_page_works_as_written_in_delegated_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await walk("delegated", tmp_path, monkeypatch)
