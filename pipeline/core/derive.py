"""A stored document becomes its delta, and the rule that says when one may be left unsaid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from pipeline.core import instant
from pipeline.core.model import COMMON_FIELDS, Delta
from pipeline.core.path import values_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pipeline.core.document import Document
    from pipeline.core.model import Delivery, JsonObject

PROMPT = 60_000
"""Milliseconds between an envelope's time and its arrival in the queue, at most, on its first way."""

_DATE = len("-2026.11.22")

_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)

_OURS = {"id": str, "source": str, "eventType": str, "@timestamp": str, "@ingested": int}
"""What each of our documents has, beside its tenant and its message."""


def delta(document: Document, ingested: int) -> Delta:
    """Announce a document.

    Args:
        document: What the index holds now.
        ingested: The ``@ingested`` it is stored with: of this attempt, or the one found in the index.
    """
    return Delta(
        document.id,
        document.index,
        document.family,
        document.tenant,
        document.source,
        document.event_type,
        document.timestamp,
        ingested,
        document.message,
        document.attributes,
        document.excerpt,
    )


def recalled(hit: JsonObject, excerpt: Iterable[str] = ()) -> Delta:
    """Make the delta that announced a document from what the index holds of it.

    Args:
        hit: One of OpenSearch's ``hits.hits``, with ``_index`` and what is ``needed`` of ``_source``.
        excerpt: The route's ``delta``: dotted paths into ``detail``.

    Returns:
        A delta equal to the one that ``delta`` makes of the document.
    """
    index, fields = hit["_index"], hit["_source"]
    detail = orjson.loads(fields["raw"]) if "raw" in fields else fields.get("detail", {})
    return Delta(
        fields["id"],
        index,
        index[:-_DATE],
        fields["tenant"],
        fields["source"],
        fields["eventType"],
        instant.read(fields["@timestamp"]),
        fields["@ingested"],
        fields.get("message"),
        {name: value for name, value in fields.items() if name not in COMMON_FIELDS},
        values_at(detail, excerpt),
    )


def needed(attributes: Iterable[str], excerpt: Collection[str]) -> list[str]:
    """Name what has to be read of a document for its delta: an event's ``detail`` may have 256 KB.

    Args:
        attributes: Those that the routes declare.
        excerpt: All that the routes' ``delta`` name.

    Returns:
        Patterns for ``_source``, which reads through arrays: of ``detail`` the first key of each path.
        https://docs.opensearch.org/latest/search-plugins/searching-data/retrieve-specific-fields/
    """
    inside = {f"detail.{path.partition('.')[0]}" for path in excerpt}
    common = COMMON_FIELDS - {"tokens", "ignored", "detail"} - (set() if excerpt else {"raw"})
    return sorted({*common, *attributes, *inside})


def is_ours(hit: JsonObject, tenant: str) -> bool:
    """Tell whether a document that was found for a tenant is one that we stored for it.

    Others may write into an index whose name is like ours, whatever they like. And OpenSearch compares terms,
    which are not the whole text where somebody had it analysed: ``acme`` would find ``acme-eu``.
    """
    fields = hit["_source"]
    typed = all(isinstance(fields.get(name), kind) for name, kind in _OURS.items())
    return typed and fields.get("tenant") == tenant and _ID.fullmatch(fields["id"]) is not None


def surely_plain(delivery: Delivery, time: int, *, replayed: bool) -> bool:
    """Whether a document that is already there was surely announced by somebody else.

    A delivery that an earlier attempt may have died on, between storing and announcing, has been
    received more than once or was redriven, which SQS counts and times anew: it says so itself, or
    lies far from the envelope's time. Only what is none of these is a plain duplicate; a source that
    does not count leaves doubt, and in doubt we announce: clients drop what they have seen. How far a
    replay lies from its envelope's time says nothing.

    The caller adds what only it knows: it is the first attempt of this invocation.

    Args:
        time: The envelope's.
        replayed: Whether a replay sent it.
    """
    return (
        delivery.receives == 1
        and not delivery.redriven
        and delivery.sent is not None
        and (replayed or abs(delivery.sent - time) <= PROMPT)
    )
