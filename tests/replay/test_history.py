"""What history tells is what the session wrote: the same entries, with the same numbers and instants."""

import asyncio
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.factories import CHARGER
from support.played import House, Played, dev_server, house_at, house_worker, plug_in, shell_worker, until
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.workflow import _Definition as WorkflowDefinition

from domain.departure import Wish
from domain.devices import Side
from domain.nightlog import LogEntry
from domain.session.events import DriverActed
from domain.steps import CLOSE_NIGHT, CloseTheNight
from nights.record_histories import read, record, stored
from ops.history import SIGNALS, rebuild
from workflows.session import SessionWorkflow

SESSIONS = [
    path for path in stored(Path(__file__).parents[1] / "data" / "histories") if path.name.startswith("session")
]


def names(log: tuple[LogEntry, ...]) -> list[str]:
    return [entry.name for entry in log]


async def act(played: Played, what: Any) -> None:
    action = DriverActed(action_id=what, at=played.house.clock.now(), act=what)
    await played.handle.signal(SessionWorkflow.driver_acted, action)


async def test_a_night_with_all_that_can_go_wrong_is_rebuilt_entry_for_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_stop, start = asyncio.Event(), asyncio.Event()
    async with dev_server(tmp_path) as temporal:
        house = house_at(1200, held={1: first_stop, 2: start}, outcomes={2: None}, unreadable={CHARGER})
        async with house_worker(temporal, house):
            played = await a_hard_night(temporal, house, monkeypatch)
            async with shell_worker(temporal):
                live_rest = await played.handle.query(SessionWorkflow.night_log)
        runs = await played.runs()

    assert len(runs) > 1, "the session did not continue as new"
    assert_hears_in_turn(runs[0], house)
    rebuilt = rebuild(runs)
    assert list(rebuilt.nights) == [1]
    assert rebuilt.nights[1] == house.logs[0]
    assert list(rebuilt.rest) == live_rest
    assert "read_failed" in names(rebuilt.nights[1])
    ended = [entry for entry in rebuilt.nights[1] if entry.name == "command_ended"]
    assert ended[0].data["outcome"]["number"] == 2
    assert ended[0].data["outcome"]["reason"] == "the step was lost: Unreachable"
    assert rebuild(runs[1:]).nights == rebuilt.nights, "what was open came along with the second run"


async def test_every_night_of_a_car_that_stays_is_rebuilt_on_its_own(tmp_path: Path) -> None:
    soon = Wish(target_soc_pct=80, ready_by=time(21, 0), zone="Europe/Amsterdam")  # two hours after the plug-in

    async def is_accounted() -> bool:
        return len(house.logs) == 1 and (await played.state()).night is not None

    async def is_recorded() -> bool:
        return len(await record(temporal, tmp_path / "recorded")) == 1

    async with dev_server(tmp_path) as temporal:
        house = house_at(3600, is_charging=False)
        async with house_worker(temporal, house), shell_worker(temporal):
            played = await plug_in(temporal, house, wish=soon)
            await until(is_accounted, "no second night")
            open_night = await played.handle.query(SessionWorkflow.night_log)
            before_the_end = await played.runs()
            await played.unplugged()
            await played.handle.result()
            runs = await played.runs()
        await until(is_recorded, "the server does not list the session")

    rebuilt = rebuild(runs)
    assert rebuild([list(read(path).events) for path in stored(tmp_path / "recorded")]) == rebuilt
    assert list(rebuilt.nights.items()) == list(enumerate(house.logs, start=1))
    assert len(house.logs) == 2
    so_far = rebuild(before_the_end)
    assert list(so_far.nights) == [1]
    assert list(so_far.rest)[: len(open_night)] == open_night


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.name[:15])
def test_a_stored_history_still_tells_the_log_that_was_handed_over(path: Path) -> None:
    events = list(read(path).events)
    rebuilt = rebuild([events])
    handed_over = [
        CloseTheNight.model_validate_json(event.activity_task_scheduled_event_attributes.input.payloads[0].data)
        for event in events
        if event.activity_task_scheduled_event_attributes.activity_type.name == CLOSE_NIGHT
    ]
    assert handed_over
    for step in handed_over:
        log = [entry.model_dump(mode="json") for entry in rebuilt.nights[step.night.number]]
        assert holds([entry.model_dump(mode="json") for entry in step.log], log)


