"""How frames come to the members of channels, and what is noted of those whom they did not reach.

Nobody waits for anybody: one connection that is gone, slow or refused costs the others nothing, and what
it missed is marked, so that its next frame or pong begins with a gap. Who is marked, or did not keep up
lately, comes last and is tried once and shortly: the whole batch waits for what is tried again.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core import cursor, pack
from pipeline.core.audience import Post, Receipt
from pipeline.core.errors import Unavailable
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.audience import Channel, Connection, Member
    from pipeline.core.slow import SlowOnes
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets

MARKING = 1_500
"""Milliseconds that are kept for marking, once the posts have ended, and ..."""

MARKS_A_MILLISECOND = 4
"""... so many posts have one more: each may have to be marked, 50 a transaction, on one CPU."""

TIDYING = 1_500
"""Milliseconds for forgetting who is gone: the batch waits for it, and what is left is met again."""

FAREWELL = 5_000
"""Milliseconds in which a connection must have taken its ``bye``."""

MISSED = frozenset({Receipt.LAGGED, Receipt.REFUSED})
"""Receipts of those who are still there and did not get their frame.

A post that can never succeed counts too: the hits are stored, and the gap sends the client to read them.
"""


@noun
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


@noun
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


@dataclass(slots=True, repr=False, eq=False)
class _Plan:
    """Posts, in the order in which they are made, and what each is.

    Attributes:
        channels: Whose frame each is; None for a good-bye.
        gaps: Of those that are one, since when it says that frames are missing.
    """

    posts: list[Post] = field(default_factory=list)
    channels: list[Channel | None] = field(default_factory=list)
    gaps: dict[int, int] = field(default_factory=dict)

    def add(self, member: Member, channel: Channel | None, frames: Iterable[bytes], *, brief: bool) -> None:
        for frame in frames:
            self.posts.append(Post(member.connection_id, member.endpoint, frame, brief))
            self.channels.append(channel)


def post(sendings: Sequence[Sending], sockets: Sockets, *, slow: SlowOnes, now: int, until: int) -> Posted:
    """Post every frame to every member: behind its gap, where the member has missed something before.

    Args:
        slow: Who did not keep up lately; it learns from these posts.
        now: When a token counts as ended.
        until: When every post has its receipt, in ms since the epoch.

    Raises:
        Unavailable: The trouble is not of single connections.
    """
    plan, ended = _planned(sendings, slow, now)
    receipts = sockets.post(plan.posts, until) if plan.posts else ()
    _learn(plan, receipts, slow, now)
    settled = list(zip(plan.posts, plan.channels, receipts, strict=True))
    gone = frozenset(each.connection_id for each, _, receipt in settled if receipt is Receipt.GONE)
    missed = {
        (channel.id, each.connection_id): (channel, each.connection_id)
        for each, channel, receipt in settled
        if channel and receipt in MISSED
    }
    left = [member for member in ended if member.connection_id not in gone]
    return Posted(Counter(receipts), list(missed.values()), gone, left)


def marking(posts: int) -> int:
    """Say how many milliseconds are kept for marking whom so many posts may not have reached."""
    return MARKING + posts // MARKS_A_MILLISECOND


def room(milliseconds: int, posts_per_second: int) -> int:
    """Say how many posts can be made, and marked, in a time that is ``MARKING`` short already."""
    share = 1_000 * MARKS_A_MILLISECOND
    return max(0, milliseconds) * posts_per_second * MARKS_A_MILLISECOND // (share + posts_per_second)


def tidy(posted: Posted, table: ConnectionTable, sockets: Sockets, clock: Clock, deadline: int) -> None:
    """Close the connections whose token has ended, and forget them and who is gone, as far as time allows.

    What is left is done by the next broadcast, or ends with its rows.
    """
    began = clock.now()
    gone = list(posted.gone)
    with suppress(Unavailable):
        if posted.ended:
            closing = [(member.connection_id, member.endpoint) for member in posted.ended]
            closed = sockets.close_all(closing, min(deadline, began + TIDYING // 2))
            gone += [name for (name, _), done in zip(closing, closed, strict=True) if done]
    with suppress(Unavailable):
        if gone:
            table.disconnect_all(gone, min(deadline, began + TIDYING))


def dismiss(
    connections: Sequence[Connection], reason: str, *, table: ConnectionTable, sockets: Sockets, clock: Clock
) -> int:
    """Forget connections, tell them why, and close them; how many could be closed.

    They are forgotten first, so that they get nothing more even where they cannot be closed: such a one is
    closed as soon as it speaks.

    Raises:
        Unavailable: The table, or every endpoint, does not answer; to be done again.
    """
    for connection in connections:
        table.disconnect(connection.id)
    farewell = pack.bye(reason)
    posts = [Post(each.id, each.endpoint, farewell) for each in connections]
    sockets.post(posts, clock.now() + FAREWELL)
    return sum(_closed(connection, sockets) for connection in connections)


def _closed(connection: Connection, sockets: Sockets) -> bool:
    try:
        sockets.close(connection.id, connection.endpoint)
    except Unavailable:
        return False
    return True


def _planned(sendings: Sequence[Sending], slow: SlowOnes, now: int) -> tuple[_Plan, Sequence[Member]]:
    """All posts, those of the slow ones last; and the members whose token has ended, each once."""
    behind = {
        member.connection_id
        for sending in sendings
        for member in sending.members
        if member.lagged is not None or slow.is_slow(member.connection_id, now)
    }
    plan = _Plan()
    ended: dict[str, Member] = {}
    for brief in (False, True) if behind else (False,):
        for sending in sendings:
            for member in sending.members:
                if (member.connection_id in behind) is not brief:
                    continue
                if member.expires <= now:
                    ended[member.connection_id] = member
                    continue
                _tell_gap(plan, sending.channel, member, slow, now)
                plan.add(member, sending.channel, sending.frames, brief=brief)
    for member in ended.values():
        plan.add(member, None, [pack.bye("expired")], brief=member.connection_id in behind)
    return plan, list(ended.values())


def _tell_gap(plan: _Plan, channel: Channel, member: Member, slow: SlowOnes, now: int) -> None:
    """Put the gap first: a post that fails holds back those behind it, so no hits overtake it.

    It is not told with each batch while the client subscribes anew; the mark stays until it has.
    """
    since = member.lagged
    after = member.renewed + cursor.SKEW  # by another function's clock
    if since is None or slow.knows(channel.id, member.connection_id, since, now, after=after):
        return
    plan.gaps[len(plan.posts)] = since
    plan.add(member, channel, [pack.lagged(channel.id, cursor.live(channel.id, since))], brief=True)


def _learn(plan: _Plan, receipts: Sequence[Receipt], slow: SlowOnes, now: int) -> None:
    """Note who kept up and who did not, and who was told a gap."""
    for each, receipt in zip(plan.posts, receipts, strict=True):
        if receipt is Receipt.LAGGED:
            slow.fell_behind(each.connection_id, now)
        elif receipt is Receipt.POSTED and each.brief:
            slow.kept_up(each.connection_id)
    for place, since in plan.gaps.items():
        channel = plan.channels[place]
        if channel and receipts[place] is Receipt.POSTED:
            slow.tell(channel.id, plan.posts[place].connection_id, since, now)
