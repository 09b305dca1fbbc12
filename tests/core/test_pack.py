from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import cursor, pack, subscribe
from pipeline.core.model import Delta
from pipeline.core.pack import MAX_FRAME, MAX_HIT

CHANNEL = "0123456789abcdef" * 2
TIME = 1_795_000_000_500
LIVE = cursor.live(CHANNEL, TIME)
WIDE = st.text('a\x00"é漢😀', max_size=4)
LONG = st.builds(lambda text, times: text * times, WIDE, st.sampled_from([0, 1, 50, 500, 2_000, 9_000]))


def delta(number: int = 0, **changes: Any) -> Delta:  # noqa: ANN401 - any field of a delta
    fields: dict[str, Any] = {
        "id": f"{number:064x}",
        "index": "metrics-2026.11.22",
        "family": "metrics",
        "tenant": "acme",
        "source": "payments",
        "event_type": "PaymentFailed",
        "timestamp": 1_795_000_000_123,
        "ingested": TIME + number,
        "message": "card declined",
        "attributes": {"service": "payments", "latencyMs": 12.9},
        "excerpt": {"amount": 1200},
    }
    return Delta(**{**fields, **changes})


DELTA = st.builds(
    lambda source, message, note: delta(source=source, message=message, excerpt={"note": note}),
    LONG,
    LONG,
    LONG,
)


