"""Budget, bans, breaker and adaptive limit as tables of what happens and what follows."""

from datetime import UTC, datetime, timedelta

import pytest

from providers.traffic import (
    NOBODY,
    AdaptiveLimit,
    Bans,
    Breaker,
    BreakerRule,
    Budget,
    BudgetRule,
    ConcurrencyRule,
    Health,
    Parties,
    Party,
    RetryShare,
)
from providers.traffic.breaker import State

T0 = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
NONE = timedelta(0)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class TestBudget:
    RULE = BudgetRule(calls=10, per=timedelta(seconds=100), reserve=3)  # one call per 10 s

    def spend(self, budget: Budget, now: datetime, *, urgent: bool = False) -> int:
        taken = 0
        while budget.wait(now, urgent=urgent) == NONE:
            budget.take(now)
            taken += 1
        return taken

    def test_reserve_is_for_urgent_calls_alone(self) -> None:
        budget = Budget(self.RULE, T0)
        assert self.spend(budget, T0) == 7
        assert self.spend(budget, T0, urgent=True) == 3

    def test_wait_is_exactly_until_the_next_call_is_covered(self) -> None:
        budget = Budget(self.RULE, T0)
        self.spend(budget, T0)
        assert budget.wait(at(4)) == timedelta(seconds=6)
        assert budget.wait(at(4), urgent=True) == NONE
        assert budget.wait(at(10)) == NONE

    def test_urgent_calls_make_others_wait_longer(self) -> None:
        budget = Budget(self.RULE, T0)
        self.spend(budget, T0, urgent=True)
        assert budget.wait(T0) == timedelta(seconds=40)  # three of reserve and one, at 10 s each

    def test_quiet_time_saves_up_one_bucket_only(self) -> None:
        budget = Budget(self.RULE, T0)
        assert self.spend(budget, at(1e6)) == 7

    def test_clock_going_back_gives_nothing(self) -> None:
        budget = Budget(self.RULE, T0)
        self.spend(budget, T0)
        assert budget.wait(at(-1000)) == timedelta(seconds=10)

    def test_untouched_budget_can_be_dropped(self) -> None:
        budget = Budget(self.RULE, T0)
        assert budget.is_full(T0)
        budget.take(T0)
        assert not budget.is_full(at(9))
        assert budget.is_full(at(10))

    @pytest.mark.parametrize(("calls", "seconds", "reserve"), [(3, 1, 3), (0, 1, 0), (5, 0, 1), (5, 1, -1)])
    def test_rule_without_free_calls_or_span_is_refused(self, calls: int, seconds: int, reserve: int) -> None:
        with pytest.raises(ValueError, match="budget"):
            BudgetRule(calls, timedelta(seconds=seconds), reserve)


class TestBans:
    A = Party("anna", "TESLA")
    B = Party("bob", "TESLA")
    C = Party("carl", "TESLA")
    Z = Party("zoe", "ZAPTEC")
    DAY = timedelta(hours=13)

    def waits(self, bans: Bans, now: datetime) -> dict[str, timedelta]:
        return {
            party.driver_id or "nobody": bans.wait(party, now) for party in (self.A, self.B, self.C, self.Z, NOBODY)
        }

    def test_long_wait_binds_the_account_and_pauses_the_rest_shortly(self) -> None:
        bans = Bans()
        bans.add(self.A, self.DAY, T0)
        minute = timedelta(minutes=1)
        assert self.waits(bans, T0) == {
            "anna": self.DAY,
            "bob": minute,
            "carl": minute,
            "zoe": minute,
            "nobody": minute,
        }
        assert self.waits(bans, at(60)) == {
            "anna": self.DAY - minute,
            "bob": NONE,
            "carl": NONE,
            "zoe": NONE,
            "nobody": NONE,
        }

    def test_short_wait_binds_everyone_in_full(self) -> None:
        bans = Bans()
        bans.add(self.A, timedelta(seconds=20), T0)
        assert set(self.waits(bans, at(5)).values()) == {timedelta(seconds=15)}

    def test_second_account_means_the_vendor(self) -> None:
        bans = Bans()
        bans.add(self.A, self.DAY, T0)
        bans.add(self.B, timedelta(hours=1), at(100))
        later = self.waits(bans, at(1000))
        assert later["carl"] == later["anna"] == self.DAY - timedelta(seconds=1000)
        assert later["zoe"] == NONE

    def test_second_vendor_means_the_platform(self) -> None:
        bans = Bans()
        bans.add(self.A, self.DAY, T0)
        bans.add(self.Z, timedelta(hours=1), at(100))
        assert set(self.waits(bans, at(1000)).values()) == {self.DAY - timedelta(seconds=1000)}

    def test_ban_that_ran_out_does_not_escalate(self) -> None:
        bans = Bans()
        bans.add(self.A, timedelta(minutes=5), T0)
        bans.add(self.B, timedelta(minutes=5), at(301))
        assert bans.wait(self.C, at(301 + 60)) == NONE

    def test_ban_on_nobody_in_particular_is_for_all(self) -> None:
        bans = Bans()
        bans.add(NOBODY, self.DAY, T0)
        assert set(self.waits(bans, T0).values()) == {self.DAY}

    def test_ban_of_a_driver_covers_all_his_accounts(self) -> None:
        bans = Bans()
        bans.add(Party("anna"), self.DAY, T0)
        assert bans.wait(Party("anna", "ZAPTEC"), at(100)) == self.DAY - timedelta(seconds=100)
        assert bans.wait(self.B, at(100)) == NONE

    def test_shorter_ban_does_not_end_a_longer_one(self) -> None:
        bans = Bans()
        bans.add(self.A, self.DAY, T0)
        bans.add(self.A, timedelta(seconds=1), T0)
        assert bans.wait(self.A, T0) == self.DAY

    def test_refusal_without_a_time_is_a_short_wait(self) -> None:
        bans = Bans()
        bans.add(self.A, None, T0)
        assert bans.wait(self.A, T0) == timedelta(seconds=30)


