"""One command from stored intent to measured proof. One intent, one effect: the relay changes once."""

import asyncio
from datetime import datetime, timedelta

from temporalio import activity

from domain.clock import Clock
from domain.commands import CommandIntent, CommandOrder, CommandOutcome, CommandResult, Goal
from domain.devices import ActionState, Reading, ReadingSource, Side, VendorAction
from domain.errors import PermanentError, RetryableError
from domain.ports import CommandBook, DeviceProvider, ReadingBook
from domain.proof import is_proven

LOOK_EVERY = timedelta(seconds=20)
"""World time between two looks for proof; vendors refresh no faster while charging."""

LOOK_FLOOR = timedelta(milliseconds=100)
"""Real time between two looks, however fast the clock runs."""

FRESH = timedelta(minutes=10)
"""A reading older than this says nothing about now (world time)."""

RESEND_AFTER = timedelta(minutes=5)
"""After a crash: world time the vendor gets to carry out a request that may have left, before it is sent again."""


class CommandRun:
    """Carries out one order. A second run of the same order finds the intent and reads back first."""

    def __init__(
        self,
        provider: DeviceProvider,
        commands: CommandBook,
        readings: ReadingBook,
        *,
        session_id: str,
        order: CommandOrder,
        clock: Clock,
    ) -> None:
        self._provider, self._commands, self._readings = provider, commands, readings
        self._session_id, self._order, self._clock = session_id, order, clock
        self._seen: dict[Side, Reading] = {}
        self._action: VendorAction | None = None
        self._soc_before_pct: float | None = None
        self._error = ""
        self._retry_at: datetime | None = None

    async def to_the_end(self) -> CommandOutcome:
        """Store the intent, read back, ask once, look until measured or out of time; store the outcome."""
        order = self._order
        intent = CommandIntent(key=order.key, session_id=self._session_id, order=order, intended_at=self._clock.now())
        intent = await self._commands.open_intent(intent)
        outcome = intent.outcome or await self._pursue(intent)
        await self._commands.close_intent(order.key, outcome)
        return outcome

    async def _pursue(self, intent: CommandIntent) -> CommandOutcome:
        sent_at = intent.requested_at
        await self._look()
        if sent_at is None:
            known = await self._commands.commands(self._session_id)
            if self._measured(self._since(known), is_last_look=False):
                return self._outcome(CommandResult.ALREADY_SO, None, "measured before anything was sent")
            if self._is_outdated(known):
                return self._outcome(CommandResult.SUPERSEDED, None, "a newer intent for this device is stored")
            return await self._send_and_prove(None)
        if await self._proven_by(min(sent_at + RESEND_AFTER, self._order.prove_by), sent_at):
            return self._outcome(CommandResult.PROVEN, sent_at, "measured after the request found on record")
        is_outdated = self._is_outdated(await self._commands.commands(self._session_id))
        if self._order.toggles or is_outdated or self._clock.now() >= self._order.prove_by:
            return self._outcome(CommandResult.UNPROVEN, sent_at, "a request is on record, its effect was not measured")
        return await self._send_and_prove(sent_at)

    def _since(self, stored: list[CommandIntent]) -> datetime:
        """From when on a reading tells of now: fresh, and later than any other request to these devices."""
        requests = [i.requested_at for i in stored if i.requested_at is not None and i.key != self._order.key]
        known = [] if self._order.known_at is None else [self._order.known_at]
        return max([self._clock.now() - FRESH, *requests, *known])

    async def _send_and_prove(self, instead_of: datetime | None) -> CommandOutcome:
        sent_at = self._clock.now()
        self._soc_before_pct = self._seen[Side.VEHICLE].soc_pct if Side.VEHICLE in self._seen else None
        if not await self._commands.note_request(self._order.key, sent_at, instead_of=instead_of):
            # Another attempt of the same step was faster; what it sent is on record now.
            intent = CommandIntent(
                key=self._order.key, session_id=self._session_id, order=self._order, intended_at=sent_at
            )
            return await self._pursue(await self._commands.open_intent(intent))
        try:
            self._action = await self._ask()
        except RetryableError as error:
            self._error = type(error).__name__
            if error.retry_after is not None:
                self._retry_at = self._clock.now() + error.retry_after
            if error.changed_nothing:
                return self._outcome(CommandResult.UNREACHABLE, None, f"the request never left: {error}")
            # It may have arrived all the same: only measurement tells.
            return await self._prove(sent_at, CommandResult.UNREACHABLE, f"the request failed: {error}")
        except PermanentError as error:
            self._error = type(error).__name__
            return self._outcome(CommandResult.REFUSED, None, f"{self._error}: {error}")
        await self._commands.note_action(self._order.key, self._action.id)
        if self._action.state is ActionState.REFUSED:
            # Also the answer to "already so", so a last look decides.
            if self._measured(self._clock.now() - FRESH, is_last_look=True):
                return self._outcome(CommandResult.ALREADY_SO, None, "refused, and measured to be so already")
            return self._outcome(CommandResult.REFUSED, None, f"the vendor refused: {self._action.reason}")
        return await self._prove(sent_at, CommandResult.UNPROVEN, "accepted, but the effect was not measured in time")

    async def _ask(self) -> VendorAction:
        send = self._provider.start if self._order.goal is Goal.START else self._provider.stop
        return await send(self._order.side, self._order.device_id)

    async def _prove(self, sent_at: datetime, otherwise: CommandResult, why_not: str) -> CommandOutcome:
        if await self._proven_by(self._order.prove_by, sent_at):
            return self._outcome(CommandResult.PROVEN, sent_at, "measured after the command")
        return self._outcome(otherwise, sent_at, why_not)

    async def _proven_by(self, limit: datetime, since: datetime) -> bool:
        """Look until measured, or until `limit` (world time) and one last time."""
        await self._ask_for_refresh()
        while True:
            is_last_look = self._clock.now() >= limit
            await self._look()
            if self._measured(since, is_last_look=is_last_look):
                return True
            if is_last_look:
                return False
            activity.heartbeat(self._order.key)
            pause = min(LOOK_EVERY, limit - self._clock.now())  # the last look is not a whole pause late
            await asyncio.sleep(self._clock.real_span(pause, floor=LOOK_FLOOR).total_seconds())

    def _measured(self, since: datetime, *, is_last_look: bool) -> bool:
        return is_proven(self._order, self._seen, since, is_last_look=is_last_look, soc_before_pct=self._soc_before_pct)

    async def _look(self) -> None:
        """Read every witness, all at once; one that does not answer stays as it was last seen."""
        witnesses = self._order.witness_ids
        found = await asyncio.gather(*(self._look_at(side, device) for side, device in witnesses.items()))
        self._seen |= {side: reading for side, reading in zip(witnesses, found, strict=True) if reading is not None}
        await self._readings.add_readings(list(self._seen.values()))

    async def _look_at(self, side: Side, device_id: str) -> Reading | None:
        try:
            reading = (await self._provider.read(side, device_id)).reading
        except (RetryableError, PermanentError) as error:
            activity.logger.info("witness silent", extra={"side": side.value, "why": type(error).__name__})
            return None
        if reading.source is ReadingSource.READ:
            return reading
        return reading.model_copy(update={"source": ReadingSource.READ})

    async def _ask_for_refresh(self) -> None:
        for side, device_id in self._order.witness_ids.items():
            try:
                await self._provider.request_refresh(side, device_id)
            except (RetryableError, PermanentError) as error:
                activity.logger.info("no refresh", extra={"side": side.value, "why": type(error).__name__})

    def _is_outdated(self, known: list[CommandIntent]) -> bool:
        """Whether a newer intent for the same device is on record: then this one must not reach the vendor any more."""
        order = self._order
        return any(i.order.device_id == order.device_id and i.order.number > order.number for i in known)

    def _outcome(self, result: CommandResult, sent_at: datetime | None, reason: str) -> CommandOutcome:
        order = self._order
        return CommandOutcome(
            number=order.number,
            key=order.key,
            goal=order.goal,
            side=order.side,
            result=result,
            sent_at=sent_at,
            ended_at=self._clock.now(),
            action_state=self._action.state if self._action else None,
            reason=reason,
            error="" if result in (CommandResult.PROVEN, CommandResult.ALREADY_SO) else self._error,
            retry_at=self._retry_at,
            evidence=tuple(self._seen.values()),
        )
