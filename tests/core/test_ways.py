from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import channels, match, pattern
from pipeline.core.operators import read
from pipeline.core.pattern import Clause, Pattern
from pipeline.core.places import places
from pipeline.core.terms import scalars
from pipeline.core.ways import HELD, MOST_WAYS, VALUES, ways, weight
from tests.conditions import CONDITION, FOUND, readable

ALTERNATIVES = st.lists(
    st.dictionaries(
        st.sampled_from("abc"), st.lists(CONDITION, min_size=1, max_size=2), min_size=1, max_size=2
    ),
    min_size=2,
    max_size=5,
).map(lambda group: {"$or": group})


def of(asked: dict[str, Any]) -> tuple[list[list[Clause]], bool]:
    found, exact = ways(pattern.parse(asked))
    return [list(way) for way in found], exact


def weighing(asked: dict[str, Any]) -> int:
    return weight(pattern.parse(asked))


@given(
    asked=st.one_of(
        ALTERNATIVES, st.lists(ALTERNATIVES, min_size=2, max_size=3).map(lambda g: {"$or": g})
    ).filter(readable),
    found=st.dictionaries(st.sampled_from("abc"), FOUND),
)
def test_the_ways_of_a_filter_are_met_where_the_filter_is(
    asked: dict[str, Any], found: dict[str, Any]
) -> None:
    parsed = pattern.parse(asked)
    each, exact = ways(parsed)
    met = any(all(clause.met([*scalars(found.get(clause.key, []))]) for clause in way) for way in each)
    assert exact
    assert met == match.matches(parsed, found)


def test_alternatives_of_one_attribute_are_one_however_many_and_however_deep() -> None:
    flat = {"$or": [{"service": [f"s{number}"]} for number in range(MOST_WAYS + 6)]}
    deep = {"$or": [flat, {"service": ["z"]}, {"$or": [{"service": ["x"]}, {"service": ["y"]}]}]}
    found, exact = of(deep)
    assert exact
    assert [[clause.key for clause in way] for way in found] == [["service"]]
    assert weighing(deep) == weighing({"service": [f"s{number}" for number in range(MOST_WAYS + 9)]}) == 10


def test_what_has_more_ways_than_are_counted_has_one_that_does_not_decide() -> None:
    many = {"$or": [{"a": [number], "b": [number]} for number in range(MOST_WAYS + 1)], "service": ["a"]}
    found, exact = of(many)
    assert not exact
    assert found == [list(pattern.parse({"service": ["a"]}).clauses)]
    assert weighing(many) == 1 + HELD


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, 1),
        ({"service": ["a"]}, 1),
        ({"service": ["a"], "severity": ["error", "warning"], "latencyMs": [{"numeric": [">", 500]}]}, 1),
        ({"orderId": [f"o{number}" for number in range(VALUES)]}, 1),
        ({"orderId": [f"o{number}" for number in range(VALUES + 1)]}, 2),
        ({"orderId": [f"o{number}" for number in range(200)]}, 25),
        ({"service": [{"anything-but": ["a", "b"]}]}, 1),
        ({"service": [{"anything-but": ["a"]}, {"anything-but": ["b"]}]}, 2),
        ({"service": [{"wildcard": f"*{number}*"} for number in range(10)]}, 10),
        ({"service": [{"prefix": {"equals-ignore-case": "é"}}, {"prefix": "é"}]}, 2),
        ({"$or": [{"a": [1], "b": [number]} for number in range(8)]}, 2),
        ({"service": [{"prefix": "a"}], "$or": [{"service": ["ab"]}, {"severity": ["error"]}]}, 1 + HELD),
    ],
)
def test_a_plain_filter_weighs_one_and_others_what_they_cost(asked: dict[str, Any], expected: int) -> None:
    assert weighing(asked) == expected


@given(st.lists(CONDITION, min_size=1, max_size=4).filter(lambda asked: readable({"a": asked})))
def test_what_must_be_held_against_each_value_by_itself_weighs_a_plain_filter_each(asked: list[Any]) -> None:
    conditions = {read("a", each) for each in asked}
    waiting = [places(each) for each in conditions]
    byhand = sum(
        found is None and type(each).__name__ == "Wildcard"
        for each, found in zip(conditions, waiting, strict=True)
    )
    clause = Clause("a", tuple(conditions))
    assert (
        weight(Pattern((clause,))) * VALUES >= sum(len(found) for found in waiting if found) + byhand * VALUES
    )


def test_a_channel_says_what_its_filter_weighs_and_is_the_same_channel() -> None:
    asked = {"orderId": [f"o{number}" for number in range(100)]}
    made = channels.of("acme", asked, None)
    assert made.weight == 13
    assert channels.conflated(made, "orderId", None).weight == 13
    assert orjson.loads(made.filter).keys() == {"orderId"}
