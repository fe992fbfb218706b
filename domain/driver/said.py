"""When a word was said. The caller may tell it; no deadline ever hangs on a caller's clock.

What has a deadline counts from the instant it was heard: a wrong clock must neither revive a token that has expired,
nor let an erasure wait for years. Elsewhere an earlier instant stands, since a word may have waited on its way (one for
tonight, heard after the departure it was meant for, is over); a later one than now cannot be true.
"""

from datetime import datetime
from typing import TypeVar

from domain.driver.events import Act, AskUnlink, ConfirmUnlink, Erase, Withdraw

ActT = TypeVar("ActT", bound=Act)

WITH_DEADLINE = (AskUnlink, ConfirmUnlink, Erase)


def as_heard(action: ActT, now: datetime) -> ActT:
    """The action as it counts when it is heard at `now`."""
    said_at: datetime | None = getattr(action, "at", None)
    is_due = isinstance(action, WITH_DEADLINE)
    is_untold = said_at is None and isinstance(action, Withdraw)
    is_ahead = said_at is not None and said_at > now
    return action.model_copy(update={"at": now}) if is_due or is_untold or is_ahead else action
