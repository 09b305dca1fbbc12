from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.websocket_rate import Bucket


def taken(bucket: Bucket, now: int) -> int:
    """How many tokens there are now."""
    count = 0
    while bucket.take(now) == 0:
        count += 1
    return count


def test_after_a_rest_half_a_seconds_worth_may_go_at_once_and_then_the_rate() -> None:
    bucket = Bucket(10_000)
    assert [taken(bucket, now) for now in (1_000_000, 1_000_001, 1_000_011)] == [5_000, 10, 100]
    assert taken(bucket, 2_000_000) == 5_000


def test_one_post_may_go_however_low_the_rate() -> None:
    assert taken(Bucket(1), 1_000_000) == 1


@given(rate=st.integers(1, 20_000), now=st.integers(1, 10**13))
def test_who_comes_again_when_it_was_told_gets_a_token_and_not_before(rate: int, now: int) -> None:
    bucket = Bucket(rate)
    taken(bucket, now)
    wait = bucket.take(now)
    assert wait >= 1
    assert bucket.take(now + wait - 1) == 1
    assert bucket.take(now + wait) == 0


@given(
    rate=st.integers(1, 5_000),
    steps=st.lists(st.integers(0, 2_000), min_size=1, max_size=30),
)
def test_no_stretch_of_time_gets_more_than_the_burst_and_its_rate(rate: int, steps: list[int]) -> None:
    bucket, now, total = Bucket(rate), 1_000_000, 0
    for step in steps:
        now += step
        total += taken(bucket, now)
    assert total <= max(1, rate / 2) + rate * sum(steps) / 1_000 + 0.001


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing_away() -> None:
    bucket = Bucket(1_000)
    assert taken(bucket, 1_000_000) == 500
    assert taken(bucket, 900_000) == 0
    assert taken(bucket, 900_010) == 10
