"""The story of indexing: deliveries -> documents -> deltas.

A delivery is returned to its queue unless something better is certain: stored and announced,
already there, or in the dead-letter queue with its reason. So whatever dies in between, the same
event comes again, finds its document there, and announces it.
"""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from pipeline.core import bulk, derive, entries, normalise, parse, route
from pipeline.core.errors import Rejected, Unavailable
from pipeline.core.model import DeadLetter, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.core.model import Delivery, Document, Entry, Event, Outcome, Request, Route
    from pipeline.ports import Clock, DeltaBus, DocumentStore, Queues

TRIES = 4
"""Attempts within one invocation. What still fails then waits in the queue, where waiting is free."""

FIRST_PAUSE = 0.2
"""Seconds before the second attempt; doubled for each further one, and shortened by chance."""


class End(Enum):
    """How a delivery ended. Every delivery ends in exactly one of these."""

    STORED = "stored"
    ALREADY_THERE = "already_there"
    ANNOUNCED_ONLY = "announced_only"
    REJECTED = "rejected"
    RETURNED = "retried"


_ANNOUNCEABLE = frozenset({End.STORED, End.ALREADY_THERE, End.ANNOUNCED_ONLY})


@dataclass(slots=True)
class Arrival:
    """A delivery on its way through the story.

    Attributes:
        end: Returned, until something better is certain.
        attempts: How often its document was sent to the cluster.
        ingested: The ``@ingested`` of the stored document, once known.
        letter: Why it was rejected.
    """

    delivery: Delivery
    event: Event | None = None
    route: Route | None = None
    document: Document | None = None
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
) -> Indexed:
    """Store every event once and announce it.

    Args:
        deliveries: What the source handed over.
        deadline: When to stop trying and return what is left, in ms since the epoch.
        single_tenant: Whether all events belong to the default tenant.
    """
    now = clock.now()
    arrivals = [_arrive(delivery, routes, now, single_tenant=single_tenant) for delivery in deliveries]
    reasons: Counter[str] = Counter()
    _store([a for a in arrivals if a.document and a.route and a.route.index], store, clock, deadline, reasons)
    for arrival in arrivals:
        if arrival.route and not arrival.route.index:
            arrival.end, arrival.ingested = End.ANNOUNCED_ONLY, now
    announced = _announce([a for a in arrivals if _is_news(a)], store, bus, clock, deadline)
    _bury([a for a in arrivals if a.letter], queue, reasons)
    returned = [a.delivery for a in arrivals if a.end is End.RETURNED]
    _put_off(returned, queue, clock)
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
    return Arrival(delivery, event, chosen, document)


def _store(
    arrivals: Sequence[Arrival], store: DocumentStore, clock: Clock, deadline: int, reasons: Counter[str]
) -> None:
    """Send documents until each has its end, the tries are used up, or time is."""
    waiting = {id(arrival.document): arrival for arrival in arrivals}
    for attempt in range(TRIES):
        if not waiting or not _may_try(attempt, clock, deadline):
            return
        documents = [arrival.document for arrival in waiting.values() if arrival.document]
        for outcome in _unblocked(_outcomes(bulk.requests(documents, clock.now()), store, clock), store):
            arrival = waiting[id(outcome.document)]
            arrival.attempts += 1
            if outcome.verdict is Verdict.RETRY:
                reasons[outcome.reason] += 1
                continue
            _settle(arrival, outcome)
            del waiting[id(outcome.document)]


def _outcomes(requests: Sequence[Request], store: DocumentStore, clock: Clock) -> list[Outcome]:
    """Send the requests, and in halves those that are too large; one outcome a document."""
    outcomes: list[Outcome] = []
    while requests:
        answers = store.bulk([request.body for request in requests])
        smaller: list[Request] = []
        for request, answer in zip(requests, answers, strict=True):
            read = bulk.outcomes(request, answer)
            if read[0].verdict is Verdict.SPLIT:
                smaller += bulk.halves(request, clock.now())
            else:
                outcomes += read
        requests = smaller
    return outcomes


