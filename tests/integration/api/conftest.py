"""The API over ASGI, with two programs in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from support.two_programs import House, two_programs


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Two programs, seeded."""
    made = await two_programs(tmp_path)
    yield made
    await made.services.store.close()


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A caller without a token."""
    transport = httpx.ASGITransport(app=house.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield client
