"""Which filters AWS may read otherwise; that it does is shown in ``test_match_against_event_ruler``."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.core import differences, pattern
from pipeline.core.differences import DIFFERENCES, MIXED, SHARED, TWICE


def names(*conditions: object) -> set[str]:
    found = [*differences.found(pattern.parse({"key": [*conditions]}))]
    assert {key for key, _ in found} <= {"key"}
    return {difference.name for _, difference in found}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a", set()),
        (3, set()),
        ({"exists": False}, set()),
        ({"prefix": "a"}, set()),
        ({"wildcard": '*"'}, set()),
        ({"prefix": 'a"'}, {"quotes"}),
        ({"suffix": '"a'}, {"quotes"}),
        ({"suffix": 'a"'}, set()),
        ({"anything-but": {"prefix": ["b", 'a"']}}, {"quotes"}),
        ({"equals-ignore-case": "é"}, set()),
        ({"equals-ignore-case": "😀"}, {"case-beyond-ffff"}),
        ({"prefix": {"equals-ignore-case": "ǅ"}}, {"third-case"}),
        ({"prefix": "😀ǅ"}, set()),
        ("::1", {"spelling-of-addresses"}),
        ({"anything-but": "::1"}, set()),
        ({"cidr": "::/8"}, {"families-of-addresses"}),
        ({"numeric": [">", 1]}, {"large-numbers"}),
        (2**53 - 1, set()),
        (-(2**53), {"large-numbers"}),
        ({"anything-but": 2**53}, {"large-numbers"}),
        ({"anything-but": {"prefix": "1e300"}}, set()),
    ],
)
def test_a_condition_touches_the_differences_that_speak_of_it(condition: object, expected: set[str]) -> None:
    assert names(condition) == expected


def test_a_wildcard_or_an_ignored_case_may_be_mixed_up_only_beside_others() -> None:
    assert names({"wildcard": "a*"}) == set()
    assert names({"wildcard": "a*"}, "b") == names({"equals-ignore-case": "a"}, None) == {MIXED.name}
    assert names({"prefix": "a"}, "b") == set()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"a": [1], "$or": [{"b": [1]}, {"c": [1]}]}, []),
        ({"a": [1], "$or": [{"b": [1]}, {"a": [2]}]}, [("a", TWICE)]),
        ({"a": [1], "$or": [{"b": [1]}, {"$or": [{"a": [2]}, {"c": [1]}]}]}, [("a", TWICE)]),
        ({"$or": [{"b": [1]}, {"b": [2]}]}, []),
        ({"$or": [{"b": [1, 2]}, {"b": [2, 3]}]}, [("b", SHARED)]),
        ({"$or": [{"b": [1]}, {"c": [2], "$or": [{"b": [1]}, {"d": [1]}]}]}, [("b", SHARED)]),
        ({"a": [1], "$or": [{"b": [1]}, {"c": [{"prefix": 'a"'}]}]}, [("c", DIFFERENCES[0])]),
    ],
)
def test_so_does_a_whole_filter(asked: dict[str, Any], expected: list[object]) -> None:
    assert [*differences.found(pattern.parse(asked))] == expected


def test_each_difference_says_on_which_values_it_shows() -> None:
    met = {
        each.name: [value for value in ("a", "::1", 3, 2**53, None, True) if each.meets(value)]
        for each in DIFFERENCES
    }
    assert met == {
        "quotes": ["a", "::1"],
        "case-beyond-ffff": ["a", "::1"],
        "third-case": ["a", "::1"],
        "spelling-of-addresses": ["::1"],
        "families-of-addresses": ["::1", 3, 2**53],
        "large-numbers": [2**53],
    }
    assert not any(each.meets("a") for each in (TWICE, SHARED, MIXED))
