"""The nouns that an invocation makes thousands of: documents, and what became of each.

They are msgspec's structs: values that cannot be changed, made in a quarter of the time of a dataclass.
"""

from __future__ import annotations

from enum import Enum
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Carried(msgspec.Struct, frozen=True):
    """How what a hit shows is got from a document's values: many documents are never asked for it.

    Attributes:
        attributes: Gives what clients may filter on, with the values exactly as they came.
        excerpt: Gives the part of ``detail`` that a hit carries beside them, by dotted path.
    """

    attributes: Callable[[Any], Mapping[str, Any]]
    excerpt: Callable[[Any], Mapping[str, Any]]


PICKED = Carried(itemgetter(0), itemgetter(1))
"""For values that are the attributes and the excerpt themselves."""


class Document(msgspec.Struct, frozen=True, gc=False):
    """What is stored for one event.

    Attributes:
        index: ``{family}-{YYYY.MM.DD}`` of the day the fact occurred, UTC.
        id: 64 lower-case hex characters; equal for equal facts.
        tenant: None when the route wants a tenant and the event has none: stored, shown to nobody.
        timestamp: When the fact occurred.
        head: Its two lines in a ``_bulk`` body, action and document, up to ``@ingested``, which is stamped
            on each attempt (``core.lines``).
        tail: What follows ``head``, if it is not whole: to put them together would be to copy them once more.
        values: What ``carried`` gets the attributes and the excerpt from.
    """

    index: str
    id: str
    family: str
    tenant: str | None
    source: str
    event_type: str
    timestamp: int
    message: str | None
    head: bytes
    tail: bytes | msgspec.Raw
    values: Any
    carried: Carried = PICKED

    @property
    def attributes(self) -> Mapping[str, Any]:
        """What clients may filter on, with the values exactly as they came."""
        return self.carried.attributes(self.values)

    @property
    def excerpt(self) -> Mapping[str, Any]:
        """The part of ``detail`` that a hit carries beside its attributes, by dotted path."""
        return self.carried.excerpt(self.values)

    @property
    def body(self) -> bytes:
        """The JSON object that is stored, without its ``@ingested``."""
        return b"".join((self.head[self.head.index(b"\n") + 1 :], self.tail, b"}"))


class Verdict(Enum):
    """What the cluster said of one document."""

    STORED = "stored"
    ALREADY_THERE = "already there"
    REJECTED = "rejected"
    """Can never be stored as it is."""
    BLOCKED = "blocked"
    """The index refuses writes (read-only or closed): look whether the document is there."""
    RETRY = "retry"
    SPLIT = "split"
    """The request was too large; send it in halves."""


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one document in one attempt.

    Attributes:
        ingested: The ``@ingested`` that this attempt stamped.
        reason: For REJECTED, BLOCKED and RETRY: OpenSearch's error type, or ``http-503`` and the like.
        error: OpenSearch's own words.
    """

    document: Document
    verdict: Verdict
    ingested: int
    reason: str = ""
    error: str = ""
