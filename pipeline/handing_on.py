"""How an audience that is too big for one invocation is handed on to the fan-out function."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.core import ledger, share
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.ports import ConnectionTable, Queues
    from pipeline.posting import Sending


def hand_on(
    sendings: Iterable[Sending], table: ConnectionTable, jobs: Queues, *, stamp: int, room: int
) -> int:
    """Put jobs into their queue, each after its open row in the late ledger.

    From then on nobody's resume depends on when a job is done. Where one could not be handed on, the whole
    batch comes again, and those that were do no harm: clients drop what they have seen.

    Args:
        stamp: Clock of the broadcaster at announcing.
        room: How many posts one job should have.

    Returns:
        How many jobs there are.

    Raises:
        Unavailable: Not every job was taken.
    """
    shared = [job for sending in sendings for job in _jobs(sending, stamp, room)]
    if not shared:
        return 0
    taken: Sequence[bool] = [False] * len(shared)
    try:
        for job in shared:
            table.open_late(job.channel.tenant, job.id, job.ingested[0], stamp + ledger.OPEN_LIFE)
        taken = jobs.put([job.body() for job in shared])
    finally:
        for job, under_way in zip(shared, taken, strict=True):
            if not under_way:
                with suppress(Unavailable):
                    table.close_late(job.channel.tenant, job.id)
    if not all(taken):
        raise Unavailable("SQS", f"of {len(taken)} fan-out jobs {list(taken).count(False)} were not taken")
    return len(shared)


def _jobs(sending: Sending, stamp: int, room: int) -> list[share.Job]:
    return share.jobs(
        sending.channel,
        sending.frames,
        members=len(sending.members),
        stamp=stamp,
        ingested=sending.ingested,
        room=room,
    )
