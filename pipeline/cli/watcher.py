"""A client that remembers what came to it, and when."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pipeline.client import Client, Hits, Notice, Refusal, Refused, Status
from pipeline.client.session import STRAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.client import Dial


class Watcher:
    """One connection with one subscription that begins without a snapshot.

    Attributes:
        arrived: Document id to (the hit, when it first came, in ms since the epoch).
        strays: Frames of channels it never subscribed to.
    """

    def __init__(self, dial: Dial, pattern: dict[str, Any]) -> None:
        self.arrived: dict[str, tuple[dict[str, Any], int]] = {}
        self.strays = 0
        self._client = Client(dial)
        self._subscription = self._client.subscribe(pattern, snapshot=0)
        self._news = asyncio.Event()

    @property
    def duplicates(self) -> int:
        """Hits that came again."""
        return self._subscription.duplicates

    @property
    def is_live(self) -> bool:
        """Whether nothing is missing."""
        return self._client.status is Status.LIVE

    async def watch(self) -> None:
        """Listen until cancelled.

        Raises:
            Refused: The server refused the token or the filter.
        """
        async with self._client as client:
            async for news in client:
                match news:
                    case Hits(hits=hits):
                        now = int(time.time() * 1000)
                        self.arrived |= {hit["id"]: (hit, now) for hit in hits}
                    case Refusal(code=code, text=text):
                        raise Refused(code, text)
                    case Notice(code=code) if code == STRAY:
                        self.strays += 1
                self._news.set()

    async def until(self, condition: Callable[[Watcher], bool]) -> None:
        """Wait until the condition holds; it is looked at whenever something came."""
        while not condition(self):
            self._news.clear()
            await self._news.wait()
