"""Stage: tell what of a batch is announced late, and thus is written to the late ledger.

A resume reads what was ingested in the last half minute before its cursor, and whatever the ledger names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.model import Delta

MINUTE = 60_000
"""Milliseconds of ``@ingested`` that share a row."""

OPEN_LIFE = 3_600_000
"""Milliseconds that a row stays open whose job never closes it: every resume of that hour reads more.

A job that begins later opens its row again before it reads the members, so nobody misses anything: who
resumed before that is a member.
"""


def late(deltas: Iterable[Delta], before: int) -> list[tuple[str, int]]:
    """Give the rows that a batch needs: a tenant and the lowest ``@ingested`` of each minute.

    What has no tenant is shown to nobody, so nobody can miss it.

    Args:
        deltas: The batch's.
        before: What was ingested before this time is late.
    """
    of_tenants: dict[str, list[int]] = {}
    for delta in deltas:
        if delta.tenant is not None and delta.ingested < before:
            of_tenants.setdefault(delta.tenant, []).append(delta.ingested)
    return [(tenant, ingested) for tenant, times in of_tenants.items() for ingested in minutes(times)]


def minutes(times: Iterable[int]) -> list[int]:
    """Give the lowest time of each minute that has one, in order."""
    lowest: dict[int, int] = {}
    for time in times:
        minute = time // MINUTE
        lowest[minute] = min(time, lowest.get(minute, time))
    return sorted(lowest.values())
