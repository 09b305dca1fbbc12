"""The late ledger in dictionaries."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.core.audience import Late
from pipeline.core.ledger import MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ports.clock import Clock


class MemoryLedger:
    """The ledger's part of ``ports.connections.ConnectionTable``.

    Args:
        clock: For the end of notes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        self._open: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)

    def put_late(self, tenant: str, announced: int, ingested: int, ends: int) -> None:
        """Note, by the minute, that what was ingested then was announced only then; kept until ``ends``."""
        self._late[tenant][announced // MINUTE, ingested // MINUTE] = ends

    def put_all_late(self, notes: Sequence[tuple[str, int]], announced: int, ends: int) -> None:
        """The same of many (tenant, ingested)."""
        for tenant, ingested in notes:
            self.put_late(tenant, announced, ingested, ends)

    def open_late(self, tenant: str, job: str, ingested: int, ends: int) -> None:
        """Note that what was ingested from this time on is still being posted by a job."""
        self._open[tenant][job] = (ingested, ends)

    def close_late(self, tenant: str, job: str) -> None:
        """Take back what ``open_late`` noted; taking back what is not there is no error."""
        self._open[tenant].pop(job, None)

    def open_all_late(self, jobs: Sequence[tuple[str, str, int]], ends: int) -> None:
        """The same of many (tenant, job, ingested)."""
        for tenant, job, ingested in jobs:
            self.open_late(tenant, job, ingested, ends)

    def close_all_late(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Take back what was noted of many (tenant, job)."""
        for tenant, job in jobs:
            self.close_late(tenant, job)

    def late(self, tenant: str, announced_from: int) -> Sequence[Late]:
        """Every note of what was announced in this time's minute or after it, and every open one."""
        now = self._clock.now()
        ended = [
            Late(ingested * MINUTE, (ingested + 1) * MINUTE)
            for (announced, ingested), ends in sorted(self._late[tenant].items())
            if announced >= announced_from // MINUTE and ends > now
        ]
        still = [
            Late(ingested, None) for _, (ingested, ends) in sorted(self._open[tenant].items()) if ends > now
        ]
        return ended + still
