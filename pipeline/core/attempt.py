"""The nouns of one attempt to store documents: what is sent, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.document import Document
    from pipeline.core.model import JsonObject


@noun
class Request:
    """One ``_bulk`` request: an attempt to store some documents.

    Attributes:
        body: The NDJSON to send.
        ingested: The ``@ingested`` that this attempt stamps on each document.
    """

    documents: tuple[Document, ...]
    body: bytes
    ingested: int


@noun
class BulkAnswer:
    """What came back for one request.

    Attributes:
        status: The HTTP status; 0 when no whole answer came (refused, reset, timed out).
        items: The answer's ``items`` where status is 200, in the order of the body; whether there is one for
            each document is for ``bulk.outcomes`` to see.
        error: OpenSearch's ``error.type`` and reason, or the transport's words.
    """

    status: int
    items: Sequence[JsonObject]
    error: str = ""
