"""Where in a channel a member is kept.

All members of a channel are in its first shard, so that one Query reads a small channel. Where a
subscriber finds a crowd there, it leaves a note, and those who come after it are spread by the hash of
their connection ids: a partition takes 1,000 writes a second, and API Gateway opens 500 connections a
second, each with two writes for a membership. (Reads are no concern: they are few beside the posts.)

Of all subscribers one in ``COUNTING`` counts, so the first shard ends up with little more than ``CROWD``.
The note outlives every member that was spread because of it: what would not is put into the first shard.

Sources:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from pipeline.adapters import dynamodb_rows as rows
from pipeline.core.audience import in_part

if TYPE_CHECKING:
    from pipeline.adapters.dynamodb_rows import Row

SHARDS = 8
"""Into which members are spread: 8,000 writes a second. A power of two, as ``in_part`` wants it."""

CROWD = 1_000
"""Members of the first shard that are a crowd: about 150 KB, which one page of a Query holds."""

COUNTING = 64
"""Subscribers of whom one counts: at about 38 read units a count, less than one for each of them."""

NOTE_LIFE = 30 * 86_400
"""Seconds that the note lives from the last time that one who counts has seen it."""


def spread_shard(connection_id: str) -> str:
    """The shard of a connection in a channel that is spread."""
    return _name(zlib.crc32(connection_id.encode()) % SHARDS)


def counts(connection_id: str) -> bool:
    """Whether this connection is one of those that count."""
    return in_part(connection_id, (0, COUNTING))


def spreads(note: Row | None, now: int) -> bool:
    """Whether a new member may be spread: whether the note outlives it.

    Args:
        now: Milliseconds since the epoch.
    """
    return note is not None and rows.number(note, "ttl") > now // 1_000 + rows.LIFE


def of_part(part: tuple[int, int]) -> list[str]:
    """The shards, beside the first, in which members of a part are."""
    number, count = part
    return [_name(shard) for shard in range(SHARDS) if shard % count == number % SHARDS]


def _name(shard: int) -> str:
    return f"{SHARDS}.{shard}"
