from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from pipeline.core import attribute_index, pattern
from pipeline.core.attribute_index import AttributeIndex
from pipeline.core.terms import scalars
from tests.conditions import CONDITION, EVERY, FOUND, readable

CONDITIONS = st.lists(CONDITION, min_size=1, max_size=3).filter(lambda asked: readable({"key": asked}))
INDIFFERENT = 99


def clause(asked: list[Any]) -> pattern.Clause:
    (read,) = pattern.parse({"key": asked}).clauses
    return read


def indexed(*clauses: pattern.Clause) -> AttributeIndex:
    index = AttributeIndex()
    for row, each in enumerate(clauses):
        index.add(row, each.conditions)
    index.renew(BitMap([*range(len(clauses)), INDIFFERENT]))
    return index


def content(index: AttributeIndex, value: object, rows: BitMap | None = None) -> set[int]:
    return set(index.content(value, index.rows | BitMap([INDIFFERENT]) if rows is None else rows))


@given(
    st.lists(CONDITIONS, max_size=6),
    st.sets(st.integers(0, 5)),
    st.lists(FOUND, max_size=3),
    st.sets(st.integers(0, 5)),
    st.sampled_from((attribute_index.MOST_ANSWERS, -1)),
)
def test_content_is_who_asks_nothing_or_has_a_condition_met(
    asked: list[list[Any]], gone: set[int], values: list[Any], some: set[int], most: int
) -> None:
    clauses = [clause(each) for each in asked]
    here = set(range(len(asked))) - gone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribute_index, "MOST_ANSWERS", most)  # with -1 nothing is remembered
        index = indexed(*clauses)
        for row in set(range(len(asked))) & gone:
            index.remove(row, clauses[row].conditions)
        index.renew(BitMap([*here, INDIFFERENT]))
        for value in [*values, *values]:  # the second time from memory
            met = {row for row in here if clauses[row].met([*scalars(value)])}
            assert content(index, value) == met | {INDIFFERENT}
            assert content(index, value, BitMap(some & here)) == met & some
    assert set(index.missing()) == {row for row in here if clauses[row].met([])} | {INDIFFERENT}
    assert set(index.rows) == here


@pytest.mark.parametrize(("asked", "meets", "misses"), EVERY)
def test_every_kind_of_condition_is_found_beside_each_other_one_and_goes_without_a_trace(
    asked: Any,  # noqa: ANN401 - JSON values
    meets: Any,  # noqa: ANN401 - the same
    misses: Any,  # noqa: ANN401 - the same
) -> None:
    for beside in ({"anything-but": ["z"]}, "z", {"exists": True}):
        clauses = [clause([asked]), clause([asked]), clause([beside])]
        index = indexed(*clauses)
        assert {0, 1} <= content(index, meets)
        assert not {0, 1} & content(index, misses)
        index.remove(0, clauses[0].conditions)
        index.renew(BitMap([1, 2]))
        assert 1 in content(index, meets)
        index.remove(1, clauses[1].conditions)
        index.remove(2, clauses[2].conditions)
        index.renew(BitMap([INDIFFERENT]))
        assert content(index, meets) == content(index, misses) == {INDIFFERENT}


def test_a_row_with_more_than_one_anything_but_is_met_when_one_of_them_is() -> None:
    index = indexed(clause([{"anything-but": ["a"]}, {"anything-but": ["b"]}]))
    for value in ("a", "b", "c"):
        assert content(index, value) == {0, INDIFFERENT}


def test_answers_are_remembered_no_longer_than_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute_index, "MOST_ANSWERS", 4)  # as much as is asked for: "a", "b", two ends
    index = indexed(clause(["a"]), clause([{"prefix": "b"}]), clause([{"numeric": [">", 3]}]))
    for _ in range(2):
        for value, row in (("a", 0), ("b", 1), ("bb", 1), ("bc", 1), ("bd", 1), (4, 2)):
            assert content(index, value) == {row, INDIFFERENT}


@pytest.mark.parametrize(
    ("asked", "met_by_three", "met_by_four"),
    [
        ([3], True, False),
        ([{"anything-but": [3]}], False, True),
        ([{"anything-but": {"wildcard": "x*"}}], True, True),
        ([{"anything-but": ["x"]}, {"anything-but": [3]}], True, True),
    ],
)
def test_a_number_that_a_filter_names_is_not_taken_for_its_neighbours(
    *, asked: list[Any], met_by_three: bool, met_by_four: bool
) -> None:
    index = indexed(clause([{"numeric": [">", 0]}]), clause(asked))
    for _ in range(2):
        assert (1 in content(index, 3)) is met_by_three
        assert (1 in content(index, 4)) is met_by_four
        assert 0 in content(index, 3.5)
        assert (1 in content(index, 3.5)) is met_by_four


def test_a_value_that_one_condition_excludes_may_meet_another() -> None:
    index = indexed(
        clause([{"anything-but": ["a"]}, {"exists": True}]), clause([{"anything-but": ["a"]}, "a"])
    )
    for value in ("a", "b"):
        assert content(index, value) == {0, 1, INDIFFERENT}


def test_what_was_answered_before_a_change_is_answered_anew_after_it() -> None:
    index = indexed(clause(["a"]), clause([{"prefix": "a"}]))
    assert content(index, "a") == {0, 1, INDIFFERENT}
    index.remove(1, clause([{"prefix": "a"}]).conditions)
    index.add(2, clause([{"suffix": "a"}]).conditions)
    index.renew(BitMap([0, 2]))
    assert content(index, "a", BitMap([0, 2])) == {0, 2}


def test_a_long_text_is_matched_and_not_remembered() -> None:
    long = "a" * (attribute_index.LONGEST_NAME + 1)
    index = indexed(clause([long]), clause([{"prefix": "a"}]))
    before = sys.getrefcount(long)
    assert content(index, long) == {0, 1, INDIFFERENT}
    assert sys.getrefcount(long) == before


def test_the_fewer_rows_a_value_contents_the_lower_the_guess() -> None:
    few = indexed(*(clause([f"v{number}"]) for number in range(20)))
    many = indexed(*(clause(["v"]) for _ in range(20)))
    assert few.usual() < many.usual()


@given(st.lists(st.sampled_from("abc"), max_size=2), st.sets(st.integers(0, 3)))
def test_of_many_rows_and_of_few_the_same_are_content_whether_or_not_answers_are_kept(
    values: list[str], some: set[int]
) -> None:
    clauses = [clause(asked) for asked in (["a"], [{"anything-but": ["a"]}], ["b", "c"], [{"exists": True}])]
    met = {row for row, each in enumerate(clauses) if each.met(values)}
    with pytest.MonkeyPatch.context() as patch:
        for most in (attribute_index.MOST_ANSWERS, 2):  # four values are asked for
            patch.setattr(attribute_index, "MOST_ANSWERS", most)
            index = indexed(*clauses)
            assert content(index, values, BitMap(some)) == met & some
            assert content(index, values) == met | {INDIFFERENT}
