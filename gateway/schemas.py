"""JSON Schemas as other languages read them: what pydantic says of our values, made exact."""

from typing import Any

WALL_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
"""A wall-clock time has no offset; the schema format `time` would demand one (RFC 3339)."""


def exact(schema: Any) -> Any:
    """The schema with wall-clock times told as such."""
    if isinstance(schema, list):
        return [exact(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: exact(value) for key, value in schema.items()}
    if told.get("format") == "time" and told.get("type") == "string":
        del told["format"]
        told["pattern"] = WALL_CLOCK
    return told