class TestBreaker:
    def breaker(self, **changes: object) -> Breaker:
        return Breaker(BreakerRule(**changes))  # type: ignore[arg-type]

    def fail(self, breaker: Breaker, *accounts: str, now: datetime = T0) -> None:
        for account in accounts:
            breaker.record(account, False, now)

    def opened(self) -> Breaker:
        breaker = self.breaker()
        self.fail(breaker, "a", "b", "c")
        assert breaker.state is State.OPEN
        return breaker

    @pytest.mark.parametrize(
        ("well", "failing", "state"),
        [
            (0, 1, State.CLOSED),
            (0, 2, State.CLOSED),
            (0, 3, State.OPEN),
            (3, 3, State.OPEN),
            (4, 3, State.CLOSED),
            (100, 99, State.CLOSED),
            (100, 100, State.OPEN),
        ],
    )
    def test_vendor_fails_when_enough_accounts_and_half_of_them_fail(
        self, well: int, failing: int, state: State
    ) -> None:
        breaker = self.breaker()
        for number in range(well):
            breaker.record(f"well-{number}", True, T0)
        self.fail(breaker, *(f"failing-{number}" for number in range(failing)))
        assert breaker.state is state

    def test_one_account_failing_often_is_one_account(self) -> None:
        breaker = self.breaker()
        breaker.record("b", True, T0)
        self.fail(breaker, *["a"] * 1000)
        assert breaker.state is State.CLOSED
        assert breaker.admit(T0) == NONE
        assert (breaker.health("a", T0), breaker.health("b", T0)) == (Health.ACCOUNT_FAILING, Health.WELL)

    def test_group_failing_is_nobodys_own_fault(self) -> None:
        breaker = self.opened()
        assert {breaker.health(account, at(1)) for account in "abcd"} == {Health.VENDOR_FAILING}

    def test_account_that_works_again_is_well(self) -> None:
        breaker = self.breaker()
        self.fail(breaker, "a")
        breaker.record("a", True, at(1))
        assert breaker.health("a", at(1)) is Health.WELL

    def test_old_failures_do_not_count(self) -> None:
        breaker = self.breaker()
        self.fail(breaker, "a", "b", now=T0)
        self.fail(breaker, "c", now=at(241))
        assert breaker.state is State.CLOSED
        assert breaker.health("a", at(241)) is Health.WELL

    def test_vendor_wide_failure_opens_within_five_minutes_of_ordinary_polling(self) -> None:
        """Twenty cars polled every seven minutes, all failing from T0 on."""
        breaker = self.breaker()
        opened = None
        for second in range(0, 420, 21):
            self.fail(breaker, f"car-{second}", now=at(second))
            if breaker.state is State.OPEN and opened is None:
                opened = second
        assert opened is not None
        assert opened < 300

    def test_open_breaker_lets_nothing_through_until_its_rest_is_over(self) -> None:
        breaker = self.opened()
        assert breaker.admit(at(5)) == timedelta(seconds=10)
        assert breaker.admit(at(14.9)) > NONE
        assert breaker.admit(at(15)) == NONE

    def test_one_probe_at_a_time(self) -> None:
        breaker = self.opened()
        assert breaker.admit(at(15)) == NONE
        assert breaker.admit(at(16)) == timedelta(seconds=59)
        assert breaker.admit(at(75)) == NONE  # the first was never answered

    def test_failed_probes_lengthen_the_rest_up_to_its_limit(self) -> None:
        breaker, now, rests = self.opened(), T0, []
        for _ in range(5):
            rest = breaker.admit(now)
            rests.append(rest.total_seconds())
            now += rest
            assert breaker.admit(now) == NONE
            self.fail(breaker, "a", now=now)
        assert rests == [15, 30, 60, 60, 60]

    def test_eight_hours_of_outage_cost_a_probe_a_minute_at_most(self) -> None:
        breaker, sent = self.opened(), 0
        for second in range(8 * 3600):
            if breaker.admit(at(second)) == NONE:
                sent += 1
                self.fail(breaker, f"account-{second}", now=at(second))
        assert 400 < sent <= 8 * 60 + 3

    def test_answer_that_says_nothing_frees_the_probe(self) -> None:
        breaker = self.opened()
        breaker.admit(at(15))
        breaker.record("a", None, at(16))
        assert breaker.admit(at(16)) == NONE

    def test_return_is_paced_and_ends_closed(self) -> None:
        breaker = self.opened()
        breaker.admit(at(15))
        breaker.record("a", True, at(15))
        per_step = []
        for step in range(8):
            now = at(15 + 10 * step + 1)
            sent = 0
            while breaker.state is not State.CLOSED and breaker.admit(now) == NONE and breaker.state is State.RETURNING:
                sent += 1
            per_step.append(sent)
        assert per_step == [2, 4, 8, 16, 32, 64, 128, 0]
        assert breaker.state is State.CLOSED
        assert breaker.admit(at(1000)) == NONE

    def test_relapse_while_returning_opens_again(self) -> None:
        breaker = self.opened()
        breaker.admit(at(15))
        breaker.record("a", True, at(15))
        self.fail(breaker, "a", "b", "c", now=at(16))
        assert breaker.state is State.OPEN
        assert breaker.admit(at(16)) == timedelta(seconds=15)  # a fresh rest, for the vendor had answered

    def test_late_answers_do_not_move_an_open_breaker(self) -> None:
        breaker = self.opened()
        breaker.record("d", True, at(1))
        self.fail(breaker, "e", now=at(2))
        assert breaker.state is State.OPEN
        assert breaker.admit(at(3)) == timedelta(seconds=12)


