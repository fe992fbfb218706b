"""The deployment's scripts against a real Temporal server."""

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from workflows.search_attributes import ALL

DEPLOY = Path(__file__).parents[3] / "deploy"


def script(name: str) -> ModuleType:
    """A script of deploy/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DEPLOY / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """A Temporal server that knows neither our namespace nor our search attributes."""
    binary = Path(sys.executable).parent / "temporal"
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=str(binary)) as environment:
        yield environment


@workflow.defn
class Idle:
    """A workflow no one starts."""

    @workflow.run
    async def run(self) -> None: ...


async def test_scripts_prepare_the_namespace_once_and_see_who_polls(server: WorkflowEnvironment) -> None:
    client = await Client.connect(server.client.service_client.config.target_host, namespace="nightcharge-test")
    prepare = script("prepare_namespace").prepare
    assert await prepare(client) == sorted(key.name for key in ALL)
    assert await prepare(client) == []

    is_polling = script("worker_health").is_polling
    host = socket.gethostname()
    assert not await is_polling(client, host)
    async with Worker(client, task_queue="nightcharge", workflows=[Idle]):
        async with asyncio.timeout(20):
            while not await is_polling(client, host):  # noqa: ASYNC110  (the server does not tell; one has to ask)
                await asyncio.sleep(0.1)
        assert not await is_polling(client, f"not-{host}")
