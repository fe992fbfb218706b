"""An installation's ports: not given away by the system, and a stranger on one is named."""

import socket
from pathlib import Path

import pytest

from ops import ports
from ops.processes import StartFailed
from ops.up import Installation


def test_ports_are_chosen_outside_of_what_systems_give_away_and_only_once() -> None:
    given = [ports.free_port() for _ in range(50)]
    assert len(set(given)) == len(given)
    assert all(ports.LOWEST <= port < ports.HIGHEST < 32_768 for port in given)


def test_a_stranger_on_a_port_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FREED_WITHIN_SECONDS", 0.0)
    at = Installation(tmp_path, with_simulator=False, say=print)
    at._require_ports()
    port = at.installed.gateway_port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StartFailed) as refused:
        at._require_ports()
    for word in (str(port), "gateway", "installation.json", "lsof"):
        assert word in str(refused.value)
