"""A town for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.fleet import Town, open_town


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """A town with empty books."""
    town = await open_town(tmp_path)
    yield town
    await town.database.close()
