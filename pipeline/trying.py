"""How often and how long an invocation tries: within the time that it has, never beyond.

What still fails then waits in the queue, where waiting is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

FIRST_DELAY, LONGEST_DELAY = 5, 120
"""Seconds. What is put off counts against the queue's 120,000 in flight, hence no longer.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""


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


def delay(receives: int, jitter: float) -> int:
    """Say how long a delivery is put off before its next receive.

    Args:
        receives: How often it was received, this time included.
        jitter: A random share, 0 ≤ jitter < 1, so that what failed together does not return together.

    Returns:
        Seconds: half to all of 5, 10, 20, 40, 80, then of 120.
    """
    doublings = min(max(receives - 1, 0), 10)  # beyond these it is at its longest anyway
    longest = min(LONGEST_DELAY, FIRST_DELAY << doublings)
    return round(longest * (1 + jitter) / 2)


def put_off(returned: Sequence[Delivery], queue: Queues, clock: Clock) -> None:
    """Keep what is returned invisible for a while, the longer the more often it was received."""
    delays = [(d.receipt, delay(d.receives or 1, clock.jitter())) for d in returned if d.receipt]
    if delays:
        queue.put_off(delays)
