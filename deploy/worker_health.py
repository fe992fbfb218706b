"""Healthy (exit 0) while the worker in this container polls the task queue. A process that hangs does not.

The worker signs its polls with `<process id>@<host name>`, and a container has a host name of its own.
"""

import asyncio
import socket
import sys
import time

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from client import connect
from workflows.policies import TASK_QUEUE

LONGEST_SILENCE_SECONDS = 150.0
"""A poll lasts up to a minute; two and a half without one is silence."""


async def is_polling(client: Client, host: str, task_queue: str = TASK_QUEUE) -> bool:
    """Whether a worker on `host` has polled for workflow tasks lately."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    pollers = (await client.workflow_service.describe_task_queue(request)).pollers
    oldest = time.time() - LONGEST_SILENCE_SECONDS
    return any(p.identity.endswith(f"@{host}") and p.last_access_time.seconds >= oldest for p in pollers)


async def main() -> int:
    client = await connect()
    return 0 if await is_polling(client, socket.gethostname()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
