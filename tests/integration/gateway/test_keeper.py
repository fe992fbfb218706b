"""The parent of the serving process, with a child that only says who it is."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.errors import CallerError
from gateway.keeper import listening

ROOT = Path(__file__).parents[3]

KEEPS = """
import os, select, signal, socket, sys
from gateway import keeper

keeper.PAUSE_SECONDS = 0.01

def serve(parent, again):
    if parent.recv(1) != keeper.GO:
        sys.exit(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    parent.send(keeper.READY)
    while select.select([listener], [], []):  # who dies waiting like this takes no caller along
        caller, _ = listener.accept()
        with caller:
            caller.sendall(str(os.getpid()).encode())

def second_one_fails(parent, again):
    if again and not os.path.exists("failed"):
        open("failed", "w").close()
        sys.exit(7)
    serve(parent, again)

def never_serves(parent, again):
    sys.exit(7)

listener = keeper.listening("127.0.0.1", 0)
print(listener.getsockname()[1], flush=True)
keeper.keep(listener, globals()[sys.argv[1]])
"""


@contextmanager
def kept(work: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The parent and its port."""
    command = [sys.executable, "-c", KEEPS, work]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=env) as parent:
        try:
            assert parent.stdout is not None
            yield parent, int(parent.stdout.readline())
        finally:
            parent.terminate()
            parent.wait(20)


def who_serves(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        return int(caller.recv(20))


@pytest.mark.parametrize("work", ["serve", "second_one_fails"])
def test_who_calls_while_the_serving_process_is_dead_is_served_by_the_next(work: str, tmp_path: Path) -> None:
    """Nobody is refused: the call waits in the queue of the port, also while a next process fails to start."""
    with kept(work, tmp_path) as (parent, port):
        first = who_serves(port)
        assert first != parent.pid
        os.kill(first, signal.SIGSTOP)  # nobody accepts
        with socket.create_connection(("127.0.0.1", port), timeout=20) as waits:
            os.kill(first, signal.SIGKILL)
            assert int(waits.recv(20)) not in (first, parent.pid)


def test_asked_to_stop_the_parent_stops_its_child_and_frees_the_port(tmp_path: Path) -> None:
    with kept("serve", tmp_path) as (parent, port):
        child = who_serves(port)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(20) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
        listening("127.0.0.1", port).close()


def test_a_process_that_cannot_serve_at_all_is_not_tried_for_ever(tmp_path: Path) -> None:
    with kept("never_serves", tmp_path) as (parent, _):
        assert parent.wait(20) == 7


def test_a_port_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.keeper.FREED_WITHIN_SECONDS", 0.0)
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CallerError, match=rf"127.0.0.1:{port}: .*in use"):
            listening("127.0.0.1", port)
    with pytest.raises(CallerError, match=r"203.0.113.1:0: "):  # no address of this machine (RFC 5737)
        listening("203.0.113.1", 0)
