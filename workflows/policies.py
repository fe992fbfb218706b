"""Time limits and retries of the durable steps. Limits on real work are real time and never shrink with the clock."""

from datetime import timedelta

from temporalio.common import RetryPolicy

REAL_FLOOR = timedelta(seconds=10)
"""No limit on real work (HTTP, solver, start-to-close) is shorter than this, however fast the clock runs."""

TASK_QUEUE = "nightcharge"

QUICK = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=30)
)
"""For steps on our own storage: try until it works."""

VENDOR = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=2),
    maximum_attempts=4,
)
"""For reads at a vendor: a few spaced tries, then the machine decides."""

DECIDE_LIMIT = timedelta(seconds=10)
HEARTBEAT = timedelta(seconds=10)
"""How long a step may stay silent that is to be taken up soon after its worker died."""

COMMAND_HEARTBEAT = timedelta(minutes=2)
"""The same of a command, world time: it lasts up to a quarter of an hour, and every heartbeat is billed."""
