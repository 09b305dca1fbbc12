"""The nouns of who listens: principals, their connections, and the channels that they share.

Times are integers, in milliseconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a connection acts for, from a checked token.

    Attributes:
        expires: When the token ends; the connection ends with it.
    """

    tenant: str
    subject: str
    expires: int


@dataclass(frozen=True, slots=True)
class Connection:
    """An open WebSocket.

    Attributes:
        endpoint: The management endpoint that reaches it (`https://…/stage`).
    """

    id: str
    endpoint: str
    principal: Principal


@dataclass(frozen=True, slots=True)
class Channel:
    """A tenant and a filter; equal channels share frames.

    Attributes:
        filter: Canonical JSON: keys sorted, no spaces.
        id: 32 hex characters of the SHA-256 of tenant and filter.
    """

    tenant: str
    filter: str
    id: str


@dataclass(frozen=True, slots=True)
class Member:
    """A connection in a channel.

    Attributes:
        lagged: Cursor time since which frames to it may be missing; None when none are.
    """

    connection_id: str
    endpoint: str
    expires: int
    lagged: int | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One frame for one connection."""

    connection_id: str
    endpoint: str
    frame: bytes


class Receipt(Enum):
    """What became of a post."""

    POSTED = "posted"
    GONE = "gone"
    """410: the connection no longer exists."""
    REFUSED = "refused"
    """400, 403 or 413: this post can never succeed."""
    LAGGED = "lagged"
    """429, 5xx, a time-out or a reset, after the tries that the time allows."""
