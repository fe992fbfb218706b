"""What the tests of several folders share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from support.postgres import emptied, fresh_database, postgresql

settings.register_profile("steady", deadline=None)  # a busy machine is no fault of the product
settings.load_profile("steady")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server for the whole session, started when the first test asks for it."""
    with postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def _postgresql_tables(postgresql_server: str) -> str:
    return fresh_database(postgresql_server, "shared")


@pytest.fixture
def postgresql_url(_postgresql_tables: str) -> str:
    """A database with nothing in it; its tables, once made, stay from test to test."""
    return emptied(_postgresql_tables)


@pytest.fixture
def fresh_postgresql_url(postgresql_server: str) -> str:
    """A database without tables."""
    return fresh_database(postgresql_server, "fresh")
