"""The sums of ``make chaos``: what must hold of each invocation, and of all of them at the end."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks import benches
from pipeline.core.model import Delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pipeline.core.model import DeadLetter, Entry
    from pipeline.core.route import Routes
    from pipeline.ports.index import DocumentStore

ENDS = {"stored": "stored", "already_there": "already_there", "rejected": "rejected", "retried": "returned"}
"""Of an invocation's line, and as they are called here. No route of the run announces without storing."""

PAGE = 5_000
"""Documents asked for at once."""


@dataclass(frozen=True, slots=True)
class Events:
    """What was sent, as JSON.

    Attributes:
        good: Can be stored; some facts stand here twice.
        bad: Such as no index takes.
    """

    good: Sequence[str]
    bad: Sequence[str]


@dataclass(slots=True)
class Tally:
    """What was counted, and what does not hold.

    Attributes:
        sums: The counts of the handler's own lines, summed.
        broken: A sentence for each promise that does not hold.
    """

    sums: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def require(self, holds: bool, sentence: str) -> None:  # noqa: FBT001 - it reads like assert
        """Keep the sentence where it does not hold."""
        if not holds:
            self.broken.append(sentence)

    def invocation(
        self, number: int, given: Collection[str], returned: Sequence[str], line: dict[str, Any]
    ) -> None:
        """Hold one invocation's line against the deliveries it was given and those it named to come again."""
        ends = Counter({ours: line[theirs] for theirs, ours in ENDS.items()})
        self.require(
            len(given) == line["received"] == ends.total(),
            f"invocation {number} got {len(given)}, counted {line['received']}, and ended {dict(ends)}",
        )
        self.require(
            len(returned) == len(set(returned)) == ends["returned"] and set(given).issuperset(returned),
            f"invocation {number} returned {len(returned)} and counted {ends['returned']}",
        )
        self.sums.update(ends)
        self.sums["received"] += line["received"]

    def deliveries(self, count: int) -> None:
        """Hold the sums against the number of messages that were in the queue."""
        sums = self.sums
        ended = sums["stored"] + sums["already_there"] + sums["rejected"]
        self.require(ended == count, f"of {count} deliveries {ended} ended")
        self.require(
            sums["received"] == count + sums["returned"], "not everything that was returned came again once"
        )


def verdict(
    tally: Tally,
    events: Events,
    routes: Routes,
    stored: Sequence[tuple[str, int]],
    announced: Iterable[Entry],
    letters: Iterable[DeadLetter],
) -> dict[str, int]:
    """Hold the node, the bus and the dead letters against what was sent; the figures.

    Args:
        stored: Id and ``@ingested`` of each document that the node has.
    """
    buried = Counter(letter.delivery.body for letter in letters)
    tally.require(
        buried == Counter(events.bad), f"{len(events.bad)} bad events, {buried.total()} dead letters"
    )
    wanted = {benches.document(Delivery("", body), routes).id for body in events.good}
    ids = [document_id for document_id, _ in stored]
    tally.require(len(ids) == len(set(ids)), "a document is stored twice")
    tally.require(set(ids) == wanted, f"{len(wanted)} facts, {len(set(ids))} documents")
    deltas = [delta for entry in announced for delta in json.loads(entry.detail)["deltas"]]
    tally.require(
        {(delta["id"], delta["ingested"]) for delta in deltas} == set(stored),
        "deltas tell of other documents, or of other stamps, than are stored",
    )
    return {
        "facts": len(wanted),
        "documents": len(ids),
        "unique_ids": len(set(ids)),
        "deltas": len(deltas),
        "documents_announced": len({delta["id"] for delta in deltas}.intersection(ids)),
        "dead_letters": buried.total(),
    }


def stored(store: DocumentStore, family: str) -> list[tuple[str, int]]:
    """Id and ``@ingested`` of every document of the family."""
    store.refresh(f"{family}-*")
    found: list[tuple[str, int]] = []
    asked: dict[str, Any] = {
        "size": PAGE,
        "_source": ["@ingested"],
        "sort": [{"id": "asc"}, {"_index": "asc"}],
    }
    while page := store.search(f"{family}-*", asked):
        found += [(hit["_id"], hit["_source"]["@ingested"]) for hit in page]
        asked["search_after"] = page[-1]["sort"]
    return found
