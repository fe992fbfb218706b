"""The composition root: settings, adapters, activities, workflows; register, run, drain."""

import asyncio
import logging
import secrets
import signal
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from activities.deciding import decide_driver, decide_session
from activities.devices import Devices
from activities.erasing import Erasing
from activities.notices import LogNotices, Telling
from activities.planning import Planning
from activities.prices import PriceFeed
from activities.records import Records
from activities.rollout import RolloutSteps, decide_rollout
from activities.sweeping import Sweeping
from client import Nightcharge, connect
from domain.errors import RetryableError
from domain.ports import DeviceProvider, Notices, Planner, PriceSource
from domain.sweep import Census
from providers.enode.client import EnodeClient
from providers.enode.mapping import WireMapping
from providers.enode.provider import EnodeProvider
from providers.enode.settings import EnodeSettings
from providers.prices.file import FilePrices
from providers.prices.layered import LayeredPrices
from providers.traffic import BudgetRule, GateRules
from settings import Settings
from storage.breakers import TOLD_EVERY, Breakers
from storage.database import Database
from storage.hooks import HookNotices, Hooks
from storage.prices import SqlPrices
from storage.programs import Programs
from storage.reliability import SqlReliability
from storage.roster import SqlRoster
from storage.sql import SqlStore
from workflows.driver import DriverWorkflow
from workflows.fleet import Fleet
from workflows.policies import TASK_QUEUE
from workflows.price_schedule import ensure_price_schedule
from workflows.prices import PriceFeedStart, PriceFeedWorkflow
from workflows.register import VisibleWorkflows
from workflows.rollout import RolloutWorkflow
from workflows.session import SessionWorkflow
from workflows.sweep import SweepWorkflow
from workflows.sweep_schedule import ensure_sweep_schedule
from workflows.telling import Telling as Signals

logger = logging.getLogger(__name__)

DRAIN = timedelta(seconds=20)
"""Real time for short activities to finish when the worker is asked to stop."""

STICKY = timedelta(seconds=3)
"""After a dead worker the others wait this long before they take over its workflows."""

CACHED_WORKFLOWS = 500
"""About 0.1 MiB each."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The outside world, as the activities hold it."""

    provider: DeviceProvider
    census: Census
    prices: PriceSource  # what plans and accounts know
    market: PriceSource | None = None  # where the price feed asks; None: as `prices`
    store: SqlStore
    notices: Notices
    planner: Planner


def build_worker(client: Client, ports: Ports, executor: ThreadPoolExecutor, *, task_queue: str = TASK_QUEUE) -> Worker:
    """A worker for all workflows and every step. Must be called on the event loop that the ports live on."""
    devices = Devices(ports.provider, ports.store, ports.store)
    planning = Planning(ports.prices, ports.planner, asyncio.get_running_loop())
    records = Records(ports.store, ports.store, ports.store, ports.prices)
    telling = Telling(ports.notices)
    sweeping = Sweeping(ports.census, VisibleWorkflows(client), ports.store.inbox, ports.store, Signals(client))
    feed = PriceFeed(ports.market or ports.prices, SqlPrices(ports.store.database), Nightcharge(client))
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[DriverWorkflow, SessionWorkflow, PriceFeedWorkflow, SweepWorkflow, RolloutWorkflow],
        activities=[
            decide_driver,
            decide_session,
            decide_rollout,
            *rollout_steps(client, ports.store.database).all(),
            devices.read_device,
            devices.send_command,
            devices.start_link,
            devices.list_devices,
            devices.set_place,
            devices.unlink,
            devices.forget_at_vendor,
            Erasing(ports.store.erasure).erase_records,
            planning.make_plan,
            records.listen,
            records.stop_listening,
            records.close_night,
            telling.tell,
            sweeping.sweep_page,
            feed.fetch_prices,
            feed.tell_sessions,
            feed.close_publication,
        ],
        activity_executor=executor,
        max_cached_workflows=CACHED_WORKFLOWS,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=DRAIN,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    )


def rollout_steps(client: Client, database: Database) -> RolloutSteps:
    """A rollout's steps on these books, with the drivers' workflows behind this client."""
    return RolloutSteps(Programs(database), SqlRoster(database), SqlReliability(database), Fleet(client))


@asynccontextmanager
async def ports_from(settings: Settings) -> AsyncIterator[Ports]:
    """Adapters as the settings say, closed at the end."""
    import planner  # here, because the gateway shares this module's wiring and should start without a solver

    async with AsyncExitStack() as stack:
        store = SqlStore(settings.database_url)
        await store.create()
        stack.push_async_callback(store.close)
        file = FilePrices(settings.prices_file) if settings.prices_file else FilePrices()
        enode = await stack.enter_async_context(EnodeClient(enode_settings(settings), clock=settings.clock))
        provider = EnodeProvider(enode, wire_mapping(settings))
        yield Ports(
            provider=provider,
            census=provider,
            prices=LayeredPrices([SqlPrices(store.database), file]),
            market=await _market(settings, stack) or file,
            store=store,
            notices=HookNotices(Hooks(store.database), settings.clock.now, also=LogNotices()),
            planner=planner.plan,
        )


async def _market(settings: Settings, stack: AsyncExitStack) -> PriceSource | None:
    """ENTSO-E, if we have a token. Its library is an extra and slow to load, so only who uses it imports it."""
    if not settings.entsoe_token.get_secret_value():
        return None
    from providers.prices.entsoe import EntsoePrices, EntsoeSettings

    return await stack.enter_async_context(
        EntsoePrices(EntsoeSettings(token=settings.entsoe_token), clock=settings.clock)
    )


def enode_settings(settings: Settings) -> EnodeSettings:
    calls = settings.enode_calls_a_day
    budget = BudgetRule(calls, timedelta(days=1), reserve=calls // 10)  # the last tenth is for commands and their check
    return EnodeSettings(
        traffic=GateRules(account=budget),
        base_url=settings.enode_base_url,
        token_url=settings.enode_token_url,
        client_id=settings.enode_client_id,
        client_secret=settings.enode_client_secret,
        identity_salt=settings.identity_salt,
        allow_plain_http=settings.enode_allow_plain_http,
    )


def wire_mapping(settings: Settings) -> WireMapping:
    """One salt for worker and gateway alike: one physical device has one digest."""
    return WireMapping(identity_salt=settings.identity_salt or SecretStr(""))


async def run(settings: Settings) -> None:
    """Work until asked to stop, then drain."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    client = await connect()
    if settings.entsoe_token.get_secret_value():
        for area in settings.price_areas:
            await ensure_price_schedule(client, PriceFeedStart(area=area, clock=settings.clock))
    async with ports_from(settings) as ports:
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="step") as executor:
            async with build_worker(client, ports, executor):
                await ensure_sweep_schedule(client, settings.clock)
                telling = asyncio.create_task(_tell_breakers(ports))
                logger.info("worker runs", extra={"action": "worker_started"})
                print("worker runs", flush=True)
                await stop.wait()
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)


async def _tell_breakers(ports: Ports) -> None:
    """For ever: say which vendors this worker keeps away from, for the operator's page."""
    breakers, process = Breakers(ports.store.database), secrets.token_hex(8)
    while isinstance(ports.provider, EnodeProvider):
        try:
            await breakers.tell(process, ports.provider.client.gate.open_vendors(), datetime.now(UTC))
        except RetryableError as error:
            logger.warning("breakers not told", extra={"why": str(error)})
        await asyncio.sleep(TOLD_EVERY.total_seconds())
