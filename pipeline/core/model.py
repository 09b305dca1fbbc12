"""The nouns, on one page.

All times are integers: milliseconds since the epoch, UTC. All of these are values: equal
fields, equal things; nothing here is ever changed after it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.core import instant
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Mapping


JsonObject: TypeAlias = "dict[str, Any]"
"""A parsed JSON object."""

DEFAULT_TENANT = "default"
"""The tenant of every event and client where ``tenancy`` is ``single``."""

COMMON_FIELDS = frozenset(
    {
        "@timestamp",
        "@ingested",
        "id",
        "tenant",
        "source",
        "eventType",
        "message",
        "tokens",
        "detail",
        "raw",
        "ignored",
    }
)
"""The top-level fields that every document may have; no attribute may take one of these names."""

FIELD_TYPES = {
    "text": frozenset({"keyword", "wildcard", "constant_keyword"}),
    "number": frozenset({"double", "float", "long", "integer", "short", "byte"}),
    "boolean": frozenset({"boolean", "keyword"}),
    "time": frozenset({"date", "date_nanos"}),
}
"""What an attribute may be, and the field types that hold it.

https://docs.opensearch.org/latest/field-types/supported-field-types/index/
"""

# --- indexing ---------------------------------------------------------------------------------


@noun
class Delivery:
    """One envelope as a source handed it over, with what is needed to answer for it.

    Attributes:
        id: What a partial failure names (SQS ``messageId``).
        body: The envelope's JSON text, untouched.
        receives: How often the source has handed it over, this time included; None when the
            source does not say.
        sent: When it reached the source; None when the source does not say.
        receipt: What the source wants back to put it off or to delete it (SQS receipt handle).
        redriven: Whether it was a dead letter before, so that ``receives`` does not tell the whole story.
    """

    id: str
    body: str
    receives: int | None = None
    sent: int | None = None
    receipt: str | None = None
    redriven: bool = False


MAX_DEPTH = 200
"""Levels of nesting. orjson does not write what is nested 255 deep, and a document adds a level.

https://github.com/ijl/orjson#serialize
"""

LONGEST_NAME = 1_000
"""Characters of an envelope's ``id``, ``source`` and ``detail-type``; EventBridge itself takes fewer."""


@noun
class Event:
    """A checked envelope.

    Attributes:
        id: The envelope's id; new at every PutEvents, so no identity of the fact.
        time: The envelope's time.
        replay: Name of the archive replay that sent it, or None.
    """

    id: str
    source: str
    detail_type: str
    time: int
    detail: JsonObject
    replay: str | None = None


@noun
class Route:
    """How events of one kind become documents. One table of ``routes.toml``.

    Attributes:
        source: Exact, or a prefix that ends in ``*``.
        detail_types: Exact names; empty means all.
        identity: Dotted paths into ``detail``; empty falls back to the envelope's id (weaker).
        occurred: Dotted path to the fact's own time; None falls back to the envelope's time.
        tenant: Dotted path to the tenant; None where tenancy is ``single``.
        attributes: Attribute name to dotted path; what clients may filter on.
        message: Dotted path to the line people read, or a text with paths in braces; None for none.
        delta: Dotted paths that a hit carries beside its attributes.
        index: False announces without storing.
        announce_replays: Whether what a replay newly stores is announced.
        retention_days: Age, in whole UTC days, at which the family's indices are deleted.
        lateness_days: For how many days, from the start of its own UTC day on, an event is taken; None
            for a day less than the retention.
        kinds: Attribute name to what its values are, where the route says it: a key of ``FIELD_TYPES``.
    """

    source: str
    family: str
    detail_types: tuple[str, ...] = ()
    identity: tuple[str, ...] = ()
    occurred: str | None = None
    tenant: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    message: str | None = None
    delta: tuple[str, ...] = ()
    index: bool = True
    announce_replays: bool = False
    retention_days: int = 14
    lateness_days: int | None = None
    kinds: tuple[tuple[str, str], ...] = ()

    @property
    def lateness(self) -> int:
        """``lateness_days``, or what stands for it: a policy counts a day more than the index's date."""
        return self.retention_days - 1 if self.lateness_days is None else self.lateness_days


@noun
class DeadLetter:
    """A delivery that can never succeed, with why, for the dead-letter queue."""

    delivery: Delivery
    reason: str
    error: str
    index: str = ""
    document_id: str = ""


@noun
class Managed:
    """The policy that an index has.

    Attributes:
        policy: Its name.
        version: ``_seq_no`` and ``_primary_term`` of the policy as the index goes by it, which is not
            always the newest; None before ISM's first run, which takes the newest.
    """

    policy: str
    version: tuple[int, int] | None = None


# --- deltas -----------------------------------------------------------------------------------


@noun
class Delta:
    """The announcement of one stored document. A *hit* is a delta as clients see it.

    Attributes:
        tenant: None for a document that has none: announced to other services, shown to no client.
    """

    id: str
    index: str
    family: str
    tenant: str | None
    source: str
    event_type: str
    timestamp: int
    ingested: int
    message: str | None
    attributes: Mapping[str, Any]
    excerpt: Mapping[str, Any]

    def fields(self) -> JsonObject:
        """Give the JSON object that entries and frames carry; the tenant stands once, around it."""
        return {
            "id": self.id,
            "index": self.index,
            "family": self.family,
            "source": self.source,
            "eventType": self.event_type,
            "timestamp": instant.iso(self.timestamp),
            "ingested": self.ingested,
            "message": self.message,
            "attributes": self.attributes,
            "excerpt": self.excerpt,
        }


@noun
class Entry:
    """A PutEvents entry: deltas of one tenant and one family.

    Attributes:
        detail: The entry's JSON text.
        ids: The document ids inside, so that a failed entry's deltas can be named.
    """

    tenant: str | None
    family: str
    detail: str
    ids: tuple[str, ...]
