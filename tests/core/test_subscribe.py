from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import channels, subscribe
from pipeline.core.audience import Channel
from pipeline.core.errors import Refused
from pipeline.core.subscribe import (
    DEFAULT_LIMIT,
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
        return channels.of("acme", subscribe.request(text).filter, None)
    except Refused as refused:
        return refused


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
    asked = {"filter": '{"service":["a"]}', "cursor": "L0", "limit": "7", "id": "0f" * 32, "wait": "20"}
    assert subscribe.query(asked) == Search({"service": ["a"]}, "L0", 7, "0f" * 32, wait=20)


def test_a_time_to_begin_from_is_read_in_a_frame_and_in_a_search() -> None:
    text = frame(type="subscribe", id="1", filter={}, since=1_790_000_000_000)
    assert subscribe.request(text).since == 1_790_000_000_000
    assert subscribe.query({"since": "1790000000000"}).since == 1_790_000_000_000
    assert subscribe.query({"since": "0"}).since == 0


@pytest.mark.parametrize("since", [-1, 1.5, True, "2h", "1790000000000", 10**15])
def test_a_time_to_begin_from_that_is_none_is_refused(since: object) -> None:
    code, text = refused_frame(frame(type="subscribe", id="1", filter={}, since=since))
    assert code == "bad-frame"
    assert '"since" is a whole number of milliseconds' in text


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
        ({"wait": "21"}, "bad-query"),
        ({"wait": "-1"}, "bad-query"),
        ({"wait": "1.5"}, "bad-query"),
        ({"since": "-1"}, "bad-query"),
        ({"since": "2h"}, "bad-query"),
        ({"since": "1.5"}, "bad-query"),
        ({"since": "1" * 16}, "bad-query"),
    ],
)
def test_a_mistake_in_a_query_string_is_refused_with_the_parameters_name(
    asked: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused, match=f'"{next(iter(asked))}"') as refused:
        subscribe.query(asked)
    assert refused.value.code == code


def test_more_is_asked_for_with_the_cursor_of_a_page() -> None:
    text = frame(type="more", id="1", cursor="P0")
    assert subscribe.request(text) == Request("more", "1", cursor="P0")


@pytest.mark.parametrize("cursor", [None, "", 7, "x" * 1_025])
def test_more_without_a_cursor_is_refused(cursor: object) -> None:
    code, text = refused_frame(frame(type="more", id="1", cursor=cursor))
    assert code == "bad-frame"
    assert '"cursor"' in text


@pytest.mark.parametrize("value", [1, True, "", [], {}])
def test_conflate_is_the_name_of_an_attribute(value: object) -> None:
    code, text = refused_frame(frame(type="subscribe", id="1", filter={}, conflate=value))
    assert code == "bad-frame"
    assert '"conflate"' in text


@pytest.mark.parametrize("value", [7, {}, True, "x" * 1_025])
def test_the_gap_that_a_subscribe_answers_is_the_text_that_the_gap_gave(value: object) -> None:
    code, text = refused_frame(frame(type="subscribe", id="1", filter={}, gap=value))
    assert code == "bad-frame"
    assert '"gap"' in text


def test_a_subscribe_says_which_gap_it_answers() -> None:
    assert subscribe.request(frame(type="subscribe", id="1", filter={}, gap="L1")).gap == "L1"
    assert subscribe.request(frame(type="subscribe", id="1", filter={})).gap is None


def test_a_subscribe_says_what_to_conflate_by() -> None:
    assert subscribe.request(frame(type="subscribe", id="1", filter={}, conflate="x")).conflate == "x"
