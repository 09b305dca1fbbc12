"""The machine's clock and chance."""

from __future__ import annotations

import random
import time


class SystemClock:
    """``ports.clock.Clock`` as the machine has it."""

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def jitter(self) -> float:
        """A random share, 0 ≤ x < 1."""
        return random.random()  # noqa: S311 - it spreads retries and guards nothing


SYSTEM_CLOCK = SystemClock()
"""It has no state, so one serves all."""
