"""Answers kept of pure functions."""

import copy

import pytest

from domain.memo import remembered
from domain.model import Model


class Asked(Model):
    number: int


def test_the_same_object_is_answered_once_and_an_equal_one_anew():
    asked: list[Asked] = []

    @remembered
    def double(value: Asked) -> int:
        asked.append(value)
        return 2 * value.number

    one = Asked(number=1)
    assert [double(one), double(one), double(Asked(number=1))] == [2, 2, 2]
    assert len(asked) == 2


def test_further_arguments_are_told_apart():
    count = 0

    @remembered
    def total(value: Asked, other: Asked, third: Asked) -> int:
        nonlocal count
        count += 1
        return value.number + other.number + third.number

    one, two, three = (Asked(number=n) for n in (1, 2, 3))
    assert [total(one, two, three), total(one, two, three), total(one, three, three)] == [6, 6, 7]
    assert count == 2


def test_a_copy_begins_without_answers_and_shows_none():
    @remembered
    def double(value: Asked) -> int:
        return 2 * value.number

    one = Asked(number=1)
    assert double(one) == 2
    assert double(one.model_copy(update={"number": 2})) == 4
    copies = (copy.copy(one), copy.deepcopy(one), one.model_copy())
    assert all(not each.__answers__ for each in copies)
    assert one == Asked(number=1)
    assert one.model_dump() == {"number": 1}


def test_only_the_last_answer_is_kept():
    count = 0

    @remembered
    def plus(value: Asked, other: Asked) -> int:
        nonlocal count
        count += 1
        return value.number + other.number

    one, two, three = (Asked(number=n) for n in (1, 2, 3))
    assert [plus(one, two), plus(one, two), plus(one, three), plus(one, two)] == [3, 3, 4, 3]
    assert count == 3


def test_a_function_of_too_many_arguments_is_refused():
    def five(value: Asked, a: int, b: int, c: int, d: int) -> int:
        return a + b + c + d

    with pytest.raises(TypeError, match="at most 3"):
        remembered(five)
