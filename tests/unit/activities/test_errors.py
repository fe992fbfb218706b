"""Every error of the domain becomes Temporal's: named, retried or not, with the vendor's delay."""

import inspect
from datetime import timedelta

import pytest
from support.factories import EVENING
from temporalio.exceptions import ApplicationError

from activities.errors import translated
from domain import errors
from domain.clock import Clock
from domain.errors import NightchargeError, RateLimited, RetryableError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, NightchargeError)]


def translation_of(error: Exception, clock: Clock | None = None) -> ApplicationError:
    with pytest.raises(ApplicationError) as raised, translated(clock):
        raise error
    return raised.value


def test_the_whole_tree_is_looked_at():
    assert {kind.__name__ for kind in KINDS} >= {"RetryableError", "LinkRevoked", "Unauthorized", "CallerError"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_keeps_its_name_and_only_passing_ones_are_retried(kind: type[NightchargeError]):
    error = translation_of(kind("what happened"))
    assert error.type == kind.__name__
    assert error.message == "what happened"
    assert error.non_retryable is not issubclass(kind, RetryableError)
    assert error.next_retry_delay is None


@pytest.mark.parametrize("kind", [k for k in KINDS if issubclass(k, RetryableError)], ids=lambda kind: kind.__name__)
def test_a_vendors_delay_is_obeyed_exactly(kind: type[RetryableError]):
    assert translation_of(kind(retry_after=timedelta(seconds=90))).next_retry_delay == timedelta(seconds=90)


def test_a_vendors_delay_is_world_time():
    clock = Clock.starting(EVENING, real_now=EVENING, speed=60)
    error = translation_of(RateLimited(retry_after=timedelta(minutes=10)), clock)
    assert error.next_retry_delay == timedelta(seconds=10)


def test_other_errors_pass_as_they_are():
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError
