"""The story of broadcasting: deltas -> frames -> connections.

A delta is matched once per tenant, encoded once, packed once per channel; only posts are per connection.
A batch is done in rounds, tenant by tenant, as many as the invocation has time for. A delivery is
acknowledged when every member either got its frames, or is marked as having missed them, or is a fan-out
job's, and all of that within ``POSTING`` of its round's stamp; else it is handed over again, and it alone.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline import matching, posting, trying
from pipeline.core import cursor, parse
from pipeline.core.audience import Receipt
from pipeline.core.errors import Rejected
from pipeline.core.model import DeadLetter
from pipeline.core.noun import noun
from pipeline.core.slow import SlowOnes
from pipeline.delivering import LOOKING, Delivered, Round, deliver

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.audience import Channel
    from pipeline.core.model import Delivery
    from pipeline.matching import Lot, Waiting
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets
    from pipeline.ports.queues import Queues
    from pipeline.registry import Registry


@noun
class Bounds:
    """How much is posted, how fast, and how long it is remembered.

    Attributes:
        budget: Bytes of hits that one channel gets of one batch.
        posts_per_second: How fast one invocation posts.
        ledger_life: Milliseconds that a row of the late ledger is kept: no cursor is valid for longer.
    """

    budget: int = 1_000_000
    posts_per_second: int = 1_000
    ledger_life: int = 14 * 86_400_000


@dataclass(slots=True, repr=False, eq=False)
class Broadcast:
    """What became of a batch, filled in as it becomes known.

    Attributes:
        received: Deliveries.
        deltas: Deltas read from them.
        matched: Pairs of a delta and a channel that wants it.
        rejected: Deliveries that were dead-lettered.
        late: Rows written to the late ledger.
        unreadable: Channels whose filter this program cannot read: their members are marked, and read later
            what they miss now.
        conflated: Hits left out because their channel has a later one of the same value.
        sampled: Hits left out because they were over their channel's budget.
        jobs: What was handed on to the fan-out function.
        receipts: What became of the posts.
        returned: Ids of the deliveries to hand over again.
        trouble: Why the first of them were returned; empty where none was.
    """

    received: int = 0
    deltas: int = 0
    matched: int = 0
    rejected: int = 0
    late: int = 0
    unreadable: Sequence[Channel] = ()
    conflated: int = 0
    sampled: int = 0
    jobs: int = 0
    receipts: Counter[Receipt] = field(default_factory=Counter)
    returned: tuple[str, ...] = ()
    trouble: str = ""

    def add(self, lots: Sequence[Lot], done: Delivered) -> None:
        """Count what a round came to."""
        for lot in lots:
            self.matched += sum(map(len, lot.wanted.values()))
            self.late += lot.late
            self.unreadable = [
                *self.unreadable,
                *(each for each in lot.unreadable if each not in self.unreadable),
            ]
            self.trouble = self.trouble or lot.trouble
        self.conflated += done.conflated
        self.sampled += done.sampled
        self.jobs += done.jobs
        self.receipts += done.receipts

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {
            "received": self.received,
            "deltas": self.deltas,
            "matched": self.matched,
            "rejected": self.rejected,
            **{receipt.value: self.receipts[receipt] for receipt in Receipt},
            "late": self.late,
            "unreadable": len(self.unreadable),
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
    slow: SlowOnes | None = None,
) -> Broadcast:
    """Post every delta to exactly the connections whose channel matches it.

    In this order, so that whoever resumes meanwhile misses nothing: the stamp, the late ledger, the
    registry and the members, the posts, the marks, the jobs, the acknowledgement.

    Args:
        registry: Kept by the caller between invocations.
        queue: The one that the deliveries came from.
        jobs: The one that feeds the fan-out function.
        deadline: When the invocation ends, in ms since the epoch.
        slow: Who did not keep up lately, kept by the caller as the registry is; None knows of nobody.
    """
    report = Broadcast(received=len(deliveries))
    waiting, letters = _read(deliveries, report)
    waiting = _begun(waiting, clock.jitter())
    slow = SlowOnes() if slow is None else slow
    failed: list[Delivery] = []
    while waiting:
        stamp = clock.now()
        of = Round(
            table,
            sockets,
            jobs,
            clock,
            slow,
            stamp=stamp,
            until=min(deadline, stamp + cursor.POSTING) - posting.MARKING,
            deadline=deadline,
            budget=bounds.budget,
            posts_per_second=bounds.posts_per_second,
        )
        look = matching.Look(registry, table, clock, stamp, of.at(LOOKING), bounds.ledger_life)
        lots = matching.take(waiting, look)
        report.add(lots, deliver(lots, of))
        failed += [delivery for lot in lots if lot.trouble for delivery in lot.deliveries]
        if clock.now() + cursor.POSTING > deadline:
            break
    _answer(deliveries, letters, failed, waiting, report, queue, clock)
    return report


def _read(deliveries: Iterable[Delivery], report: Broadcast) -> tuple[Waiting, list[DeadLetter]]:
    """What each tenant has; what has no tenant is shown to nobody."""
    waiting: Waiting = {}
    letters: list[DeadLetter] = []
    for delivery in deliveries:
        try:
            deltas = parse.deltas(delivery.body)
        except Rejected as rejected:
            letters.append(DeadLetter(delivery, rejected.reason, rejected.text))
            continue
        report.deltas += len(deltas)
        if deltas and deltas[0].tenant is not None:  # an entry is of one tenant
            waiting.setdefault(deltas[0].tenant, deque()).append((delivery, deltas))
    return waiting, letters


def _begun(waiting: Waiting, share: float) -> Waiting:
    """The same, begun with another tenant each time, so that none is always behind another.

    Args:
        waiting: What each tenant has.
        share: How far in is begun, 0 to below 1.
    """
    tenants = list(waiting)
    first = int(len(tenants) * share)
    return {tenant: waiting[tenant] for tenant in tenants[first:] + tenants[:first]}


def _answer(
    deliveries: Sequence[Delivery],
    letters: Sequence[DeadLetter],
    failed: Sequence[Delivery],
    waiting: Waiting,
    report: Broadcast,
    queue: Queues,
    clock: Clock,
) -> None:
    """Bury what cannot be read, and put off what is to come again: shortly what was never begun."""
    taken = queue.dead_letter(letters) if letters else ()
    left = [letter.delivery for letter, done in zip(letters, taken, strict=True) if not done]
    unbegun = [delivery for of_tenant in waiting.values() for delivery, _ in of_tenant]
    trying.put_off([*failed, *left, *(replace(each, receives=1) for each in unbegun)], queue, clock)
    names = {each.id for each in (*failed, *left, *unbegun)}
    report.rejected = len(letters) - len(left)
    report.returned = tuple(each.id for each in deliveries if each.id in names)
    if unbegun and not report.trouble:
        report.trouble = f"no time was left for {len(unbegun)} deliveries of {len(waiting)} tenants"
