"""S54: docs/integration.md is walked from top to bottom, every block as it stands there, in our own mode of control.

The delegated mode has a file of its own, so that both can be walked side by side.
"""

from pathlib import Path

import pytest
from support.walk import PAGE, blocks, walk


def test_page_has_the_steps_and_blocks_of_every_kind() -> None:
    found = list(blocks())
    assert {block.kind for block in found} == {"bash background", "bash", "python"}
    assert len(found) == PAGE.read_text("utf-8").count("\n```") // 2


async def test_s54_integration_page_works_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await walk("own", tmp_path, monkeypatch)
