"""The gate: who may go, who waits, and that nothing leaks when calls fail or are given up."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from providers.traffic import (
    NOBODY,
    BudgetRule,
    ConcurrencyRule,
    Gate,
    GateRules,
    Health,
    Held,
    Party,
    Result,
    Why,
)

ANNA, BOB, ZOE = Party("anna", "TESLA"), Party("bob", "TESLA"), Party("zoe", "ZAPTEC")
NARROW = ConcurrencyRule(start=1, most=1, urgent_extra=0)


class World:
    def __init__(self, **rules: object) -> None:
        self.now = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
        self.seconds = 0.0
        self.gate = Gate(GateRules(**rules), lambda: self.now, lambda: self.seconds)  # type: ignore[arg-type]

    async def call(self, party: Party, result: Result = Result.OK, *, command: bool = False) -> None:
        async with self.gate.ticket(party, command=command) as ticket:
            ticket.settle(result)

    async def held(self, party: Party, *, command: bool = False) -> Held:
        with pytest.raises(Held) as held:
            await self.call(party, command=command)
        return held.value

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)


async def settle_down() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_call_inside_a_ban_and_the_first_one_right_after() -> None:
    world = World()
    async with world.gate.ticket(ANNA) as ticket:
        ticket.settle(Result.LIMITED, timedelta(hours=13))
    world.pass_time(hours=12, minutes=59, seconds=59)
    held = await world.held(ANNA, command=True)
    assert (held.why, held.wait) == (Why.BANNED, timedelta(seconds=1))
    await world.call(BOB)
    world.pass_time(seconds=1)
    await world.call(ANNA)


async def test_ban_that_falls_while_waiting_for_a_place_is_obeyed() -> None:
    world = World(platform=NARROW)
    async with world.gate.ticket(ANNA) as ticket:
        waiting = asyncio.create_task(world.held(ANNA))
        await settle_down()
        ticket.settle(Result.LIMITED, timedelta(hours=1))
    assert (await waiting).why is Why.BANNED


async def test_budget_is_per_account_and_keeps_its_reserve_for_commands() -> None:
    world = World(account=BudgetRule(calls=5, per=timedelta(hours=5), reserve=2))
    for _ in range(3):
        await world.call(ANNA)
    held = await world.held(ANNA)
    assert (held.why, held.wait) == (Why.BUDGET, timedelta(hours=1))
    await world.call(BOB)
    await world.call(NOBODY)
    await world.call(ANNA, command=True)


async def test_reads_that_check_a_command_may_use_the_reserve_on_both_sides_of_the_cable() -> None:
    world = World(account=BudgetRule(calls=5, per=timedelta(days=5), reserve=3))
    car, box = Party("anna", "TESLA"), Party("anna", "ZAPTEC")
    for party in (car, box):
        await world.call(party)
        await world.call(party)
        assert (await world.held(party)).why is Why.BUDGET
    await world.call(box, command=True)
    await world.call(box)
    await world.call(car)
    world.pass_time(minutes=21)
    assert (await world.held(car)).why is Why.BUDGET


async def test_vendor_may_have_its_own_budget() -> None:
    world = World(by_vendor={"TESLA": BudgetRule(calls=1, per=timedelta(days=1))})
    await world.call(ANNA)
    assert (await world.held(ANNA)).why is Why.BUDGET
    await world.call(ZOE)
    await world.call(ZOE)


async def test_failing_vendor_is_kept_away_from_and_others_are_not() -> None:
    world = World()
    for name in ("a", "b", "c"):
        await world.call(Party(name, "TESLA"), Result.FAILED)
    held = await world.held(ANNA)
    assert (held.why, held.wait) == (Why.VENDOR_FAILING, timedelta(seconds=15))
    assert world.gate.health(ANNA) is Health.VENDOR_FAILING
    assert world.gate.health(ZOE) is Health.WELL
    assert world.gate.open_vendors() == ["TESLA"]
    await world.call(ZOE)
    await world.call(NOBODY)


async def test_call_held_back_by_the_breaker_costs_no_budget() -> None:
    world = World(account=BudgetRule(calls=2, per=timedelta(days=100)))
    for name in ("a", "b", "c"):
        await world.call(Party(name, "TESLA"), Result.FAILED)
    for _ in range(10):
        assert (await world.held(ANNA)).why is Why.VENDOR_FAILING
    world.pass_time(seconds=15)
    await world.call(ANNA)
    await world.call(ANNA)


async def test_call_held_back_by_the_budget_costs_no_probe() -> None:
    world = World(account=BudgetRule(calls=1, per=timedelta(days=100)))
    for name in ("a", "b", "c"):
        await world.call(Party(name, "TESLA"), Result.FAILED)
    world.pass_time(seconds=15)
    assert (await world.held(Party("a", "TESLA"))).why is Why.BUDGET
    await world.call(ANNA)  # probes, and succeeds
    assert world.gate.health(ANNA) is Health.WELL


async def test_command_goes_before_reads_that_waited_longer() -> None:
    world = World(platform=NARROW)
    order: list[str] = []

    async def named(name: str, *, command: bool = False) -> None:
        async with world.gate.ticket(NOBODY, command=command):
            order.append(name)

    async with world.gate.ticket(NOBODY):
        tasks = [asyncio.create_task(named(f"read-{number}")) for number in range(3)]
        await settle_down()
        tasks.append(asyncio.create_task(named("command", command=True)))
        await settle_down()
        assert order == []
    await asyncio.gather(*tasks)
    assert order == ["command", "read-0", "read-1", "read-2"]


async def test_slow_vendor_does_not_take_the_places_of_others() -> None:
    world = World(vendor=NARROW, platform=ConcurrencyRule(start=5, most=5))
    async with world.gate.ticket(ANNA):
        waiting = [asyncio.create_task(world.call(BOB)) for _ in range(10)]
        await settle_down()
        await world.call(ZOE)
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)


async def test_waiting_for_a_place_ends_in_patience() -> None:
    world = World(platform=NARROW, patience=timedelta(milliseconds=20))
    async with world.gate.ticket(NOBODY):
        assert (await world.held(NOBODY)).why is Why.CROWDED
    await world.call(NOBODY)


async def test_queue_has_an_end_for_reads_but_not_for_commands() -> None:
    world = World(platform=NARROW, most_waiting=1)
    async with world.gate.ticket(NOBODY):
        first = asyncio.create_task(world.call(NOBODY))
        await settle_down()
        assert (await world.held(NOBODY)).why is Why.CROWDED
        command = asyncio.create_task(world.call(NOBODY, command=True))
        await settle_down()
        assert not command.done()
    await asyncio.gather(first, command)


async def test_given_up_calls_leave_no_place_taken() -> None:
    world = World(platform=NARROW)
    async with world.gate.ticket(NOBODY):
        early = asyncio.create_task(world.call(NOBODY))
        late = asyncio.create_task(world.call(NOBODY))
        await settle_down()
        early.cancel()
        await settle_down()
    late.cancel()  # in the very step in which it was given the place
    await asyncio.gather(early, late, return_exceptions=True)
    await asyncio.wait_for(world.call(NOBODY), 5)


async def test_call_that_breaks_gives_its_place_back_and_counts_as_neutral() -> None:
    world = World(platform=NARROW)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            async with world.gate.ticket(ANNA):
                raise ZeroDivisionError
    await world.call(ANNA)
    assert world.gate.health(ANNA) is Health.WELL


async def test_slow_answers_lower_the_places_and_quick_ones_raise_them() -> None:
    world = World(platform=ConcurrencyRule(start=4, most=4, slow=timedelta(seconds=5), cut=0.5, urgent_extra=0))

    async def places() -> int:
        entered = 0
        async with asyncio.TaskGroup() as group:
            leave = asyncio.Event()

            async def hold() -> None:
                nonlocal entered
                async with world.gate.ticket(NOBODY) as ticket:
                    entered += 1
                    await leave.wait()
                    ticket.settle(Result.OK)

            tasks = [group.create_task(hold()) for _ in range(4)]
            await settle_down()
            seen = entered
            leave.set()
            assert len(tasks) == 4
        return seen

    async def slow_call() -> None:
        async with world.gate.ticket(NOBODY) as ticket:
            world.seconds += 100
            ticket.settle(Result.OK)

    assert await places() == 4
    await slow_call()
    assert await places() == 2
    for _ in range(10):
        await places()
    assert await places() == 4
