"""What a smoke run has seen, and whether that is what was promised. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WITNESS = "witness"
"""Status of the two events that those subscribers get who must get nothing else: without one, their
silence would prove as little as that of a disconnected one."""


class Heard(Protocol):
    """What came to a subscriber (``watcher.Watcher``)."""

    @property
    def arrived(self) -> Mapping[str, tuple[Mapping[str, Any], int]]:
        """Document to its hit, and when it first came, in ms since the epoch."""

    @property
    def strays(self) -> int:
        """Frames of channels it never subscribed to."""

    @property
    def duplicates(self) -> int:
        """Hits that came again."""


@dataclass
class Seen:
    """What a run has observed. Events are named by their own ``eventId``, documents by their id.

    Attributes:
        put: Event to when it was put, in ms since the epoch.
        documents: Documents of those events in the index: (document, event, ``@ingested``).
        found: Documents that ``GET /v1/hits`` gave.
        delivered: Document to when the matching subscriber had it, in ms since the epoch.
        duplicates: Hits that came to that subscriber again; dropped by its client, by their id.
        leaked_filter: Hits that came to a subscriber whose filter they do not match.
        leaked_tenant: Hits that came to a subscriber of another tenant.
        deaf: Subscribers that did not get the one event meant for them, so that their silence proves nothing.
        left_in_queues: More than at the start.
        dead: More than at the start.
    """

    put: dict[str, int] = field(default_factory=dict)
    documents: list[tuple[str, str, int]] = field(default_factory=list)
    found: set[str] = field(default_factory=set)
    delivered: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    leaked_filter: int = 0
    leaked_tenant: int = 0
    deaf: list[str] = field(default_factory=list)
    left_in_queues: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of durations in milliseconds; None when there were none."""

    p50: int | None
    p99: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of a run, each beside what it must be.

    Attributes:
        stored: Events with exactly one document.
        found: Of those, found by a query.
        delivered: Of those, delivered to the matching subscriber.
    """

    events: int
    accepted: int
    stored: int
    stored_twice: int
    found: int
    delivered: int
    duplicates: int
    leaked_filter: int
    leaked_tenant: int
    deaf: tuple[str, ...]
    left_in_queues: int
    dead: int
    put_to_index_ms: Percentiles
    put_to_client_ms: Percentiles

    @property
    def checks(self) -> tuple[tuple[str, int, int], ...]:
        """What was looked at: a name, what it is, what it must be."""
        return (
            ("accepted by the bus", self.accepted, self.events),
            ("stored exactly once", self.stored, self.events),
            ("stored more than once", self.stored_twice, 0),
            ("found by a query", self.found, self.events),
            ("delivered to the subscriber", self.delivered, self.events),
            ("delivered against a filter", self.leaked_filter, 0),
            ("delivered to another tenant", self.leaked_tenant, 0),
            ("subscribers that heard nothing", len(self.deaf), 0),
            ("left in queues", self.left_in_queues, 0),
            ("dead letters", self.dead, 0),
        )

    @property
    def ok(self) -> bool:
        """Whether every figure is what it must be."""
        return all(is_ == must for _, is_, must in self.checks)

    def fields(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return {**asdict(self), "ok": self.ok}


def weigh(seen: Seen, matching: Heard, filtered: Heard, foreign: Heard, *, decoy: str) -> None:
    """Sort what came to whom into delivered and leaked.

    Args:
        seen: Takes it.
        matching: The subscriber that must get all events, and no witness.
        filtered: One of the same tenant whose filter matches one witness.
        foreign: One with the same filter, of the tenant of the other witness.
        decoy: The operation of the witness that ``filtered`` must get.
    """
    for document, (hit, at) in matching.arrived.items():
        if not _is_witness(hit):
            seen.delivered[document] = at
        elif hit["attributes"].get("operation") == decoy:
            seen.leaked_filter += 1
        else:
            seen.leaked_tenant += 1
    seen.duplicates = matching.duplicates
    seen.leaked_filter += matching.strays + filtered.strays + _strangers(filtered)
    seen.leaked_tenant += foreign.strays + _strangers(foreign)
    silent = {"the other filter": filtered, "the other tenant": foreign}
    seen.deaf = [name for name, heard in silent.items() if len(heard.arrived) == _strangers(heard)]


def _strangers(heard: Heard) -> int:
    """Hits beside the one that was meant for it."""
    return sum(not _is_witness(hit) for hit, _ in heard.arrived.values())


def _is_witness(hit: Mapping[str, Any]) -> bool:
    return bool(hit["attributes"].get("status") == WITNESS)


def judge(seen: Seen, events: int) -> Verdict:
    """Hold what was seen against ``events`` events."""
    copies = Counter(event for _, event, _ in seen.documents)
    once = {document: event for document, event, _ in seen.documents if copies[event] == 1}
    return Verdict(
        events=events,
        accepted=len(seen.put),
        stored=sum(copies[event] == 1 for event in seen.put),
        stored_twice=sum(count > 1 for count in copies.values()),
        found=len(seen.found & once.keys()),
        delivered=len(seen.delivered.keys() & once.keys()),
        duplicates=seen.duplicates,
        leaked_filter=seen.leaked_filter,
        leaked_tenant=seen.leaked_tenant,
        deaf=tuple(seen.deaf),
        left_in_queues=seen.left_in_queues,
        dead=seen.dead,
        put_to_index_ms=percentiles(
            at - seen.put[event] for _, event, at in seen.documents if event in seen.put
        ),
        put_to_client_ms=percentiles(
            at - seen.put[once[document]]
            for document, at in seen.delivered.items()
            if once.get(document) in seen.put
        ),
    )


def percentiles(durations: Iterable[int]) -> Percentiles:
    """The median and the 99th percentile, by nearest rank: always a duration that occurred."""
    ordered = sorted(durations)
    return Percentiles(_rank(ordered, 50), _rank(ordered, 99)) if ordered else Percentiles(None, None)


def _rank(ordered: Sequence[int], percent: int) -> int:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
