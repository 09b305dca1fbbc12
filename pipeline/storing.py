"""The part of indexing that talks to the index: documents -> what became of each.

A document is sent until the index says something final of it, or until the tries or the time are used
up. Then its last outcome is RETRY, and whoever sent it may come again: nothing is stored twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from pipeline import trying
from pipeline.core import bulk, lifecycle
from pipeline.core.document import Verdict
from pipeline.core.errors import Unavailable
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.core.attempt import Request
    from pipeline.core.document import Document, Outcome
    from pipeline.ports.clock import Clock
    from pipeline.ports.index import DocumentStore

    Key = tuple[str, str]
    """Index and id."""

FIRST_WAVE, WAVE = 250, 500
"""Documents in the first body and in the largest; each body has twice as many as the one before.

A body is sent while the next one is still being made. OpenSearch has nothing to do until the first one
comes, and smaller ones cost it more (``make bench-index``).
"""


@dataclass(slots=True)
class Sending:
    """A document on its way.

    Attributes:
        outcomes: What came of each attempt, in order; the last one counts.
    """

    document: Document
    outcomes: list[Outcome] = field(default_factory=list)


@noun
class Writer:
    """Writes documents within the time of one invocation.

    Attributes:
        store: OpenSearch.
        deadline: When to stop trying, in ms since the epoch.
        read_only_ages: For each family whose policy does so, the age in ms at which it makes indices
            read-only.
    """

    store: DocumentStore
    clock: Clock
    deadline: int
    read_only_ages: Mapping[str, int]

    def write(self, documents: Iterable[Document]) -> Iterator[Sending]:
        """Send documents, and again those alone that must be retried.

        The first are on their way while the others are still being made; and whoever asks is told what came
        of them while the others are still on their way.

        Yields:
            One sending for each document, once it is not sent any more.
        """
        waiting: dict[int, Sending] = {}
        left: Iterable[Document] = _noted(documents, waiting)
        for _ in trying.tries(self.clock, self.deadline):
            for outcome in self._outcomes(self._requests(left)):
                sending = waiting[id(outcome.document)]
                sending.outcomes.append(outcome)
                if outcome.verdict is not Verdict.RETRY:
                    yield waiting.pop(id(outcome.document))
            if not waiting:
                return
            left = [sending.document for sending in waiting.values()]
        yield from waiting.values()

    def stamps(self, keys: Sequence[Key]) -> Mapping[Key, int] | None:
        """The ``@ingested`` of each of these that is stored; None when that cannot be said now."""
        if not keys:
            return {}
        try:
            return self.store.ingested(keys, self._patience())
        except Unavailable:
            return None

    def _requests(self, documents: Iterable[Document]) -> Iterator[Request]:
        """Requests for the documents in order, each made when it is asked for."""
        unsent, size = iter(documents), FIRST_WAVE
        while wave := list(islice(unsent, size)):
            yield from bulk.requests(wave, self.clock.now())
            size = min(2 * size, WAVE)

    def _outcomes(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Send the requests, and in halves those that are too large; one outcome a document, as they come."""
        sent: list[Request] = []
        answers = self.store.bulk(_bodies(requests, sent), self._patience())
        for request, answer in zip(sent, answers, strict=True):
            outcomes = bulk.outcomes(request, answer)
            if outcomes[0].verdict is Verdict.SPLIT:
                yield from self._outcomes(bulk.halves(request, self.clock.now()))
            else:
                yield from self._unblocked(outcomes)

    def _unblocked(self, outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
        """Where an index refuses writes, the document may be there all the same: look.

        A closed index cannot be looked into, and asking it would spoil the answer about all others.
        """
        blocked = [outcome for outcome in outcomes if outcome.verdict is Verdict.BLOCKED]
        there = self.stamps([_key(outcome.document) for outcome in blocked if not bulk.is_closed(outcome)])
        for outcome in outcomes:
            if outcome.verdict is Verdict.BLOCKED:
                found = None if there is None or bulk.is_closed(outcome) else _key(outcome.document) in there
                yield bulk.unblocked(outcome, found=found, by_policy=self._is_read_only(outcome.document))
            else:
                yield outcome

    def _is_read_only(self, document: Document) -> bool:
        age = self.read_only_ages.get(document.family)
        return lifecycle.is_read_only(document.timestamp, age, self.clock.now())

    def _patience(self) -> float:
        return trying.patience(self.clock, self.deadline)


def _noted(documents: Iterable[Document], waiting: dict[int, Sending]) -> Iterator[Document]:
    """The documents, each with a sending once it is asked for."""
    for document in documents:
        waiting[id(document)] = Sending(document)
        yield document


def _bodies(requests: Iterable[Request], sent: list[Request]) -> Iterator[bytes]:
    """The requests' bodies, and the requests themselves once they are asked for."""
    for request in requests:
        sent.append(request)
        yield request.body


def _key(document: Document) -> Key:
    return document.index, document.id
