"""How fast one process posts: a token bucket.

Source:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""

from __future__ import annotations

from threading import Lock

BURST = 500
"""Milliseconds' worth of posts that may go at once after a rest, as API Gateway's own bucket has it: 10,000
requests a second with a burst of 5,000 for all of an account in a Region, and 2,500 with 1,250 in the
smaller ones; its callback API counts with all the rest.
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

POST = 1_000
"""What a post costs, when each millisecond brings as much as posts may go a second."""


class Bucket:
    """So many posts a second, and after a rest some of them at once; all calls of a process share it.

    Args:
        rate: Posts a second. The account's limit holds for all of its processes together, so this is one
            process's part of it.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._full = max(POST, rate * BURST)
        self._level = self._full
        self._filled = 0
        self._lock = Lock()

    def take(self, now: int) -> int:
        """Take what one post costs, if there is as much.

        Args:
            now: Milliseconds; a clock that is set back fills nothing and takes nothing away.

        Returns:
            0 when the post may go, else in how many milliseconds to ask again.
        """
        with self._lock:
            self._level = min(self._full, self._level + max(0, now - self._filled) * self._rate)
            self._filled = now
            if self._level < POST:
                return -(-(POST - self._level) // self._rate)
            self._level -= POST
            return 0
