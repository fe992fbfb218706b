"""TCP ports of this machine: chosen where nobody is given one by chance, and asked after before they are used."""

import secrets
import socket
import time
from collections.abc import Mapping

LOWEST, HIGHEST = 20_000, 32_000
"""Below the ranges from which systems give ports away (Linux: from 32,768, macOS: from 49,152).

A port of an installation that is down for a moment would else go to whatever asks for any.
"""

FREED_WITHIN_SECONDS = 5.0
"""Real time in which a predecessor that was just ended lets go of its port."""

_given: set[int] = set()


def free_port() -> int:
    """A TCP port that is free now, and given to nobody else in this process."""
    while True:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if port not in _given and is_free(port):
            _given.add(port)
            return port


def is_free(port: int) -> bool:
    """Whether this machine's own programs could listen there now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def taken(ports: Mapping[str, int]) -> tuple[str, int] | None:
    """Of these ports, by name, the first that somebody keeps; None: all of them can be used."""
    gives_up_at = time.monotonic() + FREED_WITHIN_SECONDS
    while True:
        kept = next(((name, port) for name, port in ports.items() if not is_free(port)), None)
        if kept is None or time.monotonic() > gives_up_at:
            return kept
        time.sleep(0.05)
