"""The versions of the tables (Alembic), applied by the program itself.

A new version is a new file in versions/, written by hand after the last one, forward only; a test fails as long as
migrations and tables disagree.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def migrate(connection: Connection) -> None:
    """Bring the database behind `connection` to the newest version, inside the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
