"""Ids that every backend in every language can derive. They are readable by all who open the UI: nothing personal."""

from uuid import UUID, uuid5

NAMESPACE = UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")
"""Root of all driver ids. Never changes: it would orphan every driver."""


def driver_id(program: str, reference: str) -> str:
    """The opaque id of a driver, from the program and the backend's own reference."""
    return str(uuid5(uuid5(NAMESPACE, program), reference))


def driver_workflow_id(driver: str) -> str:
    return f"driver:{driver}"


def session_workflow_id(session: str) -> str:
    """`session` is `<vehicle_id>:<seq>`."""
    return f"session:{session}"


def session_of(workflow_id: str) -> str:
    """The inverse of `session_workflow_id`."""
    return workflow_id.removeprefix("session:")


def driver_of(workflow_id: str) -> str:
    """The inverse of `driver_workflow_id`."""
    return workflow_id.removeprefix("driver:")
