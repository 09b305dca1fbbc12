"""The story of redriving: dead letters -> groups by reason -> their queue again, or nowhere.

A letter leaves the dead-letter queue only after the queue has taken its body, whole. Whoever dies in
between leaves it in both, which costs nothing: the same event finds its document there.

What is redriven is announced even if its document is already there, for an earlier attempt may have
died between storing and announcing. SQS counts and times a redriven copy anew, so we mark ours. SQS's
own task (StartMessageMoveTask) keeps what the function wrote on its letters, which marks them as well.
A letter that SQS gave up carries nothing; moved by that task, it is told by its age, since 1,000
receives take most of an hour at the least (``derive.surely_plain``). Only a producer whose envelopes
are dated just as far ahead could have such a copy taken for a plain duplicate: redrive those with us.

A job of the fan-out queue may be redriven at any time: it opens its ledger row anew, and clients drop the
hits that they have seen.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from pipeline.core import letters as stage
from pipeline.core import normalise, parse, route, share
from pipeline.core.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.audience import Channel
    from pipeline.core.document import Document
    from pipeline.core.letters import Group, Letter, Wanted
    from pipeline.ports.connections import ConnectionTable
    from pipeline.ports.index import DocumentStore
    from pipeline.ports.queues import Queues

MOST = 20_000
"""Letters that one call reads; SQS lets 120,000 be in flight, and bodies are kept in memory.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

PORTION = 100
"""Letters that are sent before they are dropped: what is sent twice if we die in between."""

DEFECT, CLOSED = "defect", "index-closed"
"""Reasons of the indexing story."""


class Fate(Enum):
    """What would become of a letter that is redriven now."""

    STORED = "stored"
    ALREADY_THERE = "already there"
    ANNOUNCED = "announced, not stored"
    BROADCAST = "broadcast"
    POSTED = "posted"
    """To those of its part who are still in the channel."""
    TO_NOBODY = "posted to nobody"
    """All have left the channel; what it carries is told to who resumes."""
    UP_TO_THE_CLUSTER = "up to the cluster"
    """The cluster rejected it, and only the cluster can say whether it would again."""
    REJECTED = "still rejected"


