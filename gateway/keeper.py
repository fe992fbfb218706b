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
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import CallerError

logger = logging.getLogger(__name__)

QUEUE = 2048
"""Callers who wait while nobody serves; the system may allow fewer."""

FREED_WITHIN_SECONDS = 5.0
"""Real time in which a predecessor that was just killed lets go of the port."""

PAUSE_SECONDS = 1.0
"""Real time before the next process if the last one died before it served: its database may be away."""

SETTLE_SECONDS = 5.0
"""Real time a spare leaves to the one that has just taken over, who has a queue to work off."""

GO = b"g"
"""What a child hears from its parent when its turn has come; the end instead, when the parent is gone."""

READY = b"r"
"""What it sends once it serves."""

Work = Callable[[socket.socket, bool], None]
"""Serves: gets its line to the parent, and whether another one served before."""

_HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)


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
    signal.signal(signal.SIGCHLD, lambda *_: None)  # else some systems do not keep it for who waits for it
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    keeper = _Keeper(listener)
    serving, has_served = _fork(work, None), False
    while True:
        serving.go()
        spare = _fork(work, serving)
        code = keeper.code_of(serving)
        is_told = serving.has_told_that_it_serves()
        has_served = has_served or is_told
        if keeper.is_stopping or code == 0 or not has_served:  # who cannot serve at all is told so, not tried for ever
            spare.end()
            sys.exit(code if code >= 0 else 128 - code)
        logger.error("gateway died: another one takes over", extra={"action": "gateway_replaced", "code": code})
        if not is_told:
            time.sleep(PAUSE_SECONDS)
        serving = spare


@dataclass(frozen=True)
class _Child:
    pid: int
    line: socket.socket

    def go(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died already
            self.line.send(GO)

    def has_told_that_it_serves(self) -> bool:
        """To be asked once it has died."""
        with self.line, contextlib.suppress(ConnectionResetError):  # it died before it heard us
            return self.line.recv(1) == READY
        return False

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
    for number in (signal.SIGCHLD, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
    if before is not None:
        before.line.close()  # else the one before would not hear that the parent is gone
        select.select([theirs], [], [], SETTLE_SECONDS)  # or until it is its turn
    work(theirs, before is not None)
    sys.exit()


class _Keeper:
    """Waits for the serving child, and passes on to it that somebody asks to stop."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.is_stopping = False

    def code_of(self, child: _Child) -> int:
        """How the child ended; waits for that. Signals are taken from the queue, so that none falls in between."""
        while True:
            ended, status = os.waitpid(child.pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if signal.sigwait(_HEARD) != signal.SIGCHLD:
                self.is_stopping = True
                self._listener.close()
                os.kill(child.pid, signal.SIGTERM)
