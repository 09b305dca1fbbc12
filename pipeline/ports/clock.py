"""Time and chance."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Time and chance, so that a story can be replayed exactly."""

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def jitter(self) -> float:
        """A random share, 0 ≤ x < 1."""
