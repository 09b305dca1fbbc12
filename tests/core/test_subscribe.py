from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import subscribe
from pipeline.core.audience import Channel
from pipeline.core.errors import Refused
from pipeline.core.subscribe import (
    DEFAULT_LIMIT,
    MAX_FILTER,
    MAX_ID,
    MAX_REQUEST,
    MAX_SNAPSHOT,
    Request,
    Search,
)

ATTRIBUTES = frozenset({"service", "severity", "latencyMs"})
CHANNEL = "0123456789abcdef" * 2
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FRAME = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "ping"]) | JSON},
    optional={
        "id": st.just("1") | JSON,
        "filter": st.just({}) | JSON,
        "cursor": st.just("L0") | JSON,
        "snapshot": st.just(10) | JSON,
        "channel": st.just(CHANNEL) | JSON,
        "conflate": st.just("service") | JSON,
    },
)


def frame(**fields: object) -> str:
    return orjson.dumps(fields).decode()


def refused_frame(text: str | bytes) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        subscribe.request(text)
    return refused.value.code, refused.value.text


def answered(text: str | bytes) -> Channel | Refused:
    try:
        return subscribe.channel("acme", subscribe.request(text).filter, None)
    except Refused as refused:
        return refused


def refused_filter(asked: object, attributes: frozenset[str] | None = ATTRIBUTES) -> str:
    with pytest.raises(Refused) as refused:
        subscribe.channel("acme", asked, attributes)
    assert refused.value.code == "bad-filter"
    return refused.value.text


# --- channels ---------------------------------------------------------------------------------


def test_a_channel_is_named_by_its_tenant_and_canonical_filter() -> None:
    found = subscribe.channel("acme", {"severity": ["error"], "service": ["payments"]}, ATTRIBUTES)
    assert (found.tenant, found.filter) == ("acme", '{"service":["payments"],"severity":["error"]}')
    assert found.id == hashlib.sha256(orjson.dumps(["acme", found.filter])).hexdigest()[:32]


def test_equal_filters_written_differently_share_a_channel() -> None:
    one = {"service": ["payments", "orders"], "latencyMs": [300, {"numeric": ["<", 5.0]}]}
    other = {
        "latencyMs": [{"numeric": ["<", 5]}, {"numeric": ["=", 3e2]}],
        "service": ["orders", "payments"] * 2,
    }
    assert subscribe.channel("acme", one, ATTRIBUTES) == subscribe.channel("acme", other, ATTRIBUTES)


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
    first, second = (subscribe.channel("acme", asked, ATTRIBUTES) for asked in (one, other))
    assert first.id != second.id


def test_equal_filters_of_two_tenants_never_share_a_channel() -> None:
    ids = {subscribe.channel(tenant, {}, ATTRIBUTES).id for tenant in ("acme", "umbrella", 'a","{}')}
    assert len(ids) == 3


def test_an_empty_filter_asks_for_everything() -> None:
    assert subscribe.channel("acme", {}, ATTRIBUTES).filter == "{}"


def test_a_filter_may_name_family_source_and_event_type() -> None:
    asked = {"family": ["metrics"], "source": ["payments"], "eventType": [{"prefix": "Payment"}]}
    assert subscribe.channel("acme", asked, frozenset()).tenant == "acme"


def test_an_attribute_that_no_route_declares_is_refused_by_name() -> None:
    text = refused_filter({"service": ["a"], "sevrity": ["b"]})
    assert '"sevrity"' in text
    assert "eventType, family, latencyMs, service, severity, source" in text


def test_where_the_attributes_are_not_known_any_may_be_named() -> None:
    assert subscribe.channel("acme", {"anything": ["b"]}, None).filter == '{"anything":["b"]}'


def test_an_unknown_operator_is_refused_by_name() -> None:
    assert '"sounds-like"' in refused_filter({"service": [{"sounds-like": "a"}]})


