"""Everything that leaves livedex, and everything that its clients send, is as ``docs`` specifies it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemorySockets
from pipeline.client.frames import LONGEST
from pipeline.client.pace import Pace
from pipeline.client.subscription import Subscription
from pipeline.core import cursor, entries, pack, subscribe
from pipeline.core.audience import Post
from pipeline.core.errors import Refused, Unavailable
from pipeline.handlers import http
from tests import specifications
from tests.catching_up_world import World
from tests.examples import ENDPOINT, NOW, envelope
from tests.specifications import check_frame as check
from tests.strategies import deltas, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.core.model import Delta

CHANNEL = "0123456789abcdef" * 2
SCHEMAS = specifications.schemas()
VALIDATORS = {name: specifications.asyncapi(name) for name in SCHEMAS}
CLIENT = {"subscribe", "more", "unsubscribe", "ping"}
SERVER = {"subscribed", "hits", "live", "gap", "pong", "error", "bye"}
SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.json"))
HIT = {
    "id": "0" * 64,
    "index": "metrics-2026.11.22",
    "family": "metrics",
    "source": "payments",
    "eventType": "PaymentFailed",
    "timestamp": "2026-11-22T10:00:00.000Z",
    "ingested": 1,
    "message": None,
    "attributes": {},
    "excerpt": {},
}
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
times = st.integers(0, 2**48 - 1)


# --- what the server writes -------------------------------------------------------------------


@given(st.lists(deltas, max_size=5), times, st.none() | ids)
def test_every_hits_frame_is_as_specified(found: list[Delta], now: int, asker: str | None) -> None:
    encoded = [pack.hit(delta) for delta in found]
    for frame in pack.hits(CHANNEL, encoded, cursor.live(CHANNEL, now), subscription_id=asker):
        check(frame)


@given(deltas)
def test_a_hit_and_its_pointer_are_as_specified(delta: Delta) -> None:
    (frame,) = pack.hits(CHANNEL, [pack.hit(delta)], cursor.live(CHANNEL, 0))
    assert "href" not in orjson.loads(frame)["hits"][0]
    fields = {**delta.fields(), "excerpt": {"long": "x" * pack.MAX_FRAME}}
    big = type(delta)(
        **{name: getattr(delta, name) for name in delta.__slots__} | {"excerpt": fields["excerpt"]}
    )
    (frame,) = pack.hits(CHANNEL, [pack.hit(big)], cursor.live(CHANNEL, 0))
    assert "href" in orjson.loads(frame)["hits"][0]
    check(frame)


@given(times, times, st.none() | ids, words)
def test_every_other_frame_is_as_specified(start: int, end: int, asker: str | None, word: str) -> None:
    live = cursor.live(CHANNEL, start)
    for frame in (
        pack.subscribed(CHANNEL, asker or "1"),
        pack.live(CHANNEL, live, asker),
        pack.gap(CHANNEL, start, end, word, asker),
        pack.gap(CHANNEL, None, end, word, asker),
        pack.lagged(CHANNEL, live),
        pack.pong(),
        pack.error(word, word, asker),
        pack.bye(word),
    ):
        check(frame)


@given(st.lists(deltas, min_size=1, max_size=5))
def test_every_entry_of_the_deltas_bus_is_as_specified(found: list[Delta]) -> None:
    for entry in entries.entries(found):
        VALIDATORS["deltas"].validate(orjson.loads(entry.detail))


def test_the_frames_of_a_whole_conversation_are_as_specified() -> None:
    world = World()
    world.store_events(envelope("one"), envelope("two"))
    said: list[dict[str, Any]] = [
        {"type": "subscribe", "id": "1", "filter": {}},
        {"type": "subscribe", "id": "2", "filter": {}, "cursor": "unknown"},
        {"type": "subscribe", "id": "3", "filter": {"no-attribute": ["x"]}},
        {"type": "subscribe", "id": "4", "filter": {}, "since": 0},
        {"type": "ping"},
        {"type": "no-such"},
    ]
    answers = [frame for each in said for frame in world.say(each)]
    assert {frame["type"] for frame in answers} == {"subscribed", "hits", "live", "gap", "error", "pong"}
    for frame in answers:
        check(frame)


def test_the_answers_over_http_are_as_specified() -> None:
    world = World()
    world.store_events(envelope("one"), envelope("two"), envelope("three"))
    page = specifications.openapi("Page")
    first = world.page(limit="2")
    since = world.page(since="0")
    assert since["gap"]
    for answer in (first, since, world.page(cursor=first["cursor"]), world.page(id=first["hits"][0]["id"])):
        assert answer["hits"]
        page.validate(answer)
    problem = specifications.openapi("Error")
    for trouble in (
        Refused("bad-query", "no"),
        Refused("unauthorized", "no"),
        Unavailable("OpenSearch", "no"),
    ):
        problem.validate(json.loads(http.error(trouble)["body"]))


# --- what clients send ------------------------------------------------------------------------


@given(st.dictionaries(words, st.lists(words)), st.none() | st.integers(0, 2_000), st.none() | words)
def test_what_the_client_asks_is_as_specified(
    pattern: dict[str, Any], snapshot: int | None, conflate: str | None
) -> None:
    pace = Pace()
    subscription = Subscription(pattern, snapshot=snapshot, conflate=conflate)
    check(orjson.loads(subscription.ask("1", 0, pace)))
    subscription.answered("1", CHANNEL, 0, pace)
    subscription.catching_up("1", cursor.live(CHANNEL, 0), 0, pace, ended=True)
    more = orjson.loads(subscription.ask("", 0, pace))
    assert more["type"] == "more"
    check(more)


def examples() -> Iterator[dict[str, Any]]:
    for name, described in specifications.read("asyncapi.yaml")["components"]["messages"].items():
        if name in CLIENT:
            yield from (example["payload"] for example in described.get("examples", ()))


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: orjson.dumps(example).decode())
def test_an_example_of_the_specification_is_as_specified_and_read_by_the_server(
    example: dict[str, Any],
) -> None:
    check(example)
    assert subscribe.request(orjson.dumps(example)).type == example["type"]


def frames_of_scenarios() -> Iterable[dict[str, Any]]:
    for file in SCENARIOS:
        for scenario in json.loads(file.read_text()):
            for step in scenario["steps"]:
                for frame in (step.get("client"), step.get("server")):
                    if frame and frame["type"] in CLIENT | SERVER:
                        yield frame


def test_the_scenarios_that_clients_are_held_to_speak_the_protocol_as_specified() -> None:
    seen = set()
    for frame in frames_of_scenarios():
        seen.add(frame["type"])
        if "hits" in frame:
            whole = [HIT for hit in frame["hits"] if isinstance(hit, str)]
            check({"v": 1, **frame, "hits": whole})
        else:
            check(frame if frame["type"] in CLIENT else {"v": 1, **frame})
    assert seen == CLIENT | SERVER


# --- the specifications themselves ------------------------------------------------------------


def test_the_specifications_are_as_their_own_standards_say() -> None:
    assert specifications.troubles() == []


def test_every_frame_type_is_a_message_of_the_socket() -> None:
    described = specifications.read("asyncapi.yaml")
    assert set(described["channels"]["socket"]["messages"]) == CLIENT | SERVER


def test_the_limits_are_those_of_the_code() -> None:
    schemas = SCHEMAS
    assert schemas["subscribe"]["properties"]["snapshot"]["maximum"] == subscribe.MAX_SNAPSHOT
    assert schemas["id"]["maxLength"] == subscribe.MAX_ID
    assert schemas["cursor"]["maxLength"] == cursor.MAX_LENGTH
    assert schemas["error"]["properties"]["text"]["maxLength"] == pack.MAX_TEXT
    assert LONGEST == subscribe.MAX_REQUEST
    query = specifications.read("openapi.yaml")["paths"]["/v1/hits"]["get"]["parameters"]
    limit = next(each["schema"] for each in query if each["name"] == "limit")
    assert (limit["maximum"], limit["default"]) == (subscribe.MAX_SNAPSHOT, subscribe.DEFAULT_LIMIT)


@pytest.mark.parametrize(
    "frame",
    [
        {"v": 1, "type": "live", "channel": CHANNEL},
        {"v": 2, "type": "pong"},
        {"v": 1, "type": "hits", "channel": CHANNEL, "cursor": "L", "hits": []},
        {
            "v": 1,
            "type": "hits",
            "channel": CHANNEL,
            "cursor": "L",
            "hits": [{**HIT, "href": "/v1/hits?id=x"}],
        },
        {"v": 1, "type": "gap", "channel": CHANNEL, "since": "L", "from": 1, "to": 2, "reason": "both"},
        {"v": 1, "type": "pong", "unspecified": True},
    ],
)
def test_a_frame_that_is_not_as_specified_is_found(frame: dict[str, Any]) -> None:
    with pytest.raises((specifications.ValidationError, AssertionError)):
        check(frame)


def test_no_test_posts_a_frame_that_is_not_as_specified_without_being_told() -> None:
    sockets = MemorySockets()
    sockets.open("ann", ENDPOINT)
    with pytest.raises(specifications.ValidationError):
        sockets.post([Post("ann", ENDPOINT, b'{"type":"pong"}')], NOW)
    with pytest.raises(AssertionError, match="are not described"):
        sockets.post([Post("ann", ENDPOINT, b'{"v":1,"type":"pong","extra":1}')], NOW)
