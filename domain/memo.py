"""Pure functions of frozen values that are asked the same thing many times while one decision is made."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from domain.model import Model

ValueT = TypeVar("ValueT", bound=Model)
AskedT = ParamSpec("AskedT")
AnswerT = TypeVar("AnswerT")

KEPT = 200
"""Answers kept with one value: no decision asks as many, and a value that lives for days does not grow."""


def remembered(
    function: Callable[Concatenate[ValueT, AskedT], AnswerT],
) -> Callable[Concatenate[ValueT, AskedT], AnswerT]:
    """The function, with its answers kept with the value asked about, its first argument: they live as long as it
    does, and a changed copy starts without any.

    Further arguments are told apart by identity: they are frozen, so the same object means the same question, and
    nothing is compared. Two threads at once may both work an answer out; neither gets a wrong one.
    """
    asks_nothing_else = len(signature(function).parameters) == 1
    recall: Any = _of_value_alone(function) if asks_nothing_else else _of_value_and_more(function)
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


def _of_value_and_more(function: Callable[..., AnswerT]) -> Callable[..., AnswerT]:
    @wraps(function)
    def recall(value: Model, *args: Any, **kwargs: Any) -> AnswerT:
        if kwargs:
            return function(value, *args, **kwargs)
        known = value.__answers__
        question = (function, *map(id, args))
        if question in known:
            answer: AnswerT = known[question][0]
            return answer
        answer = function(value, *args)
        if len(known) >= KEPT:
            known.clear()
        known[question] = (answer, args)  # the arguments too: as long as they live, no other object has their ids
        return answer

    return recall
