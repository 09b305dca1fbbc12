"""The story of broadcasting: deltas -> frames -> connections.

A delta is matched once per tenant, encoded once, packed once per channel; only posts are per
connection. A batch is acknowledged when every member either got its frames or is marked as having
missed them, and all of that within ``POSTING`` of the stamp; else it is handed over again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import posting, trying
from pipeline.core import cursor, ledger, pack, parse, share, thin
from pipeline.core.audience import Receipt
from pipeline.core.errors import Rejected, Unavailable
from pipeline.core.model import DeadLetter
from pipeline.handing_on import hand_on
from pipeline.posting import Sending

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.audience import Channel, Member
    from pipeline.core.model import Delivery, Delta
    from pipeline.ports import Clock, ConnectionTable, Queues, Sockets
    from pipeline.registry import Registry


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is posted, how fast, and how long it is remembered.

    Attributes:
        budget: Bytes of hits that one channel gets of one batch.
        posts_per_second: How fast one invocation posts.
        ledger_life: Milliseconds that a row of the late ledger is kept: no cursor is valid for longer.
    """

    budget: int = 1_000_000
    posts_per_second: int = 2_000
    ledger_life: int = 14 * 86_400_000


@dataclass(slots=True)
class Broadcast:
    """What became of a batch, filled in as it becomes known.

    Attributes:
        received: Deliveries.
        deltas: Deltas read from them.
        matched: Pairs of a delta and a channel that wants it.
        rejected: Deliveries that were dead-lettered.
        late: Rows written to the late ledger.
        conflated: Hits left out because their channel has a later one of the same value.
        sampled: Hits left out because they were over their channel's budget.
        jobs: What was handed on to the fan-out function.
        receipts: What became of the posts.
        returned: Ids of the deliveries to hand over again.
        trouble: Why all were returned; empty where they were not.
    """

    received: int = 0
    deltas: int = 0
    matched: int = 0
    rejected: int = 0
    late: int = 0
    conflated: int = 0
    sampled: int = 0
    jobs: int = 0
    receipts: Counter[Receipt] = field(default_factory=Counter)
    returned: tuple[str, ...] = ()
    trouble: str = ""

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {
            "received": self.received,
            "deltas": self.deltas,
            "matched": self.matched,
            "rejected": self.rejected,
            **{receipt.value: self.receipts[receipt] for receipt in Receipt},
            "late": self.late,
            "conflated": self.conflated,
            "sampled": self.sampled,
            "jobs": self.jobs,
            "returned": len(self.returned),
        }


