"""Whole nights of the session's workflow, on real time and on time that skips."""

import asyncio
import json
from datetime import time
from functools import partial

import pytest
from support.evening import Night, begin, night
from support.factories import CAR, MORNING, at, make_session
from support.fake_steps import FakeSteps
from support.servers import Server, serve
from temporalio import activity

from domain import steps
from domain.commands import Goal
from domain.departure import Wish
from domain.devices import Side
from domain.relevance import Watch
from domain.session.effects import CloseSession, Decision, Listen, Report
from domain.session.events import NightAccounted
from ops.history import rebuild

PATIENT = 3600.0
"""World seconds a real second: a busy machine's first stop must come before the car has all it needs."""


async def accounted(tonight: Night) -> None:
    async def is_accounted() -> bool:
        return (await tonight.state()).nights_closed == 1

    await tonight.server.until(is_accounted, "the account", time_passes=True)


async def is_charged(tonight: Night) -> None:
    async def is_there() -> bool:
        soc_pct = tonight.fakes.reading(Side.VEHICLE, await tonight.server.now()).soc_pct
        return soc_pct is not None and soc_pct >= 80

    await tonight.server.until(is_there, "the target", time_passes=True)


async def is_proven(tonight: Night, goal: Goal) -> None:
    async def is_measured() -> bool:
        state = await tonight.state()
        commands = state.night.commands if state.night else ()
        return any(c.order.goal is goal and c.outcome is not None and c.outcome.worked for c in commands)

    await tonight.server.until(is_measured, f"a proven {goal.value}", time_passes=True)


@pytest.mark.parametrize("kind", ["time-skipping", "dev"])
async def test_a_whole_night_is_stopped_started_at_the_cheap_hours_stopped_at_the_target_and_accounted(kind: str):
    async with serve(kind, speed=PATIENT) as server, night(server, flows=True) as tonight:
        await is_charged(tonight)
        await tonight.show(Side.VEHICLE)  # the webhook of the level that reached the target
        await accounted(tonight)
        await tonight.end()

    assert tonight.fakes.goals == [Goal.STOP, Goal.START, Goal.STOP]
    (closing,) = tonight.fakes.asked[steps.CLOSE_NIGHT]
    assert closing.night.commands[1].begun_at >= at(6)
    assert closing.night.ready_at is not None
    assert closing.closed_at >= MORNING
    assert [entry.name for entry in closing.log].count("command_ended") == 3
    assert len(tonight.fakes.asked[steps.STOP_LISTENING]) == 1


async def test_a_departure_changed_in_mid_night_is_planned_for_and_ends_the_night(server: Server):
    async with night(server) as tonight:
        await server.until(tonight.has_plan, "the first plan")
        await tonight.act("set_wish", wish=Wish(target_soc_pct=80, ready_by=time(4, 0), zone="Europe/Amsterdam"))
        await accounted(tonight)
        await tonight.end()

    asked = [step.request.departs_at for step in tonight.fakes.asked[steps.MAKE_PLAN]]
    assert asked[0] == MORNING
    assert at(9) in asked  # whatever else is planned before a busy machine hears of it, or in the night behind it
    closing = tonight.fakes.asked[steps.CLOSE_NIGHT][0]
    assert closing.night.departs_at == at(9)
    assert closing.closed_at >= at(9)


async def test_an_unplug_in_mid_slot_closes_the_night_then_the_session(server: Server):
    async with night(server) as tonight:
        await is_proven(tonight, Goal.START)
        await tonight.end()
        state = await tonight.state()

    (closing,) = tonight.fakes.asked[steps.CLOSE_NIGHT]
    assert closing.closed_at < closing.night.departs_at
    assert Goal.STOP not in tonight.fakes.goals
    assert state.is_closed
    assert state.nights_closed == 1


async def test_a_lost_plan_charges_at_once(server: Server):
    async with night(server, plan_fails=True) as tonight:
        await is_proven(tonight, Goal.START)
        log = await tonight.log()

    reasons = [
        effect["reason"] for entry in log for effect in entry.data.get("effects", ()) if effect["type"] == "send"
    ]
    assert "plan_failed" in [entry.name for entry in log]
    assert "no plan could be made: charge at once" in reasons[0]


