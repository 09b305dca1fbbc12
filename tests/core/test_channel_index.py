from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import match, pattern
from pipeline.core.audience import Channel
from pipeline.core.channel_index import MOST_GROUPS, ChannelIndex
from pipeline.core.errors import Refused
from pipeline.core.row_group import MOST_SHAPES
from pipeline.core.ways import MOST_WAYS
from tests.conditions import CONDITION, FOUND, readable
from tests.examples import delta

KEYS = ["service", "severity", "latencyMs", "address", "family"]
CLAUSES = st.lists(CONDITION, min_size=1, max_size=3)
FLAT = st.dictionaries(st.sampled_from(KEYS), CLAUSES, max_size=3)
NESTED = FLAT | st.recursive(
    st.dictionaries(st.sampled_from(KEYS), CLAUSES, min_size=1, max_size=3),
    lambda inner: st.builds(
        lambda clauses, alternatives: {**clauses, "$or": alternatives},
        FLAT,
        st.lists(inner, min_size=2, max_size=4),
    ),
    max_leaves=8,
)


FILTER = NESTED.filter(readable)
ATTRIBUTES = st.dictionaries(st.sampled_from(KEYS[:4]), FOUND, max_size=4)


def channel(asked: dict[str, Any], tenant: str = "acme", name: str = "") -> Channel:
    text = pattern.canonical(pattern.parse(asked))
    return Channel(tenant, text, name or f"{tenant} {text}")


def indexed(*channels: Channel) -> ChannelIndex:
    index = ChannelIndex()
    for each in channels:
        index.add(each)
    return index


STEP = st.tuples(st.booleans(), st.sampled_from(["acme", "globex"]), FILTER)


@given(
    steps=st.lists(STEP, max_size=20),
    deltas=st.lists(ATTRIBUTES, min_size=1, max_size=4),
    asked_meanwhile=st.booleans(),
)
def test_after_any_adds_and_removes_the_index_finds_just_what_a_loop_finds(
    *, steps: list[tuple[bool, str, dict[str, Any]]], deltas: list[dict[str, Any]], asked_meanwhile: bool
) -> None:
    index, known = ChannelIndex(), {}
    for step, (coming, tenant, asked) in enumerate(steps):
        one = channel(asked, tenant)
        if coming or not known:
            index.add(one)
            known[one.id] = one
        else:
            goes = sorted(known)[step % len(known)]
            index.remove(goes)
            del known[goes]
        if asked_meanwhile:
            index.matching(delta(tenant=tenant, **deltas[0]))
    for attributes in deltas:
        for tenant in ("acme", "globex"):
            announced = delta(tenant=tenant, **attributes)
            expected = [
                one.id
                for one in known.values()
                if one.tenant == tenant
                and match.matches(pattern.parse(orjson.loads(one.filter)), match.fields(announced))
            ]
            assert sorted(one.id for one in index.matching(announced)) == sorted(expected)
    assert sorted(index) == sorted(known)


# --- one at a time ----------------------------------------------------------------------------


def found(index: ChannelIndex, tenant: str | None = "acme", **attributes: Any) -> list[str]:  # noqa: ANN401 - JSON values
    return sorted(one.id for one in index.matching(delta(tenant=tenant, **attributes)))


def test_matching_channels_come_each_once_and_in_the_order_of_their_ids() -> None:
    index = indexed(
        channel({}, name="b"),
        channel({"service": ["payments", "orders"]}, name="a"),
        channel({"latencyMs": [{"numeric": [">", 5]}]}, name="c"),
        channel({"service": ["mail"]}, name="d"),
    )
    assert found(index, service=["payments", "orders"], latencyMs=6) == ["a", "b", "c"]
    assert found(index, service="mail") == ["b", "d"]
    assert len(index) == 4


def test_adding_a_channel_twice_is_adding_it_once() -> None:
    index = indexed(channel({}, name="a"), channel({}, name="a"))
    assert found(index) == ["a"]
    index.remove("a")
    assert found(index) == []


def test_a_removed_channel_matches_no_more_and_removing_again_is_no_error() -> None:
    index = indexed(channel({"service": ["a"]}, name="stays"), channel({"service": ["a", "b"]}, name="goes"))
    index.remove("goes")
    index.remove("goes")
    assert found(index, service="a") == ["stays"]
    assert found(index, service="b") == []