def test_a_filter_longer_than_an_event_pattern_may_be_is_refused() -> None:
    spare = MAX_FILTER - len('{"service":[""]}')
    assert len(subscribe.channel("acme", {"service": ["é" * spare]}, ATTRIBUTES).filter) == MAX_FILTER
    assert f"{MAX_FILTER + 1} characters" in refused_filter({"service": ["é" * (spare + 1)]})


# --- frames -----------------------------------------------------------------------------------


def test_a_subscribe_is_read_with_all_that_it_may_say() -> None:
    text = frame(type="subscribe", id="1", filter={"service": ["a"]}, cursor="L0", snapshot=50)
    asked = {"service": ["a"]}
    assert subscribe.request(text) == Request("subscribe", "1", filter=asked, cursor="L0", snapshot=50)
    assert subscribe.request(text.encode()) == subscribe.request(text)


def test_a_subscribe_needs_no_more_than_an_id_and_a_filter() -> None:
    assert subscribe.request(frame(type="subscribe", id="1", filter={})) == Request(
        "subscribe", "1", filter={}
    )
    nulls = frame(type="subscribe", id="1", filter={}, cursor=None, snapshot=None)
    assert subscribe.request(nulls) == Request("subscribe", "1", filter={})


def test_an_unsubscribe_names_its_channel() -> None:
    text = frame(type="unsubscribe", id="2", channel=CHANNEL)
    assert subscribe.request(text) == Request("unsubscribe", "2", channel=CHANNEL)


def test_a_ping_needs_nothing_and_unknown_fields_are_passed_over() -> None:
    assert subscribe.request(frame(type="ping", later="field")) == Request("ping")


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("", "bad-frame", "JSON"),
        ("{", "bad-frame", "JSON"),
        ("\ud800", "bad-frame", "JSON"),
        (b"\xff", "bad-frame", "JSON"),
        (b"[" * 5_000, "bad-frame", "JSON"),
        ("[]", "bad-frame", "object"),
        ("null", "bad-frame", "object"),
        (frame(), "unknown-type", "subscribe"),
        (frame(type=3), "unknown-type", "subscribe"),
        (frame(type="publish"), "unknown-type", "ping"),
        (frame(type="subscribe", id="1"), "bad-filter", "filter"),
        (frame(type="subscribe", id="1", filter=[]), "bad-filter", "filter"),
        (frame(type="subscribe", filter={}), "bad-frame", "id"),
        (frame(type="subscribe", id=1, filter={}), "bad-frame", "id"),
        (frame(type="subscribe", id="", filter={}), "bad-frame", "id"),
        (frame(type="subscribe", id="1" * (MAX_ID + 1), filter={}), "bad-frame", "id"),
        (frame(type="subscribe", id="1", filter={}, cursor=3), "bad-frame", "cursor"),
        (frame(type="subscribe", id="1", filter={}, cursor="L" * 5_000), "bad-frame", "cursor"),
        (frame(type="subscribe", id="1", filter={}, snapshot="9"), "bad-frame", "snapshot"),
        (frame(type="subscribe", id="1", filter={}, snapshot=True), "bad-frame", "snapshot"),
        (frame(type="subscribe", id="1", filter={}, snapshot=-1), "bad-frame", "snapshot"),
        (frame(type="subscribe", id="1", filter={}, snapshot=MAX_SNAPSHOT + 1), "bad-frame", "snapshot"),
        (frame(type="unsubscribe", id="1"), "bad-frame", "channel"),
        (frame(type="unsubscribe", id="1", channel=CHANNEL.upper()), "bad-frame", "channel"),
        (frame(type="unsubscribe", channel=CHANNEL), "bad-frame", "id"),
    ],
)
def test_a_mistake_in_a_frame_is_refused_with_its_code_and_the_fields_name(
    text: str | bytes, code: str, word: str
) -> None:
    found, sentence = refused_frame(text)
    assert found == code
    assert word in sentence


def test_a_frame_over_32_kb_of_utf_8_is_refused() -> None:
    spare = MAX_REQUEST - len(frame(type="ping", pad=""))
    assert subscribe.request(frame(type="ping", pad="a" * spare)) == Request("ping")
    assert refused_frame(frame(type="ping", pad="é" * spare))[0] == "bad-frame"


