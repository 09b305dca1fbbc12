"""How frames come to the members of channels, and what is noted of those whom they did not reach.

Nobody waits for anybody: one connection that is gone, slow or refused costs the others nothing, and what
it missed is marked, so that its next frame or pong begins with a gap.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core import cursor, pack
from pipeline.core.audience import Post, Receipt
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.audience import Channel, Member
    from pipeline.ports import Clock, ConnectionTable, Sockets

MARKING = 1_500
"""Milliseconds that are kept for marking, once the posts have ended."""

MISSED = frozenset({Receipt.LAGGED, Receipt.REFUSED})
"""Receipts of those who are still there and did not get their frame.

A post that can never succeed counts too: the hits are stored, and the gap sends the client to read them.
"""


@dataclass(frozen=True, slots=True)
class Sending:
    """Frames of one channel, and who is to get them.

    Attributes:
        members: Those whose token has ended are told so and get nothing else.
        ingested: The lowest ``@ingested`` of each minute among the hits, in order.
    """

    channel: Channel
    frames: Sequence[bytes]
    members: Sequence[Member]
    ingested: Sequence[int]

    @property
    def posts(self) -> int:
        """How many posts this takes, about."""
        return len(self.frames) * len(self.members)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of posts.

    Attributes:
        receipts: One for each post.
        missed: The memberships that are to be marked.
        gone: Connections that no longer exist.
        ended: Members whose token has ended, one for each connection.
    """

    receipts: Counter[Receipt]
    missed: Sequence[tuple[Channel, str]]
    gone: frozenset[str]
    ended: Sequence[Member]


def post(sendings: Iterable[Sending], sockets: Sockets, *, now: int, until: int) -> Posted:
    """Post every frame to every member: behind its gap, where the member has missed something before.

    Args:
        now: When a token counts as ended.
        until: When every post has its receipt, in ms since the epoch.

    Raises:
        Unavailable: The trouble is not of single connections.
    """
    posts: list[Post] = []
    channels: list[Channel | None] = []
    ended: dict[str, Member] = {}
    for sending in sendings:
        for member in sending.members:
            if member.expires <= now:
                ended[member.connection_id] = member
                continue
            frames = _with_gap(sending, member)
            posts += [Post(member.connection_id, member.endpoint, frame) for frame in frames]
            channels += [sending.channel] * len(frames)
    for member in ended.values():
        posts.append(Post(member.connection_id, member.endpoint, pack.bye("expired")))
        channels.append(None)
    receipts = sockets.post(posts, until) if posts else ()
    gone = frozenset(each.connection_id for each, r in zip(posts, receipts, strict=True) if r is Receipt.GONE)
    missed = {
        (channel.id, each.connection_id): (channel, each.connection_id)
        for channel, each, receipt in zip(channels, posts, receipts, strict=True)
        if channel and receipt in MISSED
    }
    left = [member for member in ended.values() if member.connection_id not in gone]
    return Posted(Counter(receipts), list(missed.values()), gone, left)


def tidy(posted: Posted, table: ConnectionTable, sockets: Sockets, clock: Clock, until: int) -> None:
    """Forget who is gone, and close the connections whose token has ended; what remains is done next time."""
    for connection_id in posted.gone:
        if clock.now() < until:
            with suppress(Unavailable):
                table.disconnect(connection_id)
    for member in posted.ended:
        if clock.now() < until:
            with suppress(Unavailable):
                sockets.close(member.connection_id, member.endpoint)
                table.disconnect(member.connection_id)


def _with_gap(sending: Sending, member: Member) -> Sequence[bytes]:
    """The gap goes first: a post that fails holds back those behind it, so no hits overtake it."""
    if member.lagged is None:
        return sending.frames
    since = cursor.live(sending.channel.id, member.lagged)
    return [pack.lagged(sending.channel.id, since), *sending.frames]
