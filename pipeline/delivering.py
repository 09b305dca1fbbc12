"""How a round of a broadcast reaches the members of the channels that want something of it.

In this order, so that whoever resumes meanwhile misses nothing: the members, the open rows of what is handed
on, the posts, the marks, the jobs. Each step that fails is the trouble of the tenants whom it concerns; the
others are done.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import handing_on, posting
from pipeline.core import cursor, ledger, pack, share, thin
from pipeline.core.errors import Unavailable
from pipeline.core.noun import noun
from pipeline.posting import Sending

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.audience import Channel, Member, Receipt
    from pipeline.core.slow import SlowOnes
    from pipeline.matching import Lot
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets
    from pipeline.ports.queues import Queues

SLICE = 400
"""Channels whose members are read before the clock is looked at again."""


@dataclass(slots=True, repr=False, eq=False)
class Delivered:
    """What a round came to.

    Attributes:
        conflated: Hits left out because their channel has a later one of the same value.
        sampled: Hits left out because they were over their channel's budget.
        jobs: What was handed on to the fan-out function.
        receipts: What became of the posts.
    """

    conflated: int = 0
    sampled: int = 0
    jobs: int = 0
    receipts: Counter[Receipt] = field(default_factory=Counter)


@noun
class Round:
    """What one round of a broadcast works with.

    Attributes:
        stamp: Clock of the broadcaster at announcing.
        until: When nothing more is begun but marks: ``posting.MARKING`` before they must be written.
        deadline: When the invocation ends.
        budget: Bytes of hits that one channel gets.
        posts_per_second: How fast it posts.
    """

    table: ConnectionTable
    sockets: Sockets
    jobs: Queues
    clock: Clock
    slow: SlowOnes
    stamp: int
    until: int
    deadline: int
    budget: int
    posts_per_second: int

    @property
    def promised(self) -> int:
        """When all posts and marks must be durable."""
        return self.stamp + cursor.POSTING

    def at(self, part: float) -> int:
        """When so much of the time is over."""
        return self.stamp + round((self.until - self.stamp) * part)


LOOKING, READING = 0.4, 0.6
"""Parts of a round's time behind which no further delivery is taken, and no further members are read."""


def deliver(lots: Sequence[Lot], of: Round) -> Delivered:
    """Post what channels want to their members, or mark them, or hand it on; what is not done is trouble."""
    done = Delivered()
    known = _audiences(lots, of)
    if of.clock.now() >= of.until:
        _fail(lots, None, f"{of.clock.now() - of.until} ms too late: the invocation has stalled")
        return done
    read, unread = _sendings(lots, known, of, done)
    near, far = _apart(read, posting.room(of.until - of.clock.now(), of.posts_per_second))
    room = posting.room(cursor.POSTING - posting.MARKING, of.posts_per_second)
    open_jobs = handing_on.shared([*far, *unread], stamp=of.stamp, room=room)
    _open(open_jobs, lots, of)
    good = _good(lots)
    near = [sending for sending in near if sending.channel.tenant in good]
    posted = _post(near, lots, of)
    if posted:
        done.receipts = posted.receipts
    _mark(posted.missed if posted else [], lots, known, of)
    good = _good(lots)
    handing_on.close_rows([job for job in open_jobs if job.tenant not in good], of.table)
    to_go = [job for job in open_jobs if job.tenant in good]
    refused = handing_on.hand_on(to_go, of.table, of.jobs)
    _fail(lots, refused, "SQS did not take all fan-out jobs")
    done.jobs = len(to_go)
    if posted:
        posting.tidy(posted, of.table, of.sockets, of.clock, of.deadline)
    return done


def _good(lots: Iterable[Lot]) -> set[str]:
    return {lot.tenant for lot in lots if not lot.trouble}


def _fail(lots: Iterable[Lot], tenants: Iterable[str] | None, why: str) -> None:
    """Note what the trouble of some tenants is, or of all; the first stays."""
    concerned = None if tenants is None else set(tenants)
    for lot in lots:
        if concerned is None or lot.tenant in concerned:
            lot.trouble = lot.trouble or why


