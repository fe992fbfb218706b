"""Answers kept of pure functions."""

from dataclasses import dataclass

from domain.memo import KEPT, remembered


@dataclass(frozen=True)
class Asked:
    number: int


def test_the_same_object_is_answered_once_and_an_equal_one_anew():
    asked: list[Asked] = []

    @remembered
    def double(value: Asked) -> int:
        asked.append(value)
        return 2 * value.number

    one = Asked(1)
    assert [double(one), double(one), double(Asked(1))] == [2, 2, 2]
    assert len(asked) == 2


def test_only_the_last_few_answers_are_kept():
    count = 0

    @remembered
    def number(value: Asked) -> int:
        nonlocal count
        count += 1
        return value.number

    values = [Asked(n) for n in range(KEPT + 1)]
    assert [number(value) for value in values] == list(range(KEPT + 1))
    number(values[-1])
    assert count == KEPT + 1
    number(values[0])
    assert count == KEPT + 2
