"""Answers that say no, in the vendor's problem format."""

from simulator.registry import Json
from simulator.wire import problem


class Refused(Exception):
    """A request that is answered with `status` and a problem body."""

    def __init__(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        super().__init__(body.get("title", ""))
        self.status = status
        self.body = body
        self.headers = headers or {}


def bad_request(title: str, detail: str, issues: list[Json] | None = None) -> Refused:
    return Refused(400, problem("bad-request", title, detail, issues))


def unauthorized() -> Refused:
    return Refused(401, problem("unauthorized", "Unauthorized", "Unauthorized for resource"))


def not_found(title: str, detail: str) -> Refused:
    return Refused(404, problem("not-found", title, detail))


def unprocessable(title: str, detail: str) -> Refused:
    return Refused(422, problem("unprocessable-entity", title, detail))
