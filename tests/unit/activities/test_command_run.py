"""One command from intent to proof: what is sent, how often, and what it is worth."""

from datetime import timedelta

import pytest
from support.devices import HandClock, Vendor, failing, flip, ignore, obey
from support.factories import CAR, CHARGER, DRIVER, EVENING
from temporalio.testing import ActivityEnvironment

from activities.command_run import FRESH, RESEND_AFTER, CommandRun
from domain.commands import CommandIntent, CommandOrder, CommandOutcome, CommandResult, Goal, Proof
from domain.devices import ActionState, ReadingSource, Side
from domain.errors import (
    CommandRejected,
    DeviceUnreachable,
    LinkRevoked,
    MissingCapability,
    RateLimited,
    VendorUnavailable,
)
from storage.memory import MemoryStore

SESSION = f"{CAR}:1"
PROOF_LIMIT = timedelta(minutes=10)


class Killed(BaseException):
    """The process dies here. No handler of ours catches it."""


def make_order(goal: Goal = Goal.START, *, number: int = 1, **changes) -> CommandOrder:
    values = {
        "key": f"{SESSION}/1/{number}",
        "number": number,
        "goal": goal,
        "side": Side.CHARGER,
        "device_id": CHARGER,
        "driver_id": DRIVER,
        "proof": Proof.FLOW if goal is Goal.START else Proof.NO_FLOW,
        "prove_by": EVENING + PROOF_LIMIT,
        "witness_ids": {Side.CHARGER: CHARGER, Side.VEHICLE: CAR},
    }
    return CommandOrder(**{**values, **changes})


class Bench:
    """A vendor, a book and a clock; a run begun on them again is a second attempt after a crash."""

    def __init__(self, *, flows: bool = False, reacts=obey) -> None:
        self.clock = HandClock()
        self.vendor = Vendor(self.clock, flows=flows, reacts=reacts)
        self.book = MemoryStore()

    async def run(self, order: CommandOrder | None = None) -> CommandOutcome:
        run = CommandRun(
            self.vendor, self.book, self.book, session_id=SESSION, order=order or make_order(), clock=self.clock
        )
        return await ActivityEnvironment().run(run.to_the_end)

    async def stored(self) -> CommandIntent:
        (intent,) = await self.book.commands(SESSION)
        return intent

    async def killed_before_the_request(self, order: CommandOrder) -> None:
        """Die between the stored intent and the noted request."""
        self.vendor.silent = dict.fromkeys(Side, Killed())
        with pytest.raises(Killed):
            await self.run(order)
        self.vendor.silent = {}
        self.vendor.sent.clear()

    async def killed_in_the_request(self, order: CommandOrder, *, after=ignore) -> None:
        """Die once the request is noted; what the vendor made of it is `after`."""
        lived, self.vendor.reacts = self.vendor.reacts, failing(Killed(), after=after)
        with pytest.raises(Killed):
            await self.run(order)
        self.vendor.reacts = lived
        assert (await self.stored()).requested_at is not None
        self.vendor.sent.clear()


@pytest.mark.parametrize(("goal", "flows"), [(Goal.START, True), (Goal.STOP, False)])
async def test_nothing_is_sent_when_what_is_measured_is_so_already(goal: Goal, flows: bool):
    bench = Bench(flows=flows)
    outcome = await bench.run(make_order(goal))
    assert outcome.result is CommandResult.ALREADY_SO
    assert outcome.sent_at is None
    assert bench.vendor.sent == []


@pytest.mark.parametrize(("goal", "flows"), [(Goal.START, False), (Goal.STOP, True)])
async def test_a_command_that_is_obeyed_is_proven_by_what_is_measured_after_one_request(goal: Goal, flows: bool):
    bench = Bench(flows=flows)
    outcome = await bench.run(make_order(goal))
    assert outcome.result is CommandResult.PROVEN
    assert bench.vendor.sent == [(goal, Side.CHARGER)]
    assert {reading.device_id for reading in outcome.evidence} == {CAR, CHARGER}
    assert {reading.source for reading in outcome.evidence} == {ReadingSource.READ}
    assert (await bench.stored()).outcome == outcome
    assert (await bench.stored()).action_id == "action-1"


async def test_a_command_that_is_accepted_and_ignored_is_unproven_once_its_time_is_over():
    bench = Bench(reacts=ignore)
    outcome = await bench.run()
    assert outcome.result is CommandResult.UNPROVEN
    assert outcome.sent_at == EVENING
    assert outcome.ended_at >= EVENING + PROOF_LIMIT
    assert len(bench.vendor.sent) == 1


