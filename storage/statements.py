"""Inserts that know what to do on conflict. Both dialects spell them alike; the common core lacks them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

Values = dict[str, Any]
"""A row by the names of its columns. Many at once are quicker without a model each."""


def insert_new(session: Session, rows: Sequence[SQLModel]) -> int:
    """Insert the rows whose keys are free, atomically; the number inserted."""
    return sum(insert_each(session, type(rows[0]), [row.model_dump(exclude_none=True) for row in rows]))


def insert_each(session: Session, model: type[SQLModel], rows: Sequence[Values]) -> list[bool]:
    """Insert the rows whose keys are free; which of them were."""
    insert = _insert(session, _table_of(model)).on_conflict_do_nothing()
    insert = insert.execution_options(preserve_rowcount=True)  # else not every database tells of an insert
    connection = session.connection()
    return [connection.execute(insert, row).rowcount == 1 for row in rows]


def insert_many(session: Session, model: type[SQLModel], rows: Sequence[Values]) -> None:
    """Insert the rows whose keys are free, all by one statement."""
    if rows:
        session.connection().execute(_insert(session, _table_of(model)).on_conflict_do_nothing(), rows)


def upsert(session: Session, row: SQLModel) -> None:
    """Insert the row, or replace the one with the same primary key."""
    table, values = _table(row), row.model_dump()
    insert = _insert(session, table).values(values)
    session.connection().execute(insert.on_conflict_do_update(index_elements=table.primary_key, set_=values))


def upsert_many(session: Session, model: type[SQLModel], rows: Sequence[Values]) -> None:
    """Insert the rows, each in place of the one with the same primary key, all by one statement."""
    if rows:
        table = _table_of(model)
        insert = _insert(session, table)
        others = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
        insert = insert.on_conflict_do_update(index_elements=table.primary_key, set_=others)
        session.connection().execute(insert, rows)


def update_many(session: Session, model: type[SQLModel], key: str, rows: Sequence[Values]) -> None:
    """Change the rows found by the column `key`, which each names as `_key`; all by one statement."""
    if rows:
        table = _table_of(model)
        changes: Values = {name: bindparam(name) for name in rows[0] if name != "_key"}
        session.connection().execute(update(table).where(table.c[key] == bindparam("_key")).values(changes), rows)


def _table(row: SQLModel) -> Table:
    return _table_of(type(row))


def _table_of(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def _insert(session: Session, table: Table) -> sqlite.Insert | postgresql.Insert:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert: sqlite.Insert | postgresql.Insert = dialect.insert(table)
    return insert
