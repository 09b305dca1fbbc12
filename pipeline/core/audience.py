"""The nouns of who listens: principals, their connections, and the channels that they share.

Times are integers, in milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import zlib
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Sequence


@noun
class Principal:
    """Who a connection acts for, from a checked token.

    Attributes:
        expires: When the token ends; the connection ends with it.
        key: Hash of the API key that spoke for it; empty for a token.
    """

    tenant: str
    subject: str
    expires: int
    key: str = ""


@noun
class ApiKey:
    """A key of a program, kept as its hash alone.

    Attributes:
        hash: SHA-256 of the key, hex.
        hint: How the key begins, by which people know it again.
        revoked: When it was revoked; None while it holds.
    """

    hash: str
    tenant: str
    name: str
    hint: str
    created: int
    expires: int
    revoked: int | None = None


@noun
class Connection:
    """An open WebSocket.

    Attributes:
        endpoint: The management endpoint that reaches it (`https://…/stage`).
        since: When the table was told of it; filled in by the table.
    """

    id: str
    endpoint: str
    principal: Principal
    since: int = field(default=0, compare=False)


@noun
class Channel:
    """A tenant and a filter; equal channels share frames.

    Attributes:
        filter: Canonical JSON: keys sorted, no spaces.
        id: 32 hex characters of the SHA-256 of tenant and filter, and of ``conflate`` where there is one.
        conflate: The attribute of which members want but the latest hit for each value; empty for every hit.
        weight: What the filter costs those who match by it, in plain filters (``ways.weight``).
    """

    tenant: str
    filter: str
    id: str
    conflate: str = ""
    weight: int = field(default=1, compare=False)


@noun
class Changes:
    """What happened to a tenant's channels between two versions.

    Attributes:
        added: Channels that came, and are still there.
        removed: Ids of channels that left, and are still gone.
        version: The version up to which this tells everything.
        whole: Whether ``added`` is all there is, so that what is not named is gone.
    """

    added: Sequence[Channel]
    removed: Sequence[str]
    version: int
    whole: bool = False


@noun
class Late:
    """A note that something was announced long after it was stored.

    Attributes:
        ingested_from: The lowest ``@ingested`` concerned.
        ingested_to: One past the highest; None while a job is still posting.
    """

    ingested_from: int
    ingested_to: int | None


@noun
class Member:
    """A connection in a channel.

    Attributes:
        lagged: Cursor time since which frames to it may be missing; None when none are.
        renewed: When it subscribed last, or up to a second later; filled in by the table.
    """

    connection_id: str
    endpoint: str
    expires: int
    lagged: int | None = None
    renewed: int = field(default=0, compare=False)


def in_part(connection_id: str, part: tuple[int, int]) -> bool:
    """Tell whether a connection belongs to a part of its channel; the parts of a count are about equal.

    Args:
        part: Number and count, the count a power of two. A part of a higher count is wholly within one of a
            lower, so that members kept in so many shards can be read by the shard.
    """
    number, count = part
    return zlib.crc32(connection_id.encode()) % count == number


@noun
class Post:
    """One frame for one connection.

    Attributes:
        brief: Whether one short attempt is all that is made, since its connection did not keep up lately.
    """

    connection_id: str
    endpoint: str
    frame: bytes
    brief: bool = False


class Receipt(Enum):
    """What became of a post."""

    POSTED = "posted"
    GONE = "gone"
    """410: the connection no longer exists."""
    REFUSED = "refused"
    """400, 403 or 413: this post can never succeed."""
    LAGGED = "lagged"
    """429, 5xx, a time-out or a reset, after the tries that the time allows."""