async def test_a_vendors_confirmation_proves_nothing():
    bench = Bench(reacts=ignore)
    bench.vendor.answer = ActionState.CONFIRMED
    assert (await bench.run()).result is CommandResult.UNPROVEN


async def test_an_error_after_the_effect_is_proven_without_a_second_request():
    bench = Bench(reacts=failing(VendorUnavailable("500"), after=obey))
    outcome = await bench.run()
    assert outcome.result is CommandResult.PROVEN
    assert len(bench.vendor.sent) == 1


async def test_an_error_without_effect_is_unreachable_and_counts_as_sent():
    bench = Bench(reacts=failing(VendorUnavailable("500")))
    outcome = await bench.run()
    assert outcome.result is CommandResult.UNREACHABLE
    assert outcome.sent_at == EVENING
    assert len(bench.vendor.sent) == 1


async def test_a_request_that_certainly_never_left_counts_as_not_sent_and_is_not_waited_for():
    bench = Bench(reacts=failing(RateLimited("429", changed_nothing=True)))
    outcome = await bench.run()
    assert (outcome.result, outcome.sent_at) == (CommandResult.UNREACHABLE, None)
    assert bench.clock.now() == EVENING


async def test_a_refusal_is_told_with_its_kind():
    outcome = await Bench(reacts=failing(MissingCapability("no start"))).run()
    assert (outcome.result, outcome.sent_at) == (CommandResult.REFUSED, None)
    assert outcome.reason == "MissingCapability: no start"


async def test_an_action_refused_as_needless_is_already_so_if_it_measures_so():
    bench = Bench()
    bench.vendor.silent = {side: DeviceUnreachable() for side in Side}
    bench.vendor.answer = ActionState.REFUSED
    assert (await bench.run()).result is CommandResult.REFUSED

    # The charger speaks alone and shows the rest that is wanted: too little to send nothing, enough for a refusal.
    bench = Bench(flows=False)
    bench.vendor.silent = {Side.VEHICLE: DeviceUnreachable()}
    bench.vendor.answer = ActionState.REFUSED
    outcome = await bench.run(make_order(Goal.STOP))
    assert (outcome.result, outcome.sent_at) == (CommandResult.ALREADY_SO, None)
    assert len(bench.vendor.sent) == 1


async def test_a_witness_that_does_not_answer_leaves_the_proof_to_the_other():
    bench = Bench()
    bench.vendor.silent = {Side.CHARGER: DeviceUnreachable()}
    bench.vendor.refresh_fails = RateLimited()
    outcome = await bench.run()
    assert outcome.result is CommandResult.PROVEN
    assert [reading.side for reading in outcome.evidence] == [Side.VEHICLE]


async def test_the_request_is_noted_before_it_leaves():
    bench = Bench()
    noted = []

    async def look(vendor: Vendor, goal: Goal) -> None:
        noted.append((await bench.stored()).requested_at)
        await obey(vendor, goal)

    bench.vendor.reacts = look
    await bench.run()
    assert noted == [EVENING]


# After a crash: the same order is carried out again.


@pytest.mark.parametrize("toggles", [False, True])
async def test_killed_between_intent_and_request_the_command_is_sent_once(toggles: bool):
    bench = Bench(reacts=flip if toggles else obey)
    order = make_order(toggles=toggles)
    await bench.killed_before_the_request(order)
    assert (await bench.stored()).requested_at is None
    outcome = await bench.run(order)
    assert outcome.result is CommandResult.PROVEN
    assert len(bench.vendor.sent) == 1


@pytest.mark.parametrize("toggles", [False, True])
async def test_killed_after_the_request_the_effect_is_read_back_and_nothing_is_repeated(toggles: bool):
    bench = Bench(reacts=flip if toggles else obey)
    order = make_order(toggles=toggles)
    await bench.killed_in_the_request(order, after=bench.vendor.reacts)
    outcome = await bench.run(order)
    assert outcome.result is CommandResult.PROVEN
    assert outcome.sent_at == EVENING
    assert bench.vendor.sent == []
    assert bench.vendor.flows


async def test_a_request_on_record_without_effect_is_repeated_only_after_the_vendors_window():
    bench = Bench()
    order = make_order()
    await bench.killed_in_the_request(order)
    outcome = await bench.run(order)
    assert outcome.result is CommandResult.PROVEN
    assert bench.vendor.sent == [(Goal.START, Side.CHARGER)]
    assert outcome.sent_at is not None
    assert outcome.sent_at >= EVENING + RESEND_AFTER


async def test_a_device_that_toggles_is_never_asked_twice():
    bench = Bench(reacts=flip)
    order = make_order(toggles=True)
    await bench.killed_in_the_request(order)
    outcome = await bench.run(order)
    assert outcome.result is CommandResult.UNPROVEN
    assert bench.vendor.sent == []


