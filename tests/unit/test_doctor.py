"""`nightcharge doctor`: each ailment is told with its cure, and nothing is touched."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from domain.clock import Clock
from ops.doctor import Finding, State, examine, of_settings
from settings import Settings

NOWHERE = "127.0.0.1:1"
GOOD = SecretStr("x" * 64)


def make_settings(**changes: object) -> Settings:
    values: dict[str, object] = {"webhook_secret": GOOD, "gateway_secret": GOOD, "identity_salt": GOOD}
    return Settings(_env_file=None, **{**values, **changes})  # type: ignore[arg-type]


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def test_proper_settings_have_no_ailment() -> None:
    settings = make_settings(database_url="postgresql+psycopg://host/db")
    assert {finding.state for finding in of_settings(settings)} == {State.OK}


@pytest.mark.parametrize(
    ("change", "what", "state", "cure"),
    [
        ({"webhook_secret": SecretStr("")}, "webhook secret", State.FAIL, "NIGHTCHARGE_WEBHOOK_SECRET"),
        ({"webhook_secret": SecretStr("short")}, "webhook secret", State.FAIL, "NIGHTCHARGE_WEBHOOK_SECRET"),
        ({"gateway_secret": SecretStr("")}, "gateway secret", State.WARN, "NIGHTCHARGE_GATEWAY_SECRET"),
        ({"identity_salt": SecretStr("")}, "identity salt", State.FAIL, "NIGHTCHARGE_IDENTITY_SALT"),
        ({"clock": Clock(speed=60)}, "clock", State.WARN, "NIGHTCHARGE_CLOCK"),
        ({"hooks_in_private_network": True}, "hooks", State.WARN, "NIGHTCHARGE_HOOKS_IN_PRIVATE_NETWORK"),
        ({"database_url": "sqlite:///x.db"}, "database", State.WARN, "postgresql+psycopg"),
    ],
)
def test_every_poor_setting_is_told_with_its_cure(
    change: dict[str, object], what: str, state: State, cure: str
) -> None:
    found = by_name(of_settings(make_settings(**change)))[what]
    assert found.state is state
    assert cure in found.mend
    assert "short" not in found.told.replace("shorter", "")


async def test_with_nothing_running_everything_is_told_and_nothing_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", NOWHERE)
    settings = make_settings(
        database_url=f"sqlite:///{tmp_path}/none.db",
        enode_client_id="id",
        enode_token_url=f"http://{NOWHERE}/token",
        gateway_port=1,
    )
    found = by_name([finding async for finding in examine(settings)])
    for what in ("database", "temporal", "vendor", "gateway"):
        assert found[what].state is State.FAIL
        assert found[what].mend
    assert os.listdir(tmp_path) == []
