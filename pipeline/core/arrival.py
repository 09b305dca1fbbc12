"""The nouns of a delivery's way through indexing: what is known of it so far, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.document import Document
    from pipeline.core.model import DeadLetter, Delivery, Route


class End(Enum):
    """How a delivery ended. Every delivery ends in exactly one of these."""

    STORED = "stored"
    ALREADY_THERE = "already_there"
    ANNOUNCED_ONLY = "announced_only"
    REJECTED = "rejected"
    RETURNED = "retried"


@dataclass(slots=True)
class Arrival:
    """A delivery on its way; unlike all other nouns, what is known of it grows.

    Attributes:
        end: Returned, until something better is certain.
        attempts: How often its document was sent to the cluster.
        ingested: The ``@ingested`` of the stored document, once known.
        letter: Why it was rejected.
        replayed: Whether a replay sent it.
        plain: Whether it is surely a plain duplicate where its document is already there.
        verbatim: Whether its document has ``detail`` as the event wrote it.
    """

    delivery: Delivery
    route: Route | None = None
    document: Document | None = None
    replayed: bool = False
    plain: bool = False
    end: End = End.RETURNED
    attempts: int = 0
    ingested: int | None = None
    letter: DeadLetter | None = None
    verbatim: bool = False
