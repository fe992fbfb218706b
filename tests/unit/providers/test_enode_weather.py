"""Bad weather: bans, quotas, dead vendors, slowness. What counts is what reaches the wire."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.devices import ActionState, Side
from domain.errors import NightchargeError, RateLimited, RetryableError, VendorUnavailable
from providers.traffic import BudgetRule, ConcurrencyRule, GateRules, Health

CAR, BOX = "GET /vehicles/car-1", "GET /chargers/box-1"


@pytest.fixture
async def known(enode: Any, wire: Any) -> Any:
    """Enode with twenty cars of one vendor and one box of another, each seen once."""
    for number in range(1, 21):
        enode.script[f"GET /vehicles/car-{number}"] = wire.vehicle(id=f"car-{number}", userId=f"driver-{number}")
        await enode.provider.read(Side.VEHICLE, f"car-{number}")
    enode.script[BOX] = wire.charger()
    await enode.provider.read(Side.CHARGER, "box-1")
    enode.requests.clear()
    return enode


def break_all_cars(enode: Any, answer: Any) -> dict[str, Any]:
    """Every car answers so; gives back what was there."""
    before = {key: enode.script[key] for key in list(enode.script) if key.startswith("GET /vehicles/")}
    enode.script.update(dict.fromkeys(before, answer))
    return before


async def poll(enode: Any, number: int, side: Side = Side.VEHICLE) -> bool:
    """True if the read was answered."""
    try:
        await enode.provider.read(side, f"{'car' if side is Side.VEHICLE else 'box'}-{number}")
    except RetryableError:
        return False
    return True


class TestBans:
    async def test_thirteen_hours_are_obeyed_exactly_and_by_this_account_alone(self, known: Any, wire: Any) -> None:
        good = known.script[CAR]
        known.script[CAR] = [wire.problem(429, "Too many", headers={"retry-after": "46800"}), good]
        with pytest.raises(RateLimited):
            await known.provider.read(Side.VEHICLE, "car-1")
        for _ in range(13 * 60 - 1):
            known.pass_time(minutes=1)
            with pytest.raises(RateLimited) as told:
                await known.provider.start(Side.VEHICLE, "car-1")
        assert told.value.retry_after == timedelta(minutes=1)
        assert await poll(known, 2)
        assert known.asked() == [CAR, "GET /vehicles/car-2"]
        known.pass_time(minutes=1)
        assert await poll(known, 1)

    async def test_quota_dressed_as_403_is_a_ban_too(self, known: Any, wire: Any) -> None:
        known.script[CAR] = wire.problem(403, "Quota exceeded", headers={"retry-after": "3600"})
        for _ in range(59):
            assert not await poll(known, 1)
            known.pass_time(minutes=1)
        assert known.asked() == [CAR]

    async def test_ban_of_all_costs_three_calls_more_until_it_is_known(self, known: Any, wire: Any) -> None:
        ban = wire.problem(429, "Too many", headers={"retry-after": "46800"})
        break_all_cars(known, ban)
        known.script[BOX] = ban
        for _ in range(120):
            for number in range(1, 21):
                assert not await poll(known, number)
            assert not await poll(known, 1, Side.CHARGER)
            known.pass_time(seconds=61)
        assert len(known.asked()) == 4  # three cars (so the vendor), the box (so all)

    async def test_budget_spent_keeps_calls_for_start_and_its_check(self, enode: Any, wire: Any) -> None:
        rules = GateRules(account=BudgetRule(calls=10, per=timedelta(days=1), reserve=4))
        enode.provider.client = enode.new_client(traffic=rules)
        enode.script[CAR] = wire.vehicle()
        enode.script["POST /vehicles/car-1/charging"] = wire.action(targetId="car-1")
        polled = [await poll(enode, 1) for _ in range(30)]
        assert sum(polled) == 7  # the first, before it was known whose car it is, and six of ten
        assert (await enode.provider.start(Side.VEHICLE, "car-1")).state is ActionState.PENDING
        assert [await poll(enode, 1) for _ in range(5)] == [True, True, True, False, False]


class TestVendorDown:
    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(403, json={"title": "Forbidden"}),
            httpx.Response(400, json={"title": "Bad request"}),
            httpx.Response(503),
            httpx.Response(200, html="<html>Maintenance</html>"),
            httpx.ReadTimeout("slow"),
        ],
    )
    async def test_eight_hours_down_in_any_dress_cost_few_calls_and_end_in_a_paced_return(
        self, known: Any, answer: Any
    ) -> None:
        before = break_all_cars(known, answer)
        for _ in range(8 * 4):
            for number in range(1, 21):
                with pytest.raises(NightchargeError):
                    await known.provider.read(Side.VEHICLE, f"car-{number}")
            known.pass_time(minutes=15)
        assert known.provider.trouble("driver-7", "JEEP") is Health.VENDOR_FAILING
        assert len(known.asked()) <= 3 + 8 * 4  # of 640 wanted
        assert known.tokens <= 10  # hourly renewals, no login storm
        known.script.update(before)
        known.requests.clear()
        assert [await poll(known, number) for number in range(1, 21)].count(True) == 3  # the probe and a first step
        known.pass_time(minutes=5)
        for _ in range(10):
            for number in range(1, 21):
                await poll(known, number)
            known.pass_time(seconds=10)
        assert all([await poll(known, number) for number in range(1, 21)])
        assert known.provider.trouble("driver-7", "JEEP") is Health.WELL

    async def test_other_vendors_go_on(self, known: Any) -> None:
        break_all_cars(known, httpx.Response(503))
        for number in range(1, 21):
            await poll(known, number)
        assert await poll(known, 1, Side.CHARGER)

    async def test_one_account_failing_is_that_account(self, known: Any) -> None:
        known.script[CAR] = httpx.Response(403, json={"title": "Forbidden"})
        for _ in range(10):
            for number in range(1, 21):
                assert await poll(known, number) is (number != 1)
            known.pass_time(minutes=1)
        assert known.provider.trouble("driver-1", "JEEP") is Health.ACCOUNT_FAILING
        assert known.provider.trouble("driver-2", "JEEP") is Health.WELL

    async def test_failing_logins_are_not_the_vendors_fault(self, known: Any) -> None:
        known.script["POST /oauth2/token"] = httpx.Response(503)
        known.pass_time(hours=2)
        for number in range(1, 21):
            assert not await poll(known, number)
        assert known.asked() == []
        assert known.provider.trouble("driver-1", "JEEP") is Health.WELL

    async def test_refused_commands_are_no_failure_of_the_vendor(self, known: Any, wire: Any) -> None:
        for number in range(1, 21):
            known.script[f"POST /vehicles/car-{number}/charging"] = wire.problem(400, "Already charging")
            assert (await known.provider.start(Side.VEHICLE, f"car-{number}")).state is ActionState.REFUSED
        assert known.provider.trouble("driver-1", "JEEP") is Health.WELL


class TestSlowness:
    async def test_second_tries_stay_near_a_tenth_when_connections_break(self, known: Any) -> None:
        known.provider.client = known.new_client(
            traffic=GateRules(account=BudgetRule(calls=10_000, per=timedelta(days=1)))
        )
        known.script[BOX] = httpx.ConnectError("broken")
        for _ in range(500):
            assert not await poll(known, 1, Side.CHARGER)
        assert len(known.asked()) == pytest.approx(500 + 10 + 50, abs=3)

    async def test_command_does_not_wait_behind_slow_reads(self, enode: Any, wire: Any) -> None:
        rules = GateRules(platform=ConcurrencyRule(start=2, most=2), patience=timedelta(seconds=30))
        enode.provider.client = enode.new_client(traffic=rules)
        answered = asyncio.Event()

        async def slow(_: httpx.Request) -> httpx.Response:
            await answered.wait()
            return httpx.Response(200, json=wire.vehicle())

        enode.script[CAR] = slow
        enode.script["POST /chargers/box-1/charging"] = wire.action()
        reads = [asyncio.create_task(poll(enode, 1)) for _ in range(10)]
        action = await enode.provider.start(Side.CHARGER, "box-1")
        assert action.state is ActionState.PENDING
        assert enode.asked().count(CAR) <= 2
        answered.set()
        assert all(await asyncio.gather(*reads))

    async def test_held_back_calls_say_when_to_ask_again(self, known: Any) -> None:
        break_all_cars(known, httpx.Response(503))
        for number in range(1, 21):
            await poll(known, number)
        with pytest.raises(VendorUnavailable, match="held back, vendor_failing") as told:
            await known.provider.read(Side.VEHICLE, "car-1")
        assert told.value.retry_after == timedelta(seconds=15)
        assert told.value.changed_nothing