@dataclass(frozen=True, slots=True)
class Prospect:
    """What would become of a letter.

    Attributes:
        reason: Why it would be rejected, or had been by the cluster.
        error: The same in a sentence.
    """

    letter: Letter
    fate: Fate
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of the letters that were meant.

    Attributes:
        sent: Taken by their queue again.
        kept: Not taken; they lie where they lay.
        doubled: Taken, but not dropped: they lie in both.
    """

    sent: int
    kept: int
    doubled: int


def survey(queue: Queues, most: int = MOST) -> list[Group]:
    """Count the letters of each reason; all are left where they are."""
    receipts: list[str] = []

    def read() -> Iterator[Letter]:
        for letter in queue.read_letters(most):
            receipts.append(letter.receipt)
            yield letter

    try:
        return stage.group(read())
    finally:
        queue.show_again(receipts)


def look(queue: Queues, wanted: Wanted, most: int = MOST) -> list[Letter]:
    """Read the letters that are meant, and leave them where they are."""
    with _read(queue, wanted, most) as reading:
        return reading.letters


def redrive(queue: Queues, wanted: Wanted, most: int = MOST) -> Redriven:
    """Put the letters that are meant into their queue again.

    All are read before the first is sent, so one that is rejected once more is not met again.
    """
    ends: Counter[str] = Counter()
    with _read(queue, wanted, most) as reading:
        for start in range(0, len(reading.letters), PORTION):
            portion = reading.letters[start : start + PORTION]
            taken = queue.resend([letter.body for letter in portion])
            sent = [letter for letter, good in zip(portion, taken, strict=True) if good]
            gone = _drop(sent, queue, reading)
            ends.update(sent=len(sent), kept=len(portion) - len(sent), doubled=len(sent) - gone)
    return Redriven(ends["sent"], ends["kept"], ends["doubled"])


def drop(queue: Queues, wanted: Wanted, most: int = MOST) -> int:
    """Delete the letters that are meant, for good; how many are gone."""
    with _read(queue, wanted, most) as reading:
        return _drop(reading.letters, queue, reading)


def foretell_events(
    letters: Sequence[Letter],
    *,
    routes: route.Routes,
    store: DocumentStore,
    now: int,
    single_tenant: bool,
) -> list[Prospect]:
    """Say what the indexing story would make of each letter, by the stages and one look at the index.

    Raises:
        Unavailable: The index could not be looked into.
    """
    made = [_document(letter, routes, now, single_tenant=single_tenant) for letter in letters]
    # A closed index cannot be looked into, and asking it would spoil the answer about all others.
    documents = [document for prospect, document in made if document and prospect.letter.reason != CLOSED]
    there = store.ingested([(document.index, document.id) for document in documents]) if documents else {}
    return [
        _prospect(prospect.letter, (document.index, document.id) in there) if document else prospect
        for prospect, document in made
    ]


def foretell_deltas(letters: Sequence[Letter]) -> list[Prospect]:
    """Say what the broadcasting story would make of each letter."""
    return [_delta_prospect(letter) for letter in letters]


def foretell_jobs(letters: Sequence[Letter], *, table: ConnectionTable, now: int) -> list[Prospect]:
    """Say what the story of fanning out would make of each letter.

    Raises:
        Unavailable: The table could not be asked who is there.
    """
    there: dict[Channel, bool] = {}
    return [_job_prospect(letter, table, now, there) for letter in letters]


@dataclass(slots=True)
class _Reading:
    """What was read at one time.

    Attributes:
        letters: Those that are meant.
        held: The receipts of all that nobody else can read, meant or not.
    """

    letters: list[Letter] = field(default_factory=list)
    held: set[str] = field(default_factory=set)


@contextmanager
def _read(queue: Queues, wanted: Wanted, most: int) -> Iterator[_Reading]:
    """Hold the letters; what is still held afterwards is shown to others again."""
    reading = _Reading()
    try:
        for letter in queue.read_letters(most):
            reading.held.add(letter.receipt)
            if wanted.takes(letter):
                reading.letters.append(letter)
        yield reading
    finally:
        queue.show_again(sorted(reading.held))


def _drop(letters: Sequence[Letter], queue: Queues, reading: _Reading) -> int:
    receipts = [letter.receipt for letter in letters]
    gone = queue.drop(receipts)
    reading.held.difference_update(receipt for receipt, good in zip(receipts, gone, strict=True) if good)
    return sum(gone)


def _document(
    letter: Letter, routes: route.Routes, now: int, *, single_tenant: bool
) -> tuple[Prospect, Document | None]:
    try:
        event = parse.event(letter.body)
        chosen = route.choose(event, routes)
        document = normalise.normalise(event, chosen, single_tenant=single_tenant, now=now)
    except Rejected as rejected:
        return Prospect(letter, Fate.REJECTED, rejected.reason, rejected.text), None
    except Exception as defect:  # noqa: BLE001 - as in the indexing story: a defect of ours is one event's
        return Prospect(letter, Fate.REJECTED, DEFECT, repr(defect)), None
    if not chosen.index:
        return Prospect(letter, Fate.ANNOUNCED), None
    return Prospect(letter, Fate.STORED), document


def _prospect(letter: Letter, there: bool) -> Prospect:  # noqa: FBT001 - the one thing it asks
    if there:
        return Prospect(letter, Fate.ALREADY_THERE)
    if "index" in letter.attributes:  # only what reached the cluster was given one
        return Prospect(letter, Fate.UP_TO_THE_CLUSTER, letter.reason, letter.error)
    return Prospect(letter, Fate.STORED)


def _delta_prospect(letter: Letter) -> Prospect:
    try:
        parse.deltas(letter.body)
    except Rejected as rejected:
        return Prospect(letter, Fate.REJECTED, rejected.reason, rejected.text)
    return Prospect(letter, Fate.BROADCAST)


def _job_prospect(letter: Letter, table: ConnectionTable, now: int, there: dict[Channel, bool]) -> Prospect:
    try:
        pieces = share.read(letter.body).pieces
    except Rejected as rejected:
        return Prospect(letter, Fate.REJECTED, rejected.reason, rejected.text)
    for channel in {piece.channel for piece in pieces}.difference(there):
        there[channel] = table.has_members(channel, now)
    wanted = any(there[piece.channel] for piece in pieces)
    return Prospect(letter, Fate.POSTED if wanted else Fate.TO_NOBODY)
