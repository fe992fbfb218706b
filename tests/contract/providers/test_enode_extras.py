"""What our Enode adapter can do beyond the port, on the same platforms."""

from typing import Any

import pytest
from pydantic import SecretStr

from domain.devices import ActionState, Side
from domain.errors import CommandRejected
from providers.enode import Webhooks
from providers.enode.hooks import EVENTS
from providers.traffic import Health

SECRET = SecretStr("0123456789abcdef" * 2)
NOBODY_LISTENS = "http://127.0.0.1:9/hook"


@pytest.mark.parametrize("side", list(Side))
async def test_cancelled_action_is_told_also_when_cancelled_again(stage: Any, side: Side) -> None:
    action = await stage.provider.start(side, (await stage.device(side)).id)
    assert action.state is ActionState.PENDING
    for _ in range(2):
        cancelled = await stage.provider.cancel(side, action.id)
        assert (cancelled.id, cancelled.state) == (action.id, ActionState.CANCELLED)
        assert cancelled.reason == "REQUESTED_CANCELLATION"


async def test_current_limit_becomes_an_action(stage: Any) -> None:
    box = await stage.device(Side.CHARGER)
    action = await stage.provider.set_max_current(Side.CHARGER, box.id, 16)
    assert (action.side, action.device_id) == (Side.CHARGER, box.id)
    assert action.state in (ActionState.PENDING, ActionState.CONFIRMED)


async def test_device_that_is_still_linked_can_not_be_relinked(stage: Any) -> None:
    box = await stage.device(Side.CHARGER)
    with pytest.raises(CommandRejected):
        await stage.provider.relink(box.id, redirect_uri="https://app.example/back", language="en-US")


async def test_health_names_vendors_of_both_sides(stage: Any) -> None:
    health = await stage.provider.vendor_health()
    assert {one.side for one in health} == set(Side)
    assert all(one.is_ready and one.can_link for one in health)
    assert stage.provider.trouble(stage.driver_id, "ZAPTEC") is Health.WELL


async def test_webhook_lives_from_creation_to_deletion(stage: Any) -> None:
    hooks = Webhooks(stage.provider.client)
    created = await hooks.create(NOBODY_LISTENS, SECRET, events=("user:vehicle:updated",))
    with pytest.raises(CommandRejected):
        await hooks.create(NOBODY_LISTENS, SECRET)
    kept = await hooks.keep_alive(NOBODY_LISTENS, SECRET)
    assert (kept.id, set(kept.events)) == (created.id, set(EVENTS))
    assert not (await hooks.test(created.id)).succeeded
    await hooks.delete(created.id)
    assert NOBODY_LISTENS not in [one.url for one in await hooks.list()]
