"""How often and how long an invocation tries."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline import trying
from pipeline.adapters.memory import MemoryClock


def test_with_time_enough_there_are_four_attempts_and_longer_pauses_each_time() -> None:
    clock = MemoryClock()
    begun = [clock.now() for _ in trying.tries(clock, clock.now() + 60_000)]

    pauses = [later - earlier for earlier, later in pairwise(begun)]
    assert len(begun) == 4
    assert all(100 * 2**n <= pause <= 200 * 2**n for n, pause in enumerate(pauses))


@given(st.integers(-5_000, 5_000), st.integers(0, 100))
def test_the_first_attempt_is_made_and_no_other_is_begun_that_has_no_time(left: int, seed: int) -> None:
    clock = MemoryClock(seed=seed)
    deadline = clock.now() + left
    first, *others = [clock.now() for _ in trying.tries(clock, deadline)]

    assert first == deadline - left
    assert all(begun + 1_000 * trying.SHORTEST <= deadline for begun in others)


@given(st.integers(0, 60_000), st.integers(0, 100))
def test_attempts_that_all_wait_in_vain_end_before_the_deadline(left: int, seed: int) -> None:
    clock = MemoryClock(seed=seed)
    deadline = clock.now() + left
    for _ in trying.tries(clock, deadline):
        clock.sleep(trying.patience(clock, deadline))

    assert clock.now() <= max(deadline, deadline - left + 1_000 * trying.SHORTEST)


def test_the_wait_doubles_from_5_to_120_seconds() -> None:
    almost = 1 - 2**-53
    assert [trying.delay(receives, almost) for receives in (1, 2, 3, 4, 5, 6, 7, 1_000)] == [
        5,
        10,
        20,
        40,
        80,
        120,
        120,
        120,
    ]


@given(st.integers(0, 2_000), st.floats(0, 1, exclude_max=True))
def test_chance_spreads_the_wait_over_its_second_half(receives: int, jitter: float) -> None:
    shortest, longest = trying.delay(receives, 0), trying.delay(receives, 1 - 2**-53)
    assert 2 <= shortest <= trying.delay(receives, jitter) <= longest <= 120
