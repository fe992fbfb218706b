"""How much a program's keys may switch in a short time, and the second person who may allow more (P16).

A driver's own link is not counted: it switches one car, and a bucket of its own limits it.
"""

from datetime import datetime, timedelta

from gateway.api.access import Principal
from gateway.api.problems import Refused
from gateway.api.services import Services
from storage.audit import AuditRecord

APPROVED_FACTOR = 10
"""With a second person's approval so many times as much may be switched."""

APPROVAL_LIVES = timedelta(minutes=15)

APPROVED = "approve switching"


async def allow_switching(api: Services, caller: Principal, act: str, session_id: str, power_kw: float) -> None:
    """Note the act in the audit, if it may be done now.

    Raises:
        Refused: too much would be switched within the span (429, `switching-limit`).
    """
    now = api.real_now()
    record = AuditRecord(
        at=now,
        program=caller.program,
        actor=caller.actor,
        act=act,
        object=session_id,
        outcome="sent",
        power_kw=power_kw if caller.driver_id is None else 0.0,
    )
    if record.power_kw == 0:
        await api.audit.note(record)
        return
    config = api.config
    most_kw = config.most_switched_kw
    is_noted = await api.audit.note_switching(record, within=config.switched_within, most_kw=most_kw)
    if not is_noted and await _is_approved(api, caller, now):
        most_kw *= APPROVED_FACTOR
        is_noted = await api.audit.note_switching(record, within=config.switched_within, most_kw=most_kw)
    if not is_noted:
        await api.audit.note(record.model_copy(update={"outcome": "refused: too much at once", "power_kw": 0.0}))
        detail = (
            f"more than {most_kw:g} kW would be switched at once: a second person must approve (POST /v1/approvals)"
        )
        seconds = round(config.switched_within.total_seconds())
        raise Refused(429, "switching-limit", detail, headers={"Retry-After": str(seconds)})


async def _is_approved(api: Services, caller: Principal, now: datetime) -> bool:
    """Whether another key than the caller's has approved lately."""
    approvals = await api.audit.since(caller.program, APPROVED, now - APPROVAL_LIVES)
    return any(one.actor != caller.actor for one in approvals)
