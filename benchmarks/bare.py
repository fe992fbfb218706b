"""The least that a durable command can be: a signal, a workflow that starts one activity, and the request it sends.

Run as a process of its own, it is the worker of `benchmarks.charge_now`.
"""

import asyncio
import os
import time
from datetime import timedelta

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    import httpx

    from client import connect

TASK_QUEUE = "bare"
SIMULATOR = "NIGHTCHARGE_ENODE_BASE_URL"


class Order(BaseModel):
    """What is sent: one START to one device."""

    path: str
    token: str


@workflow.defn(name="Bare")
class BareWorkflow:
    """Hears an order, has it carried out, and ends with the instant at which that began."""

    def __init__(self) -> None:
        self._order: Order | None = None

    @workflow.run
    async def run(self) -> float:
        await workflow.wait_condition(lambda: self._order is not None)
        began_at: float = await workflow.execute_activity(
            "ask the device", self._order, start_to_close_timeout=timedelta(seconds=30), result_type=float
        )
        return began_at

    @workflow.signal
    def go(self, order: Order) -> None:
        self._order = order


class Device:
    """Holds a kept connection."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @activity.defn(name="ask the device")
    async def ask(self, order: Order) -> float:
        """Unix time at which this began."""
        began_at = time.time()
        bearer = {"authorization": f"Bearer {order.token}"}
        (await self._http.post(order.path, json={"action": "START"}, headers=bearer)).raise_for_status()
        return began_at


async def work() -> None:
    """Until it is stopped."""
    temporal = await connect()
    async with httpx.AsyncClient(base_url=os.environ[SIMULATOR], timeout=30) as http:
        worker = Worker(temporal, task_queue=TASK_QUEUE, workflows=[BareWorkflow], activities=[Device(http).ask])
        async with worker:
            print("bare worker runs", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work())
