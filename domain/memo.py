"""Pure functions of frozen values that are asked the same thing many times while one decision is made."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from domain.model import Model

ValueT = TypeVar("ValueT", bound=Model)
AskedT = ParamSpec("AskedT")
AnswerT = TypeVar("AnswerT")

MOST_ARGUMENTS = 3
"""Beside the value asked about [count]: told apart one by one, which costs less than any loop."""


def remembered(
    function: Callable[Concatenate[ValueT, AskedT], AnswerT],
) -> Callable[Concatenate[ValueT, AskedT], AnswerT]:
    """The function, with its last answer kept with the value asked about, its first argument: it lives as long as
    the value does, and a changed copy starts without any.

    Further arguments are told apart by identity: they are frozen, so the same object means the same question, and
    nothing is compared. Two threads at once may both work an answer out; neither gets a wrong one.
    """
    more = len(signature(function).parameters) - 1
    if more > MOST_ARGUMENTS:
        raise TypeError(f"{function.__qualname__}: at most {MOST_ARGUMENTS} arguments beside the value asked about")
    recall: Any = _of_value_and_more(function, more) if more else _of_value_alone(function)
    return cast(Callable[Concatenate[ValueT, AskedT], AnswerT], recall)


def _of_value_alone(function: Callable[..., AnswerT]) -> Callable[[Model], AnswerT]:
    @wraps(function)
    def recall(value: Model) -> AnswerT:
        known = value.__answers__
        if function in known:
            answer: AnswerT = known[function]
            return answer
        answer = known[function] = function(value)
        return answer

    return recall


def _of_value_and_more(function: Callable[..., AnswerT], more: int) -> Callable[..., AnswerT]:
    @wraps(function)
    def recall(value: Model, first: Any, second: Any = None, third: Any = None) -> AnswerT:
        known = value.__answers__
        last = known.get(function)
        if last is not None and last[0] is first and last[1] is second and last[2] is third:
            answer: AnswerT = last[3]
            return answer
        asked = (first, second, third)[:more]
        answer = function(value, *asked)
        known[function] = (first, second, third, answer)
        return answer

    return recall