def broadcast(
    deliveries: Sequence[Delivery],
    *,
    registry: Registry,
    table: ConnectionTable,
    sockets: Sockets,
    queue: Queues,
    jobs: Queues,
    clock: Clock,
    deadline: int,
    bounds: Bounds,
) -> Broadcast:
    """Post every delta to exactly the connections whose channel matches it.

    In this order, so that whoever resumes meanwhile misses nothing: the stamp, the late ledger, the
    registry and the members, the posts, the marks, the acknowledgement.

    Args:
        registry: Kept by the caller between invocations.
        queue: The one that the deliveries came from.
        jobs: The one that feeds the fan-out function.
        deadline: When the invocation ends, in ms since the epoch.
    """
    stamp = clock.now()
    report = Broadcast(received=len(deliveries))
    deltas, letters = _read(deliveries)
    report.deltas = len(deltas)
    until = min(deadline, stamp + cursor.POSTING) - posting.MARKING
    try:
        report.late = _note_late(deltas, table, stamp, bounds)
        wanted = _wanted(deltas, registry, table)
        report.matched = sum(len(hits) for hits in wanted.values())
        audiences = table.audiences(list(wanted), clock.now())
        sendings = [
            _sending(channel, hits, members, stamp, bounds, report)
            for (channel, hits), members in zip(wanted.items(), audiences, strict=True)
            if members
        ]
        _in_time(clock, until)
        near, far = _apart(sendings, bounds.posts_per_second * (until - clock.now()) // 1_000)
        report.jobs = hand_on(
            far,
            table,
            jobs,
            stamp=stamp,
            room=bounds.posts_per_second * (cursor.POSTING - posting.MARKING) // 1_000,
        )
        _in_time(clock, until)
        posted = posting.post(near, sockets, now=clock.now(), until=until)
        report.receipts = posted.receipts
        _in_time(clock, stamp + cursor.POSTING)
        table.mark_lagged(posted.missed, stamp - 1)
        _in_time(clock, stamp + cursor.POSTING)
        posting.tidy(posted, table, sockets, clock, deadline)
    except Unavailable as unavailable:
        report.trouble = str(unavailable)
    _answer(deliveries, letters, report, queue, clock)
    return report


def _read(deliveries: Iterable[Delivery]) -> tuple[list[Delta], list[DeadLetter]]:
    deltas: list[Delta] = []
    letters: list[DeadLetter] = []
    for delivery in deliveries:
        try:
            deltas += parse.deltas(delivery.body)
        except Rejected as rejected:
            letters.append(DeadLetter(delivery, rejected.reason, rejected.text))
    return deltas, letters


def _note_late(deltas: Iterable[Delta], table: ConnectionTable, stamp: int, bounds: Bounds) -> int:
    """Write the late ledger; how many rows."""
    rows = ledger.late(deltas, stamp - cursor.OVERLAP)
    for tenant, ingested in rows:
        table.put_late(tenant, stamp, ingested, stamp + bounds.ledger_life)
    return len(rows)


def _wanted(
    deltas: Iterable[Delta], registry: Registry, table: ConnectionTable
) -> dict[Channel, list[thin.Hit]]:
    """The hits of each channel, in the order of the deltas; a delta is encoded once for all of them."""
    by_tenant: dict[str, list[Delta]] = {}
    for delta in deltas:
        if delta.tenant is not None:
            by_tenant.setdefault(delta.tenant, []).append(delta)
    wanted: dict[Channel, list[thin.Hit]] = {}
    for tenant, of_tenant in by_tenant.items():
        index = registry.index(tenant, table)
        for delta in of_tenant:
            if channels := index.matching(delta):
                hit = (delta, pack.hit(delta))
                for channel in channels:
                    wanted.setdefault(channel, []).append(hit)
    return wanted


def _sending(
    channel: Channel,
    hits: Sequence[thin.Hit],
    members: Sequence[Member],
    stamp: int,
    bounds: Bounds,
    report: Broadcast,
) -> Sending:
    """The frames of a channel, packed once for all its members."""
    before = cursor.live(channel.id, stamp - 1)
    kept = thin.thin(hits, conflate=channel.conflate, budget=bounds.budget, since=before)
    report.conflated += kept.conflated
    report.sampled += kept.sampled
    encoded = [hit for _, hit in kept.hits]
    frames = pack.hits(channel.id, encoded, cursor.live(channel.id, stamp), notes=kept.notes)
    return Sending(channel, frames, members, ledger.minutes(delta.ingested for delta, _ in hits))


def _apart(sendings: Sequence[Sending], room: int) -> tuple[list[Sending], list[Sending]]:
    """Those that can be posted in time, and those whose audience is too big for it."""
    chosen = share.fitting([sending.posts for sending in sendings], room)
    near = [sending for place, sending in enumerate(sendings) if place in chosen]
    return near, [sending for place, sending in enumerate(sendings) if place not in chosen]


def _answer(
    deliveries: Sequence[Delivery],
    letters: Sequence[DeadLetter],
    report: Broadcast,
    queue: Queues,
    clock: Clock,
) -> None:
    """Bury what cannot be read, and put off what is to come again."""
    taken = queue.dead_letter(letters) if letters else ()
    buried = {letter.delivery.id for letter, done in zip(letters, taken, strict=True) if done}
    unread = {letter.delivery.id for letter in letters}
    returned = [
        each for each in deliveries if each.id not in buried and (report.trouble or each.id in unread)
    ]
    trying.put_off(returned, queue, clock)
    report.rejected = len(buried)
    report.returned = tuple(each.id for each in returned)


def _in_time(clock: Clock, until: int) -> None:
    """Go on only before a time.

    Raises:
        Unavailable: It has passed: this invocation has stalled, and what it does now would come too late.
    """
    if clock.now() >= until:
        raise Unavailable("broadcast", f"{clock.now() - until} ms too late: the invocation has stalled")
