"""What a process remembers of slow connections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.slow import SLOW_FOR, TELLING, SlowOnes

NOW = 1_767_225_600_000
LATER = st.integers(0, 3 * SLOW_FOR)


@pytest.fixture
def slow() -> SlowOnes:
    return SlowOnes()


def test_nobody_is_slow_who_was_not_seen_to_be(slow: SlowOnes) -> None:
    slow.fell_behind("ann", NOW)
    assert slow.is_slow("ann", NOW)
    assert not slow.is_slow("bob", NOW)


def test_who_keeps_up_again_is_slow_no_longer(slow: SlowOnes) -> None:
    slow.fell_behind("ann", NOW)
    slow.kept_up("ann")
    slow.kept_up("bob")
    assert not slow.is_slow("ann", NOW)


def test_who_fell_behind_is_taken_to_be_slow_for_a_while_since_the_last_time(slow: SlowOnes) -> None:
    slow.fell_behind("ann", NOW)
    slow.fell_behind("ann", NOW + 1)
    assert slow.is_slow("ann", NOW + SLOW_FOR)
    assert not slow.is_slow("ann", NOW + SLOW_FOR + 1)


def test_a_gap_is_known_for_a_while_to_the_connection_that_was_told_it(slow: SlowOnes) -> None:
    slow.tell("channel", "ann", 17, NOW)
    assert slow.knows("channel", "ann", 17, NOW + TELLING - 1, after=NOW - 1)
    assert not slow.knows("channel", "ann", 17, NOW + TELLING, after=NOW - 1)
    assert not slow.knows("channel", "bob", 17, NOW, after=NOW - 1)
    assert not slow.knows("other", "ann", 17, NOW, after=NOW - 1)


@pytest.mark.parametrize("another", [16, 18])
def test_a_gap_from_another_time_is_another_gap(slow: SlowOnes, another: int) -> None:
    slow.tell("channel", "ann", 17, NOW)
    assert not slow.knows("channel", "ann", another, NOW, after=NOW - 1)


def test_a_gap_is_told_anew_to_who_has_subscribed_since(slow: SlowOnes) -> None:
    slow.tell("channel", "ann", 17, NOW)
    assert not slow.knows("channel", "ann", 17, NOW, after=NOW)


def test_a_clock_that_was_set_back_forgets(slow: SlowOnes) -> None:
    slow.fell_behind("ann", NOW)
    slow.tell("channel", "ann", 17, NOW)
    assert not slow.is_slow("ann", NOW - 1)
    assert not slow.knows("channel", "ann", 17, NOW - 1, after=NOW - 1)


def test_those_of_longest_ago_are_forgotten_first() -> None:
    slow = SlowOnes(most=2)
    for name in ("ann", "bob", "ann", "cat"):
        slow.fell_behind(name, NOW)
        slow.tell("channel", name, 17, NOW)
    assert [slow.is_slow(name, NOW) for name in ("ann", "bob", "cat")] == [True, False, True]
    assert [slow.knows("channel", name, 17, NOW, after=NOW - 1) for name in ("ann", "bob", "cat")] == [
        True,
        False,
        True,
    ]


@given(st.lists(st.tuples(st.sampled_from("abcd"), LATER), max_size=40), st.integers(1, 3))
def test_no_more_are_remembered_than_there_is_room_for(seen: list[tuple[str, int]], most: int) -> None:
    slow = SlowOnes(most)
    for name, later in seen:
        slow.fell_behind(name, NOW + later)
        slow.tell("channel", name, later, NOW + later)
        assert slow.is_slow(name, NOW + later)
    assert len(slow) <= most
