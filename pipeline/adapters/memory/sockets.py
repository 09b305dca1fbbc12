"""Open connections that keep the frames posted to them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.core.audience import Receipt
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Post
    from pipeline.ports.clock import Clock


class MemorySockets:
    """``ports.connections.Sockets`` in memory.

    Args:
        clock: By which nothing is posted past the deadline; None lets no deadline pass.

    Attributes:
        trouble: Why nothing can be posted or closed; empty as long as it can.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.trouble = ""
        self._clock = clock
        self._frames: dict[tuple[str, str], list[bytes]] = {}
        self._receipts: dict[tuple[str, str], list[Receipt]] = defaultdict(list)

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        """Post all frames; a receipt for each, in order."""
        if not posts:
            return []
        self._check()
        if self._clock and self._clock.now() >= deadline:
            return [Receipt.LAGGED] * len(posts)
        failed: dict[tuple[str, str], Receipt] = {}
        receipts = []
        for post in posts:
            place = (post.endpoint, post.connection_id)
            receipt = failed.get(place) or self._post(post)
            if receipt is not Receipt.POSTED:
                failed[place] = receipt
            receipts.append(receipt)
        return receipts

    def close(self, connection_id: str, endpoint: str) -> None:
        """Close a connection; closing one that is gone is no error."""
        self._check()
        self._frames.pop((endpoint, connection_id), None)

    def close_all(self, connections: Sequence[tuple[str, str]], deadline: int) -> Sequence[bool]:
        """Close each (connection id, endpoint) until the deadline; for each whether it is closed."""
        closed = []
        for connection_id, endpoint in connections:
            in_time = self._clock is None or self._clock.now() < deadline
            if in_time:
                self.close(connection_id, endpoint)
            closed.append(in_time)
        return closed

    def open(self, connection_id: str, endpoint: str) -> None:
        """Connect, as a client does."""
        self._frames[endpoint, connection_id] = []

    def frames(self, connection_id: str, endpoint: str) -> Sequence[bytes]:
        """What the client got; nothing more where its connection is gone."""
        return tuple(self._frames.get((endpoint, connection_id), ()))

    def answer(self, connection_id: str, endpoint: str, *receipts: Receipt) -> None:
        """Say what becomes of the next posts to a connection, instead of what else would."""
        self._receipts[endpoint, connection_id] += receipts

    def _check(self) -> None:
        if self.trouble:
            raise Unavailable("API Gateway", self.trouble)

    def _post(self, post: Post) -> Receipt:
        place = (post.endpoint, post.connection_id)
        said = self._receipts[place]
        receipt = said.pop(0) if said else Receipt.POSTED if place in self._frames else Receipt.GONE
        if receipt is Receipt.POSTED:
            self._frames.setdefault(place, []).append(post.frame)
        if receipt is Receipt.GONE:
            self._frames.pop(place, None)
        return receipt
