from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import match, pattern
from pipeline.core.row_group import MOST_SHAPES, RowGroup
from tests.conditions import CONDITION, FOUND, readable

KEYS = st.sampled_from(["service", "severity", "latencyMs"])
ASKED = st.dictionaries(KEYS, st.lists(CONDITION, min_size=1, max_size=2), max_size=3).filter(readable)
FIELDS = st.dictionaries(KEYS, FOUND, max_size=3)


def content(group: RowGroup, found: dict[str, Any]) -> set[int]:
    return set(group.content(found, tuple(found)))


@given(st.lists(ASKED, max_size=6), st.sets(st.integers(0, 5)), st.lists(FIELDS, max_size=3))
def test_a_row_is_content_when_each_of_its_clauses_is_met(
    asked: list[dict[str, Any]], gone: set[int], deltas: list[dict[str, Any]]
) -> None:
    group, patterns = RowGroup(), [pattern.parse(each) for each in asked]
    for row, each in enumerate(patterns):
        group.add(row, each.clauses)
    for found in deltas:
        assert content(group, found) == {
            row for row, each in enumerate(patterns) if match.matches(each, found)
        }
    here = set(range(len(patterns))) - gone
    for row in set(range(len(patterns))) & gone:
        group.remove(row, patterns[row].clauses)
    for found in deltas:
        assert content(group, found) == {row for row in here if match.matches(patterns[row], found)}
    assert len(group) == len(here)


def test_deltas_of_very_many_shapes_are_matched_as_those_of_few() -> None:
    group = RowGroup()
    group.add(0, pattern.parse({"service": ["a"], "severity": [{"exists": False}]}).clauses)
    for number in range(MOST_SHAPES + 5):
        assert content(group, {"service": "a", f"key{number}": 1}) == {0}
        assert content(group, {"service": "a", f"key{number}": 1, "severity": "x"}) == set()
