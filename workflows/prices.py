"""The price feed of one market area: fetch until complete, tell open sessions in paced waves of what is new.

A run belongs to one day: it wants the prices of the day after. A Schedule begins it around publication
(`price_schedule`); it can as well be started by hand, for today or for a day that was missed.
"""

from datetime import date, datetime, time, timedelta

from pydantic import Field
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from domain.clock import Clock
from domain.model import Model
from domain.price_feed import (
    CLOSE_PUBLICATION,
    FETCH_PRICES,
    MARKET_ZONE,
    TELL_SESSIONS,
    ClosePublication,
    DeliveryDay,
    Fetched,
    FetchPrices,
    Pace,
    PageTold,
    Publication,
    TellSessions,
    day_and_eve,
    days_at_hand,
    instant_on,
    name_of,
)
from workflows import policies

PRICE_FEED_WORKFLOW = "PriceFeed"

FETCH_LIMIT = timedelta(seconds=90)
"""Real time for one attempt at the source, and to store what came."""

PAGE_PATIENCE = 3.0
"""A page may take this many times what its pace says."""

FETCH_TRIES = 4
"""At the source in a row (a ban it tells of is waited out first); then the workflow's own, slower rhythm."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=20), timedelta(minutes=5)
"""World time between tries in a row."""


class Telling(Model):
    """A wave of signals and how far it is."""

    news: tuple[Publication, ...]
    after: str = ""
    told: int = 0


class PriceFeedStart(Model):
    """What to fetch, how long to try, how fast to tell. Times of day are by the clock of `zone`."""

    area: str
    on: str | None = None  # delivery day (ISO date); None: the day after the start
    zone: str = MARKET_ZONE  # IANA
    clock: Clock = Clock()
    try_every_minutes: float = Field(default=10.0, gt=0)  # world time between two tries while something is missing
    jitter_minutes: float = Field(default=5.0, ge=0)  # added at random, so that many feeds do not ask at once
    gives_up_at: time = time(23, 45)  # on the day before delivery; the next run fetches what is still missing
    pace: Pace = Pace()
    telling: Telling | None = None  # a wave under way, carried over continue-as-new


class PriceFeedResult(Model):
    """What a run came to. Missing prices stop nothing: plans use a forecast until they come."""

    area: str
    on: str
    is_complete: bool
    hours_missing: float
    tries: int
    told: int  # signals to sessions, all publications of this run together [count]
    waves: int


@workflow.defn(name=PRICE_FEED_WORKFLOW)
class PriceFeedWorkflow:
    """Fetch, keep, tell; again until the day is complete or the evening over."""

    @workflow.init
    def __init__(self, start: PriceFeedStart) -> None:
        self._start = start
        self._days = self._wanted_days()
        self._fetched: Fetched | None = None
        self._tries = self._told = self._waves = 0

    @workflow.run
    async def run(self, start: PriceFeedStart) -> PriceFeedResult:
        if start.telling is not None:
            await self._tell(start.telling)
        while not await self._is_done():
            await workflow.sleep(self._until_next_try(), summary=f"{self._missing()}: try again")
        if self._missing():
            workflow.logger.warning("prices missing at the end of the day", extra={"area": start.area})
        return self._result()

    @workflow.query(description="What the feed came to so far.")
    def progress(self) -> PriceFeedResult:
        return self._result()

    async def _is_done(self) -> bool:
        """One try, and the wave it may call for; True if there is nothing left to wait for."""
        await self._fetch()
        if self._fetched is not None and self._fetched.news:
            await self._tell(Telling(news=self._fetched.news))
        workflow.set_current_details(self._details())
        return not self._missing() or self._now() >= self._gives_up_at()

    async def _fetch(self) -> None:
        """What is known now. A source that does not answer leaves what was known."""
        self._tries += 1
        try:
            self._fetched = await workflow.execute_activity(
                FETCH_PRICES,
                FetchPrices(days=self._days, clock=self._start.clock),
                result_type=Fetched,
                start_to_close_timeout=FETCH_LIMIT,
                retry_policy=_patience(self._start.clock),
                summary=f"{self._start.area}, {self._days[-1].on}, try {self._tries}",
            )
        except ActivityError as failure:
            workflow.logger.warning("price source failed", extra={"area": self._start.area, "why": str(failure.cause)})

    async def _tell(self, telling: Telling) -> None:
        """Every open session once, page after page. Which were open when a page is read is storage's word."""
        self._waves += 1
        pace = self._start.pace
        limit = PAGE_PATIENCE * timedelta(seconds=pace.page / pace.per_second) + 3 * policies.REAL_FLOOR
        while True:
            page = await workflow.execute_activity(
                TELL_SESSIONS,
                TellSessions(area=self._start.area, publication=name_of(telling.news), pace=pace, after=telling.after),
                result_type=PageTold,
                start_to_close_timeout=limit,
                heartbeat_timeout=3 * policies.HEARTBEAT,
                retry_policy=policies.QUICK,
                summary=f"tell a page of sessions, {telling.told} told",
            )
            telling = telling.model_copy(update={"after": page.last or "", "told": telling.told + page.told})
            if page.last is None:
                break
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._start.model_copy(update={"telling": telling, "on": self._days[-1].on}))
        self._told += telling.told
        await workflow.execute_activity(
            CLOSE_PUBLICATION,
            ClosePublication(publications=telling.news, clock=self._start.clock),
            start_to_close_timeout=policies.REAL_FLOOR,
            retry_policy=policies.QUICK,
            summary=f"{telling.told} sessions told",
        )

    def _wanted_days(self) -> tuple[DeliveryDay, DeliveryDay]:
        """The day that is asked for, and the one before: its prices may have been late, or are revised."""
        start = self._start
        if start.on is None:
            return days_at_hand(start.area, self._now(), start.zone)
        return day_and_eve(start.area, date.fromisoformat(start.on), start.zone)

    def _now(self) -> datetime:
        return self._start.clock.world(workflow.now())

    def _gives_up_at(self) -> datetime:
        return instant_on(self._days[0].on, self._start.gives_up_at, self._start.zone)

    def _until_next_try(self) -> timedelta:
        start = self._start
        wait = timedelta(minutes=start.try_every_minutes + workflow.random().uniform(0, start.jitter_minutes))
        return start.clock.timer(self._now(), min(self._now() + wait, self._gives_up_at()))

    def _missing(self) -> str:
        """What is missing of the wanted day, in words; empty: nothing."""
        if self._fetched is None:
            return "the source does not answer"
        wanted = self._fetched.publications[-1]
        return "" if wanted.is_complete else f"{wanted.hours_missing:g} h of {wanted.on} missing"

    def _details(self) -> str:
        missing = self._missing() or f"{self._days[-1].on} is complete"
        return f"{self._start.area}: {missing}; {self._tries} tries, {self._waves} waves, {self._told} sessions told"

    def _result(self) -> PriceFeedResult:
        wanted = self._fetched.publications[-1] if self._fetched else None
        return PriceFeedResult(
            area=self._start.area,
            on=self._days[-1].on,
            is_complete=wanted is not None and wanted.is_complete,
            hours_missing=wanted.hours_missing if wanted else 24.0,
            tries=self._tries,
            told=self._told,
            waves=self._waves,
        )


def _patience(clock: Clock) -> RetryPolicy:
    floor = timedelta(milliseconds=100)
    return RetryPolicy(
        initial_interval=clock.real_span(FIRST_PAUSE, floor=floor),
        maximum_interval=clock.real_span(LONGEST_PAUSE, floor=floor),
        maximum_attempts=FETCH_TRIES,
    )