def read(frames: list[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(frame) for frame in frames]


# --- hits -------------------------------------------------------------------------------------


def test_a_hit_is_the_delta_as_clients_see_it_and_does_not_name_the_tenant() -> None:
    assert orjson.loads(pack.hit(delta())) == {
        "id": "0" * 64,
        "index": "metrics-2026.11.22",
        "family": "metrics",
        "source": "payments",
        "eventType": "PaymentFailed",
        "timestamp": "2026-11-18T11:06:40.123Z",
        "ingested": TIME,
        "message": "card declined",
        "attributes": {"service": "payments", "latencyMs": 12.9},
        "excerpt": {"amount": 1200},
    }


def test_a_hit_too_big_for_a_frame_becomes_a_pointer_to_where_it_can_be_read() -> None:
    big = orjson.loads(pack.hit(delta(7, excerpt={"note": "漢" * 20_000})))
    whole = orjson.loads(pack.hit(delta(7)))
    kept = ["id", "index", "family", "source", "eventType", "timestamp", "ingested"]
    assert {name: big[name] for name in kept} == {name: whole[name] for name in kept}
    assert (big["message"], big["attributes"], big["excerpt"]) == (None, None, None)
    href = urlsplit(big["href"])
    assert href.path == "/v1/hits"
    assert parse_qs(href.query) == {"id": [whole["id"]]}


def test_a_hit_of_just_the_size_that_every_frame_has_room_for_stays_whole() -> None:
    spare = MAX_HIT - len(pack.hit(delta(excerpt={"note": ""})))
    assert "href" not in orjson.loads(pack.hit(delta(excerpt={"note": "a" * spare})))
    assert "href" in orjson.loads(pack.hit(delta(excerpt={"note": "a" * (spare + 1)})))


@given(
    st.lists(DELTA, max_size=12), st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
)
def test_every_frame_is_within_its_limit_and_no_hit_is_lost_or_moved(
    deltas: list[Delta], subscription_id: str | None
) -> None:
    encoded = [pack.hit(one) for one in deltas]
    frames = pack.hits(CHANNEL, encoded, LIVE, subscription_id=subscription_id)
    assert all(len(frame) <= MAX_FRAME for frame in frames)
    assert [one for frame in read(frames) for one in frame["hits"]] == [orjson.loads(one) for one in encoded]
    assert all(frame["hits"] for frame in read(frames))


@given(st.lists(st.integers(2, MAX_HIT), max_size=12))
def test_no_frame_is_closed_while_the_next_hit_would_still_fit(sizes: list[int]) -> None:
    encoded = [b'"' + b"a" * (size - 2) + b'"' for size in sizes]
    frames = read(pack.hits(CHANNEL, encoded, LIVE))
    for frame, following in itertools.pairwise(frames):
        together = [*frame["hits"], following["hits"][0]]
        assert len(orjson.dumps(together)) - len("[]") > MAX_HIT


@given(
    st.lists(DELTA, min_size=1, max_size=9),
    st.none() | st.text("\x00a😀", max_size=64),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
)
def test_what_was_left_out_is_said_once_by_the_first_frame_and_costs_no_hit_its_place(
    deltas: list[Delta], subscription_id: str | None, kept: int, of: int
) -> None:
    encoded = [pack.hit(one) for one in deltas]
    notes = {
        "conflated": {"kept": kept, "of": of},
        "sampled": {"kept": kept, "of": of, "since": "L" * cursor.MAX_LENGTH},
    }
    longest = "P" * cursor.MAX_LENGTH
    frames = pack.hits(CHANNEL, encoded, longest, subscription_id=subscription_id, notes=notes)
    assert all(len(frame) <= MAX_FRAME for frame in frames)
    first, *others = read(frames)
    assert {name: first[name] for name in notes} == notes
    assert not any("sampled" in frame or "conflated" in frame for frame in others)
    bare = read(pack.hits(CHANNEL, encoded, longest, subscription_id=subscription_id))
    assert [frame["hits"] for frame in [first, *others]] == [frame["hits"] for frame in bare]


def test_the_fullest_frame_that_can_be_is_within_its_limit() -> None:
    hit = b'"' + b"a" * (MAX_HIT - 2) + b'"'
    notes = {
        "conflated": {"kept": 10**9, "of": 10**9},
        "sampled": {"kept": 10**9, "of": 10**9, "since": "L" * cursor.MAX_LENGTH},
    }
    (frame,) = pack.hits(
        CHANNEL, [hit], "P" * cursor.MAX_LENGTH, subscription_id="\x00" * subscribe.MAX_ID, notes=notes
    )
    assert len(frame) <= MAX_FRAME


def test_very_many_very_small_hits_count_the_commas_between_them() -> None:
    frames = pack.hits(CHANNEL, [b"{}"] * 40_000, LIVE)
    assert max(map(len, frames)) <= MAX_FRAME
    assert sum(len(frame["hits"]) for frame in read(frames)) == 40_000


def test_no_hits_need_no_frame() -> None:
    assert pack.hits(CHANNEL, [], LIVE) == []
    assert pack.hits(CHANNEL, [], []) == []


def test_a_live_frame_carries_its_channel_and_cursor() -> None:
    (frame,) = pack.hits(CHANNEL, [b"{}"], LIVE)
    assert frame == (
        b'{"v":1,"type":"hits","channel":"'
        + CHANNEL.encode()
        + b'","cursor":"'
        + LIVE.encode()
        + b'","hits":[{}]}'
    )


def test_a_frame_of_a_catch_up_carries_the_subscribes_id_and_the_cursor_of_its_own_last_hit() -> None:
    deltas = [delta(number, excerpt={"note": "a" * 12_000}) for number in range(5)]
    cursors = [cursor.page(CHANNEL, (one.ingested, one.id), TIME) for one in deltas]
    frames = read(pack.hits(CHANNEL, [pack.hit(one) for one in deltas], cursors, subscription_id="s1"))
    assert [len(frame["hits"]) for frame in frames] == [2, 2, 1]
    assert {frame["id"] for frame in frames} == {"s1"}
    for frame in frames:
        last = frame["hits"][-1]
        assert cursor.read(frame["cursor"], CHANNEL) == cursor.Cursor(TIME, (last["ingested"], last["id"]))


def test_the_last_frame_of_a_page_that_is_not_the_last_page_says_that_there_is_more() -> None:
    encoded = [pack.hit(delta(number, excerpt={"note": "a" * 12_000})) for number in range(5)]
    cursors = [cursor.page(CHANNEL, (TIME, "0f" * 32), TIME, since) for since in range(5)]
    raw = pack.hits(CHANNEL, encoded, cursors, subscription_id="s1", notes={"conflated": {}}, more=True)
    frames = read(raw)
    assert [frame.get("more") for frame in frames] == [None, None, True]
    assert [frame.get("conflated") for frame in frames] == [{}, None, None]
    assert "more" not in read(pack.hits(CHANNEL, encoded, cursors))[-1]


def test_a_frame_has_room_for_the_largest_hit_and_everything_around_it() -> None:
    place = cursor.page(CHANNEL, (2**48 - 1, "0f" * 32), 2**48 - 1, 2**48 - 1, again=True)
    notes = {"conflated": {"kept": 2_000, "of": 2_000}}
    (frame,) = pack.hits(
        CHANNEL, [b"x" * pack.MAX_HIT], [place], subscription_id="\x00" * 64, notes=notes, more=True
    )
    assert len(frame) <= MAX_FRAME


# --- the other frames -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "fields"),
    [
        (pack.subscribed(CHANNEL, "1"), {"type": "subscribed", "id": "1", "channel": CHANNEL}),
        (pack.live(CHANNEL, LIVE), {"type": "live", "channel": CHANNEL, "cursor": LIVE}),
        (pack.live(CHANNEL, LIVE, "1"), {"type": "live", "channel": CHANNEL, "cursor": LIVE, "id": "1"}),
        (
            pack.gap(CHANNEL, 5, 9, "expired", "1"),
            {"type": "gap", "channel": CHANNEL, "from": 5, "to": 9, "reason": "expired", "id": "1"},
        ),
        (
            pack.gap(CHANNEL, None, 9, "unknown-cursor"),
            {"type": "gap", "channel": CHANNEL, "from": None, "to": 9, "reason": "unknown-cursor"},
        ),
        (pack.lagged(CHANNEL, LIVE), {"type": "gap", "channel": CHANNEL, "since": LIVE}),
        (pack.pong(), {"type": "pong"}),
        (
            pack.more(CHANNEL, LIVE, "1"),
            {"type": "hits", "channel": CHANNEL, "cursor": LIVE, "id": "1", "more": True, "hits": []},
        ),
        (pack.error("bad-filter", "é", "1"), {"type": "error", "id": "1", "code": "bad-filter", "text": "é"}),
        (pack.error("bad-frame", "no"), {"type": "error", "id": None, "code": "bad-frame", "text": "no"}),
        (pack.bye("expired"), {"type": "bye", "reason": "expired"}),
    ],
)
def test_each_frame_says_its_version_its_type_and_nothing_unasked(
    frame: bytes, fields: dict[str, Any]
) -> None:
    assert orjson.loads(frame) == {"v": 1, **fields}


def test_an_errors_text_never_fills_a_frame() -> None:
    assert len(pack.error("bad-frame", "\x00" * 100_000, "\x00" * 64)) <= MAX_FRAME