def test_no_delta_reaches_a_channel_of_another_tenant_or_of_none() -> None:
    index = indexed(channel({}, "acme", "a"), channel({}, "globex", "g"))
    assert found(index, "acme") == ["a"]
    assert found(index, "globex") == ["g"]
    assert found(index, "initech") == []
    assert found(index, None) == []
    index.remove("a")
    assert found(index, "acme") == []


def test_a_filter_that_is_none_is_refused_and_leaves_the_index_as_it_was() -> None:
    index = indexed(channel({}, name="a"))
    with pytest.raises(Refused, match="sounds-like"):
        index.add(Channel("acme", '{"service":[{"sounds-like":"a"}]}', "b"))
    assert list(index) == ["a"]
    assert found(index) == ["a"]


def test_rows_are_used_again_so_that_coming_and_going_does_not_make_the_index_grow() -> None:
    index = ChannelIndex()
    for turn in range(1_000):
        index.add(channel({"orderId": [f"o{turn}"]}, name=f"c{turn}"))
        if turn >= 10:
            index.remove(f"c{turn - 10}")
    assert len(index) == 10
    assert index.rows == 11


# --- alternatives -----------------------------------------------------------------------------


def test_any_alternative_is_enough_and_what_is_asked_beside_them_is_asked_of_each() -> None:
    asked = {"service": ["a"], "$or": [{"severity": ["error"]}, {"latencyMs": [{"numeric": [">", 500]}]}]}
    index = indexed(channel(asked, name="x"))
    assert found(index, service="a", severity="error", latencyMs=501) == ["x"]
    assert found(index, service="a", severity="info", latencyMs=501) == ["x"]
    assert found(index, service="a", severity="info") == []
    assert found(index, service="b", severity="error") == []


def test_an_attribute_named_beside_and_inside_the_alternatives_must_meet_both() -> None:
    asked = {"service": [{"prefix": "a"}], "$or": [{"service": [{"suffix": "z"}]}, {"severity": ["error"]}]}
    index = indexed(channel(asked, name="x"))
    assert found(index, service="az", severity="info") == ["x"]
    assert found(index, service="ay", severity="info") == []
    assert found(index, service="bz", severity="info") == []
    assert found(index, service="b", severity="error") == []


def test_more_combinations_than_a_channel_has_rows_for_are_checked_by_the_predicate() -> None:
    pairs = [{"latencyMs": [number], "severity": ["error"]} for number in range(MOST_WAYS + 1)]
    many = {"$or": pairs, "service": ["a"]}
    index = indexed(channel(many, name="x"))
    assert index.rows == 1
    assert found(index, service="a", latencyMs=MOST_WAYS, severity="error") == ["x"]
    assert found(index, service="a", latencyMs=MOST_WAYS + 1, severity="error") == []
    assert found(index, service="b", latencyMs=1, severity="error") == []
    index.remove("x")
    assert found(index, service="a", latencyMs=1, severity="error") == []


def test_very_many_alternatives_of_one_attribute_are_one_row_that_no_delta_is_held_against(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = indexed(channel({"$or": [{"service": [f"s{number}"]} for number in range(MOST_WAYS + 6)]}))
    monkeypatch.setattr(match, "matches", None)
    assert index.rows == 1
    assert len(found(index, service="s69")) == 1
    assert found(index, service="s70") == []


def test_an_index_weighs_what_its_channels_do() -> None:
    index = indexed(replace(channel({"service": ["a"]}, name="x"), weight=7), channel({}, name="y"))
    assert index.weight == 8
    index.remove("x")
    index.remove("x")
    assert index.weight == 1


# --- groups -----------------------------------------------------------------------------------


def test_filters_of_more_forms_than_there_are_groups_are_found_too_and_forms_come_and_go() -> None:
    index = ChannelIndex()
    names = [f"key{number}" for number in range(MOST_GROUPS + 4)]
    for turn in range(3):
        for name in names[turn:] + names[:turn]:
            index.add(channel({name: ["a"]}, name=name))
        for name in names:
            assert found(index, **{name: "a"}) == [name]
        for name in names:
            index.remove(name)
        assert found(index, **{names[0]: "a"}) == []


def test_deltas_of_very_many_shapes_are_matched_as_those_of_few() -> None:
    index = indexed(channel({"service": ["a"], "severity": [{"exists": False}]}, name="x"))
    for number in range(MOST_SHAPES + 5):
        assert found(index, **{"service": "a", f"key{number}": 1, "severity": []}) == ["x"]
        assert found(index, **{"service": "b", f"key{number}": 1}) == []
