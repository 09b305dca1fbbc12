"""What it costs to make the frames of a batch for many connections, beside designs that do it for each.

200 deltas that 10 channels want, with 200 connections on each: 2,000 connections that get all of it. Ours
encodes a delta once and packs a channel once; what is left for each connection is a post that points at the
frames. The rivals hold the hits as dictionaries and write them for each connection.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING

import orjson

from benchmarks import facts
from benchmarks.benches import document
from benchmarks.figure import Figure, collecting, median_in_turns
from pipeline.core import cursor, derive, pack, thin
from pipeline.core.audience import Channel, Member, Post
from pipeline.handlers import COLLECT_AFTER
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.core.model import Delta, JsonObject

DELTAS, CHANNELS, CONNECTIONS = 200, 10, 2_000
BUDGET = 1_000_000
BAR = 50
TURNS = 5
NOW = 1_795_000_000_000


def figures() -> Iterator[Figure]:
    """Milliseconds of processor time for a batch: ours, and three that write for each connection."""
    routes = shipped.routes()
    deltas = [
        derive.delta(document(delivery, routes), NOW + place)
        for place, delivery in enumerate(facts.deliveries(DELTAS))
    ]
    channels = [Channel("acme", "{}", f"{number:032x}") for number in range(CHANNELS)]
    members = {
        channel.id: [
            Member(f"{channel.id[-4:]}{number:012}=", "https://example.com/live", NOW)
            for number in range(CONNECTIONS // CHANNELS)
        ]
        for channel in channels
    }
    hits = [delta.fields() for delta in deltas]
    measures: list[Callable[[], object]] = [
        partial(_ours, deltas, channels, members),
        partial(_packed_for_each, hits, channels, members),
        partial(_an_event_a_post, hits, channels, members, orjson.dumps),
        partial(_an_event_a_post, hits, channels, members, _json),
    ]
    same = [bytes(post.frame) for post in _ours(deltas, channels, members)]
    if same != _packed_for_each(hits, channels, members):
        raise RuntimeError("the designs do not make the same frames")
    with collecting(COLLECT_AFTER):
        ours, packed, one_by_one, usual = median_in_turns(
            TURNS, *(partial(_spent, each) for each in measures)
        )
    yield Figure(
        f"pack {DELTAS} deltas for {CHANNELS} channels of {CONNECTIONS // CHANNELS} connections",
        ours,
        "ms CPU",
        {
            "orjson, packed for each connection": packed,
            "orjson, a post for each event and connection": one_by_one,
            "json, a post for each event and connection": usual,
        },
        ratio=packed / ours,
        bar=f"≥ {BAR} times less than packing for each connection",
        holds=packed >= BAR * ours,
    )


def _ours(
    deltas: Sequence[Delta], channels: Sequence[Channel], members: dict[str, list[Member]]
) -> list[Post]:
    """What the story does between matching and posting."""
    encoded = [(delta, pack.hit(delta)) for delta in deltas]
    posts: list[Post] = []
    for channel in channels:
        before = cursor.live(channel.id, NOW - 1)
        kept = thin.thin(encoded, conflate=channel.conflate, budget=BUDGET, since=before)
        live = cursor.live(channel.id, NOW)
        frames = pack.hits(channel.id, [hit for _, hit in kept.hits], live, notes=kept.notes)
        for member in members[channel.id]:
            posts += [Post(member.connection_id, member.endpoint, frame) for frame in frames]
    return posts


def _packed_for_each(
    hits: Sequence[JsonObject], channels: Sequence[Channel], members: dict[str, list[Member]]
) -> list[bytes]:
    """The same frames, with every hit encoded for every connection."""
    made: list[bytes] = []
    for channel in channels:
        for _ in members[channel.id]:
            encoded = [orjson.dumps(hit) for hit in hits]
            made += pack.hits(channel.id, encoded, cursor.live(channel.id, NOW))
    return made


def _an_event_a_post(
    hits: Sequence[JsonObject],
    channels: Sequence[Channel],
    members: dict[str, list[Member]],
    dumps: Callable[[JsonObject], bytes],
) -> list[bytes]:
    """What most do: each event is written for each connection."""
    return [
        dumps({"v": 1, "type": "hits", "channel": channel.id, "hits": [hit]})
        for channel in channels
        for _ in members[channel.id]
        for hit in hits
    ]


def _json(frame: JsonObject) -> bytes:
    return json.dumps(frame).encode()


def _spent(measure: Callable[[], object]) -> float:
    began = time.process_time()
    measure()
    return (time.process_time() - began) * 1_000
