from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import match, pattern
from pipeline.core.audience import Channel
from pipeline.core.match import ChannelIndex
from pipeline.core.model import Delta

KEYS = ["service", "severity", "latencyMs", "family"]
VALUE = st.sampled_from(["", "a", "ab", "b", "3", 0, 1, 3, 3.0, 12.9, -1, True, False, None])
VALUES = VALUE | st.lists(VALUE, max_size=3) | st.just({"deep": "a"})
CONDITION = (
    VALUE
    | st.sampled_from(["", "a", "ab"]).map(lambda text: {"prefix": text})
    | st.sampled_from([[">", 0], ["<=", 3], [">=", 1, "<", 12.9], ["=", 3]]).map(
        lambda test: {"numeric": test}
    )
)
FILTER = st.dictionaries(st.sampled_from(KEYS), st.lists(CONDITION, min_size=1, max_size=3), max_size=3)
ATTRIBUTES = st.dictionaries(st.sampled_from(KEYS[:3]), VALUES, max_size=3)


def delta(tenant: str | None = "acme", family: str = "metrics", **attributes: object) -> Delta:
    return Delta(
        id="0f" * 32,
        index=f"{family}-2026.11.22",
        family=family,
        tenant=tenant,
        source="payments",
        event_type="PaymentFailed",
        timestamp=1_795_000_000_000,
        ingested=1_795_000_000_500,
        message=None,
        attributes=attributes,
        excerpt={},
    )


def channel(asked: dict[str, Any], tenant: str = "acme", name: str = "") -> Channel:
    text = pattern.canonical(pattern.parse(asked))
    return Channel(tenant, text, name or f"{tenant} {text}")


def holds(condition: object, value: object) -> bool:
    return match.matches(pattern.parse({"key": [condition]}), {"key": value})


# --- one condition, one value -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "value", "answer"),
    [
        ("payments", "payments", True),
        ("payments", "Payments", False),
        ("payments", "payments-eu", False),
        ("", "", True),
        ("3", 3, False),
        (3, "3", False),
        (300, 300.0, True),
        (3e2, 300, True),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (False, 0, False),
        (None, None, True),
        (None, "null", False),
        (None, False, False),
        (2**53, 2**53 + 1, False),
        ({"prefix": "pay"}, "payments", True),
        ({"prefix": "pay"}, "pay", True),
        ({"prefix": "pay"}, "repay", False),
        ({"prefix": ""}, "anything", True),
        ({"prefix": ""}, 3, False),
        ({"prefix": "1"}, 12, False),
        ({"prefix": "t"}, True, False),
        ({"numeric": [">", 0]}, 0.001, True),
        ({"numeric": [">", 0]}, 0, False),
        ({"numeric": [">=", 0]}, 0, True),
        ({"numeric": ["<", 5]}, 5, False),
        ({"numeric": ["<=", 5]}, 5.0, True),
        ({"numeric": ["<=", 5]}, 5.1, False),
        ({"numeric": [">", 0, "<=", 5]}, 5, True),
        ({"numeric": [">", 0, "<=", 5]}, 0, False),
        ({"numeric": ["=", 300]}, 3e2, True),
        ({"numeric": [">", 0]}, "3", False),
        ({"numeric": [">", 0]}, True, False),
        ({"numeric": ["<", 5]}, None, False),
    ],
)
def test_a_value_meets_a_condition_by_type_and_value(
    condition: object, value: object, answer: object
) -> None:
    assert holds(condition, value) is answer


def test_an_array_matches_if_any_element_does() -> None:
    assert holds("a", ["b", "a"])
    assert holds({"numeric": [">", 5]}, [1, "x", 6])
    assert holds("a", [["b"], ["a"]])
    assert not holds("a", ["b", "c"])
    assert not holds("a", [])


def test_a_range_is_met_by_one_element_alone_never_by_two_together() -> None:
    assert not holds({"numeric": [">", 0, "<", 5]}, [-1, 6])


def test_a_missing_attribute_is_not_null() -> None:
    assert not match.matches(pattern.parse({"service": [None]}), {})


def test_an_object_is_no_value() -> None:
    assert not holds(None, {"deep": None})


# --- a whole filter ---------------------------------------------------------------------------


def test_every_clause_must_hold_and_one_condition_of_each_is_enough() -> None:
    asked = pattern.parse({"service": ["payments", "orders"], "latencyMs": [{"numeric": [">", 500]}]})
    assert match.matches(asked, {"service": "orders", "latencyMs": 501})
    assert not match.matches(asked, {"service": "orders", "latencyMs": 500})
    assert not match.matches(asked, {"service": "mail", "latencyMs": 501})


def test_an_empty_filter_matches_everything() -> None:
    assert match.matches(pattern.parse({}), {})


def test_a_deltas_fields_are_its_attributes_and_where_it_comes_from() -> None:
    assert match.fields(delta(service="payments")) == {
        "service": "payments",
        "family": "metrics",
        "source": "payments",
        "eventType": "PaymentFailed",
    }


# --- many channels ----------------------------------------------------------------------------


def test_the_index_gives_each_matching_channel_once_in_the_order_of_ids() -> None:
    index = ChannelIndex()
    everything, exact = channel({}, name="b"), channel({"service": ["payments", "orders"]}, name="a")
    ranged, other = (
        channel({"latencyMs": [{"numeric": [">", 5]}]}, name="c"),
        channel({"service": ["mail"]}, name="d"),
    )
    for one in (everything, exact, ranged, other):
        index.add(one)
    assert index.matching(delta(service=["payments", "orders"], latencyMs=6)) == [exact, everything, ranged]
    assert index.matching(delta(service="mail")) == [everything, other]
    assert len(index) == 4


def test_adding_a_channel_twice_is_adding_it_once() -> None:
    index = ChannelIndex()
    index.add(channel({}))
    index.add(channel({}))
    assert index.matching(delta()) == [channel({})]
    assert len(index) == 1


def test_a_removed_channel_matches_no_more_and_removing_again_is_no_error() -> None:
    index = ChannelIndex()
    stays, goes = channel({"service": ["a"]}, name="stays"), channel({"service": ["a", "b"]}, name="goes")
    for one in (stays, goes):
        index.add(one)
    index.remove(goes)
    index.remove(goes)
    assert index.matching(delta(service="a")) == [stays]
    assert index.matching(delta(service="b")) == []
    index.remove(stays)
    assert index.matching(delta(service="a")) == []
    assert len(index) == 0


def test_no_delta_reaches_a_channel_of_another_tenant_or_of_none() -> None:
    index = ChannelIndex()
    index.add(channel({}))
    assert index.matching(delta(tenant="umbrella")) == []
    assert index.matching(delta(tenant=None)) == []


@given(st.lists(FILTER, max_size=6), st.lists(FILTER, max_size=3), ATTRIBUTES)
def test_the_index_finds_just_what_a_loop_over_all_filters_finds(
    kept: list[dict[str, Any]], removed: list[dict[str, Any]], attributes: dict[str, Any]
) -> None:
    index = ChannelIndex()
    channels = {one.id: one for one in map(channel, kept)}
    gone = {one.id: one for one in map(channel, removed) if one.id not in channels}
    for one in [*channels.values(), *gone.values()]:
        index.add(one)
    for one in gone.values():
        index.remove(one)
    announced = delta(**attributes)
    expected = [
        one.id
        for one in channels.values()
        if match.matches(pattern.parse(orjson.loads(one.filter)), match.fields(announced))
    ]
    assert [one.id for one in index.matching(announced)] == sorted(expected)
