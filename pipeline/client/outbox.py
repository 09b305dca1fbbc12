"""Frames of the user's own, which wait for a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.client import frames

if TYPE_CHECKING:
    from pipeline.client.frames import Frame

ROOM = 100
"""Frames that wait at most."""


class Outbox:
    """Frames in the order in which they were given."""

    def __init__(self) -> None:
        self._waiting: list[str] = []

    def put(self, frame: Frame) -> bool:
        """Take a frame.

        Returns:
            False where too many wait already.

        Raises:
            ValueError: API Gateway would close the connection that sends a frame so long.
        """
        text = frames.write(frame)
        if len(text.encode()) > frames.LONGEST:
            raise ValueError(f"a frame has at most {frames.LONGEST} bytes")
        if len(self._waiting) >= ROOM:
            return False
        self._waiting.append(text)
        return True

    def take(self) -> list[str]:
        """All that wait; from now on they wait no more."""
        taken, self._waiting = self._waiting, []
        return taken
