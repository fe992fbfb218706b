"""The price feed's steps: fetch and keep, tell one page of sessions at a pace, note that all were told."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime

from temporalio import activity

from activities.errors import translated
from domain.ports import PriceBook, PriceSource, Sessions
from domain.price_feed import (
    CLOSE_PUBLICATION,
    FETCH_PRICES,
    HISTORY,
    TELL_SESSIONS,
    ClosePublication,
    DeliveryDay,
    Fetched,
    FetchPrices,
    PageTold,
    Publication,
    TellSessions,
    first_missing,
    publication_of,
)
from domain.session.events import PricesChanged


class PriceFeed:
    """Holds the market's source, the book of prices, and the door to open sessions."""

    def __init__(self, source: PriceSource, book: PriceBook, sessions: Sessions) -> None:
        self._source, self._book, self._sessions = source, book, sessions

    @activity.defn(name=FETCH_PRICES)
    async def fetch_prices(self, step: FetchPrices) -> Fetched:
        """What is known of the days, after the source was asked for them and for the gaps in the days before.

        The days themselves are asked for whole, known or not: that is how a revision is seen.
        """
        first, last = step.days[0], step.days[-1]
        with translated(step.clock):
            since = await self._first_gap(first)
            series = await self._source.prices(first.area, since, last.ends_at)
            await self._book.keep_prices(series, step.clock.now())
            return Fetched(publications=tuple([await self._publication(day) for day in step.days]))

    @activity.defn(name=TELL_SESSIONS)
    async def tell_sessions(self, step: TellSessions) -> PageTold:
        """Tell one page of open sessions, few at a time and at the pace. A second try goes on where the first was."""
        so_far = PageTold(last=step.after)
        if details := activity.info().heartbeat_details:
            so_far = PageTold.model_validate(details[0])
        with translated():
            limit = step.pace.page - so_far.told - so_far.gone
            waiting = await self._book.waiting(step.area, so_far.last or "", limit)
            told = await _Wave(self._sessions, step, so_far).tell(waiting)
        return told if len(waiting) == limit else told.model_copy(update={"last": None})

    @activity.defn(name=CLOSE_PUBLICATION)
    async def close_publication(self, step: ClosePublication) -> None:
        """Remember that sessions were told, so that the same publication is not told again."""
        with translated():
            for publication in step.publications:
                await self._book.note_told(publication.area, publication.on, publication.digest, step.clock.now())

    async def _first_gap(self, day: DeliveryDay) -> datetime:
        known = await self._book.prices(day.area, day.starts_at - HISTORY, day.starts_at)
        return first_missing(known.slots, day.starts_at - HISTORY, day.starts_at) or day.starts_at

    async def _publication(self, day: DeliveryDay) -> Publication:
        known = await self._book.prices(day.area, day.starts_at, day.ends_at)
        return publication_of(known, day, told=await self._book.told(day.area, day.on))


class _Wave:
    """One page under way: begun at the pace, at most so many at a time, progress kept in the heartbeat."""

    def __init__(self, sessions: Sessions, step: TellSessions, so_far: PageTold) -> None:
        self._sessions, self._pace, self._so_far = sessions, step.pace, so_far
        self._event = PricesChanged(area=step.area, publication=step.publication)
        self._window: deque[tuple[str, asyncio.Task[bool]]] = deque()

    async def tell(self, waiting: Sequence[str]) -> PageTold:
        """Tell them in order; a second try repeats at most those that were in flight, which a session takes lightly."""
        try:
            for session in waiting:
                if len(self._window) == self._pace.in_flight:
                    await self._finish_oldest()
                told = self._sessions.prices_changed(session, self._event)
                self._window.append((session, asyncio.create_task(told)))
                await asyncio.sleep(1 / self._pace.per_second)
            while self._window:
                await self._finish_oldest()
        finally:
            for _, task in self._window:
                task.cancel()
        return self._so_far

    async def _finish_oldest(self) -> None:
        session, task = self._window.popleft()
        count = "told" if await task else "gone"
        self._so_far = self._so_far.model_copy(update={"last": session, count: getattr(self._so_far, count) + 1})
        activity.heartbeat(self._so_far)
