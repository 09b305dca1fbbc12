from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.core.path import MISSING, value_at, values_at

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

DETAIL: JsonObject = {
    "service": "payments",
    "nothing": None,
    "timings": {"totalMs": 184, "0": "a key that looks like a number"},
    "lines": [{"sku": "A"}, {"sku": "B"}],
    "a.b": "a key with a dot in it",
    "a": {"b": "hidden", "c": "open"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("service", "payments"),
        ("nothing", None),
        ("timings", DETAIL["timings"]),
        ("timings.totalMs", 184),
        ("timings.0", "a key that looks like a number"),
        ("lines.1.sku", "B"),
        ("a.b", "a key with a dot in it"),
        ("a.c", "open"),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: object) -> None:
    assert value_at(DETAIL, path) == value


@pytest.mark.parametrize(
    "path",
    [
        "other",
        "timings.other",
        "service.name",
        "nothing.more",
        "lines.2.sku",
        "lines.-1.sku",
        "lines.sku",
        "x.y",
    ],
)
def test_a_path_that_leads_nowhere_is_missing_and_not_null(path: str) -> None:
    assert value_at(DETAIL, path) is MISSING


def test_values_are_picked_under_their_paths_and_the_missing_left_out() -> None:
    assert values_at(DETAIL, ["timings.totalMs", "nothing", "other"]) == {
        "timings.totalMs": 184,
        "nothing": None,
    }
