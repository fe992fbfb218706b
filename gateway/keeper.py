"""The parent of the serving process: it holds the port, and starts that process anew when it dies.

Who calls in between waits in the port's queue instead of being refused. Everything is imported before the fork, so that
a new process serves within tenths of a second. The parent has no thread, no loop and no connection of its own, which is
what makes forking safe.
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
from collections.abc import Callable

logger = logging.getLogger(__name__)

QUEUE = 2048
"""Callers who wait while nobody serves; the system may allow fewer."""

FREED_WITHIN_SECONDS = 5.0
"""Real time in which a predecessor that was just killed lets go of the port."""

PAUSE_SECONDS = 1.0
"""Real time before the next process if the last one died before it served: its database may be away."""

READY = b"r"
"""What the serving process sends to its parent once it serves. When the parent is gone it reads the end instead."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def listening(host: str, port: int) -> socket.socket:
    """An open port.

    Raises:
        OSError: somebody else keeps it.
    """
    gives_up_at = time.monotonic() + FREED_WITHIN_SECONDS
    while True:
        try:
            listener = socket.create_server((host, port), backlog=QUEUE)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > gives_up_at:
                raise
            time.sleep(0.05)
        else:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a second packet waits 40 ms
            return listener


def keep(listener: socket.socket, work: Callable[[socket.socket, bool], None]) -> None:
    """Run `work` in a child, again whenever it dies, until asked to stop; then leave with its exit code.

    Args:
        listener: closed here as soon as somebody asks to stop.
        work: serves; it gets its line to the parent, see `READY`, and whether one before it served already.
    """
    keeper = _Keeper(listener)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    for number in _SIGNALS:
        signal.signal(number, keeper.stop)
    has_served = False
    while True:
        line = keeper.fork()
        if line is not None:
            work(line, has_served)
            sys.exit()
        code, served = keeper.wait()
        has_served = has_served or served
        if keeper.is_stopping or code == 0 or not has_served:  # who cannot serve at all is told so, not tried for ever
            sys.exit(code if code >= 0 else 128 - code)
        logger.error("gateway died: it is started again", extra={"action": "gateway_restarted", "code": code})
        if not served:
            time.sleep(PAUSE_SECONDS)


class _Keeper:
    """The one child there is at a time. Who asks to stop is heard while it is waited for, so that none is left over."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._child = 0
        self._line: socket.socket | None = None
        self.is_stopping = False

    def fork(self) -> socket.socket | None:
        """In the child its line to the parent; in the parent None."""
        self._line, theirs = socket.socketpair()
        sys.stdout.flush()
        gc.collect()
        gc.freeze()  # what both share stays shared
        self._child = os.fork()
        if self._child:
            theirs.close()
            return None
        self._line.close()
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return theirs

    def wait(self) -> tuple[int, bool]:
        """The child's end: its exit code, and whether it served."""
        assert self._line is not None
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _, status = os.waitpid(self._child, 0)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        with self._line:
            return os.waitstatus_to_exitcode(status), self._line.recv(1) == READY

    def stop(self, *_: object) -> None:
        self.is_stopping = True
        self._listener.close()
        with contextlib.suppress(ProcessLookupError):  # it has just died
            os.kill(self._child, signal.SIGTERM)
