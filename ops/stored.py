"""Work of a command with the stored things of an installation."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from settings import Settings
from storage.sql import SqlStore

T = TypeVar("T")


def with_store(work: Callable[[SqlStore], Awaitable[T]]) -> T:
    """What `work` gives, with the store that the settings name; closed afterwards."""

    async def run() -> T:
        store = SqlStore(Settings().database_url)
        try:
            await store.create()
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