class TestAdaptiveLimit:
    RULE = ConcurrencyRule(start=8, least=1, most=10, slow=timedelta(seconds=5), cut=0.5)
    QUICK = timedelta(milliseconds=100)

    def round(self, limit: AdaptiveLimit, *, overloaded: bool | None, took: timedelta = QUICK) -> None:
        """Fill all places, then empty them."""
        while limit.has_place():
            limit.enter()
        for _ in range(limit.in_flight):
            limit.leave(took, overloaded=overloaded)

    def test_good_rounds_raise_it_by_one_up_to_the_most(self) -> None:
        limit = AdaptiveLimit(self.RULE)
        seen = []
        for _ in range(6):
            self.round(limit, overloaded=False)
            seen.append(limit.limit)
        assert seen[0] == 8  # 8 x 1/8 of a growing number stays just below 9
        assert seen[-1] == 10
        assert sorted(seen) == seen

    def test_overload_halves_it_once_a_round_down_to_the_least(self) -> None:
        limit = AdaptiveLimit(self.RULE)
        seen = []
        for _ in range(5):
            self.round(limit, overloaded=True)
            seen.append(limit.limit)
        assert seen == [4, 2, 1, 1, 1]

    def test_slow_answers_count_as_overload(self) -> None:
        limit = AdaptiveLimit(self.RULE)
        self.round(limit, overloaded=False, took=timedelta(seconds=5))
        assert limit.limit == 4

    def test_idle_limit_does_not_rise(self) -> None:
        limit = AdaptiveLimit(self.RULE)
        for _ in range(100):
            limit.enter()
            limit.leave(self.QUICK, overloaded=False)
        assert limit.limit == 8

    def test_answer_that_says_nothing_changes_nothing(self) -> None:
        limit = AdaptiveLimit(self.RULE)
        self.round(limit, overloaded=None)
        assert limit.limit == 8

    def test_urgent_calls_find_a_place_when_reads_have_taken_all(self) -> None:
        limit = AdaptiveLimit(self.RULE)
        while limit.has_place():
            limit.enter()
        assert [limit.has_place(urgent=True)] == [True]
        limit.enter()
        limit.enter()
        assert not limit.has_place(urgent=True)


def test_second_tries_are_a_tenth_of_first_tries() -> None:
    share = RetryShare(share=0.1, most=10)
    second = 0
    for _ in range(1000):
        share.earn()
        second += share.spend()
    assert second == pytest.approx(110, abs=2)  # ten saved up, then one in ten


def test_what_was_not_seen_is_nobodys_and_the_oldest_is_forgotten() -> None:
    parties = Parties()
    assert parties.of("car-1") is NOBODY
    for number in range(100_001):
        parties.learn(f"car-{number}", Party("driver", "TESLA"))
    assert parties.of("car-0") is NOBODY
    assert parties.of("car-1") == Party("driver", "TESLA")
