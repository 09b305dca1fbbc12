"""Who resumes while a batch of several tenants is broadcast: every order of their steps.

A step is a call of a port. In each order the client of each tenant must come by what is announced late: it is
posted to it, or it is marked, or the ledger that it reads names the hit or a job that still carries it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable, MemoryQueues, MemorySockets
from pipeline.broadcasting import Bounds, broadcast
from pipeline.core import cursor, instant, share
from pipeline.core.audience import Late, Receipt
from pipeline.core.slow import SlowOnes
from pipeline.registry import Registry
from tests.examples import ENDPOINT, NOW, announced, channel, connection, delta
from tests.interleaving import Turns, every_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.core.audience import Channel, Connection, Post
    from tests.interleaving import Choose

STEPS = frozenset(
    {
        "put_all_late",
        "versions",
        "changes",
        "audiences",
        "open_all_late",
        "mark_lagged",
        "late",
        "post",
        "put",
    }
)
TENANTS = ("acme", "globex")
OURS = channel({}, "globex")
INGESTED = NOW - instant.HOUR


class Stepping:
    """A port, some of whose calls wait for their caller's turn."""

    def __init__(self, port: object, step: Callable[[], None]) -> None:
        self._port = port
        self._step = step

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        if name in STEPS:
            self._step()
        return getattr(self._port, name)


class Table(MemoryConnectionTable):
    """Each half of a subscribe is a step."""

    def __init__(self, clock: MemoryClock, step: Callable[[], None]) -> None:
        super().__init__(clock)
        self._step = step

    def join(self, connection: Connection, channel: Channel) -> None:
        self._step()
        super().join(connection, channel)

    def register(self, channel: Channel, touch: int) -> None:
        self._step()
        super().register(channel, touch)


class Sockets(MemorySockets):
    """Reaches nobody in one of the worlds."""

    reaching = True

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        return super().post(posts, deadline) if self.reaching else [Receipt.LAGGED] * len(posts)


class World:
    def __init__(self, step: Callable[[], None], *, reaching: bool, rate: float) -> None:
        self.clock = MemoryClock(NOW)
        self.table = Table(self.clock, step)
        self.sockets = Sockets()
        self.sockets.reaching = reaching
        self.jobs = MemoryQueues(self.clock)
        self.bounds = Bounds(posts_per_second=rate)  # type: ignore[arg-type] # below one: nobody is near
        self.read: Sequence[Late] = ()
        self.returned: Sequence[str] | None = None
        self._step = step
        for tenant in TENANTS:
            listening = connection(f"bob of {tenant}", tenant)
            self.sockets.open(listening.id, ENDPOINT)
            self.table.subscribe(listening, channel({"service": ["payments"]}, tenant), NOW)

    def broadcaster(self) -> None:
        report = broadcast(
            [announced(replace(delta("one", tenant=tenant), ingested=INGESTED)) for tenant in TENANTS],
            registry=Registry(),
            table=Stepping(self.table, self._step),
            sockets=Stepping(self.sockets, self._step),
            queue=MemoryQueues(self.clock),
            jobs=Stepping(self.jobs, self._step),
            clock=self.clock,
            deadline=NOW + 60_000,
            bounds=self.bounds,
            slow=SlowOnes(),
        )
        self.returned = report.returned

    def resumer(self) -> None:
        """Reads behind a cursor from just before the broadcast, as a resume does: it is a member first."""
        joining = connection("ann", "globex")
        self.sockets.open("ann", ENDPOINT)
        self.table.subscribe(joining, OURS, NOW)
        self._step()
        self.read = self.table.late("globex", NOW - cursor.POSTING - 2 * cursor.SKEW)

    def comes_by_it(self) -> bool:
        """Whether the hit is with the client, or known to be missing, or read."""
        named = any(row.ingested_from <= INGESTED < (row.ingested_to or INGESTED + 1) for row in self.read)
        jobs = [share.read(each.body) for each in self.jobs.receive(10)]
        waiting = any(piece.channel == OURS for job in jobs for piece in job.pieces)
        got = bool(self.sockets.frames("ann", ENDPOINT))
        return named or got or bool(self.table.lagged("ann")) or waiting


@pytest.fixture(scope="module")
def turns() -> Iterator[Turns]:
    with Turns(2) as turns:
        yield turns


@pytest.mark.parametrize(
    ("reaching", "rate"), [(True, 1_000), (False, 1_000), (True, 0.01)], ids=["posted", "marked", "handed on"]
)
def test_whoever_resumes_at_any_step_comes_by_what_is_announced(
    turns: Turns, *, reaching: bool, rate: float
) -> None:
    def run(choose: Choose) -> None:
        world = World(turns.step, reaching=reaching, rate=rate)
        turns.run(choose, lambda: None, world.broadcaster, world.resumer)
        assert world.returned == ()
        assert world.comes_by_it()

    assert every_order(run) > 50
