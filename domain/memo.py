"""Pure functions of frozen values that are asked the same thing many times while one decision is made."""

from collections.abc import Callable
from functools import wraps
from operator import is_
from typing import ParamSpec, TypeVar

AskedT = ParamSpec("AskedT")
AnswerT = TypeVar("AnswerT")

KEPT = 4
"""Answers kept of each function: one state is asked about a few goals and pictures at a time."""


def remembered(function: Callable[AskedT, AnswerT]) -> Callable[AskedT, AnswerT]:
    """The function, with its last few answers at hand.

    Arguments are told apart by identity: they are frozen, so the same object means the same question, and nothing is
    compared. Two threads at once may both work an answer out; neither gets a wrong one.
    """
    known: tuple[tuple[tuple[object, ...], AnswerT], ...] = ()

    @wraps(function)
    def recall(*args: AskedT.args, **kwargs: AskedT.kwargs) -> AnswerT:
        nonlocal known
        if kwargs:
            return function(*args, **kwargs)
        for asked, answer in known:
            if all(map(is_, asked, args)):
                return answer
        answer = function(*args, **kwargs)
        known = ((args, answer), *known[: KEPT - 1])
        return answer

    return recall