async def test_a_request_found_after_its_time_is_not_repeated():
    bench = Bench()
    order = make_order()
    await bench.killed_in_the_request(order)
    bench.clock.pass_by(PROOF_LIMIT + FRESH)
    assert (await bench.run(order)).result is CommandResult.UNPROVEN
    assert bench.vendor.sent == []


async def test_a_command_that_ended_is_answered_from_the_book():
    bench = Bench()
    first = await bench.run()
    bench.vendor.flows = False
    bench.clock.pass_by(timedelta(hours=1))
    assert await bench.run() == first
    assert len(bench.vendor.sent) == 1


# A newer intent for the same device.


async def newer_intent(bench: Bench, device_id: str = CHARGER) -> None:
    order = make_order(Goal.STOP, number=2, device_id=device_id)
    intent = CommandIntent(key=order.key, session_id=SESSION, order=order, intended_at=EVENING)
    await bench.book.open_intent(intent)


async def test_an_outdated_intent_is_never_sent():
    bench = Bench()
    await newer_intent(bench)
    outcome = await bench.run()
    assert (outcome.result, outcome.sent_at) == (CommandResult.SUPERSEDED, None)
    assert bench.vendor.sent == []


async def test_a_newer_intent_for_the_other_device_does_not_outdate_this_one():
    bench = Bench()
    await newer_intent(bench, CAR)
    assert (await bench.run()).result is CommandResult.PROVEN


async def test_an_outdated_request_on_record_is_not_repeated():
    bench = Bench()
    await bench.killed_in_the_request(make_order())
    await newer_intent(bench)
    assert (await bench.run()).result is CommandResult.UNPROVEN
    assert bench.vendor.sent == []


@pytest.mark.parametrize("error", [CommandRejected("busy"), DeviceUnreachable("asleep", changed_nothing=True)])
async def test_what_was_not_sent_is_stored_as_the_end_all_the_same(error: Exception):
    bench = Bench(reacts=failing(error))
    outcome = await bench.run()
    assert (await bench.stored()).outcome == outcome


async def test_two_attempts_of_one_step_send_once_between_them(monkeypatch):
    """The second runs to its end while the first, which found nothing on record, still reads back."""
    bench = Bench(reacts=flip)
    read, results = bench.vendor.read, []

    async def read_slowly(side: Side, device_id: str):
        monkeypatch.setattr(bench.vendor, "read", read)
        before = await read(side, device_id)
        results.append((await bench.run(make_order(toggles=True))).result)
        return before

    monkeypatch.setattr(bench.vendor, "read", read_slowly)
    results.append((await bench.run(make_order(toggles=True))).result)
    assert len(bench.vendor.sent) == 1
    assert bench.vendor.flows
    assert results[0] is CommandResult.PROVEN


async def test_readings_older_than_another_request_do_not_make_a_command_needless():
    """A stop was asked for a moment ago; the flow seen before it says nothing of what comes after."""
    bench = Bench(flows=True)
    stop = make_order(Goal.STOP)
    intent = CommandIntent(key=stop.key, session_id=SESSION, order=stop, intended_at=bench.clock.now())
    await bench.book.open_intent(intent)
    await bench.book.note_request(stop.key, bench.clock.now())
    bench.vendor.answer = ActionState.PENDING
    outcome = await bench.run(make_order(Goal.START, number=2))
    assert outcome.result is not CommandResult.ALREADY_SO
    assert [goal for goal, _ in bench.vendor.sent] == [Goal.START]


async def test_f17_what_was_observed_before_the_decision_is_no_proof_that_it_is_so_already():
    bench = Bench(flows=True)  # shown by readings as of now
    stale = make_order(known_at=EVENING + timedelta(minutes=1))  # a later word said that nothing flows
    bench.vendor.flows = True
    outcome = await bench.run(stale)
    assert outcome.result is not CommandResult.ALREADY_SO
    assert len(bench.vendor.sent) == 1


async def test_f35_a_ban_is_told_with_its_end():
    bench = Bench(reacts=failing(RateLimited("429", retry_after=timedelta(hours=2), changed_nothing=True)))
    outcome = await bench.run()
    assert (outcome.error, outcome.retry_at) == ("RateLimited", EVENING + timedelta(hours=2))


async def test_f37_the_kind_of_a_failure_is_told_and_none_with_a_proof():
    assert (await Bench(reacts=failing(LinkRevoked())).run()).error == "LinkRevoked"
    assert (await Bench(reacts=failing(VendorUnavailable("500"), after=obey)).run()).error == ""
