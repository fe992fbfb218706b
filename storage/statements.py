"""Inserts that know what to do on conflict. Both dialects spell them alike; the common core lacks them."""

from collections.abc import Sequence

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def insert_new(session: Session, rows: Sequence[SQLModel]) -> int:
    """Insert the rows whose keys are free, atomically; the number inserted."""
    return sum(insert_each(session, rows))


def insert_each(session: Session, rows: Sequence[SQLModel]) -> list[bool]:
    """Insert the rows whose keys are free; which of them were."""
    insert = _insert(session, _table(rows[0])).on_conflict_do_nothing()
    insert = insert.execution_options(preserve_rowcount=True)  # else not every database tells of an insert
    connection = session.connection()
    return [connection.execute(insert, row.model_dump(exclude_none=True)).rowcount == 1 for row in rows]


def insert_many(session: Session, rows: Sequence[SQLModel]) -> None:
    """Insert the rows whose keys are free, all by one statement."""
    if rows:
        insert = _insert(session, _table(rows[0])).on_conflict_do_nothing()
        session.connection().execute(insert, [_values(row) for row in rows])


def upsert(session: Session, row: SQLModel) -> None:
    """Insert the row, or replace the one with the same primary key."""
    table, values = _table(row), row.model_dump()
    insert = _insert(session, table).values(values)
    session.connection().execute(insert.on_conflict_do_update(index_elements=table.primary_key, set_=values))


def upsert_many(session: Session, rows: Sequence[SQLModel]) -> None:
    """Insert the rows, each in place of the one with the same primary key, all by one statement."""
    if rows:
        table = _table(rows[0])
        insert = _insert(session, table)
        others = {column.name: insert.excluded[column.name] for column in table.columns if not column.primary_key}
        insert = insert.on_conflict_do_update(index_elements=table.primary_key, set_=others)
        session.connection().execute(insert, [_values(row) for row in rows])


def _values(row: SQLModel) -> dict[str, object]:
    """The row's columns; quicker than its model dump."""
    return {column.name: getattr(row, column.name) for column in _table(row).columns}


def _table(row: SQLModel) -> Table:
    table: Table = type(row).__table__  # type: ignore[attr-defined]
    return table


def _insert(session: Session, table: Table) -> sqlite.Insert | postgresql.Insert:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert: sqlite.Insert | postgresql.Insert = dialect.insert(table)
    return insert
