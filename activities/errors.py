"""Domain errors become Temporal's: type name, retried or not, next delay."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.exceptions import ApplicationError

from domain.errors import NightchargeError, RetryableError


@contextmanager
def translated() -> Iterator[None]:
    """Raise domain errors as `ApplicationError`; a vendor's Retry-After becomes the next delay."""
    try:
        yield
    except RetryableError as error:
        raise ApplicationError(str(error), type=type(error).__name__, next_retry_delay=error.retry_after) from error
    except NightchargeError as error:
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error
