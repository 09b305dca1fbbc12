"""The nouns of one attempt to store documents: what is sent, what comes back, and what it says of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pipeline.core.model import noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.model import Document, JsonObject


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


@noun
class Outcome:
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


@dataclass(frozen=True, slots=True)
class Request:
    """One ``_bulk`` request: an attempt to store some documents.

    Attributes:
        body: The NDJSON to send.
        ingested: The ``@ingested`` that this attempt stamps on each document.
    """

    documents: tuple[Document, ...]
    body: bytes
    ingested: int


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """What came back for one request.

    Attributes:
        status: The HTTP status; 0 when no whole answer came (refused, reset, timed out).
        items: The answer's ``items`` where status is 200, in the order of the body.
        error: OpenSearch's ``error.type`` and reason, or the transport's words.
    """

    status: int
    items: Sequence[JsonObject]
    error: str = ""
