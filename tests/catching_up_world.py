"""A stack in memory, and those who catch up with it over a socket or HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline import answering, applying, catching_up, indexing, reading_hits
from pipeline.adapters.memory import (
    MemoryClock,
    MemoryConnectionTable,
    MemoryDeltaBus,
    MemoryQueues,
    MemorySockets,
)
from pipeline.adapters.memory_store import Cluster, DocumentStore
from pipeline.core import bodies
from pipeline.core.errors import Refused
from pipeline.limiting import Limiter
from pipeline.recognising import Gate
from pipeline.wiring import shipped
from tests import specifications
from tests.examples import ENDPOINT, LIMITS, NOW, connection, delivery, envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pipeline.core.audience import Channel
    from pipeline.core.model import JsonObject
    from pipeline.core.route import Routes

TIME = 20_000
"""Milliseconds of an invocation."""


PAGE = specifications.openapi("Page")


class Clock(MemoryClock):
    """A clock in whose time something happens while a story sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self._due: list[tuple[int, Callable[[], object]]] = []

    def after(self, seconds: float, happens: Callable[[], object]) -> None:
        self._due.append((self.now() + round(seconds * 1_000), happens))
        self._due.sort(key=lambda due: due[0])

    def back(self, seconds: float) -> None:
        """Go back: what is stamped now came from a slower machine, or was long on its way."""
        super().sleep(-seconds)

    def sleep(self, seconds: float) -> None:
        until = self.now() + round(seconds * 1_000)
        while self._due and self._due[0][0] <= until:
            at, happens = self._due.pop(0)
            super().sleep(max(0, at - self.now()) / 1_000)
            happens()
        super().sleep(max(0, until - self.now()) / 1_000)


class OneToken:
    """Every bearer of ``good`` is Ann of acme."""

    def claims(self, token: str) -> Mapping[str, object]:
        if token != "good":  # noqa: S105 - no secret
            raise Refused("unauthorized", "not good")
        return {"sub": "ann", "tenant": "acme", "exp": NOW // 1_000 + 36_000_000}


class World:
    """Ann is connected, and may be so by several connections.

    Args:
        lag: See ``catching_up.Library``.
        routes: Those of the project, unless given.
    """

    def __init__(self, *, lag: int = 0, routes: Routes | None = None) -> None:
        self.clock = Clock()
        cluster = Cluster()
        applying.apply(bodies.wanted(shipped.template_files()), cluster, require_ism=True)
        self.store = DocumentStore(cluster)
        self.bus = MemoryDeltaBus()
        self.table = MemoryConnectionTable(self.clock)
        self.sockets = MemorySockets()
        chosen = routes or shipped.routes()
        self.library = catching_up.Library(self.store, chosen, shipped.ranged_attributes(chosen), lag)
        self.limiter = Limiter(LIMITS)
        self.ids: dict[str, str] = {}
        self.connect("ann")

    def connect(self, name: str) -> None:
        self.sockets.open(name, ENDPOINT)
        self.table.connect(connection(name, expires=NOW + 10**12))

    def store_events(self, *events: dict[str, Any]) -> None:
        before = len(self.bus.entries)
        indexing.index(
            [delivery(event) for event in events],
            routes=self.library.routes,
            store=self.store,
            bus=self.bus,
            queue=MemoryQueues(self.clock),
            clock=self.clock,
            deadline=self.clock.now() + 1_000,
            single_tenant=False,
        )
        for entry in self.bus.entries[before:]:
            for delta in orjson.loads(entry.detail)["deltas"]:
                self.ids[delta["id"]] = delta["attributes"]["service"]

    def happen(self, *services: str, apart: float = 0.0) -> None:
        """An event of each service, each as long after the one before."""
        for service in services:
            self.store_events(envelope(f"fact-{service}", service=service))
            self.clock.sleep(apart)

    def say(self, frame: dict[str, Any] | str, name: str = "ann", time: int = TIME) -> list[dict[str, Any]]:
        before = len(self.sockets.frames(name, ENDPOINT))
        answering.answer(
            frame if isinstance(frame, str) else orjson.dumps(frame).decode(),
            name,
            table=self.table,
            sockets=self.sockets,
            library=self.library,
            limiter=self.limiter,
            clock=self.clock,
            endpoint=ENDPOINT,
            deadline=self.clock.now() + time,
        )
        return [orjson.loads(frame) for frame in self.sockets.frames(name, ENDPOINT)[before:]]

    def subscribe(self, asked: dict[str, Any], name: str = "ann", **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON values
        return self.say({"type": "subscribe", "id": "1", "filter": asked, **more}, name)

    def more(self, frames: Iterable[dict[str, Any]], name: str = "ann") -> list[dict[str, Any]]:
        """Ask for the page behind the last one."""
        last = [*frames][-1]
        asked = {"channel": last["channel"], "cursor": last["cursor"]}
        return self.say({"type": "more", "id": "1", **asked}, name)

    def channel(self, name: str = "ann") -> Channel:
        return self.table.subscriptions(name)[0]

    def answer(
        self, headers: Mapping[str, str] | None = None, time: int = 29_000, **query: str
    ) -> reading_hits.Answer:
        return reading_hits.hits(
            {"authorization": "Bearer good", **(headers or {})},
            query,
            gate=Gate(OneToken(), self.table, self.clock, "required", "tenant"),
            limiter=self.limiter,
            library=self.library,
            clock=self.clock,
            deadline=self.clock.now() + time,
        )

    def page(self, **query: str) -> JsonObject:
        """An answer over HTTP; it is as ``docs/openapi.yaml`` specifies it."""
        body = self.answer(**query).body
        PAGE.validate(body)
        return body


def kinds(frames: Iterable[dict[str, Any]]) -> list[str]:
    return [frame["type"] for frame in frames]


def services(frames: Iterable[dict[str, Any]]) -> list[str]:
    """What the hits of frames, or of a page, are about."""
    return [hit["attributes"]["service"] for frame in frames for hit in frame.get("hits", ())]
