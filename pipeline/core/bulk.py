"""Documents become ``_bulk`` requests; answers become outcomes.

Only what is known to be a document's own fault is rejected; all else is tried again.
"""

from __future__ import annotations

from itertools import accumulate, chain, repeat
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pipeline.core import lines
from pipeline.core.attempt import Request
from pipeline.core.document import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.attempt import BulkAnswer
    from pipeline.core.document import Document
    from pipeline.core.model import JsonObject

LARGEST_BODY = 10 * 1024 * 1024 - 1
"""Bytes. The smaller instance types of Amazon OpenSearch Service take less than 10 MiB a request.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html#network-limits
"""

MOST_DOCUMENTS = 5_000
"""In one body; larger ones gain nothing and cost more when they are refused."""

DOCUMENT_ERRORS = frozenset({"mapper_parsing_exception", "strict_dynamic_mapping_exception"})
"""Error types that are the document's own fault and nothing else: mapping, parsing, nesting."""

TERM_ERRORS = ("Document contains at least one immense term", "DocValuesField ")
"""How the reasons begin that also are: a term over 32,766 bytes.

Their type, ``illegal_argument_exception``, tells nothing, and not all have a ``caused_by``.
"""

CLOSED = "index_closed_exception"

BLOCKS = frozenset({(403, "cluster_block_exception"), (400, CLOSED)})
"""The index refuses every write: read-only by policy, for want of disk or memory, or closed."""


def requests(documents: Sequence[Document], ingested: int) -> list[Request]:
    """Pack documents into as few bodies as the limits allow, in order.

    Args:
        documents: What to store.
        ingested: The clock right now: it is written into each document as ``@ingested``.

    Returns:
        Requests of op ``create`` under ``LARGEST_BODY`` and ``MOST_DOCUMENTS``; a document that is too
        large for any stands alone, and the cluster's 413 decides.
    """
    return _packed(documents, ingested)


def halves(request: Request, ingested: int) -> list[Request]:
    """Make the next attempt of a request that was too large: each half of its documents apart."""
    middle = len(request.documents) // 2
    parts = request.documents[:middle], request.documents[middle:]
    return [half for part in parts for half in _packed(part, ingested)]


def outcomes(request: Request, answer: BulkAnswer) -> list[Outcome]:
    """Say what became of each document, in order.

    ======= ==================================== =================================================
    request item                                 verdict
    ======= ==================================== =================================================
    200     201                                  STORED
    200     409                                  ALREADY_THERE
    200     ``DOCUMENT_ERRORS``, ``TERM_ERRORS`` REJECTED
    200     ``BLOCKS``                           BLOCKED: the document may be there nevertheless
    413                                          SPLIT; REJECTED for a document that stands alone
    else    or any other item                    RETRY
    ======= ==================================== =================================================

    So 429, 5xx, no answer, too many shards (400, for every event at midnight), an index that may not
    be created (404), a wrong role (403 of the whole request) and whatever nobody thought of are
    tried again; none of them is the document's fault.

    Source:
        https://docs.opensearch.org/latest/api-reference/document-apis/bulk/#response
    """
    documents, ingested = request.documents, request.ingested
    if answer.status == _OK and answer.items == [_STORED] * len(documents):  # the usual answer, at a look
        return [Outcome(document, Verdict.STORED, ingested) for document in documents]
    if answer.status == _OK and len(answer.items) == len(documents):
        pairs = zip(documents, answer.items, strict=True)
        return [_outcome(document, item["create"], ingested) for document, item in pairs]
    verdict, reason, error = Verdict.RETRY, f"http-{answer.status}", answer.error
    if answer.status == _TOO_LARGE:
        alone = len(documents) == 1
        verdict, reason = (Verdict.REJECTED, "too-large") if alone else (Verdict.SPLIT, reason)
    elif answer.status in {0, _OK}:
        reason = "no-answer"
        error = error or f"the answer has {len(answer.items)} items for {len(documents)} documents"
    return [Outcome(document, verdict, ingested, reason, error) for document in documents]


def is_closed(outcome: Outcome) -> bool:
    """Whether the document's index is closed, so that nobody can look whether it is there."""
    return outcome.reason == CLOSED


def unblocked(outcome: Outcome, *, found: bool | None, by_policy: bool) -> Outcome:
    """Judge a document whose index refuses writes.

    A block for want of disk or memory looks like one by policy and passes, so only what the policy wants
    read-only at this age is given up. A closed index that the policy closed cannot be looked into, and
    waiting would not help: its documents are given up, too, with what is known of them.

    Args:
        outcome: With verdict BLOCKED.
        found: Whether the index holds it; None where it could not be looked up.
        by_policy: Whether its family's policy makes indices of its age read-only.

    Returns:
        ALREADY_THERE, REJECTED with reason ``index-closed``, or RETRY.
    """
    if found:
        return replace(outcome, verdict=Verdict.ALREADY_THERE)
    if not by_policy or (found is None and not is_closed(outcome)):
        return replace(outcome, verdict=Verdict.RETRY)
    there = "whether it is there cannot be seen" if is_closed(outcome) else "it is not there"
    error = f"{outcome.error}; the policy makes indices of this age read-only, and {there}."
    return replace(outcome, verdict=Verdict.REJECTED, reason="index-closed", error=error)


_OK, _CREATED, _CONFLICT, _TOO_LARGE = 200, 201, 409, 413
_STORED = {"create": {"status": _CREATED}}


def _packed(documents: Sequence[Document], ingested: int) -> list[Request]:
    stamp = lines.stamp(ingested)
    heads, tails = [each.head for each in documents], [each.tail for each in documents]
    sizes = [len(head) + len(tail) + len(stamp) for head, tail in zip(heads, tails, strict=True)]
    packed: list[Request] = []
    first = 0
    while first < len(documents):
        end = first + _fitting(sizes[first : first + MOST_DOCUMENTS])
        written = chain.from_iterable(zip(heads[first:end], tails[first:end], repeat(stamp), strict=False))
        packed.append(Request(tuple(documents[first:end]), b"".join(written), ingested))
        first = end
    return packed


def _fitting(sizes: Sequence[int]) -> int:
    """How many of the first fit one body; one that is too large for any counts as fitting."""
    if sum(sizes) <= LARGEST_BODY:
        return len(sizes)
    return max(1, sum(size <= LARGEST_BODY for size in accumulate(sizes)))


def _outcome(document: Document, item: JsonObject, ingested: int) -> Outcome:
    status = item["status"]
    if status == _CREATED:
        return Outcome(document, Verdict.STORED, ingested)
    if status == _CONFLICT:
        return Outcome(document, Verdict.ALREADY_THERE, ingested)
    error = item.get("error", {})
    kind, reason = error.get("type", f"http-{status}"), error.get("reason", "")
    verdict = Verdict.RETRY
    if kind in DOCUMENT_ERRORS or reason.startswith(TERM_ERRORS):
        verdict = Verdict.REJECTED
    elif (status, kind) in BLOCKS:
        verdict = Verdict.BLOCKED
    causes = ": ".join(_reasons(error))
    return Outcome(document, verdict, ingested, kind, causes)


def _reasons(error: JsonObject | None) -> Iterable[str]:
    """Give OpenSearch's reasons from the outermost to the first cause, which is the one that helps."""
    while error:
        yield str(error.get("reason", error.get("type", "")))
        error = error.get("caused_by")
