"""Tenants, first answers, the audit and the news, on each database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.two_programs import make_account

from domain.program import Program
from storage.answers import Answers, FirstAnswer, OtherRequest, StillAsked
from storage.audit import Audit, AuditRecord
from storage.hooks import Hook, Hooks, Told
from storage.reports import Mark, Reports
from storage.sql import SqlStore
from storage.tenants import DriverRecord, KeyRecord, Tenants

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    """An empty database of each kind."""
    url = f"sqlite:///{tmp_path}/s.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    made = SqlStore(url)
    await made.create()
    yield made
    await made.close()


def make_driver(program: str, n: int) -> DriverRecord:
    return DriverRecord(id=f"{program}-{n}", program=program, reference=f"customer {n}", since=NOW)


class TestTenants:
    async def test_program_is_changed_under_its_name(self, store: SqlStore) -> None:
        tenants = Tenants(store.database)
        await tenants.save_program(Program(name="a"), NOW)
        changed = Program(name="a", version=2)
        await tenants.save_program(changed, after(days=1))
        assert await tenants.program("a") == changed
        assert await tenants.programs() == [changed]
        assert await tenants.program("b") is None

    async def test_driver_is_found_by_its_own_program_only(self, store: SqlStore) -> None:
        tenants = Tenants(store.database)
        assert await tenants.add_driver(make_driver("a", 1))
        assert not await tenants.add_driver(make_driver("a", 1))
        assert await tenants.driver("a", "a-1") == make_driver("a", 1)
        assert await tenants.driver("b", "a-1") is None
        await tenants.forget_driver("b", "a-1")
        assert await tenants.driver("a", "a-1") is not None
        await tenants.forget_driver("a", "a-1")
        assert await tenants.driver("a", "a-1") is None

    async def test_drivers_come_in_order_from_a_place_on(self, store: SqlStore) -> None:
        tenants = Tenants(store.database)
        for n in (3, 1, 2):
            await tenants.add_driver(make_driver("a", n))
        await tenants.add_driver(make_driver("b", 1))
        assert [d.id for d in await tenants.drivers("a", limit=2)] == ["a-1", "a-2"]
        assert [d.id for d in await tenants.drivers("a", after="a-2", limit=2)] == ["a-3"]
        assert [d.id for d in await tenants.drivers("a", limit=9, reference="customer 2")] == ["a-2"]

    async def test_key_ends_when_it_is_revoked_or_expires(self, store: SqlStore) -> None:
        tenants = Tenants(store.database)
        key = KeyRecord(
            id="k1",
            program="a",
            label="x",
            scopes=frozenset({"read", "act"}),
            digest="d",
            created_at=NOW,
            expires_at=after(days=1),
        )
        await tenants.add_key(key)
        assert await tenants.key("k1") == key
        assert key.is_valid(NOW)
        assert not key.is_valid(after(days=1))
        assert not await tenants.revoke_key("b", "k1", NOW)
        assert await tenants.revoke_key("a", "k1", NOW)
        assert not await tenants.revoke_key("a", "k1", NOW)
        [revoked] = await tenants.keys("a")
        assert not revoked.is_valid(NOW)


class TestAnswers:
    async def test_first_answer_is_given_again(self, store: SqlStore) -> None:
        answers = Answers(store.database)
        first = FirstAnswer(status=201, media_type="application/json", body="{}", location="/v1/x")
        assert await answers.begin("key:1", "once", "digest", NOW) is None
        await answers.keep("key:1", "once", first)
        assert await answers.begin("key:1", "once", "digest", after(days=2)) == first
        assert await answers.begin("key:2", "once", "digest", NOW) is None

    async def test_another_request_under_the_key_is_refused(self, store: SqlStore) -> None:
        answers = Answers(store.database)
        await answers.begin("key:1", "once", "digest", NOW)
        with pytest.raises(OtherRequest):
            await answers.begin("key:1", "once", "other", NOW)

    async def test_only_one_of_many_begins(self, store: SqlStore) -> None:
        answers = Answers(store.database)
        begun = await asyncio.gather(
            *(answers.begin("key:1", "once", "digest", NOW) for _ in range(10)), return_exceptions=True
        )
        assert begun.count(None) == 1
        assert all(isinstance(one, StillAsked) for one in begun if one is not None)

    async def test_a_request_that_died_with_its_process_can_be_repeated(self, store: SqlStore) -> None:
        answers = Answers(store.database)
        await answers.begin("key:1", "once", "digest", NOW)
        assert await answers.begin("key:1", "once", "digest", after(minutes=5)) is None

    async def test_old_answers_are_forgotten(self, store: SqlStore) -> None:
        answers = Answers(store.database)
        await answers.begin("key:1", "once", "digest", NOW)
        await answers.clean(after(days=4))
        assert await answers.begin("key:1", "once", "other", NOW) is None


class TestAudit:
    async def test_acts_are_told_newest_first_and_by_program(self, store: SqlStore) -> None:
        audit = Audit(store.database)
        for n, program in enumerate(["a", "b", "a", "a"]):
            await audit.note(make_act(program, f"act {n}"))
        told = await audit.acts("a", limit=2)
        assert [one.act for one in told] == ["act 3", "act 2"]
        assert [one.act for one in await audit.acts("a", before=told[-1].number, limit=9)] == ["act 0"]

    async def test_no_more_is_switched_within_the_span_than_may_be_also_at_once(self, store: SqlStore) -> None:
        """11 kW each, 100 kW at most: nine of twenty fit, however they race."""
        audit = Audit(store.database)
        acts = [audit.note_switching(make_act("a", "go", 11), within=MINUTE, most_kw=100) for _ in range(20)]
        assert sum(await asyncio.gather(*acts)) == 9
        assert await audit.note_switching(make_act("b", "go", 11), within=MINUTE, most_kw=100)
        later = make_act("a", "go", 11).model_copy(update={"at": after(minutes=1)})
        assert await audit.note_switching(later, within=MINUTE, most_kw=100)


MINUTE = timedelta(minutes=1)


def make_act(program: str, act: str, power_kw: float = 0.0) -> AuditRecord:
    return AuditRecord(at=NOW, program=program, actor="key:1", act=act, object="x", outcome="done", power_kw=power_kw)


class TestHooks:
    async def test_news_goes_once_to_every_hook_that_wants_it(self, store: SqlStore) -> None:
        await Tenants(store.database).add_driver(make_driver("a", 1))
        hooks = Hooks(store.database)
        for n, kinds in enumerate([{"*"}, {"driver.told"}, {"night.accounted"}]):
            await hooks.add(make_hook(f"h{n}", frozenset(kinds)))
        for _ in range(2):
            await hooks.tell_of_driver("a-1", "driver.told", "s1:at_risk", TOLD, NOW)
        due = await hooks.due(NOW, 9)
        assert [news.hook_id for news in due] == ["h0", "h1"]
        assert '"reference":"customer 1"' in due[0].body
        assert await hooks.due(after(seconds=-1), 9) == []

    async def test_news_is_sent_by_one_sender_until_it_is_taken_or_given_up(self, store: SqlStore) -> None:
        await Tenants(store.database).add_driver(make_driver("a", 1))
        hooks = Hooks(store.database)
        await hooks.add(make_hook("h", frozenset({"*"})))
        await hooks.tell_of_driver("a-1", "driver.told", "k", TOLD, NOW)
        [news] = await hooks.due(NOW, 9)
        claims = [hooks.claim(news.number, news.tries, after(minutes=1)) for _ in range(5)]
        assert sum(await asyncio.gather(*claims)) == 1
        assert await hooks.due(NOW, 9) == []
        await hooks.sent(news.number, 500, delivered_at=None, due_at=after(minutes=2))
        [again] = await hooks.due(after(minutes=3), 9)
        assert (again.tries, again.status) == (1, 500)
        await hooks.sent(news.number, 200, delivered_at=after(minutes=3), due_at=None)
        assert await hooks.due(after(days=9), 9) == []
        assert [one.status for one in await hooks.history("a", "h", limit=9)] == [200]
        assert await hooks.history("b", "h", limit=9) == []
        await hooks.clean(after(days=40), timedelta(days=30))
        assert await hooks.history("a", "h", limit=9) == []

    async def test_a_hook_is_removed_by_its_own_program_only(self, store: SqlStore) -> None:
        hooks = Hooks(store.database)
        await hooks.add(make_hook("h", frozenset({"*"})))
        assert not await hooks.remove("b", "h")
        assert await hooks.remove("a", "h")
        assert await hooks.of_program("a") == []


TOLD = Told(driver_id="a-1", session_id="s1", kind="at_risk", cause="no_route", what_to_do="todo.nothing")


def make_hook(hook_id: str, kinds: frozenset[str]) -> Hook:
    return Hook(id=hook_id, program="a", url="https://b.example/", kinds=kinds, created_at=NOW)


class TestReports:
    async def test_nights_of_a_program_come_newest_first_and_page_by_page(self, store: SqlStore) -> None:
        tenants, reports = Tenants(store.database), Reports(store.database)
        for program, n in (("a", 1), ("a", 2), ("b", 1)):
            await tenants.add_driver(make_driver(program, n))
            for number in (1, 2, 3):
                await store.save_night(make_account(f"{program}-{n}", f"{program}{n}:1", number), [])
        seen: list[tuple[str, int]] = []
        mark = None
        while found := await reports.nights("a", after=mark, limit=2):
            seen += [(night.session_id, night.number) for night in found]
            mark = Mark.model_validate(found[-1].model_dump(include=set(Mark.model_fields)))
        assert seen == [(session, number) for number in (1, 2, 3) for session in ("a2:1", "a1:1")]
        mine = await reports.nights("a", driver_id="a-1", limit=9)
        assert {night.driver_id for night in mine} == {"a-1"}
        assert await reports.nights("b", driver_id="a-1", limit=9) == []
        newest = mine[0].departs_at
        assert len(await reports.nights("a", starts_at=newest, limit=9)) == 2
        assert len(await reports.nights("a", ends_at=newest, limit=9)) == 4