@given(st.binary() | st.text(st.characters()) | FRAME.map(orjson.dumps))
def test_no_bytes_make_it_crash(text: str | bytes) -> None:
    answer = answered(text)
    assert isinstance(answer, Channel) or answer.code in {"bad-frame", "bad-filter", "unknown-type"}
    assert isinstance(subscribe.request_id(text), str | None)


def test_an_error_can_name_the_request_it_answers_where_that_can_be_read() -> None:
    assert subscribe.request_id(frame(type="subscribe", id="7", filter=3)) == "7"
    assert subscribe.request_id(frame(type="subscribe", id=7)) is None
    assert subscribe.request_id("{") is None


def test_a_search_is_read_with_all_that_it_may_say() -> None:
    asked = {"filter": '{"service":["a"]}', "cursor": "L0", "limit": "7", "id": "0f" * 32}
    assert subscribe.query(asked) == Search({"service": ["a"]}, "L0", 7, "0f" * 32)


@pytest.mark.parametrize("asked", [{}, {"filter": "", "cursor": "", "limit": "", "id": ""}, {"other": "1"}])
def test_a_search_that_says_nothing_asks_for_the_newest_of_everything(asked: dict[str, str]) -> None:
    assert subscribe.query(asked) == Search({}, None, DEFAULT_LIMIT, None)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"filter": "{"}, "bad-filter"),
        ({"filter": "\ud800"}, "bad-filter"),
        ({"filter": "[" * 5_000}, "bad-filter"),
        ({"limit": "0"}, "bad-query"),
        ({"limit": "-1"}, "bad-query"),
        ({"limit": "many"}, "bad-query"),
        ({"limit": "1" * 5_000}, "bad-query"),
        ({"limit": str(MAX_SNAPSHOT + 1)}, "bad-query"),
        ({"id": "*"}, "bad-query"),
    ],
)
def test_a_mistake_in_a_query_string_is_refused_with_the_parameters_name(
    asked: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused, match=f'"{next(iter(asked))}"') as refused:
        subscribe.query(asked)
    assert refused.value.code == code


# --- conflation -------------------------------------------------------------------------------


def test_every_hit_is_what_a_channel_gets_unless_asked_otherwise() -> None:
    plain = subscribe.channel("acme", {"service": ["a"]}, ATTRIBUTES)
    assert subscribe.conflated(plain, None, ATTRIBUTES) is plain
    assert plain.conflate == ""


def test_conflation_is_part_of_what_makes_channels_equal() -> None:
    plain = subscribe.channel("acme", {}, ATTRIBUTES)
    other = subscribe.channel("globex", {}, ATTRIBUTES)
    found = [
        subscribe.conflated(each, key, ATTRIBUTES)
        for each in (plain, other)
        for key in (None, "service", "severity", "family", "source", "eventType")
    ]
    assert len({each.id for each in found}) == len(found)
    assert {each.filter for each in found} == {"{}"}
    assert subscribe.conflated(plain, "service", None) == found[1]
    assert found[1].conflate == "service"


def test_an_attribute_that_no_event_has_is_refused_with_those_there_are() -> None:
    plain = subscribe.channel("acme", {}, ATTRIBUTES)
    with pytest.raises(Refused, match=r'"servce".*"conflate".*eventType, family, latencyMs') as refused:
        subscribe.conflated(plain, "servce", ATTRIBUTES)
    assert refused.value.code == "bad-conflate"


@pytest.mark.parametrize("value", [1, True, "", [], {}])
def test_conflate_is_the_name_of_an_attribute(value: object) -> None:
    code, text = refused_frame(frame(type="subscribe", id="1", filter={}, conflate=value))
    assert code == "bad-frame"
    assert '"conflate"' in text


def test_a_subscribe_says_what_to_conflate_by() -> None:
    assert subscribe.request(frame(type="subscribe", id="1", filter={}, conflate="x")).conflate == "x"
