from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import pattern
from pipeline.core.places import Places, places
from pipeline.core.terms import literal, scalars
from tests.conditions import CONDITION, EVERY, FOUND_SCALAR, readable

if TYPE_CHECKING:
    from pipeline.core.condition import Condition

ASKED = CONDITION.filter(lambda asked: readable({"key": [asked]}))


def condition(asked: object) -> Condition:
    (clause,) = pattern.parse({"key": [asked]}).clauses
    return clause.conditions[0]


def at(waiting: Places, value: Any) -> list[int]:  # noqa: ANN401 - a JSON scalar
    found = waiting.at_text(value) if isinstance(value, str) else waiting.at_other(literal(value))
    return [row for rows in found for row in rows]


@given(st.lists(ASKED, max_size=8), st.sets(st.integers(0, 7)), FOUND_SCALAR)
def test_a_value_looks_where_the_rows_wait_whose_condition_it_meets_and_nowhere_else(
    asked: list[Any],
    gone: set[int],
    value: Any,  # noqa: ANN401 - a JSON scalar
) -> None:
    waiting = Places()
    read = [(row, condition(each)) for row, each in enumerate(asked)]
    placed = [(row, each, found) for row, each in read if (found := places(each)) is not None]
    for row, _, found in placed:
        waiting.add(row, found)
    for row, _, found in placed:
        if row in gone:
            waiting.remove(row, found)
    (scalar,) = scalars(value)
    expected = [row for row, each, _ in placed if row not in gone and each.holds(scalar)]
    assert sorted(at(waiting, value)) == expected


def test_each_kind_that_has_places_is_found_there_and_leaves_no_trace() -> None:
    waiting = Places()
    kinds = [(condition(asked), meets, misses) for asked, meets, misses in EVERY]
    placed = [(places(asked), meets, misses) for asked, meets, misses in kinds]
    for row, (found, meets, misses) in enumerate(placed):
        if found is not None:
            waiting.add(row, found)
            waiting.add(row + 100, found)
            waiting.remove(row + 100, found)
            assert at(waiting, meets) == [row]
            assert at(waiting, misses) == []
            waiting.remove(row, found)
            assert len(waiting) == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"numeric": [">", 3]},
        {"wildcard": "a*"},
        {"exists": True},
        {"anything-but": ["a"]},
        {"prefix": {"equals-ignore-case": "ß"}},
        {"suffix": {"equals-ignore-case": "é"}},
        {"equals-ignore-case": "ß"},
    ],
)
def test_where_places_cannot_tell_there_are_none(asked: dict[str, Any]) -> None:
    assert places(condition(asked)) is None


def test_places_are_as_many_as_there_are_values_to_look_for() -> None:
    waiting = Places()
    for row, asked in enumerate(["a", 3, {"prefix": "a"}, {"prefix": "b"}, {"prefix": "a"}]):
        waiting.add(row, places(condition(asked)) or ())
    assert len(waiting) == 4
