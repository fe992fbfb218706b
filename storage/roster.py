"""The drivers of each program as a rollout sees them: their devices in short, and what they were asked last.

A page is a range of buckets, and a driver's bucket follows from the id alone: pages stay the same while drivers come
and go, and no boundaries need to be kept.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, case
from sqlmodel import Session, col, func, select, update

from domain.capabilities import BrandTable, OwnCapability, evidence_of
from domain.devices import Device, Side
from domain.requirement import Requirement
from domain.rollout.asking import Member, MemberVehicle
from domain.rollout.measures import Counts
from storage.database import Database
from storage.rollout_tables import MemberRow
from storage.tables import DeviceRow
from storage.tenant_tables import DriverRow

BUCKETS = 1 << 16
"""More than enough pages for a million drivers."""

ASKED = {Requirement.MANDATORY.value, Requirement.RECOMMENDED.value}


class SqlRoster:
    """`Roster` of `domain.rollout.ports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(self, program: str, drivers: Mapping[str, tuple[str | None, str]], at: datetime) -> None:
        """Note drivers who run: id -> (region, stage). None leaves the region as it is known."""

        def work(session: Session) -> None:
            ids = list(drivers)
            rows = session.exec(select(MemberRow).where(col(MemberRow.driver_id).in_(ids))).all()
            known = {row.driver_id: row for row in rows}
            for driver_id, (region, stage) in drivers.items():
                row = known.get(driver_id)
                if row is None:
                    row = MemberRow(driver_id=driver_id, program=program, bucket=bucket_of(driver_id), seen_at=at)
                    session.add(row)
                row.stage, row.seen_at, row.left_at = stage, at, None
                row.region = region or row.region

        await self._database.write(work)

    async def enter_registered(self, program: str, at: datetime) -> None:
        """Note drivers whom the backend registered and no rollout has looked at yet."""
        mine = select(DriverRow.id).outerjoin(MemberRow, col(MemberRow.driver_id) == col(DriverRow.id))
        mine = mine.where(DriverRow.program == program, col(MemberRow.driver_id).is_(None))

        def work(session: Session) -> None:
            for driver_id in session.exec(mine).all():
                session.add(MemberRow(driver_id=driver_id, program=program, bucket=bucket_of(driver_id), seen_at=at))

        await self._database.write(work)

    async def leave_out(self, program: str, seen_since: datetime, at: datetime) -> int:
        """Note that drivers not seen since have left; the number."""
        change = (
            update(MemberRow)
            .where(col(MemberRow.program) == program, col(MemberRow.seen_at) < seen_since)
            .where(col(MemberRow.left_at).is_(None))
            .values(left_at=at)
        )
        return await self._database.write(lambda session: session.exec(change).rowcount)

    async def refresh(self, program: str, page: int, pages: int, table: BrandTable) -> None:
        """Take the page's vehicles and chargers, and what the vehicles can do themselves, from the devices stored."""
        mine = select(DeviceRow.driver_id, DeviceRow.device_json).join(
            MemberRow, col(MemberRow.driver_id) == col(DeviceRow.driver_id)
        )
        mine = mine.where(*_on_page(program, page, pages)).order_by(col(DeviceRow.id))

        def work(session: Session) -> None:
            devices: dict[str, list[Device]] = defaultdict(list)
            for driver_id, body in session.exec(mine):
                devices[driver_id].append(Device.model_validate_json(body))
            for row in session.exec(select(MemberRow).where(*_on_page(program, page, pages))):
                _refresh(row, devices[row.driver_id], table)

        await self._database.write(work)

    async def members(self, program: str, page: int, pages: int) -> list[Member]:
        """The page's drivers who are still with the program."""
        query = select(MemberRow).where(*_on_page(program, page, pages), col(MemberRow.left_at).is_(None))
        rows = await self._database.read(lambda session: session.exec(query.order_by(col(MemberRow.driver_id))).all())
        return [_member(row) for row in rows]

    async def count(self, program: str) -> int:
        query = select(func.count()).select_from(MemberRow)
        query = query.where(MemberRow.program == program, col(MemberRow.left_at).is_(None))
        return await self._database.read(lambda session: session.exec(query).one())

    async def tell(self, told: Sequence[Member]) -> None:
        """Note what members were told; a newer version stays."""

        def work(session: Session) -> None:
            ids = [member.driver_id for member in told]
            rows = {
                row.driver_id: row for row in session.exec(select(MemberRow).where(col(MemberRow.driver_id).in_(ids)))
            }
            for member in told:
                row = rows.get(member.driver_id)
                if row is None or row.version > member.version:
                    continue
                asked = member.asked or ()
                row.version, row.reason, row.told_at = member.version, member.reason, member.told_at
                row.asked = ",".join(asked)
                row.is_asked = bool(ASKED & set(asked))
                row.is_mandatory = Requirement.MANDATORY.value in asked
                row.is_admitted = row.is_incapable and row.is_mandatory

        if told:
            await self._database.write(work)

    async def counts(self, program: str) -> Counts:
        """Drivers by what they have, were asked and did. Who left counts where it says so."""
        here = col(MemberRow.left_at).is_(None)
        vehicle, charger = col(MemberRow.has_vehicle).is_(True), col(MemberRow.has_charger).is_(True)
        asked, mandatory = col(MemberRow.is_asked).is_(True), col(MemberRow.is_mandatory).is_(True)
        incapable, admitted = col(MemberRow.is_incapable).is_(True), col(MemberRow.is_admitted).is_(True)
        wanted = {
            "with_vehicle": here & vehicle,
            "asked": here & asked,
            "linked": here & asked & charger,
            "mandatory": mandatory,
            "mandatory_linked": mandatory & charger & here,
            "kept": mandatory & here,
            "incapable": here & incapable,
            "admitted": here & admitted,
            "incapable_linked": here & admitted & charger,
            "enrolled": here & (col(MemberRow.stage) == "enrolled"),
        }
        sums = [func.coalesce(func.sum(case((is_so, 1), else_=0)), 0) for is_so in wanted.values()]
        query = select(*sums).where(MemberRow.program == program)
        row = await self._database.read(lambda session: session.exec(query).one())
        return Counts(**{name: int(count) for name, count in zip(wanted, row, strict=True)})


def bucket_of(driver_id: str) -> int:
    return zlib.crc32(driver_id.encode()) % BUCKETS


def _on_page(program: str, page: int, pages: int) -> tuple[ColumnElement[bool], ...]:
    bucket = col(MemberRow.bucket)
    low, high = page * BUCKETS // pages, (page + 1) * BUCKETS // pages
    return col(MemberRow.program) == program, bucket >= low, bucket < high


def _refresh(row: MemberRow, devices: Sequence[Device], table: BrandTable) -> None:
    """What changed of a driver's vehicles makes unknown what was asked about them."""
    chargers = [device for device in devices if device.side is Side.CHARGER]
    known = {v.vehicle_id: v for v in _vehicles(row)}
    vehicles = [
        MemberVehicle(
            vehicle_id=device.id,
            brand=device.brand,
            model=device.model,
            own=_own(device, known.get(device.id), bool(chargers), table),
        )
        for device in devices
        if device.side is Side.VEHICLE
    ]
    body = json.dumps([vehicle.model_dump(mode="json") for vehicle in vehicles])
    if body != row.vehicles_json:
        row.vehicles_json, row.asked = body, None
    row.has_vehicle, row.has_charger = bool(vehicles), bool(chargers)
    row.is_incapable = any(vehicle.own.missing for vehicle in vehicles)


def _own(device: Device, known: MemberVehicle | None, has_charger: bool, table: BrandTable) -> OwnCapability:
    return evidence_of(device, any_charger_linked=has_charger, known=known.own if known else None, table=table)


def _vehicles(row: MemberRow) -> tuple[MemberVehicle, ...]:
    return tuple(MemberVehicle.model_validate(item) for item in json.loads(row.vehicles_json))


def _member(row: MemberRow) -> Member:
    return Member(
        driver_id=row.driver_id,
        region=row.region,
        stage=row.stage,
        vehicles=_vehicles(row),
        has_charger=row.has_charger,
        version=row.version,
        asked=tuple(row.asked.split(",")) if row.asked else None,
        reason=row.reason,
        told_at=row.told_at,
    )