@pytest.mark.parametrize("renew_at_events", [20, 35])
async def test_a_session_that_continues_as_new_loses_no_message_and_no_line_of_its_log(
    server: Server, renew_at_events: int
):
    async with night(server) as tonight:
        fakes = tonight.fakes
        fakes.renew_at_events = renew_at_events
        first_run = (await tonight.handle.describe()).run_id
        wanted = [f"action-{n}" for n in range(30)]
        for start in range(0, len(wanted), 10):
            calls = [partial(tonight.act, "stay_stopped", action_id) for action_id in wanted[start : start + 10]]
            await asyncio.gather(*(server.say(call) for call in calls))

            async def is_heard(upto: int = start + 10) -> bool:
                # The time-skipping server loses a query that meets a continue-as-new: ask the step that decides.
                asked = fakes.asked[steps.DECIDE_SESSION]
                return bool(asked) and len(asked[-1].state.acted) == upto

            await server.until(is_heard, f"{start + 10} actions")

        async def is_renewed() -> bool:
            return (await tonight.handle.describe()).run_id != first_run

        await server.until(is_renewed, "the next run")
        server.deciding.clear()  # nothing here hangs on the hour, and a query lost between two runs costs half a minute
        await tonight.end()

    (closing,) = fakes.asked[steps.CLOSE_NIGHT]
    numbers = [entry.number for entry in closing.log if entry.kind == "event"]
    assert numbers == list(range(1, len(numbers) + 1))
    heard = [entry.data["action_id"] for entry in closing.log if entry.name == "driver_acted"]
    assert sorted(heard) == sorted(wanted)
    assert closing.night.plan is not None
    last = fakes.asked[steps.DECIDE_SESSION][-1].state
    assert set(last.acted) == set(wanted)


async def test_a_session_cancelled_in_mid_decision_lets_go_of_the_car_before_it_ends():
    """An operator may cancel in the Temporal UI; what we hold must not strand the car.

    Not on the time-skipping server: it refuses to cancel a step whose answer it has just taken, and then never
    schedules the workflow again.
    """
    async with serve("dev", speed=PATIENT) as server:
        async with night(server, flows=True) as tonight:
            await is_proven(tonight, Goal.STOP)
        # Without a worker both wait, and come within one task: the word begins a decision, the cancellation meets it.
        await tonight.act("follow_plan")
        await server.say(tonight.handle.cancel)
        async with server.worker(tonight.fakes.all()):
            await server.until(tonight.is_over, "the end of the session", time_passes=True)
        history = (await tonight.handle.fetch_history()).events

    assert tonight.fakes.goals == [Goal.STOP, Goal.START]
    (closing,) = tonight.fakes.asked[steps.CLOSE_NIGHT]
    assert "cancelled by an operator" in [effect["reason"] for effect in closing.log[-1].data["effects"]]
    assert rebuild([history]).nights[1] == closing.log
    assert len(tonight.fakes.asked[steps.STOP_LISTENING]) == 1


class Hasty(FakeSteps):
    """Decides by a script: report the night and listen once more; then, at the word that brings, close."""

    @activity.defn(name=steps.DECIDE_SESSION)
    async def decide_session(self, question: steps.DecideSession) -> Decision:
        night = NightAccounted(number=1, is_ready=True, saving="1.50", why="as measured")
        watch = Watch(session_id="s", driver_id="d", device_ids=(CAR,), soc_above_pct=80.0, area="NL")
        report = (Report(night=night, reason="accounted for"), Listen(watch=watch, reason="hear more"))
        effects = (CloseSession(reason="gone"),) if question.seen else report
        return Decision(at=question.now, seen=question.seen, attempt=question.attempt, effects=effects)

    @activity.defn(name=steps.LISTEN)
    async def listen(self, step: steps.ListenTo) -> steps.Heard:
        return steps.Heard(readings=(self.reading(Side.VEHICLE, self._now()),))


async def test_a_night_that_is_being_told_when_the_session_closes_is_told_once():
    """Both decisions fall within one task: the report was begun, and not sent yet, when the end let go of it."""
    async with serve("time-skipping", speed=1) as server:
        fakes = Hasty(server.clock)
        async with server.worker(fakes.all()):
            tonight = await begin(server, fakes, make_session(fakes.reading(Side.VEHICLE, at(0))))
            await server.until(tonight.is_over, "the end of the session")
        history = (await tonight.handle.fetch_history()).events

    sent = [event.signal_external_workflow_execution_initiated_event_attributes for event in history]
    told = [json.loads(signal.input.payloads[0].data) for signal in sent if signal.signal_name]
    assert [(report["night"] or {}).get("number") for report in told] == [1, None]
    assert [report["ended"] is not None for report in told] == [False, True]
