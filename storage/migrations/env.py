"""Run by Alembic: upgrades the connection it was handed, in the transaction that is open there."""

from alembic import context
from sqlmodel import SQLModel

import storage.breakers
import storage.erasure
import storage.price_tables
import storage.rollout_tables
import storage.tables
import storage.tenant_tables  # noqa: F401  (all of them fill the metadata)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transactional_ddl=True,  # else Alembic commits after each step, and lets a second process in between
)
context.run_migrations()
