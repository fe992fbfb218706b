"""P14, the client's manners under bans, quotas, dead tokens, dead vendors, slowness: what counts reached the wire."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from domain.devices import ActionState, Side
from domain.errors import LinkRevoked, NightchargeError, RateLimited, Unauthorized, VendorUnavailable
from providers.traffic import BudgetRule, ConcurrencyRule, GateRules, Health

HOUR = timedelta(hours=1)
BAN = 13 * HOUR


async def look_at_all(sky: Any, provider: Any, failure: Any, side: Side) -> list[NightchargeError | None]:
    """Every driver's device is read; their errors."""
    return [await failure(provider.read(side, device)) for device in sky.of(side)]


class TestBans:
    async def test_f35_thirteen_hours_are_obeyed_to_the_second_by_this_account_alone(
        self, sky: Any, provider: Any, failure: Any
    ) -> None:
        mine, other = sky.drivers[:2]
        car, others_car = sky.ids[mine, Side.VEHICLE], sky.ids[other, Side.VEHICLE]
        sky.brew("rate_limit", target=f"user:{mine}", count=5, per_seconds=86_400, ban_seconds=BAN.total_seconds())
        errors = [await failure(provider.read(Side.VEHICLE, car)) for _ in range(6)]
        assert errors[:5] == [None] * 5
        assert isinstance(errors[5], RateLimited)
        assert errors[5].retry_after == BAN
        banned_at = sky.now
        for _ in range(13 * 12 - 1):
            sky.pass_time(minutes=5)
            for call in (provider.read(Side.VEHICLE, car), provider.start(Side.VEHICLE, car)):
                error = await failure(call)
                assert isinstance(error, RateLimited)
                assert error.changed_nothing
                assert sky.now + error.retry_after == banned_at + BAN
            assert await failure(provider.read(Side.VEHICLE, others_car)) is None
        assert sky.asked(car, since=banned_at) == []
        assert len(sky.asked(others_car)) == 13 * 12 - 1
        sky.pass_time(minutes=5)
        assert await failure(provider.read(Side.VEHICLE, car)) is None

    async def test_f35_ban_of_us_all_is_known_after_four_calls_and_obeyed_to_its_end(
        self, sky: Any, provider: Any, failure: Any
    ) -> None:
        sky.brew("rate_limit", count=10, per_seconds=86_400, ban_seconds=BAN.total_seconds())
        for side in (Side.VEHICLE, Side.CHARGER):
            await look_at_all(sky, provider, failure, side)
        banned_at = sky.now
        refused = [seen for seen in sky.asked() if seen.status == 429]
        assert len(refused) == 4  # three cars make it the vendor's, the first box everyone's
        for _ in range(12):
            sky.pass_time(hours=1)
            assert None not in await look_at_all(sky, provider, failure, Side.VEHICLE)
            assert None not in await look_at_all(sky, provider, failure, Side.CHARGER)
        assert sky.asked(since=banned_at) == []
        sky.pass_time(hours=1)
        assert await failure(provider.read(Side.CHARGER, sky.of(Side.CHARGER)[0])) is None

    async def test_f36_quota_told_as_403_is_a_ban_and_nobody_is_asked_to_link_again(
        self, sky: Any, provider: Any, failure: Any
    ) -> None:
        mine = sky.drivers[0]
        car = sky.ids[mine, Side.VEHICLE]
        quota = {"status": 403, "title": "Quota exceeded", "problem": "forbidden", "retry_after_seconds": 6 * 3600}
        sky.brew("http_error", target=f"user:{mine}", **quota)
        for _ in range(6 * 12):
            error = await failure(provider.read(Side.VEHICLE, car))
            assert isinstance(error, RateLimited)
            sky.pass_time(minutes=5)
        assert len(sky.asked(car)) == 1

    async def test_budget_is_kept_before_the_vendor_must_say_so(self, sky: Any, failure: Any) -> None:
        budget = BudgetRule(calls=20, per=timedelta(days=1), reserve=6)
        provider = await sky.begin(sky.client(traffic=GateRules(account=budget)))
        car = sky.of(Side.VEHICLE)[0]
        answered = [await failure(provider.read(Side.VEHICLE, car)) is None for _ in range(100)]
        assert answered.count(True) == 14
        assert await failure(provider.start(Side.VEHICLE, car)) is None  # tonight's start is kept for
        await provider.client._http.aclose()


class TestTokens:
    async def test_f37_refused_credentials_cost_a_login_a_minute_not_one_a_call(
        self, sky: Any, provider: Any, failure: Any
    ) -> None:
        trouble = sky.brew("token_trouble", status=401, revoke=True)
        for _ in range(60):
            for error in await look_at_all(sky, provider, failure, Side.VEHICLE):
                assert isinstance(error, Unauthorized)
                assert not isinstance(error, LinkRevoked)
            sky.pass_time(minutes=1)
        assert sky.logins() <= 62  # of 1,200 calls wanted
        assert len(sky.asked()) <= 1  # nobody knocks without a token
        assert provider.trouble(sky.drivers[0], "TESLA") is Health.WELL
        sky.clear_up(trouble)
        assert await look_at_all(sky, provider, failure, Side.VEHICLE) == [None] * 20

    async def test_f37_token_service_down_for_eight_hours_is_asked_once_a_look(
        self, sky: Any, provider: Any, failure: Any
    ) -> None:
        trouble = sky.brew("token_trouble", status=503, revoke=True)
        for _ in range(8 * 6):
            for error in await look_at_all(sky, provider, failure, Side.VEHICLE):
                assert isinstance(error, VendorUnavailable)
            sky.pass_time(minutes=10)
        assert sky.logins() <= 8 * 6 + 1
        sky.clear_up(trouble)
        assert await failure(provider.read(Side.VEHICLE, sky.of(Side.VEHICLE)[0])) is None

    async def test_revoked_token_is_renewed_once_for_all_who_wait(self, sky: Any, provider: Any, failure: Any) -> None:
        sky.revoke_tokens()
        errors = await asyncio.gather(*(failure(provider.read(Side.VEHICLE, car)) for car in sky.of(Side.VEHICLE)))
        assert errors == [None] * 20
        assert sky.logins() == 1


