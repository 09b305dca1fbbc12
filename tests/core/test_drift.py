from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import drift
from pipeline.core.bodies import Kind, Wanted, layout
from pipeline.core.model import Route

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

ROUTE = Route("shop", "a", attributes=(("ms", "ms"), ("name", "name"), ("gone", "gone")))
FIELDS = {"ms": {"type": "double"}, "name": {"type": "keyword"}}


def said(indices: dict[str, JsonObject]) -> list[str]:
    template = {"index_patterns": ["a-*"], "template": {"mappings": {"properties": FIELDS}}}
    laid = layout("a", [Wanted(Kind.INDEX_TEMPLATE, "t", template)])
    assert laid is not None
    return [each.text for each in drift.attributes("a", [ROUTE], laid, indices)]


def test_indices_mapped_as_the_template_says_are_fine() -> None:
    assert said({"a-2026.11.22": FIELDS, "a-2026.11.23": FIELDS}) == []


def test_an_attribute_that_older_indices_map_otherwise_is_found_once_with_how_many_they_are() -> None:
    old: JsonObject = {"ms": {"type": "keyword"}, "name": {"type": "keyword"}}
    (text,) = said(
        {"a-2026.11.22": old, "a-2026.11.21": {"name": {"type": "keyword"}}, "a-2026.11.23": FIELDS}
    )
    assert (
        "attribute ms becomes double, but has keyword, no field in 2 indices (a-2026.11.21 … a-2026.11.22)"
        in text
    )


def test_an_object_is_a_type_too_and_one_index_is_named() -> None:
    (text,) = said({"a-2026.11.22": FIELDS | {"name": {"properties": {}}}})
    assert "attribute name becomes keyword, but has object in a-2026.11.22" in text
