"""The story of fanning out: jobs -> connections.

A job's row in the late ledger stays open until its posts are done and its marks are written, however long
that takes and however often the job is handed over: whoever resumes meanwhile reads what it carries.
Running a job twice does no harm, since clients drop what they have seen.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline import posting, trying
from pipeline.core import ledger, share
from pipeline.core.audience import Receipt
from pipeline.core.errors import Rejected, Unavailable
from pipeline.core.model import DeadLetter
from pipeline.core.noun import noun
from pipeline.core.slow import SlowOnes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Member
    from pipeline.core.model import Delivery
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets
    from pipeline.ports.queues import Queues


@noun
class FannedOut:
    """What became of a batch of jobs.

    Attributes:
        receipts: What became of the posts.
        returned: Ids of the deliveries to hand over again.
        trouble: Why they were returned; empty where none was.
    """

    received: int
    rejected: int
    receipts: Counter[Receipt]
    returned: tuple[str, ...]
    trouble: str = ""

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {
            "received": self.received,
            "rejected": self.rejected,
            **{receipt.value: self.receipts[receipt] for receipt in Receipt},
            "returned": len(self.returned),
        }


def fan_out(
    deliveries: Sequence[Delivery],
    *,
    table: ConnectionTable,
    sockets: Sockets,
    queue: Queues,
    clock: Clock,
    deadline: int,
    ledger_life: int,
    slow: SlowOnes | None = None,
) -> FannedOut:
    """Do each job: post its frames to its part of the channels' members, mark, close its row.

    Args:
        deadline: When the invocation ends, in ms since the epoch.
        ledger_life: Milliseconds that a row of the late ledger is kept.
        slow: Who did not keep up lately, kept by the caller between invocations; None knows of nobody.
    """
    slow = SlowOnes() if slow is None else slow
    receipts: Counter[Receipt] = Counter()
    returned: list[Delivery] = []
    rejected = 0
    trouble = ""
    for delivery in deliveries:
        try:
            job = share.read(delivery.body)
            receipts += _run(job, table, sockets, clock, slow, deadline, ledger_life)
        except Rejected as reason:
            (buried,) = queue.dead_letter([DeadLetter(delivery, reason.reason, reason.text)])
            rejected += buried
            if not buried:
                returned.append(delivery)
        except Unavailable as unavailable:
            trouble = str(unavailable)
            returned.append(delivery)
    trying.put_off(returned, queue, clock)
    return FannedOut(len(deliveries), rejected, receipts, tuple(each.id for each in returned), trouble)


def _run(
    job: share.Job,
    table: ConnectionTable,
    sockets: Sockets,
    clock: Clock,
    slow: SlowOnes,
    deadline: int,
    ledger_life: int,
) -> Counter[Receipt]:
    """Do one job; the order is the promise.

    The row is open before the members are read: whoever is no member yet will find it open, or the ordinary
    row. That one is written before the open one is deleted, and tells of a time at which everybody had the
    frames or a mark.

    Raises:
        Unavailable: It is not done, and its row is still open.
    """
    table.open_late(job.tenant, job.id, job.ingested[0], clock.now() + ledger.OPEN_LIFE)
    sendings = [
        posting.Sending(piece.channel, piece.frames, members, job.ingested)
        for piece, members in zip(job.pieces, _members(job, table, clock.now()), strict=True)
    ]
    until = deadline - posting.marking(sum(sending.posts for sending in sendings))
    if clock.now() >= until:
        raise Unavailable("fan-out", "no time is left for this job")
    posted = posting.post(sendings, sockets, slow=slow, now=clock.now(), until=until)
    table.mark_lagged(posted.missed, job.stamp - 1)
    announced = clock.now()
    for ingested in job.ingested:
        table.put_late(job.tenant, announced, ingested, announced + ledger_life)
    table.close_late(job.tenant, job.id)
    posting.tidy(posted, table, sockets, clock, deadline)
    return posted.receipts


def _members(job: share.Job, table: ConnectionTable, now: int) -> list[Sequence[Member]]:
    """The members of each piece, those of whole channels side by side."""
    whole = [piece.channel for piece in job.pieces if piece.part == (0, 1)]
    known = dict(zip(whole, table.audiences(whole, now), strict=True)) if whole else {}
    return [
        known[piece.channel]
        if piece.part == (0, 1)
        else table.members(piece.channel, now, part=piece.part, ended=True)
        for piece in job.pieces
    ]
