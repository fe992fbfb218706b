"""The workflows' client without Temporal: the real machine of drivers in memory, and sessions as they are put."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from temporalio.service import RPCError, RPCStatusCode

from client import ActionRefused, UnknownWorkflow, driver_id
from domain.driver.apply import apply
from domain.driver.events import Act, ActionEnded, DeviceSeen, DriverAction
from domain.driver.state import ActionOutcome, DriverState
from domain.journey import Journey, journey_of
from domain.nightlog import LogEntry
from domain.program import Program
from domain.requirement import Verdict
from domain.session.apply import apply as apply_in_session
from domain.session.events import DriverActed
from domain.session.preview import Preview
from domain.session.state import SessionState
from domain.session.whatif import preview_of

VENDOR_PAGE = "https://vendor.invalid/link"


class NoVisibility:
    """A Temporal client whose visibility store is away."""

    async def count_workflows(self, query: str) -> Any:
        raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    async def list_workflows(self, query: str, **_: Any) -> AsyncIterator[Any]:
        raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        yield


class Desk:
    """What `client.Nightcharge` is to the API."""

    def __init__(self) -> None:
        self.temporal = NoVisibility()
        self.drivers: dict[str, DriverState] = {}
        self.sessions: dict[str, SessionState] = {}
        self.acted: list[tuple[str, DriverActed]] = []
        self.fails: Exception | None = None

    async def start_driver(self, program: Program, reference: str) -> str:
        self._up()
        driver = driver_id(program.name, reference)
        self.drivers.setdefault(driver, DriverState(driver_id=driver, program=program, wish=program.wish))
        return driver

    async def act(self, driver: str, action: Act, *, within: timedelta | None = None) -> ActionOutcome:
        state = self._driver(driver)
        is_known = action.action_id in state.outcomes
        after = apply(state, action)  # type: ignore[arg-type]
        outcome = after.outcomes[action.action_id]
        if outcome.status == "refused" and not is_known:
            raise ActionRefused(outcome.detail)
        if outcome.status == "pending":
            ended = ActionEnded(action_id=action.action_id, is_done=True, detail="done", url=VENDOR_PAGE)
            after = apply(after, ended)
        self.drivers[driver] = after
        return after.outcomes[action.action_id]

    async def outcome(self, driver: str, action_id: str) -> ActionOutcome | None:
        return self._driver(driver).outcomes.get(action_id)

    async def journey(self, driver: str) -> Journey:
        return journey_of(self._driver(driver))

    async def announce(self, driver: str, brand: str, model: str | None = None) -> Verdict:
        state = self._driver(driver)
        return state.program.announce(driver, brand, model, state.record)

    async def driver_state(self, driver: str) -> DriverState:
        return self._driver(driver)

    async def session_state(self, session: str) -> SessionState:
        self._up()
        if session not in self.sessions:
            raise UnknownWorkflow(f"no workflow runs for {session}")
        return self.sessions[session]

    async def session_log(self, session: str) -> list[LogEntry]:
        await self.session_state(session)
        return []

    async def preview(self, session: str, action: DriverActed) -> Preview:
        return preview_of(await self.session_state(session), action, action.at)

    async def answer(self, session: str, action_id: str) -> Preview | None:
        return (await self.session_state(session)).answers.get(action_id)

    async def act_tonight(self, session: str, action: DriverActed) -> None:
        self.sessions[session] = apply_in_session(await self.session_state(session), action)
        self.acted.append((session, action))

    def see(self, driver: str, event: DeviceSeen | DriverAction) -> None:
        """What the driver's workflow hears."""
        self.drivers[driver] = apply(self.drivers[driver], event)

    def _driver(self, driver: str) -> DriverState:
        self._up()
        if driver not in self.drivers:
            raise UnknownWorkflow(f"no workflow runs for {driver}")
        return self.drivers[driver]

    def _up(self) -> None:
        if self.fails is not None:
            raise self.fails
