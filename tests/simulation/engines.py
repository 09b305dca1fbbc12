"""The engines that functions talk to: the memory adapters, with what a test has to see and to spoil."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pipeline import applying
from pipeline.adapters.memory import MemoryQueues
from pipeline.adapters.memory_search import matches, search
from pipeline.adapters.memory_store import Cluster, DocumentStore
from pipeline.core import bodies
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.model import Delivery
    from tests.simulation.baton import Baton


class TrueClock:
    """The clock of the engines themselves."""

    def __init__(self, baton: Baton) -> None:
        self._baton = baton

    def now(self) -> int:
        return self._baton.now

    def sleep(self, seconds: float) -> None:  # noqa: ARG002 - nobody may
        raise AssertionError("engines do not wait")

    def jitter(self) -> float:
        raise AssertionError("engines leave nothing to chance")


@dataclass(frozen=True, slots=True)
class Stored:
    """A document that the index holds.

    Attributes:
        at: When it was stored, by the true time.
    """

    id: str
    fact: str
    tenant: str | None
    service: str
    latency: float
    ingested: int
    at: int


@cache
def templates() -> Cluster:
    """The templates in a cluster; they are applied once, since nothing here changes them."""
    cluster = Cluster()
    applying.apply(bodies.wanted(shipped.template_files()), cluster, require_ism=True)
    return cluster


class Store(DocumentStore):
    """OpenSearch, which remembers when it stored what.

    Attributes:
        stored: All documents, in the order in which they were stored.
    """

    def __init__(self, baton: Baton) -> None:
        super().__init__(templates())
        self.stored: list[Stored] = []
        self._baton = baton

    def _create(self, line: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
        answer = super()._create(line, source)
        if answer["status"] == 201:
            detail = source["detail"]
            self.stored.append(
                Stored(
                    line["_id"],
                    detail["eventId"],
                    source["tenant"],
                    detail["service"],
                    detail["timings"]["totalMs"],
                    source["@ingested"],
                    self._baton.now,
                )
            )
        return answer

    def search(self, indices: str, body: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """Search as the memory store does, in the order of the page and only until it is full."""
        self._check()
        ours, *asked = body["query"]["bool"]["filter"]
        (newest,) = {order["order"] == "desc" for sort in body["sort"] for order in sort.values()}
        after = tuple(body.get("search_after", ()))
        documents = [
            (each.source["@ingested"], each.id, each)
            for index in self._chosen(indices)
            for each in index.visible
            if each.source["tenant"] == ours["term"]["tenant"]
        ]
        documents.sort(reverse=newest)  # ids differ, so documents are not compared
        found = []
        for ingested, document_id, each in documents:
            if after and ((ingested, document_id) >= after if newest else (ingested, document_id) <= after):
                continue
            if all(matches(each, query) for query in asked):
                found.append(each)
                if len(found) == body["size"]:
                    break
        return search(found, {**body, "query": {"match_all": {}}})

    def refresh_by_itself(self) -> None:
        for index in self._chosen("*"):
            index.visible = tuple(index.documents.values())


class Queue(MemoryQueues):
    """SQS, which tells when there is something to receive.

    Attributes:
        wake: Called at any time at which a delivery has become visible.
        on_the_way: How many deliveries have been sent and have not arrived.
    """

    def __init__(self, baton: Baton, delay: Callable[[], Sequence[int]]) -> None:
        super().__init__(TrueClock(baton))
        self.wake: Callable[[], None] = _nobody
        self.on_the_way = 0
        self._baton = baton
        self._delay = delay

    @property
    def is_empty(self) -> bool:
        return not self._places and not self.on_the_way

    def post(self, body: str) -> None:
        """Put a body on its way; it may arrive late, and more than once."""
        for delay in self._delay():
            self.on_the_way += 1
            self._baton.after(delay, lambda: self._arrive(body))

    def put(self, bodies: Sequence[str]) -> Sequence[bool]:
        for body in bodies:
            self.post(body)
        return [True] * len(bodies)

    def put_off(self, delays: Sequence[tuple[str, int]]) -> None:
        super().put_off(delays)
        for _, seconds in delays:
            self._baton.after(seconds * 1_000, self._awake)

    def receive(self, most: int, visibility: int = 30) -> Sequence[Delivery]:
        received = super().receive(most, visibility)
        if received:
            self._baton.after(visibility * 1_000, self._awake)
        return received

    def _arrive(self, body: str) -> None:
        self.on_the_way -= 1
        self.send(body)
        self._awake()

    def _awake(self) -> None:
        self.wake()


def _nobody() -> None:
    """Nobody listens."""
