"""Open connections that keep the frames posted to them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.core.audience import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Post


class MemorySockets:
    """``ports.Sockets`` in memory."""

    def __init__(self) -> None:
        self._frames: dict[tuple[str, str], list[bytes]] = {}
        self._receipts: dict[tuple[str, str], list[Receipt]] = defaultdict(list)

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:  # noqa: ARG002 - nothing takes time here
        """Post all frames; a receipt for each, in order."""
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
        self._frames.pop((endpoint, connection_id), None)

    def open(self, connection_id: str, endpoint: str) -> None:
        """Connect, as a client does."""
        self._frames[endpoint, connection_id] = []

    def frames(self, connection_id: str, endpoint: str) -> Sequence[bytes]:
        """What the client got; nothing more where its connection is gone."""
        return tuple(self._frames.get((endpoint, connection_id), ()))

    def answer(self, connection_id: str, endpoint: str, *receipts: Receipt) -> None:
        """Say what becomes of the next posts to a connection, instead of what else would."""
        self._receipts[endpoint, connection_id] += receipts

    def _post(self, post: Post) -> Receipt:
        place = (post.endpoint, post.connection_id)
        said = self._receipts[place]
        receipt = said.pop(0) if said else Receipt.POSTED if place in self._frames else Receipt.GONE
        if receipt is Receipt.POSTED:
            self._frames.setdefault(place, []).append(post.frame)
        if receipt is Receipt.GONE:
            self._frames.pop(place, None)
        return receipt
