"""The part of indexing that tells of it: what was stored -> deltas on the bus.

Every stored document is announced at least once. What could not be announced goes back to its queue, and
comes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import trying
from pipeline.core import derive, entries
from pipeline.core.arrival import End

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.core.arrival import Arrival
    from pipeline.core.document import Document
    from pipeline.core.model import Delta, Entry
    from pipeline.ports.clock import Clock
    from pipeline.ports.queues import DeltaBus
    from pipeline.storing import Writer

_ANNOUNCEABLE = (End.STORED, End.ALREADY_THERE, End.ANNOUNCED_ONLY)


def announce(settled: Iterable[Arrival], writer: Writer, bus: DeltaBus, clock: Clock, deadline: int) -> int:
    """Put the deltas that are due on the bus; what could not be announced goes back to its queue.

    Each delta is written as soon as its document is stored, while OpenSearch is busy with the next ones.

    Args:
        settled: Those that have a document, each once it is known what became of it.
        writer: Looks up the stamps of what others stored.
        deadline: When to stop trying, in ms since the epoch.

    Returns:
        The number of deltas that the bus accepted.
    """
    announced: list[Arrival] = []

    def deltas() -> Iterator[Delta]:
        for arrival, document, stamp in _stamped(filter(_is_news, settled), writer):
            announced.append(arrival)
            yield derive.delta(document, stamp)

    waiting = _put(entries.entries(deltas()), bus, clock, deadline)
    unheard = {document_id for entry in waiting for document_id in entry.ids}
    for arrival in announced if unheard else ():
        if arrival.document and arrival.document.id in unheard:
            arrival.end = End.RETURNED
    return len(announced) - sum(len(entry.ids) for entry in waiting)


def _is_news(arrival: Arrival) -> bool:
    """Whether a delta is due. In doubt it is: clients drop what they have seen."""
    if not arrival.route or arrival.end not in _ANNOUNCEABLE:
        return False
    if arrival.replayed and not arrival.route.announce_replays:
        return False
    if arrival.end is not End.ALREADY_THERE:
        return True
    return arrival.attempts != 1 or not arrival.plain


def _stamped(news: Iterable[Arrival], writer: Writer) -> Iterator[tuple[Arrival, Document, int]]:
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
