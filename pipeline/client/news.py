"""What a client tells the one who uses it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pipeline.client.subscription import Subscription

Hit: TypeAlias = "dict[str, Any]"
"""One hit as the server sent it: ``id family source eventType timestamp message attributes`` and more."""


class Status(Enum):
    """Where a client stands."""

    CONNECTING = "connecting"
    """On the way to the server, or not sure that it is still there."""
    CATCHING_UP = "catching-up"
    """Connected; a snapshot, or what was missed, is still arriving. Live hits arrive in between."""
    LIVE = "live"
    """Nothing is missing."""
    LAGGED = "lagged"
    """The server could not keep up with this connection; what it left out is being fetched."""
    OFFLINE = "offline"
    """Not connected; tries again by itself."""
    REFUSED = "refused"
    """The server said no, and would say it again: the client has stopped."""


class Refused(Exception):  # noqa: N818 - a verdict, not a malfunction
    """The server said no in a way that trying again cannot change.

    Attributes:
        code: The server's stable word, such as ``bad-filter`` or ``unauthorized``.
        text: The server's sentence.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Hits:
    """Hits that this subscription had not seen before, in the order of arrival; never empty.

    Attributes:
        live: False for those of a snapshot or a catch-up.
    """

    subscription: Subscription
    hits: tuple[Hit, ...]
    live: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Hits may be missing.

    Attributes:
        mended: True when the client is already fetching them; False when it will not, or cannot.
        reason: The server's word for it: ``expired``, ``unknown-cursor``, ``lagged``, ``sampled`` and more.
        start: Milliseconds since the epoch from which hits are missing; None where it is not known.
        end: Milliseconds since the epoch up to which they are; the same.
        since: A cursor from before the gap, with which ``api.page`` can fetch what a ``sampled`` frame left
            out, given the subscription's ``conflate`` where it has one; None where there is none.
        kept: Of a ``sampled`` frame: how many hits came.
        of: Of how many.
    """

    subscription: Subscription
    mended: bool
    reason: str
    start: int | None = None
    end: int | None = None
    since: str | None = None
    kept: int | None = None
    of: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server refused a subscription, or the client altogether (``subscription`` is None)."""

    subscription: Subscription | None
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the server said that changes nothing by itself, such as ``bye``."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The client now stands elsewhere.

    Attributes:
        why: For people; empty where the status says it all.
    """

    status: Status
    why: str = ""


News: TypeAlias = "Hits | Gap | Refusal | Notice | StatusChange"