def holds(stored_value: Any, rebuilt_value: Any) -> bool:
    """Whether all that was stored is rebuilt. Fields that models got since then appear with their defaults."""
    if isinstance(stored_value, dict):
        return all(key in rebuilt_value and holds(value, rebuilt_value[key]) for key, value in stored_value.items())
    if isinstance(stored_value, list):
        return len(stored_value) == len(rebuilt_value) and all(map(holds, stored_value, rebuilt_value))
    return bool(stored_value == rebuilt_value)


def test_every_signal_of_the_session_has_a_meaning() -> None:
    definition = WorkflowDefinition.must_from_class(SessionWorkflow)
    assert {name: signal.arg_types for name, signal in definition.signals.items()} == {
        name: [kind] for name, kind in SIGNALS.items()
    }


async def a_hard_night(temporal: Client, house: House, monkeypatch: pytest.MonkeyPatch) -> Played:
    """A superseded stop, a lost start, a lost read, a restarted shell and a new run, from plug-in to unplug."""
    # A timer is wanted beside the command under way: else it would wait for that command's end.
    monkeypatch.setattr("domain.session.decide.STEP_ENDS_WITHIN", timedelta(hours=2))
    first_stop, start = house.held[1], house.held[2]
    async with shell_worker(temporal):
        played = await plug_in(temporal, house)
        await played.has(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, 3)  # listen, plan, the first stop
        await act(played, "charge_now")  # the opposite: the stop under way is superseded
        await played.has(EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED)
        first_stop.set()  # its late result must not be heard
        await played.has(EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, 3)
        await played.has(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, 4)  # the start
        await a_fresh_reading(played)  # from which the timer looks an hour ahead: three seconds to stop the shell
    await everything_arrives_while_no_shell_runs(played, start)
    async with shell_worker(temporal):
        await played.has(EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED, 2)  # the hour is over: a read, lost too
        await continues_as_new(played, monkeypatch)
        await played.unplugged()
        await played.handle.result()
    return played


async def everything_arrives_while_no_shell_runs(played: Played, start: asyncio.Event) -> None:
    """A lost step, the timer and a signal wait for one workflow task, the signal last."""
    fired = len(await played.events(EventType.EVENT_TYPE_TIMER_FIRED))
    start.set()
    await played.has(EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
    await played.has(EventType.EVENT_TYPE_TIMER_FIRED, fired + 1)
    await act(played, "charge_now")  # again, which changes nothing


async def a_fresh_reading(played: Played) -> None:
    """Say again what is measured, and wait until that is known."""
    reading = played.house.reading(Side.CHARGER)
    await played.hears(reading, played.house.reading(Side.VEHICLE))

    async def is_known() -> bool:
        known_at = (await played.state()).readings[CHARGER].observed_at
        return known_at is not None and reading.observed_at is not None and known_at >= reading.observed_at

    await until(is_known, "the reading is not heard")


async def continues_as_new(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the policy renew the run as soon as nothing is under way."""
    with monkeypatch.context() as patched:
        patched.setattr("domain.session.decide.RENEW_AT_EVENTS", 1)

        async def renewed() -> bool:
            await played.hears(played.house.reading(Side.VEHICLE))
            return len(await played.runs()) > 1

        await until(renewed, "no second run")


def assert_hears_in_turn(run: Any, house: House) -> None:
    """The situation was as meant: one task took a step's failure, a timer and a signal, in that order in history."""
    failed = next(e.event_id for e in run if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED)
    after = [e.event_type for e in run if e.event_id > failed]
    until_next_task = after[: after.index(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)]
    assert EventType.EVENT_TYPE_TIMER_FIRED in until_next_task
    assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED in until_next_task
    heard = [e.name for e in house.logs[0] if e.kind == "event"]
    i = heard.index("command_ended")
    assert heard[i - 2 : i] == ["driver_acted", "time_reached"]
