"""Domain errors become Temporal's: type name, retried or not, next delay."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from domain.clock import Clock
from domain.errors import NightchargeError, RetryableError


@contextmanager
def translated(clock: Clock | None = None) -> Iterator[None]:
    """Raise domain errors as `ApplicationError`; a vendor's Retry-After (world time) becomes the next delay."""
    try:
        yield
    except RetryableError as error:
        delay = None if error.retry_after is None else (clock or Clock()).real_span(error.retry_after)
        raise ApplicationError(str(error), type=type(error).__name__, next_retry_delay=delay) from error
    except NightchargeError as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
