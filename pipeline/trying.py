"""How often and how long an invocation tries: within the time that it has, never beyond.

What still fails then waits in the queue, where waiting is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import bulk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.model import Delivery
    from pipeline.ports.clock import Clock
    from pipeline.ports.queues import Queues

TRIES = 4
"""Attempts within one invocation."""

FIRST_PAUSE = 0.2
"""Seconds before the second attempt; doubled for each further one, and shortened by chance."""

SHORTEST = 0.2
"""Seconds of patience that are worth a request."""


def tries(clock: Clock, deadline: int) -> Iterator[None]:
    """A turn for each attempt: the first at once, the others after a pause, as long as there is time.

    Args:
        deadline: In ms since the epoch. A pause that would leave less than ``SHORTEST`` is not begun.
    """
    yield
    pause = FIRST_PAUSE
    for _ in range(TRIES - 1):
        shortened = pause * (1 - clock.jitter() / 2)
        if clock.now() + 1_000 * (shortened + SHORTEST) >= deadline:
            return
        clock.sleep(shortened)
        yield
        pause *= 2


def patience(clock: Clock, deadline: int) -> float:
    """Seconds to wait for an answer: half of what is left.

    So there is time for another attempt when none comes, and time to announce what the others stored.
    """
    return max(SHORTEST, (deadline - clock.now()) / 2_000)


def put_off(returned: Sequence[Delivery], queue: Queues, clock: Clock) -> None:
    """Keep what is returned invisible for a while, the longer the more often it was received."""
    delays = [(d.receipt, bulk.delay(d.receives or 1, clock.jitter())) for d in returned if d.receipt]
    if delays:
        queue.put_off(delays)
