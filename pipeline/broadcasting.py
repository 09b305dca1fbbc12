"""The story of broadcasting: deltas -> frames -> connections.

A delta is matched once per tenant, encoded once, packed once per channel; only posts are per
connection. A batch is acknowledged when each of its frames has a receipt from every member.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core import cursor, match, pack, parse
from pipeline.core.audience import Post, Receipt
from pipeline.core.errors import Rejected
from pipeline.core.model import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.core.audience import Channel, Member
    from pipeline.core.model import Delivery, Delta
    from pipeline.ports import Clock, ConnectionTable, Queues, Sockets


@dataclass(slots=True)
class Registry:
    """The matching index of each tenant, kept between invocations and renewed when its version moves."""

    indexes: dict[str, tuple[int, match.ChannelIndex]] = field(default_factory=dict)

    def index(self, tenant: str, table: ConnectionTable) -> match.ChannelIndex:
        """The tenant's channels as they are now.

        The version is read before the channels: a channel added in between is loaded twice, never missed.
        """
        version = table.version(tenant)
        known = self.indexes.get(tenant)
        if known and known[0] == version:
            return known[1]
        index = match.ChannelIndex()
        for channel in table.channels(tenant):
            index.add(channel)
        self.indexes[tenant] = (version, index)
        return index


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What became of a batch.

    Attributes:
        deltas: Deltas read from the batch.
        matched: Pairs of a delta and a channel that wants it.
        receipts: What became of the posts.
        returned: Ids of the deliveries to hand over again.
    """

    received: int
    deltas: int
    matched: int
    rejected: int
    receipts: Counter[Receipt]
    returned: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {
            "received": self.received,
            "deltas": self.deltas,
            "matched": self.matched,
            "rejected": self.rejected,
            **{receipt.value: self.receipts[receipt] for receipt in Receipt},
        }


def broadcast(
    deliveries: Sequence[Delivery],
    *,
    registry: Registry,
    table: ConnectionTable,
    sockets: Sockets,
    queue: Queues,
    clock: Clock,
    deadline: int,
) -> Broadcast:
    """Post every delta to exactly the connections whose channel matches it.

    Args:
        registry: Kept by the caller between invocations.
        deadline: When the invocation ends, in ms since the epoch; posts end within ``POSTING`` at the latest.
    """
    announced_at = clock.now()
    deltas, letters = _deltas(deliveries)
    wanted = _wanted(deltas, registry, table)
    posts: list[Post] = []
    for channel, hits in wanted.items():
        if members := table.members(channel, clock.now()):
            posts += _posts(members, pack.hits(channel.id, hits, cursor.live(channel.id, announced_at)))
    receipts = sockets.post(posts, min(deadline, announced_at + cursor.POSTING))
    for gone in {post.connection_id for post, r in zip(posts, receipts, strict=True) if r is Receipt.GONE}:
        table.disconnect(gone)
    taken = queue.dead_letter(letters) if letters else ()
    return Broadcast(
        received=len(deliveries),
        deltas=len(deltas),
        matched=sum(len(hits) for hits in wanted.values()),
        rejected=sum(taken),
        receipts=Counter(receipts),
        returned=tuple(
            letter.delivery.id for letter, buried in zip(letters, taken, strict=True) if not buried
        ),
    )


def _deltas(deliveries: Iterable[Delivery]) -> tuple[list[Delta], list[DeadLetter]]:
    deltas: list[Delta] = []
    letters: list[DeadLetter] = []
    for delivery in deliveries:
        try:
            deltas += parse.deltas(delivery.body)
        except Rejected as rejected:
            letters.append(DeadLetter(delivery, rejected.reason, rejected.text))
    return deltas, letters


def _wanted(
    deltas: Iterable[Delta], registry: Registry, table: ConnectionTable
) -> dict[Channel, list[bytes]]:
    """The hits of each channel, in the order of the deltas; a delta is encoded once for all of them."""
    by_tenant: dict[str, list[Delta]] = {}
    for delta in deltas:
        if delta.tenant is not None:
            by_tenant.setdefault(delta.tenant, []).append(delta)
    wanted: dict[Channel, list[bytes]] = {}
    for tenant, of_tenant in by_tenant.items():
        index = registry.index(tenant, table)
        for delta in of_tenant:
            if channels := index.matching(delta):
                hit = pack.hit(delta)
                for channel in channels:
                    wanted.setdefault(channel, []).append(hit)
    return wanted


def _posts(members: Iterable[Member], frames: Sequence[bytes]) -> Iterator[Post]:
    return (Post(member.connection_id, member.endpoint, frame) for member in members for frame in frames)
