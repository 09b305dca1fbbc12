from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import cursor
from pipeline.core.cursor import HORIZON, MAX_LENGTH, OVERLAP, POSTING, SEEN, SKEW, Cursor

CHANNEL = "0123456789abcdef" * 2
OTHER = "f" * 32
DOCUMENT = "0f" * 32
TIME = st.integers(0, 2**48 - 1)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(TIME)
def test_a_live_cursor_reads_back_as_its_time(at: int) -> None:
    assert cursor.read(cursor.live(CHANNEL, at), CHANNEL) == Cursor(at)


@given(TIME, HEX, TIME)
def test_a_page_cursor_reads_back_as_its_place_and_its_beginning(
    ingested: int, document_id: str, started: int
) -> None:
    text = cursor.page(CHANNEL, (ingested, document_id), started)
    assert cursor.read(text, CHANNEL) == Cursor(started, (ingested, document_id))


@given(ingested=TIME, document_id=HEX, started=TIME, since=TIME, again=st.booleans())
def test_a_page_cursor_says_where_it_goes_on_from_and_whether_it_is_the_second_reading(
    ingested: int, document_id: str, started: int, since: int, *, again: bool
) -> None:
    text = cursor.page(CHANNEL, (ingested, document_id), started, since, again=again)
    found = cursor.read(text, CHANNEL)
    assert found
    assert (found.at, found.position) == (started, (ingested, document_id))
    assert (found.begun, found.again, found.newest) == (min(since, started), again, False)


@given(TIME, HEX, TIME)
def test_a_snapshots_page_says_that_it_is_one(ingested: int, document_id: str, started: int) -> None:
    text = cursor.page(CHANNEL, (ingested, document_id), started, newest=True)
    assert cursor.read(text, CHANNEL) == Cursor(started, (ingested, document_id), newest=True)


@given(TIME.filter(lambda at: at < 2**48 - 1), st.text("0123456789abcdef", min_size=SEEN, max_size=SEEN))
def test_a_live_cursor_may_say_what_was_seen_and_is_the_same_otherwise(at: int, seen: str) -> None:
    assert cursor.read(cursor.live(CHANNEL, at, seen), CHANNEL) == Cursor(at, seen=seen)
    assert cursor.live(CHANNEL, at) < cursor.live(CHANNEL, at, seen) < cursor.live(CHANNEL, at + 1)


@given(TIME, TIME)
def test_of_two_live_cursors_the_later_sorts_higher(one: int, other: int) -> None:
    assert (cursor.live(CHANNEL, one) < cursor.live(CHANNEL, other)) is (one < other)


@given(TIME, HEX)
def test_a_cursor_can_stand_in_a_url_as_it_is(at: int, document_id: str) -> None:
    for text in (
        cursor.live(CHANNEL, at),
        cursor.live(CHANNEL, at, document_id[:SEEN]),
        cursor.page(CHANNEL, (at, document_id), at, at, again=True),
    ):
        assert re.fullmatch(r"[A-Za-z0-9._~-]+", text)
        assert len(text) <= MAX_LENGTH


@pytest.mark.parametrize("text", [cursor.live(CHANNEL, 1), cursor.page(CHANNEL, (1, DOCUMENT), 2)])
def test_another_channels_cursor_is_unknown(text: str) -> None:
    assert cursor.read(text, CHANNEL) is not None
    assert cursor.read(text, OTHER) is None


@pytest.mark.parametrize(
    "text", [None, 3, {}, b"L", "", "L", "L\N{ARABIC-INDIC DIGIT ONE}" + "0" * 11 + "." + CHANNEL]
)
def test_what_was_never_a_cursor_is_unknown(text: object) -> None:
    assert cursor.read(text, CHANNEL) is None


@given(st.text() | st.builds(lambda a, b: a + cursor.live(CHANNEL, 5) + b, st.text(), st.text(min_size=1)))
def test_reading_never_raises_and_a_changed_cursor_is_unknown(text: str) -> None:
    assert cursor.read(text, CHANNEL) is None


def test_a_resume_reads_again_what_announcements_may_have_overtaken() -> None:
    assert HORIZON == OVERLAP + POSTING + 2 * SKEW
    assert cursor.ingested_from(100_000) == 100_000 - HORIZON
    assert cursor.announced_from(100_000) == 100_000 - POSTING - 2 * SKEW


def test_what_a_search_may_not_show_yet_is_read_again_too() -> None:
    assert cursor.ingested_from(100_000, POSTING) == 100_000 - HORIZON
    assert cursor.ingested_from(100_000, 15_000) == 100_000 - OVERLAP - 15_000 - 2 * SKEW
    assert cursor.announced_from(100_000, 15_000) == 100_000 - 15_000 - 2 * SKEW
