"""Makes the Temporal namespace and its search attributes, or leaves what is there. Run once per deployment.

The address and the namespace come from Temporal's environment profile, the retention from `NAMESPACE_RETENTION_DAYS`.
What operators filter by is listed in workflows/search_attributes.py, and nowhere else.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from client import connect
from workflows.search_attributes import ALL

T = TypeVar("T")

RETENTION = timedelta(days=int(os.environ.get("NAMESPACE_RETENTION_DAYS", "30")))
"""How long closed sessions can be inspected from their history; the nights themselves stay in storage."""

PATIENCE_SECONDS = 120.0
"""A fresh server needs a while to answer, and again until a new namespace is known to all its parts."""

PAUSE_SECONDS = 0.5

_NOT_YET = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.NOT_FOUND, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.UNKNOWN}


async def prepare(client: Client) -> list[str]:
    """Make the client's namespace with all search attributes; returns the names of the attributes it added."""
    await _register_namespace(client)
    return await _patiently(lambda: _add_search_attributes(client))


async def _register_namespace(client: Client) -> None:
    request = RegisterNamespaceRequest(namespace=client.namespace)
    request.workflow_execution_retention_period.FromTimedelta(RETENTION)
    try:
        await _patiently(lambda: client.workflow_service.register_namespace(request))
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def _add_search_attributes(client: Client) -> list[str]:
    asked = ListSearchAttributesRequest(namespace=client.namespace)
    known = (await client.operator_service.list_search_attributes(asked)).custom_attributes
    missing = {key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in ALL if key.name not in known}
    if missing:
        request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
        await client.operator_service.add_search_attributes(request)
    return sorted(missing)


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The call's answer, tried again while the server is not ready."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status not in _NOT_YET or time.monotonic() > deadline:
                raise
        await asyncio.sleep(PAUSE_SECONDS)


async def main() -> None:
    client = await connect()
    added = await prepare(client)
    print(f"namespace {client.namespace}: search attributes added: {', '.join(added) or 'none'}")


if __name__ == "__main__":
    asyncio.run(main())
