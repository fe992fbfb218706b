"""The parent of the serving process: it holds the port, and has a spare take over when that process dies.

Who calls in between waits in the port's queue instead of being refused. Everything is imported before the fork, and the
spare has made ready all but the serving itself, so that it serves at once. The parent has no thread, no loop and no
connection of its own, which is what makes forking safe.
"""

import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from domain.errors import CallerError

logger = logging.getLogger(__name__)

QUEUE = 2048
"""Callers who wait while nobody serves; the system may allow fewer."""

FREED_WITHIN_SECONDS = 5.0
"""Real time in which a predecessor that was just killed lets go of the port."""

PAUSE_SECONDS = 1.0
"""Real time before the next process if the last one died before it served: its database may be away."""

GO = b"g"
"""What a child hears from its parent when its turn has come; the end instead, when the parent is gone."""

READY = b"r"
"""What it sends once it serves."""

Work = Callable[[socket.socket, bool], None]
"""Serves: gets its line to the parent, and whether another one served before."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listening(host: str, port: int) -> socket.socket:
    """An open port.

    Raises:
        CallerError: somebody else keeps it, or there is no such address.
    """
    gives_up_at = time.monotonic() + FREED_WITHIN_SECONDS
    while True:
        try:
            listener = socket.create_server((host, port), backlog=QUEUE)
        except (OSError, OverflowError) as error:
            is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if not is_taken or time.monotonic() > gives_up_at:
                raise CallerError(f"cannot listen on {host}:{port}: {error}") from error
            time.sleep(0.05)
        else:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a second packet waits 40 ms
            return listener


def keep(listener: socket.socket, work: Work) -> None:
    """Have a child serve, and the spare after it, until asked to stop; then leave with its exit code.

    `listener` is closed here as soon as somebody asks to stop.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # whoever asks is heard while a child is waited for
    keeper = _Keeper(listener)
    for number in _SIGNALS:
        signal.signal(number, keeper.stop)
    serving = _fork(work, None)
    serving.go()
    if not keeper.hears_that_it_serves(serving):
        sys.exit(keeper.code_of(serving))  # who cannot serve at all is told so, not tried for ever
    while True:
        spare = _fork(work, serving)
        code = keeper.code_of(serving)
        if keeper.is_stopping or code == 0:
            spare.end()
            sys.exit(code)
        logger.error("gateway died: another one takes over", extra={"action": "gateway_replaced", "code": code})
        serving = spare
        serving.go()
        if not keeper.hears_that_it_serves(serving) and not keeper.is_stopping:
            time.sleep(PAUSE_SECONDS)


@dataclass(frozen=True)
class _Child:
    pid: int
    line: socket.socket

    def go(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died already
            self.line.send(GO)

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _fork(work: Work, before: _Child | None) -> _Child:
    """A child at work, the next one after `before`; the child itself never comes back from here."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    if before is None:
        gc.collect()
        gc.freeze()  # what all share stays shared
    pid = os.fork()
    if pid:
        theirs.close()
        return _Child(pid, ours)
    ours.close()
    if before is not None:
        before.line.close()  # else the one before would not hear that the parent is gone
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    work(theirs, before is not None)
    sys.exit()


class _Keeper:
    """Waits for the serving child, and passes on to it that somebody asks to stop."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._serving = 0
        self.is_stopping = False

    def hears_that_it_serves(self, child: _Child) -> bool:
        """True once the child serves, False if it died before."""
        with self._open_to_signals(child), contextlib.suppress(ConnectionResetError):
            return child.line.recv(1) == READY
        return False

    def code_of(self, child: _Child) -> int:
        """How the child ended, as a shell tells it; waits for that."""
        with self._open_to_signals(child), child.line:
            _, status = os.waitpid(child.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def stop(self, *_: object) -> None:
        self.is_stopping = True
        self._listener.close()
        with contextlib.suppress(ProcessLookupError):  # it has just died
            os.kill(self._serving, signal.SIGTERM)

    @contextlib.contextmanager
    def _open_to_signals(self, child: _Child) -> Iterator[None]:
        self._serving = child.pid
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
