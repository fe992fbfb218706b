"""The versions of the tables (Alembic), applied by the program itself.

A new version is a new file in versions/, written by hand after the last one, forward only; a test fails as long as
migrations and tables disagree.
"""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the migration that runs in module variables."""

_POSTGRESQL_LOCK = 7_100_224
"""An arbitrary number that all our processes agree on."""


def migrate(connection: Connection) -> None:
    """Bring the database behind `connection` to the newest version, inside the caller's transaction.

    Whoever comes second, also from another process, waits and then finds nothing to do.
    """
    with _ONE_AT_A_TIME:
        _upgrade(connection)


def is_current(connection: Connection) -> bool:
    """Whether the tables are at the newest version. Changes nothing."""
    newest = ScriptDirectory.from_config(_config(connection)).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(newest)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite's callers hold the write lock already
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRESQL_LOCK})
    command.upgrade(_config(connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
