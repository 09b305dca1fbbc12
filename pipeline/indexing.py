"""The story of indexing: deliveries -> documents -> deltas.

A delivery is returned to its queue unless something better is certain: stored and announced,
already there, or in the dead-letter queue with its reason. So whatever dies in between, the same
event comes again, finds its document there, and announces it.
"""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline import storing, trying
from pipeline.core import derive, entries, normalise, parse, route
from pipeline.core.attempt import Verdict
from pipeline.core.errors import Rejected
from pipeline.core.model import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.core.attempt import Outcome
    from pipeline.core.model import Delivery, Delta, Document, Entry, Route
    from pipeline.ports.clock import Clock
    from pipeline.ports.index import DocumentStore
    from pipeline.ports.queues import DeltaBus, Queues


class End(Enum):
    """How a delivery ended. Every delivery ends in exactly one of these."""

    STORED = "stored"
    ALREADY_THERE = "already_there"
    ANNOUNCED_ONLY = "announced_only"
    REJECTED = "rejected"
    RETURNED = "retried"


_ANNOUNCEABLE = (End.STORED, End.ALREADY_THERE, End.ANNOUNCED_ONLY)


@dataclass(slots=True)
class Arrival:
    """A delivery on its way through the story.

    Attributes:
        end: Returned, until something better is certain.
        attempts: How often its document was sent to the cluster.
        ingested: The ``@ingested`` of the stored document, once known.
        letter: Why it was rejected.
        replayed: Whether a replay sent it.
        plain: Whether it is surely a plain duplicate where its document is already there.
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


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of a batch: ``ends`` counts every delivery once.

    Attributes:
        returned: Ids of the deliveries to hand over again.
        announced: Deltas that the bus accepted.
        reasons: Why deliveries were rejected or sent again, by reason.
    """

    ends: Counter[End]
    returned: tuple[str, ...]
    announced: int
    reasons: Counter[str]

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line; ``received`` is the sum of all ends."""
        return {
            "received": self.ends.total(),
            **{end.value: self.ends[end] for end in End},
            "announced": self.announced,
        }


def index(
    deliveries: Sequence[Delivery],
    *,
    routes: route.Routes,
    store: DocumentStore,
    bus: DeltaBus,
    queue: Queues,
    clock: Clock,
    deadline: int,
    single_tenant: bool,
    read_only_ages: Mapping[str, int] = MappingProxyType({}),
) -> Indexed:
    """Store every event once and announce it.

    Args:
        deliveries: What the source handed over.
        deadline: When to stop trying and return what is left, in ms since the epoch.
        single_tenant: Whether all events belong to the default tenant.
        read_only_ages: See ``storing.Writer``.
    """
    now = clock.now()
    arrivals: list[Arrival] = []
    reasons: Counter[str] = Counter()

    def arriving() -> Iterator[Arrival]:
        for delivery in deliveries:
            arrivals.append(_arrive(delivery, routes, now, single_tenant=single_tenant))
            yield arrivals[-1]

    writer = storing.Writer(store, clock, deadline, read_only_ages)
    settled = _store(arriving(), writer, reasons, now)
    announced = _announce(filter(_is_news, settled), writer, bus, clock, deadline)
    _bury(_rejected(arrivals), queue, reasons)
    returned = [a.delivery for a in arrivals if a.end is End.RETURNED]
    trying.put_off(returned, queue, clock)
    return Indexed(Counter(a.end for a in arrivals), tuple(d.id for d in returned), announced, reasons)


def _arrive(delivery: Delivery, routes: route.Routes, now: int, *, single_tenant: bool) -> Arrival:
    try:
        event = parse.event(delivery.body)
        chosen = route.choose(event, routes)
        document = normalise.normalise(event, chosen, single_tenant=single_tenant, now=now)
    except Rejected as rejected:
        return Arrival(delivery, letter=DeadLetter(delivery, rejected.reason, rejected.text))
    except Exception:  # noqa: BLE001 - a defect of ours costs this one event a detour, never the batch
        return Arrival(delivery, letter=DeadLetter(delivery, "defect", traceback.format_exc()))
    # The event itself goes: to keep all that was parsed until the end takes longer than to parse it.
    plain = derive.surely_plain(delivery, event)
    return Arrival(delivery, chosen, document, event.replay is not None, plain)


def _store(
    arriving: Iterable[Arrival], writer: storing.Writer, reasons: Counter[str], now: int
) -> Iterator[Arrival]:
    """Store the documents, the first ones while the others are still arriving.

    Args:
        reasons: Counts, by reason, what had to be sent again.
        now: ``@ingested`` of what is only announced.

    Yields:
        Those that have a document, each once it is known what becomes of it.
    """
    unstored: list[Arrival] = []
    sent: dict[int, Arrival] = {}

    def documents() -> Iterator[Document]:
        for arrival in arriving:
            if arrival.document and arrival.route and arrival.route.index:
                sent[id(arrival.document)] = arrival
                yield arrival.document
            elif arrival.document:
                unstored.append(arrival)

    for sending in writer.write(documents()):
        arrival = sent[id(sending.document)]
        arrival.attempts = len(sending.outcomes)
        reasons.update(outcome.reason for outcome in sending.outcomes if outcome.verdict is Verdict.RETRY)
        _settle(arrival, sending.outcomes[-1])
        yield arrival
    for arrival in unstored:
        arrival.end, arrival.ingested = End.ANNOUNCED_ONLY, now
        yield arrival


def _settle(arrival: Arrival, outcome: Outcome) -> None:
    document = outcome.document
    match outcome.verdict:
        case Verdict.STORED:
            arrival.end, arrival.ingested = End.STORED, outcome.ingested
        case Verdict.ALREADY_THERE:
            arrival.end = End.ALREADY_THERE
        case Verdict.REJECTED:
            arrival.letter = DeadLetter(
                arrival.delivery, outcome.reason, outcome.error, document.index, document.id
            )


def _is_news(arrival: Arrival) -> bool:
    """Whether a delta is due. In doubt it is: clients drop what they have seen."""
    if not arrival.route or arrival.end not in _ANNOUNCEABLE:
        return False
    if arrival.replayed and not arrival.route.announce_replays:
        return False
    if arrival.end is not End.ALREADY_THERE:
        return True
    return arrival.attempts != 1 or not arrival.plain


def _announce(
    news: Iterable[Arrival], writer: storing.Writer, bus: DeltaBus, clock: Clock, deadline: int
) -> int:
    """Put the deltas on the bus; what could not be announced goes back to its queue.

    Each delta is written as soon as its document is stored, while OpenSearch is busy with the next ones.

    Returns:
        The number of deltas that the bus accepted.
    """
    announced: list[Arrival] = []

    def deltas() -> Iterator[Delta]:
        for arrival, document, stamp in _stamped(news, writer):
            announced.append(arrival)
            yield derive.delta(document, stamp)

    waiting = _put(entries.entries(deltas()), bus, clock, deadline)
    unheard = {document_id for entry in waiting for document_id in entry.ids}
    for arrival in announced if unheard else ():
        if arrival.document and arrival.document.id in unheard:
            arrival.end = End.RETURNED
    return len(announced) - sum(len(entry.ids) for entry in waiting)


def _stamped(news: Iterable[Arrival], writer: storing.Writer) -> Iterator[tuple[Arrival, Document, int]]:
    """What is to be announced, with its ``@ingested``; what was stored by others at last, by their stamp.

    What has none, since its document is gone or the index cannot say, goes back to its queue.
    """
    by_others: list[tuple[Arrival, Document]] = []
    for arrival in news:
        if arrival.document and arrival.ingested:
            yield arrival, arrival.document, arrival.ingested
        elif arrival.document:
            by_others.append((arrival, arrival.document))
    stamps = writer.stamps([(document.index, document.id) for _, document in by_others]) or {}
    for arrival, document in by_others:
        if stamp := stamps.get((document.index, document.id)):
            yield arrival, document, stamp
        else:
            arrival.end = End.RETURNED


def _put(waiting: list[Entry], bus: DeltaBus, clock: Clock, deadline: int) -> list[Entry]:
    """Put entries, those that failed again and alone; returns what was not accepted."""
    for _ in trying.tries(clock, deadline):
        waiting = [
            entry
            for call in entries.calls(waiting)
            for entry, accepted in zip(call, bus.put(call), strict=True)
            if not accepted
        ]
        if not waiting:
            break
    return waiting


def _rejected(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """What is to be buried: all that is rejected and does not come again anyway.

    A source that gives no receipts hands the rejected over again with whatever is returned. They are
    buried when their batch comes to its end, or an outage would leave a letter for every retry.
    """
    again = any(a.end is End.RETURNED and not a.letter and not a.delivery.receipt for a in arrivals)
    return [a for a in arrivals if a.letter and (a.delivery.receipt or not again)]


def _bury(arrivals: Sequence[Arrival], queue: Queues, reasons: Counter[str]) -> None:
    letters = [arrival.letter for arrival in arrivals if arrival.letter]
    for arrival, letter, taken in zip(arrivals, letters, queue.dead_letter(letters), strict=True):
        reasons[letter.reason] += 1
        arrival.end = End.REJECTED if taken else End.RETURNED
