"""The steps of a rollout: the dry run, versions of the program, pages of drivers told, what was measured."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity

from activities.errors import translated
from activities.heartbeat import beating
from domain.errors import CallerError, RetryableError
from domain.program import Program
from domain.rollout import steps
from domain.rollout.asking import Asked, Member, Rehearsal, added, asked_of, brands_to_treat, rehearse, target_of
from domain.rollout.decide import decide
from domain.rollout.effects import RolloutDecision
from domain.rollout.events import Gathered, PageTold, Published, Rehearsed
from domain.rollout.evidence import Evidence
from domain.rollout.measures import Measures
from domain.rollout.moving import standing_with
from domain.rollout.ports import Drivers, ProgramBook, ReliabilityBook, Roster, StoredProgram
from domain.rollout.standing import TARGETED_DRIVERS, Phase, Standing

RECENT = timedelta(days=28)
"""How far back a brand's or driver's nights count before a rollout."""

TICKETS_COUNT = timedelta(days=90)
"""How far back a driver's tickets count, and with them the driver's nights."""

TELL_AT_ONCE = 10
"""Signals under way at once, per page [count]."""

COLLECT_AT_ONCE = 200
"""Nights taken in by one transaction [count]."""


@activity.defn(name=steps.DECIDE_ROLLOUT)
def decide_rollout(question: steps.DecideRollout) -> RolloutDecision:
    """What the rollout does next, and why."""
    return decide(question.state, question.now, question.seen, question.vitals, question.attempt)


class RolloutSteps:
    """Holds the books of programs, drivers and reliability, and the way to the drivers' workflows."""

    def __init__(self, programs: ProgramBook, roster: Roster, reliability: ReliabilityBook, drivers: Drivers) -> None:
        self._programs, self._roster = programs, roster
        self._reliability, self._drivers = reliability, drivers

    def all(self) -> list[Callable[..., Any]]:
        """What a worker registers."""
        return [self.rehearse, self.publish, self.tell_page, self.gather]

    @activity.defn(name=steps.REHEARSE)
    async def rehearse(self, step: steps.RehearseStep) -> Rehearsed:
        """Who would be asked what once the phase is through, and which brands there are to treat. Nothing is told."""
        with translated(step.clock), beating():
            now = step.clock.now()
            program = await self._newest(step.program)
            await self._take_stock(program, step.limits.page_size, now)
            by_brand = await self._reliability.by_brand(program.name, now - RECENT, now)
            has_targets = await self._has_targets(program, step.limits.page_size, now)
            brands = brands_to_treat(program, step.phase, by_brand, has_targets=has_targets)
            then = program.model_copy(update={"standing": _whole(program, step.phase, brands)})
            rehearsal = Rehearsal()
            async for members, evidence in self._pages(program.name, step.limits.page_size, now):
                known = [(member, evidence.get(member.driver_id)) for member in members]
                rehearsal = added(rehearsal, rehearse(known, program, then))
            return Rehearsed(rehearsal=rehearsal, brands=brands, enabled_brands=program.enabled_brands, at=now)

    @activity.defn(name=steps.PUBLISH)
    async def publish(self, step: steps.PublishStep) -> Published:
        """A version of the program with this standing; done again, the first one stays. What operators wrote since
        the last one is kept; what another rollout did is not overwritten."""
        with translated(step.clock):
            now = step.clock.now()
            newest = await self._newest(step.program)
            mover = await self._moved_by(newest, step)
            if mover:
                return Published(version=newest.version, pages=0, refused=f"{mover} has moved {step.program}", at=now)
            origin = f"{step.rollout_id}/{step.change}"
            stored = await self._publish(newest, step, origin, now)
            drivers = await self._roster.count(step.program)
            return Published(version=stored.version, pages=max(1, -(-drivers // step.page_size)), at=now)

    async def _publish(self, newest: Program, step: steps.PublishStep, origin: str, now: datetime) -> Program:
        program = newest.model_copy(update={"standing": step.standing})
        try:
            return await self._programs.publish(
                program, reason=step.reason, origin=origin, at=now, follows=newest.version
            )
        except CallerError as error:  # an operator stored a version just now: with that one, then
            raise RetryableError(str(error)) from error

    async def _moved_by(self, newest: Program, step: steps.PublishStep) -> str:
        """The origin of the change that set the newest standing, if that was another rollout; empty: it was not."""
        if step.expects is None or newest.standing in (step.expects, step.standing):
            return ""
        mover = ""
        for stored in reversed(await self._programs.versions(step.program)):
            if stored.program.standing != newest.standing:
                break
            mover = stored.origin
        return "" if mover.startswith(f"{step.rollout_id}/") else mover

    @activity.defn(name=steps.TELL_PAGE)
    async def tell_page(self, step: steps.TellPageStep) -> PageTold:
        """Tell those of the page who are asked something else now; in the end everyone. Done again, nothing changes."""
        with translated(step.clock), beating():
            now = step.clock.now()
            versions = _Versions(self._programs, step.program)
            stored = await versions.of(step.version)
            program, reason = stored.program, stored.reason
            members = await self._roster.members(step.program, step.page, step.pages)
            evidence = await self._reliability.of_drivers([m.driver_id for m in members], now - TICKETS_COUNT)
            telling: list[tuple[Member, Asked]] = []
            for member in members:
                asked = asked_of(member, program, evidence.get(member.driver_id))
                before = member.asked
                if before is None:
                    known = await versions.of(member.version or step.version - 1)
                    before = asked_of(member, known.program, evidence.get(member.driver_id)).requirements
                if member.version <= step.version and (step.is_everyone or asked.requirements != before):
                    telling.append((member, asked))
            gate = asyncio.Semaphore(TELL_AT_ONCE)

            async def tell(member: Member, asked: Asked) -> Member | None:
                async with gate:
                    carried = program.for_driver(member.region, asked.target)
                    is_there = await self._drivers.tell_program(member.driver_id, carried, f"{reason} ({asked.reason})")
                changes = {
                    "version": step.version,
                    "asked": asked.requirements,
                    "reason": asked.reason,
                    "told_at": now,
                }
                return member.model_copy(update=changes) if is_there else None

            told = await asyncio.gather(*(tell(member, asked) for member, asked in telling))
            reached = [member for member in told if member is not None]
            await self._roster.tell(reached)
            return PageTold(
                page=step.page,
                version=step.version,
                told=len(reached),
                unchanged=len(members) - len(telling),
                gone=len(told) - len(reached),
                at=now,
            )

    @activity.defn(name=steps.GATHER)
    async def gather(self, step: steps.GatherStep) -> Gathered:
        """What was measured of the brand since the soak began, and the phase's measure."""
        with translated(step.clock), beating():
            now = step.clock.now()
            program = await self._newest(step.program)
            await self._take_stock(program, step.page_size, now)
            measures = await self._measures(step, now)
            evidence = await self._evidence(step, now)
            return Gathered(evidence=evidence, measures=measures, enabled_brands=program.enabled_brands, at=now)

    async def _has_targets(self, program: Program, page_size: int, now: datetime) -> bool:
        """Whether any driver is in trouble by the program's rules."""
        if not program.rules.looks_at_drivers:
            return False
        async for _, evidence in self._pages(program.name, page_size, now):
            if any(target_of(one, program) for one in evidence.values()):
                return True
        return False

    async def _evidence(self, step: steps.GatherStep, now: datetime) -> Evidence:
        """Of the drivers asked; in phase 1 nobody must, so those with a charger count."""
        if step.phase is Phase.OPTIONAL:
            found = await self._reliability.by_brand(step.program, step.since, now, has_charger=True)
        else:
            brand = None if step.brand in (None, TARGETED_DRIVERS) else step.brand
            found = await self._reliability.by_brand(step.program, step.since, now, brand=brand, is_mandatory=True)
        return _sum(found)

    async def _measures(self, step: steps.GatherStep, now: datetime) -> Measures:
        counts = await self._roster.counts(step.program)
        book, name, since = self._reliability, step.program, step.began_at
        if step.phase is Phase.OPTIONAL:
            alone = _sum(await book.by_brand(name, since, now, has_charger=False))
            together = _sum(await book.by_brand(name, since, now, has_charger=True))
            return Measures(phase=step.phase, counts=counts, alone=alone, with_charger=together)
        if step.phase is Phase.TARGETED:
            before = _sum(await book.by_brand(name, since - RECENT, since, is_mandatory=True))
            after = _sum(await book.by_brand(name, since, now, is_mandatory=True))
            return Measures(phase=step.phase, counts=counts, before=before, after=after)
        return Measures(phase=step.phase, counts=counts)

    async def _take_stock(self, program: Program, page_size: int, now: datetime) -> None:
        """The roster as it is: who runs, with which devices; and the nights since the last time."""
        began_at = now
        async for batch in self._drivers.running(program.name):
            await self._roster.enter(program.name, {driver: (None, stage) for driver, stage in batch}, now)
        await self._roster.leave_out(program.name, began_at, now)
        pages = max(1, -(-await self._roster.count(program.name) // page_size))
        for page in range(pages):
            await self._roster.refresh(program.name, page, pages, program.brands)
        while await self._reliability.collect(program.name, COLLECT_AT_ONCE):
            pass

    async def _pages(
        self, program: str, page_size: int, now: datetime
    ) -> AsyncIterator[tuple[list[Member], dict[str, Evidence]]]:
        pages = max(1, -(-await self._roster.count(program) // page_size))
        for page in range(pages):
            members = await self._roster.members(program, page, pages)
            yield members, await self._reliability.of_drivers([m.driver_id for m in members], now - TICKETS_COUNT)

    async def _newest(self, name: str) -> Program:
        program = await self._programs.program(name)
        if program is None:
            raise CallerError(f"no program {name}")
        return program


class _Versions:
    """Versions of one program, each read once."""

    def __init__(self, programs: ProgramBook, name: str) -> None:
        self._programs, self._name = programs, name
        self._known: dict[int, StoredProgram] = {}

    async def of(self, version: int) -> StoredProgram:
        """The version with its reason; the first one where that is not known."""
        if version not in self._known:
            stored = await self._programs.version(self._name, version) or await self._programs.version(self._name, 1)
            if stored is None:
                raise CallerError(f"no program {self._name}")
            self._known[version] = stored
        return self._known[version]


def _whole(program: Program, phase: Phase, brands: tuple[str, ...]) -> Standing:
    """The standing once the phase is through."""
    standing = program.standing.model_copy(update={"phase": phase})
    for brand in brands:
        standing = standing_with(standing, phase, brand, 1.0, "", "")
    return standing


def _sum(by_brand: dict[str, Evidence]) -> Evidence:
    """Of brands: a driver with two cars of two brands counts as two."""
    return sum(by_brand.values(), Evidence())
