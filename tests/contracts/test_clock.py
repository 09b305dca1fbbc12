from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.adapters.memory import MemoryClock
from pipeline.adapters.system_clock import SystemClock

if TYPE_CHECKING:
    from pipeline.ports.clock import Clock

BEGIN_OF_2026 = 1_767_225_600_000


@pytest.fixture(params=[MemoryClock, SystemClock], ids=["memory", "live"])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_the_time_is_in_milliseconds_and_of_this_age(clock: Clock) -> None:
    assert BEGIN_OF_2026 <= clock.now() < 2 * BEGIN_OF_2026


def test_after_a_sleep_it_is_at_least_so_much_later(clock: Clock) -> None:
    before = clock.now()
    clock.sleep(0.005)
    assert clock.now() >= before + 5


def test_jitter_is_a_share_and_not_always_the_same(clock: Clock) -> None:
    shares = {clock.jitter() for _ in range(100)}
    assert all(0 <= share < 1 for share in shares)
    assert len(shares) > 1


def test_two_memory_clocks_of_one_seed_tell_the_same() -> None:
    def told(clock: Clock) -> list[float]:
        return [clock.now(), *(clock.jitter() for _ in range(10))]

    assert told(MemoryClock(seed=3)) == told(MemoryClock(seed=3))
    assert told(MemoryClock(seed=3)) != told(MemoryClock(seed=4))
