from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.columns import DEEPEST, MOST_COLUMNS, Column, columns
from pipeline.core.path import value_at
from tests import strategies as some

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject


def column(path: str, *values: Any) -> Column:  # noqa: ANN401 - JSON
    return Column(path, dict(enumerate(values)))


def test_a_column_has_the_values_of_one_path_by_event() -> None:
    found = columns([{"a": 1, "b": {"c": ["x", None]}}, {"b": {"c": "y"}, "d": {}}])
    assert {path: each.values for path, each in found.items()} == {
        "a": {0: 1},
        "b.c": {0: ["x", None], 1: "y"},
    }
    assert found["b.c"].scalars == ["x", "y"]
    assert (found["b.c"].distinct, found["b.c"].depth, found["a"].depth) == (2, 2, 1)


def test_lists_of_objects_empty_keys_and_what_is_too_deep_are_no_columns() -> None:
    deep: JsonObject = {"e": 1}
    for _ in range(DEEPEST):
        deep = {"e": deep}
    assert not columns([{"lines": [{"sku": 1}], "": 1, "a.": 2, "a": {"": 3}, **deep}])


def test_a_key_that_another_path_hides_is_no_column() -> None:
    assert [each.values for each in columns([{"a.b": 1, "a": {"b": 2}}]).values()] == [{0: 1}]


def test_keys_that_are_values_themselves_make_no_endless_table() -> None:
    assert len(columns([{str(number): number} for number in range(2 * MOST_COLUMNS)])) == MOST_COLUMNS


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("orderId", ("order", "id")),
        ("order_id", ("order", "id")),
        ("HTTPStatus", ("http", "status")),
        ("customer.orderId", ("order", "id")),
        ("trace.id", ("trace", "id")),
        ("id", ("id",)),
        ("a.-", ("a",)),
        ("-", ()),
    ],
)
def test_a_key_is_read_word_by_word_and_a_lone_word_with_the_key_before_it(
    path: str, words: tuple[str, ...]
) -> None:
    assert Column(path).words == words


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (column("a", "x", None, ["y"]), "text"),
        (column("a", 1, 2.5), "number"),
        (column("a", *[True, False]), "boolean"),
        (column("a", *[1, True]), None),
        (column("a", None, []), None),
        (column("a", "2026-11-22T10:00:00Z"), "time"),
        (column("a", "2026-11-22T10:00:00Z", "soon"), "text"),
        (column("createdAt", 1_795_341_600), "time"),
        (column("amount", 1_795_341_600), "number"),
        (column("responseTime", 184), "number"),
    ],
)
def test_a_column_is_what_all_its_values_are(found: Column, kind: str | None) -> None:
    assert found.kind == kind


@given(st.lists(some.json_objects, max_size=4))
def test_each_value_is_found_again_at_its_path(details: list[JsonObject]) -> None:
    for path, found in columns(details).items():
        assert found.kind in ("text", "number", "boolean", "time", None)
        for number, value in found.values.items():
            assert value_at(details[number], path) == value
