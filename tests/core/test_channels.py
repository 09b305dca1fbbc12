"""Naming the channel that clients share who ask for the same."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest

from pipeline.core import channels
from pipeline.core.channels import MAX_FILTER
from pipeline.core.errors import Refused

ATTRIBUTES = frozenset({"service", "severity", "latencyMs"})


def refused_filter(asked: object, attributes: frozenset[str] | None = ATTRIBUTES) -> str:
    with pytest.raises(Refused) as refused:
        channels.of("acme", asked, attributes)
    assert refused.value.code == "bad-filter"
    return refused.value.text


def test_a_channel_is_named_by_its_tenant_and_canonical_filter() -> None:
    found = channels.of("acme", {"severity": ["error"], "service": ["payments"]}, ATTRIBUTES)
    assert (found.tenant, found.filter) == ("acme", '{"service":["payments"],"severity":["error"]}')
    assert found.id == hashlib.sha256(orjson.dumps(["acme", found.filter])).hexdigest()[:32]


def test_equal_filters_written_differently_share_a_channel() -> None:
    one = {"service": ["payments", "orders"], "latencyMs": [300, {"numeric": ["<", 5.0]}]}
    other = {
        "latencyMs": [{"numeric": ["<", 5]}, {"numeric": ["=", 3e2]}],
        "service": ["orders", "payments"] * 2,
    }
    assert channels.of("acme", one, ATTRIBUTES) == channels.of("acme", other, ATTRIBUTES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"service": ["3"]}, {"service": [3]}),
        ({"service": ["a"]}, {"severity": ["a"]}),
        ({"service": ["a"]}, {"service": [{"prefix": "a"}]}),
        ({"latencyMs": [{"numeric": [">", 1]}]}, {"latencyMs": [{"numeric": [">=", 1]}]}),
        ({"service": [None]}, {"service": ["null"]}),
        ({}, {"service": ["a"]}),
    ],
)
def test_filters_of_different_meaning_never_share_a_channel(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    first, second = (channels.of("acme", asked, ATTRIBUTES) for asked in (one, other))
    assert first.id != second.id


def test_equal_filters_of_two_tenants_never_share_a_channel() -> None:
    ids = {channels.of(tenant, {}, ATTRIBUTES).id for tenant in ("acme", "umbrella", 'a","{}')}
    assert len(ids) == 3


def test_an_empty_filter_asks_for_everything() -> None:
    assert channels.of("acme", {}, ATTRIBUTES).filter == "{}"


def test_a_filter_may_name_family_source_and_event_type() -> None:
    asked = {"family": ["metrics"], "source": ["payments"], "eventType": [{"prefix": "Payment"}]}
    assert channels.of("acme", asked, frozenset()).tenant == "acme"


def test_an_attribute_that_no_route_declares_is_refused_by_name() -> None:
    text = refused_filter({"service": ["a"], "sevrity": ["b"]})
    assert '"sevrity"' in text
    assert "eventType, family, latencyMs, service, severity, source" in text


def test_where_the_attributes_are_not_known_any_may_be_named() -> None:
    assert channels.of("acme", {"anything": ["b"]}, None).filter == '{"anything":["b"]}'


def test_an_unknown_operator_is_refused_by_name() -> None:
    assert '"sounds-like"' in refused_filter({"service": [{"sounds-like": "a"}]})


def test_a_filter_longer_than_an_event_pattern_may_be_is_refused() -> None:
    spare = MAX_FILTER - len('{"service":[""]}')
    assert len(channels.of("acme", {"service": ["é" * spare]}, ATTRIBUTES).filter) == MAX_FILTER
    assert f"{MAX_FILTER + 1} characters" in refused_filter({"service": ["é" * (spare + 1)]})


# --- conflation -------------------------------------------------------------------------------


def test_every_hit_is_what_a_channel_gets_unless_asked_otherwise() -> None:
    plain = channels.of("acme", {"service": ["a"]}, ATTRIBUTES)
    assert channels.conflated(plain, None, ATTRIBUTES) is plain
    assert plain.conflate == ""


def test_conflation_is_part_of_what_makes_channels_equal() -> None:
    plain = channels.of("acme", {}, ATTRIBUTES)
    other = channels.of("globex", {}, ATTRIBUTES)
    found = [
        channels.conflated(each, key, ATTRIBUTES)
        for each in (plain, other)
        for key in (None, "service", "severity", "family", "source", "eventType")
    ]
    assert len({each.id for each in found}) == len(found)
    assert {each.filter for each in found} == {"{}"}
    assert channels.conflated(plain, "service", None) == found[1]
    assert found[1].conflate == "service"


def test_an_attribute_that_no_event_has_is_refused_with_those_there_are() -> None:
    plain = channels.of("acme", {}, ATTRIBUTES)
    with pytest.raises(Refused, match=r'"servce".*"conflate".*eventType, family, latencyMs') as refused:
        channels.conflated(plain, "servce", ATTRIBUTES)
    assert refused.value.code == "bad-conflate"
