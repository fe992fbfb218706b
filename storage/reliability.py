"""The reliability record in SQL: nights as they were accounted for, tickets, and the sums of both.

All sums are taken in the database, per driver first: the second moments over drivers carry the bounds
(`domain.rollout.rates`).
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, literal
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from domain.account import NightAccount
from domain.commands import CommandResult
from domain.rollout.evidence import Evidence, NightRecord
from domain.rollout.rates import Tally
from domain.rollout.tickets import Ticket
from storage.database import Database
from storage.rollout_tables import MemberRow, NightRecordRow, TicketRow
from storage.statements import insert_many, insert_new
from storage.tables import CommandRow, DeviceRow, NightRow, ReadingRow

QUARTER = timedelta(minutes=15)
FAILED_CALLS = {CommandResult.REFUSED.value, CommandResult.UNREACHABLE.value}
CALLS = FAILED_CALLS | {CommandResult.PROVEN.value, CommandResult.UNPROVEN.value}

RATES = ("commands", "plans", "api_errors", "freshness")
PAIRS = (
    (NightRecordRow.commands_proven, NightRecordRow.commands_sent),
    (case((col(NightRecordRow.is_ready).is_(True), 1), else_=0), literal(1)),
    (NightRecordRow.api_errors, NightRecordRow.api_calls),
    (NightRecordRow.fresh_quarters, NightRecordRow.quarters),
)


class SqlReliability:
    """`ReliabilityBook` of `domain.rollout.ports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def collect(self, program: str, limit: int) -> int:
        """Take in up to `limit` nights not yet collected; the number taken."""
        record = col(NightRecordRow.session_id)
        query = (
            select(NightRow.account_json)
            .join(MemberRow, col(MemberRow.driver_id) == col(NightRow.driver_id))
            .outerjoin(
                NightRecordRow,
                (record == col(NightRow.session_id)) & (col(NightRecordRow.number) == col(NightRow.number)),
            )
            .where(MemberRow.program == program, record.is_(None))
            .limit(limit)
        )

        def work(session: Session) -> int:
            accounts = [NightAccount.model_validate_json(body) for body in session.exec(query)]
            if accounts:
                insert_new(session, [_record(session, program, account) for account in accounts])
            return len(accounts)

        return await self._database.write(work)

    async def add_nights(self, program: str, nights: Sequence[NightRecord]) -> None:
        """Store nights that are known otherwise than by our accounts, say from the system before this one."""
        rows = [{"program": program, **night.model_dump()} for night in nights]
        await self._database.write(lambda session: insert_many(session, NightRecordRow, rows))

    async def add_tickets(self, program: str, tickets: Sequence[Ticket]) -> int:
        """Store; the number that was new."""
        rows = [TicketRow(program=program, **ticket.model_dump()) for ticket in tickets]
        return await self._database.write(lambda session: insert_new(session, rows)) if rows else 0

    async def known_drivers(self, program: str) -> set[str]:
        """All who were ever with the program, as far as a rollout looked."""
        query = select(MemberRow.driver_id).where(MemberRow.program == program)
        return await self._database.read(lambda session: set(session.exec(query).all()))

    async def of_drivers(self, driver_ids: Sequence[str], since: datetime) -> dict[str, Evidence]:
        """The evidence of single drivers."""
        night = NightRecordRow
        sums = [func.sum(side) for pair in PAIRS for side in pair]
        query: Select[Any] = select_columns(col(night.driver_id), func.count(), *sums)
        query = query.where(col(night.driver_id).in_(driver_ids), col(night.closed_at) >= since)
        tickets = select(TicketRow.driver_id, func.count()).where(
            col(TicketRow.driver_id).in_(driver_ids), col(TicketRow.opened_at) >= since
        )

        def work(session: Session) -> dict[str, Evidence]:
            told = {driver: int(n) for driver, n in session.exec(tickets.group_by(col(TicketRow.driver_id)))}
            found = {driver: Evidence(tickets=n) for driver, n in told.items()}
            for driver, nights, *counts in session.execute(query.group_by(col(night.driver_id))):
                pairs = [(int(counts[i]), int(counts[i + 1])) for i in range(0, len(counts), 2)]
                rates = {name: Tally.of([pair]) for name, pair in zip(RATES, pairs, strict=True)}
                found[driver] = Evidence(nights=nights, tickets=told.get(driver, 0), **rates)
            return found

        return await self._database.read(work)

    async def by_brand(
        self,
        program: str,
        since: datetime,
        until: datetime,
        *,
        brand: str | None = None,
        is_mandatory: bool | None = None,
        has_charger: bool | None = None,
        by_model: bool = False,
    ) -> dict[str, Evidence]:
        """Evidence per brand (or "brand model"); all filters hold together."""
        night = NightRecordRow
        name = (col(night.brand) + " " + col(night.model)) if by_model else col(night.brand)
        sides = [func.sum(side).label(f"s{i}") for i, side in enumerate(side for pair in PAIRS for side in pair)]
        inner: Select[Any] = select_columns(name.label("name"), func.count().label("nights"), *sides)
        inner = inner.where(col(night.program) == program, col(night.closed_at) >= since, col(night.closed_at) < until)
        if brand is not None:
            inner = inner.where(func.lower(col(night.brand)) == brand.lower())
        if has_charger is not None:
            inner = inner.where(col(night.has_charger).is_(has_charger))
        if is_mandatory is not None:
            inner = inner.join(MemberRow, col(MemberRow.driver_id) == col(night.driver_id))
            inner = inner.where(col(MemberRow.is_mandatory).is_(is_mandatory))
        per_driver = inner.group_by(name, col(night.driver_id)).subquery()
        outer = _sums(per_driver).group_by(per_driver.c.name)
        tickets = self._tickets(program, since, until, is_mandatory)

        def work(session: Session) -> dict[str, Evidence]:
            told = _per_brand(session.execute(tickets)) if not by_model else {}
            found = {}
            for key, nights, *counts in session.execute(outer):
                tallies = [_tally(counts[i : i + 6]) for i in range(0, len(counts), 6)]
                rates = dict(zip(RATES, tallies, strict=True))
                found[key] = Evidence(nights=int(nights), tickets=told.get(key.casefold(), 0), **rates)
            return found

        return await self._database.read(work)

    def _tickets(self, program: str, since: datetime, until: datetime, is_mandatory: bool | None) -> Any:
        query: Any = select_columns(col(MemberRow.vehicles_json), func.count()).join(
            TicketRow, col(TicketRow.driver_id) == col(MemberRow.driver_id)
        )
        query = query.where(
            col(TicketRow.program) == program, col(TicketRow.opened_at) >= since, col(TicketRow.opened_at) < until
        )
        if is_mandatory is not None:
            query = query.where(col(MemberRow.is_mandatory).is_(is_mandatory))
        return query.group_by(col(MemberRow.driver_id), col(MemberRow.vehicles_json))


def _sums(per_driver: Any) -> Select[Any]:
    columns: list[Any] = [per_driver.c.name, func.sum(per_driver.c.nights)]
    for i in range(0, 2 * len(PAIRS), 2):
        hits, trials = per_driver.c[f"s{i}"], per_driver.c[f"s{i + 1}"]
        columns += [
            func.sum(case((trials > 0, 1), else_=0)),
            *(func.sum(term) for term in (hits, trials, hits * hits, hits * trials, trials * trials)),
        ]
    return select_columns(*columns)


def _tally(sums: Sequence[Any]) -> Tally:
    return Tally(**{name: int(value or 0) for name, value in zip(Tally.model_fields, sums, strict=True)})


def _per_brand(rows: Any) -> dict[str, int]:
    told: dict[str, int] = defaultdict(int)
    for vehicles, count in rows:
        for brand in {(vehicle.get("brand") or "unknown").casefold() for vehicle in json.loads(vehicles)}:
            told[brand] += int(count)
    return told


def _record(session: Session, program: str, account: NightAccount) -> NightRecordRow:
    device = session.get(DeviceRow, account.vehicle_id)
    vehicle = json.loads(device.device_json) if device is not None else {}
    calls = _results(session, account)
    quarters, fresh = _freshness(session, account)
    return NightRecordRow(
        session_id=account.session_id,
        number=account.number,
        program=program,
        driver_id=account.driver_id,
        brand=vehicle.get("brand") or "unknown",
        model=vehicle.get("model") or "",
        closed_at=account.closed_at,
        has_charger=account.charger_id is not None,
        is_ready=account.is_ready,
        commands_sent=account.commands_sent,
        commands_proven=account.commands_proven,
        api_calls=sum(result in CALLS for result in calls),
        api_errors=sum(result in FAILED_CALLS for result in calls),
        quarters=quarters,
        fresh_quarters=fresh,
    )


def _results(session: Session, account: NightAccount) -> list[str]:
    """What became of the night's commands; their keys are `<session>/<night>/<command>`."""
    query = select(CommandRow.outcome_json).where(
        CommandRow.session_id == account.session_id,
        col(CommandRow.key).like(f"%/{account.number}/%"),
        col(CommandRow.outcome_json).is_not(None),
    )
    return [json.loads(body)["result"] for body in session.exec(query) if body]


def _freshness(session: Session, account: NightAccount) -> tuple[int, int]:
    """Quarter hours from plug-in to close, and those in which car or charger gave a reading."""
    begins_at, ends_at = account.plugged_in_at, account.closed_at
    quarters = max(0, (ends_at - begins_at) // QUARTER)
    devices = [account.vehicle_id, *([account.charger_id] if account.charger_id else [])]
    query = select(ReadingRow.at).where(
        col(ReadingRow.device_id).in_(devices), col(ReadingRow.at) >= begins_at, col(ReadingRow.at) < ends_at
    )
    fresh = {(at - begins_at) // QUARTER for at in session.exec(query)}
    return quarters, len({quarter for quarter in fresh if quarter < quarters})
