"""What a healthy night costs in billed actions, counted from its history."""

from collections.abc import AsyncIterator
from datetime import time

import pytest
from support.evening import Night, night
from support.factories import at, make_plan, make_session
from support.servers import Server, serve

from domain import steps
from domain.commands import Goal
from domain.departure import Wish
from domain.devices import Reading, Side
from domain.plan import ChargingPlan
from domain.session.events import PricesChanged
from domain.session.state import SessionState
from nights.billed import Billed, billed
from ops.history import rebuild
from workflows.session import SessionWorkflow

MOST_ACTIONS, MOST_WITHOUT_DECISIONS_AND_READS, MOST_EVENTS = 64, 32, 260
"""The budget of a healthy night, 60, 30 and 200, with room for what only a busy machine needs.

A calm one needs 56, 30 and 195. On a busy one answers that came together arrive one by one, with a decision and three
events each, and an instant that moves past a tick moves a timer.
"""

AS_A_CHILD = 1
"""Opened by the driver's workflow a session costs one more than started from outside, as here."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Time that skips: the night is ten hours on the server's clock too."""
    async with serve("time-skipping", speed=1) as server:
        yield server


def two_runs() -> ChargingPlan:
    """Charging from 2 to 3 and from 6 to 8 hours after the plug-in: start, stop, start, and a stop at the target."""
    plan, other = make_plan((2, 3), until=10), make_plan((6, 8), until=10)
    energies = tuple(a + b for a, b in zip(plan.energy_ac_kwh, other.energy_ac_kwh, strict=True))
    return plan.model_copy(update={"energy_ac_kwh": energies})


async def hear_new_prices(tonight: Night) -> None:
    await tonight.handle.signal(SessionWorkflow.prices_changed, PricesChanged(area="NL"))
    before = len(tonight.fakes.asked[steps.MAKE_PLAN])

    async def is_planned() -> bool:
        return len(tonight.fakes.asked[steps.MAKE_PLAN]) > before

    await tonight.server.until(is_planned, "the new plan")


async def commanded(tonight: Night, count: int) -> None:
    """So many commands, the last of them measured; then the word of it that a webhook brings."""

    async def is_done() -> bool:
        state = await tonight.state()
        commands = state.night.commands if state.night else ()
        return len(commands) >= count and all(command.outcome for command in commands[:count])

    await tonight.server.until(is_done, f"command {count}", time_passes=True)
    await tonight.show(Side.CHARGER)


async def healthy_night(server: Server) -> Billed:
    """Ten hours, 4 commands, 2 new plans, 8 relevant device events, then the account and the end."""
    async with night(server) as tonight:
        tonight.fakes.plan = two_runs
        await server.until(tonight.has_plan, "the first plan")
        await hear_new_prices(tonight)
        await tonight.show(Side.VEHICLE)
        await commanded(tonight, 1)
        await commanded(tonight, 2)
        await hear_new_prices(tonight)
        await commanded(tonight, 3)
        await tonight.go_to(7.6)
        await tonight.show(Side.VEHICLE)  # the level that reached the target
        await commanded(tonight, 4)
        await tonight.go_to(10.1)
        await tonight.end()  # both sides tell of the unplug
        events = [event async for event in tonight.handle.fetch_history_events()]

    assert tonight.fakes.goals == [Goal.START, Goal.STOP, Goal.START, Goal.STOP]
    assert len(tonight.fakes.asked[steps.MAKE_PLAN]) == 3
    (account,) = tonight.fakes.asked[steps.CLOSE_NIGHT]
    assert rebuild([events]).nights[1] == account.log, "what listening brought within a workflow task is read too"
    return billed([events])


async def test_a_healthy_night_stays_within_its_budget_of_billed_actions(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("support.evening.make_session", leaving_after_ten_hours)
    bill = await healthy_night(server)
    told = "\n".join(bill.lines())
    assert bill.actions["signals heard"] == 8 + 2, told  # device events, new prices
    assert bill.total + AS_A_CHILD <= MOST_ACTIONS, told
    assert bill.without_decisions_and_reads + AS_A_CHILD <= MOST_WITHOUT_DECISIONS_AND_READS, told
    assert bill.events <= MOST_EVENTS, told


def leaving_after_ten_hours(*readings: Reading) -> SessionState:
    assert at(10).hour == 4
    return make_session(*readings, wish=Wish(target_soc_pct=80, ready_by=time(5, 0), zone="Europe/Amsterdam"))
