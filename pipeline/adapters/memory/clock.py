"""A clock that moves only when it is told to."""

from __future__ import annotations

from random import Random


class MemoryClock:
    """``ports.clock.Clock`` that can be replayed: sleeping moves it, and chance has a seed."""

    def __init__(self, now: int = 1_767_225_600_000, seed: int = 0) -> None:
        self._now = now
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose

    def now(self) -> int:
        """Milliseconds since the epoch, UTC; 2026 begins where nothing else is said."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move on by so much."""
        self._now += round(seconds * 1_000)

    def jitter(self) -> float:
        """The seed's next share, 0 ≤ x < 1."""
        return self._random.random()
