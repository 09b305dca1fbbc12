"""The story of indexing: deliveries -> documents -> deltas.

A delivery is returned to its queue unless something better is certain: stored and announced,
already there, or in the dead-letter queue with its reason. So whatever dies in between, the same
event comes again, finds its document there, and announces it.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline import announcing, storing, trying
from pipeline.arriving import Arrivals
from pipeline.core.arrival import Arrival, End
from pipeline.core.document import Verdict
from pipeline.core.fill import Kinds
from pipeline.core.model import DeadLetter
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.core.document import Document, Outcome
    from pipeline.core.model import Delivery
    from pipeline.core.route import Routes
    from pipeline.ports.clock import Clock
    from pipeline.ports.index import DocumentStore
    from pipeline.ports.queues import DeltaBus, Queues


HELD = 10_000
"""Milliseconds for which a delivery is surely with nobody else, since its queue hides it for longer.

Behind that somebody else may have been given it too, have stored it, and have died before announcing it. It
is there then, was received but once as far as we know, and leaves the queue with our answer.
"""


@noun
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
    routes: Routes,
    store: DocumentStore,
    bus: DeltaBus,
    queue: Queues,
    clock: Clock,
    deadline: int,
    single_tenant: bool,
    read_only_ages: Mapping[str, int] = MappingProxyType({}),
    kinds: Kinds | None = None,
) -> Indexed:
    """Store every event once and announce it.

    Args:
        deliveries: What the source handed over.
        deadline: When to stop trying and return what is left, in ms since the epoch.
        single_tenant: Whether all events belong to the default tenant.
        read_only_ages: See ``storing.Writer``.
        kinds: What earlier invocations have learned of events; grows.
    """
    now = clock.now()
    made = Arrivals(routes, kinds or Kinds(), now, single_tenant)
    arrivals: list[Arrival] = []
    reasons: Counter[str] = Counter()

    def arriving() -> Iterator[Arrival]:
        for arrival in made.of(deliveries):
            arrivals.append(arrival)
            yield arrival

    def settled() -> Iterator[Arrival]:
        yield from _store(arriving(), writer, reasons, now)
        if refused := list(made.rewritten(arrivals)):
            yield from _store(refused, writer, reasons, now)

    writer = storing.Writer(store, clock, deadline, read_only_ages)
    announced = announcing.announce(settled(), writer, bus, clock, deadline)
    _bury(_rejected(arrivals), queue, reasons)
    returned = [a.delivery for a in arrivals if a.end is End.RETURNED]
    trying.put_off(returned, queue, clock)
    return Indexed(Counter(a.end for a in arrivals), tuple(d.id for d in returned), announced, reasons)


def _store(
    arriving: Iterable[Arrival], writer: storing.Writer, reasons: Counter[str], now: int
) -> Iterator[Arrival]:
    """Store the documents, the first ones while the others are still arriving.

    Args:
        reasons: Counts, by reason, what had to be sent again.
        now: ``@ingested`` of what is only announced, and when the deliveries were handed over.

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
        if arrival.end is End.ALREADY_THERE and writer.clock.now() - now > HELD:
            arrival.plain = False
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
