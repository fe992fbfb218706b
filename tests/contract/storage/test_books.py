"""What every store must do. Each test runs on each store."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from domain.account import NightAccount, SlotAccount
from domain.commands import CommandIntent, CommandOrder, CommandOutcome, CommandResult, Goal, Proof
from domain.devices import ActionState, Capability, CapabilityKind, Device, PowerDeliveryState, Reading, Side
from domain.errors import CallerError
from domain.nightlog import LogEntry, LogKind
from domain.ports import CommandBook, NightBook, ReadingBook, WatchBook
from domain.relevance import Watch
from storage.memory import MemoryStore
from storage.sql import SqlStore

EVENING = datetime(2022, 12, 14, 18, 0, tzinfo=UTC)
Store = MemoryStore | SqlStore


def after(**span: float) -> datetime:
    return EVENING + timedelta(**span)


def make_intent(key: str = "session:v1:1/1/1", *, number: int = 1, session_id: str = "session:v1:1") -> CommandIntent:
    order = CommandOrder(
        key=key,
        number=number,
        goal=Goal.STOP,
        side=Side.CHARGER,
        device_id="c1",
        driver_id="d1",
        proof=Proof.NO_FLOW,
        prove_by=after(minutes=15),
        witness_ids={Side.CHARGER: "c1", Side.VEHICLE: "v1"},
    )
    return CommandIntent(key=key, session_id=session_id, order=order, intended_at=EVENING)


def make_outcome(result: CommandResult = CommandResult.PROVEN) -> CommandOutcome:
    return CommandOutcome(
        number=1,
        key="session:v1:1/1/1",
        goal=Goal.STOP,
        side=Side.CHARGER,
        result=result,
        sent_at=after(seconds=2),
        ended_at=after(minutes=1),
        action_state=ActionState.CONFIRMED,
        evidence=(make_reading(charge_rate_kw=0.0),),
    )


def make_reading(**fields: Any) -> Reading:
    return Reading(
        **{"side": Side.CHARGER, "device_id": "c1", "observed_at": EVENING, "received_at": after(seconds=3)} | fields
    )


def make_account(number: int = 1, **fields: Any) -> NightAccount:
    slot = SlotAccount(
        starts_at=EVENING,
        ends_at=after(hours=1),
        price_per_kwh=Decimal("0.512345"),
        energy_ac_kwh=Decimal("7.4000"),
        baseline_ac_kwh=Decimal("0"),
    )
    account = NightAccount(
        session_id="session:v1:1",
        number=number,
        driver_id="d1",
        vehicle_id="v1",
        charger_id="c1",
        route="charger",
        plugged_in_at=EVENING,
        departs_at=after(hours=12),
        closed_at=after(hours=12),
        ready_at=after(hours=9),
        is_ready=True,
        why="reached",
        soc_start_pct=40.0,
        soc_end_pct=80.1,
        target_soc_pct=80.0,
        currency="EUR",
        energy_ac_kwh=Decimal("7.4000"),
        cost=Decimal("3.791353"),
        baseline_cost=Decimal("4.000000"),
        saving=Decimal("0.208647"),
        commands_sent=2,
        commands_proven=2,
        slots=(slot,),
    )
    return account.model_copy(update=fields)


def make_device(device_id: str = "v1", **fields: Any) -> Device:
    return Device(
        **{
            "id": device_id,
            "side": Side.VEHICLE,
            "driver_id": "d1",
            "vendor": "TESLA",
            "capabilities": {CapabilityKind.START_CHARGING: Capability(intervention_ids=("i1",))},
            "reading": make_reading(side=Side.VEHICLE, device_id=device_id, soc_pct=41.5),
        }
        | fields
    )


def make_watch(session_id: str = "session:v1:1", *device_ids: str, **fields: Any) -> Watch:
    return Watch(session_id=session_id, driver_id="d1", device_ids=device_ids or ("v1", "c1"), **fields)


def test_store_is_every_book_of_the_ports(store: Store) -> None:
    commands: CommandBook = store
    readings: ReadingBook = store
    nights: NightBook = store
    watches: WatchBook = store
    assert {commands, readings, nights, watches} == {store}


class TestCommands:
    async def test_first_intent_under_a_key_stays(self, store: Store) -> None:
        first = make_intent()
        second = first.model_copy(update={"intended_at": after(minutes=5)})
        assert await store.open_intent(first) == first
        assert await store.open_intent(second) == first

    async def test_intent_is_opened_once_by_many_at_the_same_time(self, store: Store) -> None:
        rivals = [make_intent().model_copy(update={"intended_at": after(seconds=n)}) for n in range(20)]
        seen = await asyncio.gather(*(store.open_intent(rival) for rival in rivals))
        assert len({intent.intended_at for intent in seen}) == 1

    async def test_notes_and_outcome_are_read_back_with_the_intent(self, store: Store) -> None:
        intent = await store.open_intent(make_intent())
        await store.note_request(intent.key, after(seconds=1))
        await store.note_action(intent.key, "a1")
        await store.close_intent(intent.key, make_outcome())
        stored = intent.model_copy(
            update={"requested_at": after(seconds=1), "action_id": "a1", "outcome": make_outcome()}
        )
        assert await store.open_intent(make_intent()) == stored
        assert await store.commands("session:v1:1") == [stored]

    async def test_only_one_of_two_attempts_may_send(self, store: Store) -> None:
        await store.open_intent(make_intent())
        claims = [await store.note_request("session:v1:1/1/1", after(seconds=n)) for n in (1, 2)]
        assert claims == [True, False]
        again = [
            await store.note_request("session:v1:1/1/1", after(minutes=n), instead_of=after(seconds=1)) for n in (8, 9)
        ]
        assert again == [True, False]
        [stored] = await store.commands("session:v1:1")
        assert stored.requested_at == after(minutes=8)

    async def test_later_action_replaces_the_noted_one(self, store: Store) -> None:
        await store.open_intent(make_intent())
        await store.note_action("session:v1:1/1/1", "a1")
        await store.note_action("session:v1:1/1/1", None)
        [stored] = await store.commands("session:v1:1")
        assert stored.action_id is None

    async def test_first_outcome_stays(self, store: Store) -> None:
        await store.open_intent(make_intent())
        await store.close_intent("session:v1:1/1/1", make_outcome(CommandResult.PROVEN))
        await store.close_intent("session:v1:1/1/1", make_outcome(CommandResult.UNPROVEN))
        [stored] = await store.commands("session:v1:1")
        assert stored.outcome is not None
        assert stored.outcome.result is CommandResult.PROVEN

    async def test_commands_come_by_number_and_only_of_the_session(self, store: Store) -> None:
        for number in (10, 9, 2):
            await store.open_intent(make_intent(f"session:v1:1/1/{number}", number=number))
        await store.open_intent(make_intent("session:v1:2/1/1", session_id="session:v1:2"))
        assert [intent.order.number for intent in await store.commands("session:v1:1")] == [2, 9, 10]

    async def test_notes_on_an_unknown_key_are_refused(self, store: Store) -> None:
        with pytest.raises(CallerError):
            await store.note_request("nobody/1/1", EVENING)
        with pytest.raises(CallerError):
            await store.note_action("nobody/1/1", "a1")
        with pytest.raises(CallerError):
            await store.close_intent("nobody/1/1", make_outcome())


class TestReadings:
    async def test_reading_comes_back_as_it_was(self, store: Store) -> None:
        reading = make_reading(
            state=PowerDeliveryState.CHARGING, charge_rate_kw=7.123456789012345, is_plugged_in=True, paired_with="v1"
        )
        await store.add_readings([reading])
        assert await store.readings("c1", EVENING, after(hours=1)) == [reading]

    async def test_unknown_stays_unknown(self, store: Store) -> None:
        await store.add_readings([make_reading()])
        [reading] = await store.readings("c1", EVENING, after(hours=1))
        assert reading.charge_rate_kw is None
        assert reading.is_plugged_in is None

    async def test_reading_is_kept_once_however_it_travelled(self, store: Store) -> None:
        await store.add_readings([make_reading(), make_reading(received_at=after(hours=3), source="webhook")])
        await store.add_readings([make_reading(received_at=after(days=3))])
        assert await store.readings("c1", EVENING, after(hours=1)) == [make_reading()]

    async def test_same_instant_with_other_content_is_kept(self, store: Store) -> None:
        two = [make_reading(charge_rate_kw=None), make_reading(charge_rate_kw=0.0, received_at=after(seconds=9))]
        await store.add_readings(two)
        assert await store.readings("c1", EVENING, after(hours=1)) == two

    async def test_readings_are_half_open_ordered_and_begin_with_the_last_one_before(self, store: Store) -> None:
        at = {minute: make_reading(observed_at=after(minutes=minute)) for minute in (-20, -10, 0, 10, 20, 30)}
        await store.add_readings([at[20], at[-20], at[30], at[0], at[-10], at[10]])
        await store.add_readings([make_reading(device_id="other", observed_at=after(minutes=-1))])
        assert await store.readings("c1", EVENING, after(minutes=30)) == [at[-10], at[0], at[10], at[20]]

    async def test_reading_without_time_stamp_counts_from_its_arrival(self, store: Store) -> None:
        silent = make_reading(observed_at=None, received_at=after(minutes=5))
        await store.add_readings([silent])
        assert await store.readings("c1", after(minutes=5), after(minutes=6)) == [silent]
        assert await store.readings("c1", EVENING, after(minutes=5)) == []

    async def test_instants_of_any_zone_meet_in_utc(self, store: Store) -> None:
        amsterdam = timezone(timedelta(hours=1))
        await store.add_readings([make_reading(observed_at=EVENING.astimezone(amsterdam))])
        [reading] = await store.readings("c1", EVENING.astimezone(amsterdam), after(hours=1).astimezone(amsterdam))
        assert reading.observed_at == EVENING
        assert reading.observed_at.tzinfo is UTC

    async def test_no_readings_are_no_error(self, store: Store) -> None:
        await store.add_readings([])
        assert await store.readings("c1", EVENING, after(hours=1)) == []


class TestNights:
    LOG = (
        LogEntry(kind=LogKind.EVENT, number=1, at=EVENING, name="PluggedIn", data={"soc_pct": 40.0, "who": None}),
        LogEntry(kind=LogKind.DECISION, number=1, at=EVENING, name="decided", data={"effects": [{"why": "wait é\n"}]}),
    )

    async def test_night_comes_back_exact_to_the_cent(self, store: Store) -> None:
        await store.save_night(make_account(), self.LOG)
        account = await store.account("session:v1:1", 1)
        assert account == make_account()
        assert account is not None
        assert str(account.cost) == "3.791353"
        assert await store.log("session:v1:1", 1) == list(self.LOG)

    async def test_account_is_never_revised(self, store: Store) -> None:
        await store.save_night(make_account(), self.LOG)
        await store.save_night(make_account(cost=Decimal("9")), self.LOG[:1])
        assert await store.account("session:v1:1", 1) == make_account()
        assert await store.log("session:v1:1", 1) == list(self.LOG)

    async def test_accounts_come_by_night(self, store: Store) -> None:
        for number in (2, 10, 1):
            await store.save_night(make_account(number), ())
        await store.save_night(make_account().model_copy(update={"session_id": "session:v1:2"}), ())
        assert [account.number for account in await store.accounts("session:v1:1")] == [1, 2, 10]

    async def test_unknown_night_is_none(self, store: Store) -> None:
        assert await store.account("session:v1:1", 1) is None
        assert await store.accounts("session:v1:1") == []
        assert await store.log("session:v1:1", 1) == []


class TestDevices:
    async def test_last_picture_of_a_device_stays(self, store: Store) -> None:
        await store.save_device(make_device())
        await store.save_device(make_device(brand="Tesla"))
        assert await store.device("v1") == make_device(brand="Tesla")

    async def test_devices_are_the_drivers_own(self, store: Store) -> None:
        for device in (make_device("v2"), make_device("v1"), make_device("v3", driver_id="d2")):
            await store.save_device(device)
        assert [device.id for device in await store.devices("d1")] == ["v1", "v2"]

    async def test_device_that_changes_hands_moves(self, store: Store) -> None:
        await store.save_device(make_device())
        await store.save_device(make_device(driver_id="d2"))
        assert await store.devices("d1") == []
        assert await store.devices("d2") == [make_device(driver_id="d2")]

    async def test_removed_device_is_gone(self, store: Store) -> None:
        await store.save_device(make_device())
        await store.remove_device("v1")
        await store.remove_device("v1")
        assert await store.device("v1") is None


class TestWatches:
    async def test_watch_is_found_by_each_of_its_devices(self, store: Store) -> None:
        await store.save_watch(make_watch())
        assert await store.watch_of("v1") == make_watch()
        assert await store.watch_of("c1") == make_watch()
        assert await store.watch_of("c2") is None

    async def test_changed_watch_replaces_the_one_of_its_session(self, store: Store) -> None:
        await store.save_watch(make_watch())
        changed = make_watch("session:v1:1", "v1", "c2", soc_above_pct=80.0)
        await store.save_watch(changed)
        assert await store.watch_of("v1") == changed
        assert await store.watch_of("c2") == changed
        assert await store.watch_of("c1") is None

    async def test_ended_watch_hears_nothing(self, store: Store) -> None:
        await store.save_watch(make_watch())
        await store.end_watch("session:v1:1")
        await store.end_watch("session:v1:1")
        assert await store.watch_of("v1") is None

    async def test_last_to_begin_hears_and_the_one_before_hears_again_afterwards(self, store: Store) -> None:
        await store.save_watch(make_watch("session:v1:1", "c1"))
        await store.save_watch(make_watch("session:v2:1", "c1"))
        await store.save_watch(make_watch("session:v1:1", "c1", soc_above_pct=50.0))
        assert await store.watch_of("c1") == make_watch("session:v2:1", "c1")
        await store.end_watch("session:v2:1")
        assert await store.watch_of("c1") == make_watch("session:v1:1", "c1", soc_above_pct=50.0)
