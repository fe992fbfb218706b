"""A fresh server for each test, of each kind."""

from collections.abc import AsyncIterator

import pytest
from support.servers import Server, serve

NIGHT_SPEED = 3600.0
"""World seconds a real second where time is real: slow enough for a busy machine to follow the night."""


@pytest.fixture(params=["time-skipping", "dev"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """One server, fresh."""
    async with serve(request.param, speed=NIGHT_SPEED) as server:
        yield server