def _audiences(lots: Sequence[Lot], of: Round) -> dict[Channel, Sequence[Member]]:
    """The members of the channels, as far as there is time to read them: of tenants with few channels first.

    Those that nobody can read are first of all, since they cannot be handed on.
    """
    good = sorted((lot for lot in lots if not lot.trouble), key=lambda lot: len(lot.wanted))
    asked = [channel for lot in good for channel in lot.unreadable]
    asked += [channel for lot in good for channel in lot.wanted]
    known: dict[Channel, Sequence[Member]] = {}
    for start in range(0, len(asked), SLICE):
        if start and of.clock.now() >= of.at(READING):
            break
        part = asked[start : start + SLICE]
        try:
            known |= zip(part, of.table.audiences(part, of.clock.now()), strict=True)
        except Unavailable as unavailable:
            _fail(lots, [channel.tenant for channel in part], str(unavailable))
    for lot in good:
        if not known.keys() >= set(lot.unreadable):
            _fail([lot], None, "there was no time to read the members of channels that cannot be read")
    return known


def _sendings(
    lots: Iterable[Lot], known: dict[Channel, Sequence[Member]], of: Round, done: Delivered
) -> tuple[list[Sending], list[Sending]]:
    """What is to be posted to the members that were read, and to those that were not."""
    read, unread = [], []
    for lot in lots:
        for channel, hits in lot.wanted.items() if not lot.trouble else ():
            members = known.get(channel)
            if members is None:
                unread.append(_sending(channel, hits, (), of, done))
            elif members:
                read.append(_sending(channel, hits, members, of, done))
    return read, unread


def _sending(
    channel: Channel, hits: Sequence[thin.Hit], members: Sequence[Member], of: Round, done: Delivered
) -> Sending:
    """The frames of a channel, packed once for all its members."""
    before = cursor.live(channel.id, of.stamp - 1)
    kept = thin.thin(hits, conflate=channel.conflate, budget=of.budget, since=before)
    done.conflated += kept.conflated
    done.sampled += kept.sampled
    encoded = [hit for _, hit in kept.hits]
    frames = pack.hits(channel.id, encoded, cursor.live(channel.id, of.stamp), notes=kept.notes)
    return Sending(channel, frames, members, ledger.minutes(delta.ingested for delta, _ in hits))


def _apart(sendings: Sequence[Sending], room: int) -> tuple[list[Sending], list[Sending]]:
    """Those that can be posted in time, and those whose audience is too big for it."""
    chosen = share.fitting([sending.posts for sending in sendings], room)
    near = [sending for place, sending in enumerate(sendings) if place in chosen]
    return near, [sending for place, sending in enumerate(sendings) if place not in chosen]


def _open(jobs: Sequence[share.Job], lots: Sequence[Lot], of: Round) -> None:
    """Open the rows of jobs, in time: whoever resumes behind ``POSTING`` relies on them."""
    try:
        handing_on.open_rows(jobs, of.table, of.stamp)
    except Unavailable as unavailable:
        _fail(lots, [job.tenant for job in jobs], str(unavailable))
    if jobs and of.clock.now() >= of.promised:
        _fail(lots, [job.tenant for job in jobs], "open rows were too late: the invocation has stalled")


def _post(sendings: Sequence[Sending], lots: Sequence[Lot], of: Round) -> posting.Posted | None:
    """Post, with time left for marking everybody; None where nobody could be posted to."""
    if not sendings:
        return None
    tenants = {sending.channel.tenant for sending in sendings}
    posts = sum(sending.posts for sending in sendings)
    until = of.until + posting.MARKING - posting.marking(posts)
    if of.clock.now() >= until:
        _fail(lots, tenants, "no time was left for posts: the invocation has stalled")
        return None
    posted = None
    try:
        posted = posting.post(sendings, of.sockets, slow=of.slow, now=of.clock.now(), until=until)
    except Unavailable as unavailable:
        _fail(lots, tenants, str(unavailable))
    if of.clock.now() >= of.promised:
        _fail(lots, tenants, "posts were too late: the invocation has stalled")
    return posted


def _mark(
    missed: Iterable[tuple[Channel, str]],
    lots: Sequence[Lot],
    known: dict[Channel, Sequence[Member]],
    of: Round,
) -> None:
    """Mark who missed something, and the members of channels that may have wanted any of it.

    To these nothing is posted: the gap of their next pong sends them to read what there was.
    """
    good = _good(lots)
    to_mark = [(channel, name) for channel, name in missed if channel.tenant in good]
    to_mark += [
        (channel, member.connection_id)
        for lot in lots
        if not lot.trouble
        for channel in lot.unreadable
        for member in known[channel]
        if member.lagged is None
    ]
    if not to_mark:
        return
    tenants = [channel.tenant for channel, _ in to_mark]
    try:
        of.table.mark_lagged(to_mark, of.stamp - 1)
    except Unavailable as unavailable:
        _fail(lots, tenants, str(unavailable))
    if of.clock.now() >= of.promised:
        _fail(lots, tenants, "marks were too late: the invocation has stalled")
