"""Waiting that may be cut short: whoever waits for the server also waits for its user."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Wait:
    """One wait at a time, all times in seconds of the running loop's clock."""

    def __init__(self) -> None:
        self._limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def until(self, when: float) -> AsyncIterator[None]:
        """Let a block take no longer than until then.

        Raises:
            TimeoutError: It took longer, or was told to end.
        """
        try:
            async with asyncio.timeout_at(when) as self._limit:
                yield
        finally:
            self._limit = None

    async def rest(self, seconds: float) -> None:
        """Do nothing for so long."""
        try:
            async with self.until(clock() + seconds):
                await asyncio.Event().wait()
        except TimeoutError:
            pass

    def end_in(self, seconds: float) -> None:
        """Let the present wait, if there is one, end so soon."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(clock() + seconds)


def clock() -> float:
    """The time by the running loop's clock, which never goes back."""
    return asyncio.get_running_loop().time()