class TestVendorDown:
    @pytest.mark.parametrize(
        "dress",
        [
            {"status": 403, "title": "Forbidden", "problem": "forbidden"},
            {"status": 503},
            {"status": 400, "title": "Bad request", "problem": "bad-request"},
        ],
    )
    async def test_f69_f70_eight_hours_in_any_dress_cost_a_probe_a_look_and_end_in_a_paced_return(
        self, sky: Any, provider: Any, failure: Any, dress: dict[str, Any]
    ) -> None:
        outage = sky.brew("http_error", target="vendor:TESLA", **dress)
        for _ in range(8 * 12):
            for error in await look_at_all(sky, provider, failure, Side.VEHICLE):
                assert isinstance(error, NightchargeError)
                assert not isinstance(error, LinkRevoked)
            sky.pass_time(minutes=5)
        assert provider.trouble(sky.drivers[7], "TESLA") is Health.VENDOR_FAILING
        assert len(sky.asked()) <= 3 + 8 * 12  # of 1,920 wanted
        assert sky.logins() <= 9  # one for each hour's token
        assert await look_at_all(sky, provider, failure, Side.CHARGER) == [None] * 20  # the other vendor goes on
        sky.clear_up(outage)
        sky.forget()
        steps = []
        for _ in range(6):
            before = len(sky.asked())
            await look_at_all(sky, provider, failure, Side.VEHICLE)
            steps.append(len(sky.asked()) - before)
            sky.pass_time(seconds=10)
        assert steps == [3, 4, 8, 16, 20, 20]  # the probe and two, then twice as many every ten seconds
        assert provider.trouble(sky.drivers[7], "TESLA") is Health.WELL

    async def test_f69_eight_hours_of_time_outs_cost_a_probe_an_hour_asked_hourly(self, sky: Any, failure: Any) -> None:
        provider = await sky.begin(sky.client())
        settings = provider.client.settings
        provider.client.settings = settings.model_copy(update={"call_timeout_seconds": 0.5})  # real seconds
        sky.brew("http_error", target="vendor:TESLA", status=0, slow_seconds=60)
        sky.wire.sent.clear()
        reads = (failure(provider.read(Side.VEHICLE, car)) for car in sky.of(Side.VEHICLE)[:3])
        errors = await asyncio.gather(*reads)
        assert all(isinstance(error, VendorUnavailable) for error in errors)
        for _ in range(8):
            sky.pass_time(hours=1)
            errors = await look_at_all(sky, provider, failure, Side.VEHICLE)
            assert all(isinstance(error, VendorUnavailable) for error in errors)
        assert len(sky.wire.sent) <= 3 + 8 + sky.logins()  # of 163 wanted
        await provider.client._http.aclose()

    async def test_f70_one_account_failing_is_that_account(self, sky: Any, provider: Any, failure: Any) -> None:
        mine = sky.drivers[0]
        sky.brew("http_error", target=f"user:{mine}", status=403, title="Forbidden", problem="forbidden")
        for _ in range(12):
            errors = await look_at_all(sky, provider, failure, Side.VEHICLE)
            assert errors[1:] == [None] * 19
            assert provider.trouble(mine, "TESLA") is Health.ACCOUNT_FAILING
            assert provider.trouble(sky.drivers[1], "TESLA") is Health.WELL
            sky.pass_time(minutes=5)


class TestSlowness:
    async def test_f71_slow_platform_is_asked_less_at_once_never_more_and_a_command_goes_first(
        self, sky: Any, failure: Any
    ) -> None:
        rules = GateRules(platform=ConcurrencyRule(start=8, slow=timedelta(seconds=0.05)), patience=HOUR)
        provider = await sky.begin(sky.client(traffic=rules))
        sky.brew("http_error", status=0, slow_seconds=0.1)  # a hundred times a millisecond
        cars = sky.of(Side.VEHICLE)
        for _ in range(2):
            await asyncio.gather(*(failure(provider.read(Side.VEHICLE, car)) for car in cars))
        sky.wire.most_in_flight = 0
        sky.forget()
        reads = [asyncio.create_task(failure(provider.read(Side.VEHICLE, car))) for car in cars]
        await asyncio.sleep(0)
        action = await provider.start(Side.CHARGER, sky.of(Side.CHARGER)[0])
        assert action.state in (ActionState.PENDING, ActionState.CONFIRMED)
        answered = [seen.method for seen in sky.asked()]
        assert answered.count("GET") < len(cars)
        assert await asyncio.gather(*reads) == [None] * len(cars)
        assert sky.wire.most_in_flight <= 4  # of eight at first; two more for what is urgent
        assert len(sky.asked()) == len(cars) + 1  # nobody is asked twice
        await provider.client._http.aclose()
