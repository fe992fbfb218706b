"""What an installation needs, each looked at, with what to do about it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import httpx
from pydantic import SecretStr
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from client import EngineUnavailable, connect
from domain.clock import Clock
from domain.errors import NightchargeError
from domain.model import Model
from gateway.api.access import LEAST_SECRET
from providers.enode.hooks import SHORTEST_SECRET
from providers.prices.file import FilePrices
from settings import Settings
from storage.database import Database, file_of
from storage.migrations import is_current
from storage.tenants import Tenants
from workflows.policies import TASK_QUEUE
from workflows.search_attributes import ALL

ANSWERS_WITHIN_SECONDS = 8.0


class State(StrEnum):
    OK = "ok"
    WARN = "warn"  # it runs, but not as production should
    FAIL = "fail"


class Finding(Model):
    """One thing looked at."""

    what: str
    state: State
    told: str
    mend: str = ""


def good(what: str, told: str) -> Finding:
    return Finding(what=what, state=State.OK, told=told)


def poor(what: str, told: str, mend: str) -> Finding:
    return Finding(what=what, state=State.WARN, told=told, mend=mend)


def bad(what: str, told: str, mend: str) -> Finding:
    return Finding(what=what, state=State.FAIL, told=told, mend=mend)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Everything, one after the other."""
    for finding in of_settings(settings):
        yield finding
    for check in (_database, _temporal, _vendor, _prices, _gateway):
        async for finding in _in_time(check, settings):
            yield finding


def of_settings(settings: Settings) -> list[Finding]:
    """What the settings alone tell."""
    version = ".".join(map(str, sys.version_info[:3]))
    is_known = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return [
        good("python", version) if is_known else bad("python", version, "use Python 3.11, 3.12 or 3.13"),
        _secret("webhook secret", settings.webhook_secret, SHORTEST_SECRET, "WEBHOOK_SECRET", State.FAIL),
        _secret("gateway secret", settings.gateway_secret, LEAST_SECRET, "GATEWAY_SECRET", State.WARN),
        _secret("identity salt", settings.identity_salt, 16, "IDENTITY_SALT", State.FAIL),
        _clock(settings.clock),
        *_production(settings),
    ]


def _secret(what: str, secret: SecretStr, least: int, name: str, worst: State) -> Finding:
    length = len(secret.get_secret_value())
    if length >= least:
        return good(what, f"{length} characters")
    told = "not set" if length == 0 else f"{length} characters, at least {least} are needed"
    return Finding(what=what, state=worst, told=told, mend=f"set NIGHTCHARGE_{name} (openssl rand -hex 32)")


def _clock(clock: Clock) -> Finding:
    if clock == Clock():
        return good("clock", "real time")
    return poor("clock", f"{clock.speed:g} times as fast as real time", "unset NIGHTCHARGE_CLOCK but in a demo")


def _production(settings: Settings) -> list[Finding]:
    found = []
    if settings.enode_allow_plain_http:
        found.append(poor("vendor", "plain http is allowed", "unset NIGHTCHARGE_ENODE_ALLOW_PLAIN_HTTP"))
    if settings.hooks_in_private_network:
        found.append(poor("hooks", "private addresses are allowed", "unset NIGHTCHARGE_HOOKS_IN_PRIVATE_NETWORK"))
    if settings.database_url.startswith("sqlite"):
        mend = "with several machines: NIGHTCHARGE_DATABASE_URL=postgresql+psycopg://..."
        found.append(poor("database", "SQLite serves one machine", mend))
    return found


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    file = _missing_file(settings.database_url)
    if file:
        yield bad("database", f"there is no {file}", "start the worker once: it makes the database")
        return
    database = Database(settings.database_url)
    mend = "start the worker once (it makes the tables), or check NIGHTCHARGE_DATABASE_URL"
    try:
        is_new = await database.look(is_current)
        yield good("tables", "at the present version") if is_new else bad("tables", "not made, or old", mend)
        if is_new:
            tenants = Tenants(database)
            programs = [program.name for program in await tenants.programs()]
            told = ", ".join(programs) or "none"
            mend = "nightcharge program apply FILE, then nightcharge keys create PROGRAM"
            yield good("programs", told) if programs else poor("programs", told, mend)
    except NightchargeError as error:
        yield bad("database", str(error), "is it up, and NIGHTCHARGE_DATABASE_URL right?")
    finally:
        await database.close()


def _missing_file(url: str) -> str:
    """The SQLite file that is not there; to look into it would make an empty one."""
    file = file_of(url)
    return file if file is not None and not Path(file).is_file() else ""


