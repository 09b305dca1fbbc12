"""How audiences that are too big for one invocation are handed on to the fan-out function.

A job's row in the late ledger is open before any job is under way, so that nobody's resume depends on when
a job is done. The jobs themselves go last, once all that is near is posted and marked: what is handed on is
done with, and a second attempt of the others adds nothing to it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.core import ledger, share
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.ports.connections import ConnectionTable
    from pipeline.ports.queues import Queues
    from pipeline.posting import Sending


def shared(sendings: Iterable[Sending], *, stamp: int, room: int) -> list[share.Job]:
    """Share sendings among jobs, as few as can be, each of one tenant.

    Args:
        sendings: One whose members nobody has read has none here; it is taken for a small one.
        stamp: Clock of the broadcaster at announcing.
        room: How many posts one job should have.
    """
    of_tenants: dict[str, list[Sending]] = {}
    for sending in sendings:
        of_tenants.setdefault(sending.channel.tenant, []).append(sending)
    return [
        job
        for tenant, of_one in of_tenants.items()
        for job in share.jobs(
            tenant,
            [
                piece
                for each in of_one
                for piece in share.pieces(
                    each.channel, each.frames, members=max(1, len(each.members)), room=room
                )
            ],
            stamp=stamp,
            ingested=ledger.minutes(time for each in of_one for time in each.ingested),
            room=room,
        )
    ]


def open_rows(jobs: Sequence[share.Job], table: ConnectionTable, stamp: int) -> None:
    """Open the rows of jobs.

    Raises:
        Unavailable: Some may not be open; those that are do no harm and are taken back.
    """
    if not jobs:
        return
    rows = [(job.tenant, job.id, job.ingested[0]) for job in jobs]
    try:
        table.open_all_late(rows, stamp + ledger.OPEN_LIFE)
    except Unavailable:
        close_rows(jobs, table)
        raise


def close_rows(jobs: Sequence[share.Job], table: ConnectionTable) -> None:
    """Take back the rows of jobs that are not under way; one that stays ends within the hour."""
    if jobs:
        with suppress(Unavailable):
            table.close_all_late([(job.tenant, job.id) for job in jobs])


def hand_on(jobs: Sequence[share.Job], table: ConnectionTable, queue: Queues) -> set[str]:
    """Put jobs whose rows are open into their queue; the tenants of whom not all were taken."""
    if not jobs:
        return set()
    taken = queue.put([job.body() for job in jobs])
    left = [job for job, under_way in zip(jobs, taken, strict=True) if not under_way]
    close_rows(left, table)
    return {job.tenant for job in left}