def _unblocked(outcomes: Sequence[Outcome], store: DocumentStore) -> list[Outcome]:
    """Where an index refuses writes, the document may be there all the same: look."""
    blocked = [(o.document.index, o.document.id) for o in outcomes if o.verdict is Verdict.BLOCKED]
    there = _stored_stamps(blocked, store)
    return [
        o
        if o.verdict is not Verdict.BLOCKED
        else replace(
            o, verdict=Verdict.ALREADY_THERE if (o.document.index, o.document.id) in there else Verdict.RETRY
        )
        for o in outcomes
    ]


def _stored_stamps(keys: Sequence[tuple[str, str]], store: DocumentStore) -> Mapping[tuple[str, str], int]:
    try:
        return store.ingested(keys) if keys else {}
    except Unavailable:
        return {}


def _settle(arrival: Arrival, outcome: Outcome) -> None:
    document = outcome.document
    if outcome.verdict is Verdict.REJECTED:
        arrival.letter = DeadLetter(
            arrival.delivery, outcome.reason, outcome.error, document.index, document.id
        )
    elif outcome.verdict is Verdict.STORED:
        arrival.end, arrival.ingested = End.STORED, outcome.ingested
    else:
        arrival.end = End.ALREADY_THERE


def _is_news(arrival: Arrival) -> bool:
    """Whether a delta is due. In doubt it is: clients drop what they have seen."""
    if not arrival.event or not arrival.route or arrival.end not in _ANNOUNCEABLE:
        return False
    if arrival.event.replay and not arrival.route.announce_replays:
        return False
    plain = arrival.attempts == 1 and derive.surely_plain(arrival.delivery, arrival.event)
    return arrival.end is not End.ALREADY_THERE or not plain


def _announce(
    arrivals: Sequence[Arrival], store: DocumentStore, bus: DeltaBus, clock: Clock, deadline: int
) -> int:
    """Put the deltas on the bus; what could not be announced goes back to its queue.

    Returns:
        The number of deltas that the bus accepted.
    """
    unstamped = [(a.document.index, a.document.id) for a in arrivals if a.document and a.ingested is None]
    stamps = _stored_stamps(unstamped, store)
    due: dict[str, list[Arrival]] = {}
    deltas = []
    for arrival in arrivals:
        document = arrival.document
        stamp = arrival.ingested or (document and stamps.get((document.index, document.id)))
        if document and stamp:
            deltas.append(derive.delta(document, stamp))
            due.setdefault(document.id, []).append(arrival)
        else:
            arrival.end = End.RETURNED
    unheard = _put(entries.entries(deltas), bus, clock, deadline)
    for document_id in (document_id for entry in unheard for document_id in entry.ids):
        for arrival in due[document_id]:
            arrival.end = End.RETURNED
    return len(deltas) - sum(len(entry.ids) for entry in unheard)


def _put(waiting: list[Entry], bus: DeltaBus, clock: Clock, deadline: int) -> list[Entry]:
    """Put entries, those that failed again and alone; returns what was not accepted."""
    for attempt in range(TRIES):
        if not waiting or not _may_try(attempt, clock, deadline):
            break
        waiting = [
            entry
            for call in entries.calls(waiting)
            for entry, accepted in zip(call, bus.put(call), strict=True)
            if not accepted
        ]
    return waiting


def _bury(arrivals: Sequence[Arrival], queue: Queues, reasons: Counter[str]) -> None:
    letters = [arrival.letter for arrival in arrivals if arrival.letter]
    for arrival, letter, taken in zip(arrivals, letters, queue.dead_letter(letters), strict=True):
        reasons[letter.reason] += 1
        arrival.end = End.REJECTED if taken else End.RETURNED


def _put_off(returned: Sequence[Delivery], queue: Queues, clock: Clock) -> None:
    delays = [(d.receipt, bulk.delay(d.receives or 1, clock.jitter())) for d in returned if d.receipt]
    if delays:
        queue.put_off(delays)


def _may_try(attempt: int, clock: Clock, deadline: int) -> bool:
    """Pause before every attempt but the first; False when there is no time for it."""
    if not attempt:
        return True
    pause = FIRST_PAUSE * 2 ** (attempt - 1) * (1 - clock.jitter() / 2)
    if clock.now() + 1000 * pause >= deadline:
        return False
    clock.sleep(pause)
    return True
