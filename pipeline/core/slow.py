"""The slow ones: which connections were not keeping up lately, and what they have been told of it.

What one process remembers of some thousands of them, filled by the times that callers tell. Whatever is
forgotten here is in the table: it only makes a post wait as it would have, or a gap be told once more.
"""

from __future__ import annotations

from collections import OrderedDict

MOST = 10_000
"""Connections, and gaps, that are remembered: a few megabytes. Those of longest ago are forgotten first."""

SLOW_FOR = 60_000
"""Milliseconds for which a connection that did not keep up is taken to be slow still, unless it is seen to
keep up: about as long as a client that pings takes to find out that it is cut off."""

TELLING = 1_000
"""Milliseconds for which a gap that was told is not told again: a client needs some hundred to subscribe
anew, and a busy channel has many batches a second."""


class SlowOnes:
    """What a process knows of slow connections; kept by the caller between invocations.

    Args:
        most: How many connections, and how many gaps, are remembered.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._behind: OrderedDict[str, int] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return max(len(self._behind), len(self._told))

    def fell_behind(self, connection_id: str, now: int) -> None:
        """Note that a frame did not get through to a connection."""
        self._behind.pop(connection_id, None)
        self._behind[connection_id] = now
        if len(self._behind) > self._most:
            self._behind.popitem(last=False)

    def kept_up(self, connection_id: str) -> None:
        """Note that a frame got through: it is slow no longer."""
        self._behind.pop(connection_id, None)

    def is_slow(self, connection_id: str, now: int) -> bool:
        """Tell whether a connection did not keep up lately.

        Args:
            connection_id: Which.
            now: Milliseconds since the epoch; a clock that was set back forgets.
        """
        since = self._behind.get(connection_id)
        return since is not None and 0 <= now - since < SLOW_FOR

    def tell(self, channel_id: str, connection_id: str, since: int, now: int) -> None:
        """Note that a connection was told a gap of a channel."""
        self._told.pop((channel_id, connection_id), None)
        self._told[channel_id, connection_id] = (since, now)
        if len(self._told) > self._most:
            self._told.popitem(last=False)

    def knows(self, channel_id: str, connection_id: str, since: int, now: int, *, after: int) -> bool:
        """Tell whether a connection was told this very gap a moment ago, and nobody has subscribed since.

        Another ``since`` is another gap. Who was told rests its cursor until it subscribes again; who has
        subscribed since, be it a second subscription of the same filter, may move its cursor by any frame.

        Args:
            after: When the connection subscribed to the channel last, at the latest.
        """
        mark, at = self._told.get((channel_id, connection_id), (None, 0))
        return mark == since and at > after and 0 <= now - at < TELLING