async def _temporal(_: Settings) -> AsyncIterator[Finding]:
    mend = (
        "is it up, and TEMPORAL_ADDRESS (or TEMPORAL_PROFILE) right? "
        "for an installation of `nightcharge up` first: set -a; . FOLDER/env; set +a"
    )
    try:
        client = await connect()
    except EngineUnavailable as error:
        yield bad("temporal", str(error), mend)
        return
    yield good("temporal", f"{client.service_client.config.target_host}, namespace {client.namespace}")
    try:
        asked = ListSearchAttributesRequest(namespace=client.namespace)
        known = (await client.operator_service.list_search_attributes(asked)).custom_attributes
    except RPCError as error:
        yield bad("namespace", error.message, "python deploy/prepare_namespace.py makes it")
        return
    missing = [key.name for key in ALL if key.name not in known]
    yield (
        bad("search attributes", f"missing: {', '.join(missing)}", "python deploy/prepare_namespace.py adds them")
        if missing
        else good("search attributes", f"{len(ALL)} registered")
    )
    pollers = await _pollers(client)
    yield good("workers", f"{pollers} ask for work") if pollers else bad("workers", "none", "nightcharge worker")


async def _pollers(client: Client) -> int:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    answer = await client.workflow_service.describe_task_queue(request)
    return len({poller.identity for poller in answer.pollers})


async def _vendor(settings: Settings) -> AsyncIterator[Finding]:
    mend = "check NIGHTCHARGE_ENODE_CLIENT_ID, ..._SECRET and ..._TOKEN_URL"
    if not settings.enode_client_id:
        yield bad("vendor", "no client id is set", mend)
        return
    login = (settings.enode_client_id, settings.enode_client_secret.get_secret_value())
    async with httpx.AsyncClient(timeout=ANSWERS_WITHIN_SECONDS) as http:
        try:
            answer = await http.post(settings.enode_token_url, data={"grant_type": "client_credentials"}, auth=login)
        except httpx.HTTPError as error:
            yield bad("vendor", f"{settings.enode_token_url}: {type(error).__name__}", mend)
            return
    told = f"{settings.enode_token_url} answers {answer.status_code}"
    yield good("vendor", "logged in") if answer.status_code == 200 else bad("vendor", told, mend)


async def _prices(settings: Settings) -> AsyncIterator[Finding]:
    try:
        source = FilePrices(settings.prices_file) if settings.prices_file else FilePrices()
    except (NightchargeError, OSError, ValueError) as error:
        yield bad("prices file", str(error), "NIGHTCHARGE_PRICES_FILE: see docs/operations.md for its form")
        return
    now = settings.clock.now()
    known = await source.prices("NL", now, now + timedelta(hours=1))
    mend = "set NIGHTCHARGE_ENTSOE_TOKEN, or keep NIGHTCHARGE_PRICES_FILE fresh; until then plans rest on a forecast"
    if known.slots or settings.entsoe_token.get_secret_value():
        yield good("prices", "known now" if known.slots else "fetched every day")
    else:
        yield poor("prices", "none for the present hour", mend)


async def _gateway(settings: Settings) -> AsyncIterator[Finding]:
    host = "127.0.0.1" if settings.gateway_host in ("0.0.0.0", "::") else settings.gateway_host
    url = f"http://{host}:{settings.gateway_port}/health"
    async with httpx.AsyncClient(timeout=ANSWERS_WITHIN_SECONDS, trust_env=False) as http:
        try:
            status = (await http.get(url)).status_code
        except httpx.HTTPError as error:
            yield bad("gateway", f"{url}: {type(error).__name__}", "nightcharge serve")
            return
    yield good("gateway", url) if status == 200 else bad("gateway", f"{url} answers {status}", "look into its log")


Check = Callable[[Settings], AsyncIterator[Finding]]


async def _in_time(check: Check, settings: Settings) -> AsyncIterator[Finding]:
    """The check's findings; one that hangs or breaks is a finding too."""
    name = check.__name__.strip("_")

    async def gather() -> list[Finding]:
        return [finding async for finding in check(settings)]

    try:
        found: Awaitable[list[Finding]] = asyncio.wait_for(gather(), 2 * ANSWERS_WITHIN_SECONDS)
        for finding in await found:
            yield finding
    except TimeoutError:
        yield bad(name, "no answer in time", "is it reachable from this machine?")
    except Exception as error:
        yield bad(name, f"{type(error).__name__}: {error}", "this was not expected; please report it")
