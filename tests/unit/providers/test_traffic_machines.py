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
from providers.traffic.ledger import Ledger

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


class TestLedger:
    def test_spent_entries_are_dropped_at_the_limit_and_the_others_stay(self) -> None:
        ledger: Ledger[int, int] = Ledger(first_limit=10)
        for number in range(10):
            ledger.drop_spent(lambda value: value < 6)
            ledger[number] = number
        assert len(ledger) == 10
        ledger.drop_spent(lambda value: value < 6)
        assert list(ledger) == [6, 7, 8, 9]

    def test_many_lasting_entries_are_not_searched_each_time(self) -> None:
        searched = 0

        def is_spent(_: int) -> bool:
            nonlocal searched
            searched += 1
            return False

        ledger: Ledger[int, int] = Ledger(first_limit=10)
        for number in range(10_000):
            ledger.drop_spent(is_spent)
            ledger[number] = number
        assert searched < 20_000


class TestBans:
    A, B, C, D = (Party(name, "TESLA") for name in ("anna", "bob", "carl", "dora"))
    Z = Party("zoe", "ZAPTEC")
    DAY = timedelta(hours=13)

    def refused(self, *parties: Party, asked: timedelta | None = DAY) -> Bans:
        bans = Bans()
        for party in parties:
            bans.refused(party, asked, T0)
        return bans

    def waiting(self, bans: Bans, now: datetime = T0) -> str:
        """Initials of those who must wait, `-` for a call on nobody's behalf."""
        parties = {"a": self.A, "b": self.B, "c": self.C, "d": self.D, "z": self.Z, "-": NOBODY}
        return "".join(name for name, party in parties.items() if bans.wait(party, now) > NONE)

    @pytest.mark.parametrize(
        ("refused", "waiting"),
        [
            ("a", "a"),
            ("aaaaaaa", "a"),
            ("ab", "ab"),
            ("az", "az"),
            ("abc", "abcd"),  # three of a vendor in a row: the vendor
            ("abz", "abcdz-"),  # three of two vendors in a row: the platform
            ("abcz", "abcdz-"),
            ("ab+c", "abc"),  # a call was answered in between: each for itself
            ("ab+cd", "abcd"),
            ("ab*c", "abcd"),  # answered for another vendor: still three in a row of this one
            ("ab*z", "abz"),
            ("-", "abcdz-"),  # refused on nobody's behalf: all
        ],
    )
    def test_scope_of_a_ban_is_learned_from_who_is_refused_in_a_row(self, refused: str, waiting: str) -> None:
        """`+` and `*` are answered calls of the first and of another vendor."""
        parties = {"a": self.A, "b": self.B, "c": self.C, "d": self.D, "z": self.Z, "-": NOBODY}
        bans = Bans()
        for one in refused:
            if one in "+*":
                bans.answered(Party("eve", "TESLA" if one == "+" else "OHME"))
            else:
                bans.refused(parties[one], self.DAY, T0)
        assert self.waiting(bans) == waiting

    def test_wait_is_exact(self) -> None:
        bans = self.refused(self.A)
        assert bans.wait(self.A, at(3600)) == self.DAY - timedelta(hours=1)
        assert bans.wait(self.A, T0 + self.DAY) == NONE
        assert bans.active(T0 + self.DAY) == {}

    def test_long_wait_of_one_account_does_not_bind_all(self) -> None:
        bans = self.refused(self.A)
        bans.refused(self.B, timedelta(seconds=5), T0)
        bans.refused(self.Z, timedelta(seconds=9), T0)
        assert bans.wait(self.C, T0) == timedelta(seconds=5)
        assert bans.wait(self.A, T0) == self.DAY

    def test_ban_that_ran_out_is_not_in_the_row(self) -> None:
        bans = self.refused(self.A, self.B, asked=timedelta(minutes=5))
        bans.refused(self.C, timedelta(minutes=5), at(301))
        assert self.waiting(bans, at(301)) == "c"

    def test_ban_of_a_driver_covers_all_his_accounts(self) -> None:
        bans = self.refused(Party("anna"))
        assert bans.wait(Party("anna", "ZAPTEC"), at(100)) == self.DAY - timedelta(seconds=100)
        assert bans.wait(self.B, at(100)) == NONE

    def test_shorter_ban_does_not_end_a_longer_one(self) -> None:
        bans = self.refused(self.A)
        bans.refused(self.A, timedelta(seconds=1), T0)
        assert bans.wait(self.A, T0) == self.DAY

    def test_refusal_without_a_time_is_a_short_wait(self) -> None:
        assert self.refused(self.A, asked=None).wait(self.A, T0) == timedelta(seconds=30)

    def test_bans_of_a_large_fleet_each_for_itself_stop_nobody_else(self) -> None:
        bans = Bans()
        for number in range(30_000):
            bans.refused(Party(f"driver-{number}", "TESLA"), self.DAY, at(number))
            bans.answered(Party("eve", "TESLA"))
        assert bans.wait(Party("eve", "TESLA"), at(30_000)) == NONE


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
