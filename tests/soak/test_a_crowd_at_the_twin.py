"""A crowd without sockets: everybody gets each of their hits once, whatever becomes of some of them.

Real are the stories of indexing, connecting, broadcasting and catching up, OpenSearch, and the posts over
HTTP. The table is DynamoDB on the emulator, and in memory at the full size: the emulator takes minutes for
5,000 to arrive, and is then what would be measured. The gateway is a twin, and its clients are the
project's own without a socket, because 5,000 of those would measure this machine. Deltas reach the
broadcast without a queue: whatever has come by the time it ends is its next batch.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from operator import itemgetter
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import uuid4

import pytest

from pipeline import broadcasting, indexing, settings
from pipeline.adapters import aws
from pipeline.adapters.memory import MemoryConnectionTable, MemoryDeltaBus, MemoryQueues
from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.core import instant
from pipeline.core.audience import Principal
from pipeline.core.errors import Unavailable
from pipeline.core.model import Delivery
from pipeline.registry import Registry
from pipeline.wiring import adapters, shipped, stories
from tests.running import LIMIT, wait_for
from tests.soak.account import NOTHING_WRONG, Account, tell
from tests.soak.plan import LONG, TENANTS, Fate, Happening, Size, happenings, seats
from tests.soak.visitors import Crowded, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.ports.connections import ConnectionTable

SIZE = (
    Size(clients=5_000, channels=200, rate=200, seconds=60, unlucky=500)
    if LONG
    else Size(clients=500, channels=20, rate=20, seconds=8, unlucky=50)
)

THREADS = 2
"""Of the message function; on AWS they are processes."""

TABLE = "memory" if LONG else "DynamoDB on the emulator"

QUOTA = 10_000
"""Posts a second, what an account has:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""


class Turn(NamedTuple):
    """A client's fate begins, or ends."""

    visitor: Visitor
    begins: bool


class OneAtATime:
    """Memory's table for several threads: whatever it is asked is done before the next may ask."""

    def __init__(self, table: MemoryConnectionTable) -> None:
        self._table, self._lock = table, Lock()

    def __getattr__(self, name: str) -> Callable[..., object]:
        def ask(*values: object, **named: object) -> object:
            with self._lock:
                found = getattr(self._table, name)(*values, **named)
                return iter(list(found)) if isinstance(found, Iterator) else found

        return ask


class World:
    """The crowd and all that serves it."""

    def __init__(
        self, environ: dict[str, str], mark: str, gateway: Crowded, functions: ThreadPoolExecutor
    ) -> None:
        asked = settings.read(environ | {"LIVEDEX_MANAGEMENT_ENDPOINT": gateway.endpoint})
        self.table = cast("ConnectionTable", OneAtATime(MemoryConnectionTable(SYSTEM_CLOCK)))
        if not LONG:
            self.table = adapters.table(asked)
        self._mark = mark
        self.account = Account(seats(SIZE, mark))
        self.visitors = [Visitor(seat, self.account, gateway, self.say) for seat in self.account.seats]
        self.batches = self.troubled = self.failed = 0
        self.longest_batch = self.behind = 0.0
        self._functions = functions
        self._calls: deque[tuple[Callable[[], object], Future[object]]] = deque()
        self._connect = partial(stories.connecting(asked), table=self.table)
        self._answer = partial(stories.answering(asked), table=self.table)
        self._bus = MemoryDeltaBus()
        self._index = partial(
            indexing.index,
            routes=shipped.routes(),
            store=adapters.store(asked),
            bus=self._bus,
            queue=MemoryQueues(SYSTEM_CLOCK),
            clock=SYSTEM_CLOCK,
            single_tenant=False,
        )
        self._broadcast = partial(
            broadcasting.broadcast,
            registry=Registry(),
            table=self.table,
            sockets=adapters.sockets(asked),
            queue=MemoryQueues(SYSTEM_CLOCK),
            jobs=MemoryQueues(SYSTEM_CLOCK),
            clock=SYSTEM_CLOCK,
            bounds=broadcasting.Bounds(posts_per_second=QUOTA),
        )
        self._deltas: list[Delivery] = []

    # --- clients ------------------------------------------------------------------------------

    def arrive(self, visitor: Visitor) -> None:
        """Open a connection, as ``$connect`` does, and let the client go on."""
        expires = SYSTEM_CLOCK.now() + instant.DAY
        principal = Principal(visitor.seat.tenant, visitor.seat.name, expires)
        self._connect(visitor.arrive(), principal=principal)
        visitor.open()

    def say(self, connection_id: str, text: str) -> None:
        deadline = SYSTEM_CLOCK.now() + 29_000
        self._call(partial(self._answer, text, connection_id, deadline=deadline))

    def _strike(self, turn: Turn) -> None:
        """Let a client's fate begin or end."""
        visitor = turn.visitor
        match visitor.seat.fate, turn.begins:
            case Fate.FROZEN, True:
                visitor.freeze()
            case Fate.FROZEN, False:
                visitor.wake()
            case ((Fate.KILLED | Fate.RECONNECTING), True):
                visitor.leave()
            case Fate.RECONNECTING, False:
                self._call(partial(self.arrive, visitor))

    def everybody_arrives(self) -> None:
        for visitor in self.visitors:
            while len(under_way := {done for _, done in self._calls if not done.done()}) > THREADS:
                wait(under_way, LIMIT, FIRST_COMPLETED)  # who waits for 35 s for an answer asks again
            self._forget_done()
            self._call(partial(self.arrive, visitor))
        assert wait_for(self.settled, bool, limit=LIMIT * SIZE.clients / 100)

    def settled(self) -> bool:
        """Whether every client is live, and has all that there is for it."""
        self._forget_done()
        staying = [each for each in self.visitors if each.seat.fate is not Fate.KILLED or not each.left]
        for visitor in staying:
            visitor.act()
        return not self._calls and all(each.live for each in staying) and not self.account.lacking()

    def _forget_done(self) -> None:
        while self._calls and self._calls[0][1].done():
            call, done = self._calls.popleft()
            try:
                done.result()
            except Unavailable:  # the function fails, and who called it does so again
                self.failed += 1
                self._call(call)

    def _call(self, function: Callable[[], object]) -> None:
        self._calls.append((function, self._functions.submit(function)))

    # --- events -------------------------------------------------------------------------------

    def run(self) -> None:
        """Let everything happen at its time: the clock sets the pace of events; no result is waited for."""
        agenda = self._agenda()
        begin = time.monotonic()
        while agenda or self._deltas:
            now = time.monotonic() - begin
            happened: list[Happening] = []
            struck: set[Visitor] = set()
            while agenda and agenda[0][0] <= now:
                _, what = agenda[0]
                if isinstance(what, Happening):
                    happened.append(what)
                elif what.visitor in struck:
                    break  # on a busy machine too, a fate lasts for a batch at least
                else:
                    self._strike(what)
                    struck.add(what.visitor)
                agenda.popleft()
            self._forget_done()
            if happened or self._deltas:
                self.behind = max(self.behind, now - happened[0].at if happened else 0)
                self._batch(happened)
            elif agenda:
                SYSTEM_CLOCK.sleep(agenda[0][0] - now)

    def _agenda(self) -> deque[tuple[float, Happening | Turn]]:
        agenda: list[tuple[float, Happening | Turn]] = [
            (each.at, each) for each in happenings(SIZE, self._mark)
        ]
        for visitor in self.visitors:
            if visitor.seat.fate is not Fate.STEADY:
                agenda.append((visitor.seat.at, Turn(visitor, begins=True)))
                agenda.append((visitor.seat.until, Turn(visitor, begins=False)))
        return deque(sorted(agenda, key=itemgetter(0)))

    def _batch(self, happened: list[Happening]) -> None:
        """Index what has happened, and broadcast it."""
        started = time.monotonic()
        now = SYSTEM_CLOCK.now()
        if happened:
            report = self._index([_delivery(each, now) for each in happened], deadline=now + 60_000)
            assert report.announced == len(happened), report
        for entry in self._bus.entries:
            self._deltas.append(Delivery(uuid4().hex, f'{{"detail":{entry.detail}}}'))
        self._bus.entries.clear()
        for each in happened:
            self.account.put(_fact(each), each.tenant, each.topic, started)
        told = self._broadcast(self._deltas, deadline=SYSTEM_CLOCK.now() + 60_000)
        self._deltas = [each for each in self._deltas if each.id in told.returned]
        self.batches += 1
        self.troubled += bool(told.trouble)
        self.longest_batch = max(self.longest_batch, time.monotonic() - started)


def _fact(happening: Happening) -> str:
    return f"{happening.topic}-{happening.number}"


def _delivery(happening: Happening, now: int) -> Delivery:
    """An event as the events queue hands it over."""
    body = {
        "version": "0",
        "id": uuid4().hex,
        "source": "payments",
        "detail-type": "PaymentSettled",
        "time": instant.iso(now),
        "detail": {
            "eventId": _fact(happening),
            "summary": _fact(happening),
            "occurredAt": instant.iso(now),
            "tenant": happening.tenant,
            "service": happening.topic,
        },
    }
    return Delivery(uuid4().hex, json.dumps(body), receives=1, sent=now)


@pytest.fixture
def world(aws_url: str, opensearch_url: str) -> Iterator[World]:
    mark = f"soak-{uuid4().hex[:8]}"
    environ = {
        "LIVEDEX_TARGET": "local",
        "AWS_ENDPOINT_URL": aws_url,
        "LIVEDEX_OPENSEARCH_URL": opensearch_url,
        "LIVEDEX_TABLE": mark,
        "LIVEDEX_TENANCY": "required",
        "LIVEDEX_POSTS_PER_SECOND": str(QUOTA),
        "LIVEDEX_SUBSCRIBES_PER_SECOND": str(SIZE.clients),  # of all processes of the message function
    }
    asked = settings.read(environ)
    client = aws.session(asked).client("dynamodb", endpoint_url=aws_url)
    client.create_table(
        TableName=mark,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
    )
    with ExitStack() as until_the_end:
        until_the_end.callback(client.close)
        until_the_end.callback(client.delete_table, TableName=mark)
        functions = until_the_end.enter_context(ThreadPoolExecutor(THREADS))
        gateway = until_the_end.enter_context(Crowded())
        yield World(environ, mark, gateway, functions)


def test_everybody_gets_each_of_their_hits_once_and_nobody_elses(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    world.everybody_arrives()
    arrived = time.monotonic()

    world.run()
    ran = time.monotonic()
    for visitor in world.visitors:
        if visitor.seat.fate is Fate.FROZEN:
            visitor.ping()  # as the client does after silence: nobody may tell it otherwise of the last gap
    wait_for(world.settled, bool)

    world.account.raw_duplicates = sum(visitor.duplicates for visitor in world.visitors)
    figures = world.account.figures()
    line = {
        "soak": "gateway twin",
        **figures.fields(),
        "table": TABLE,
        "batches": world.batches,
        "returned": world.troubled,
        "failed calls": world.failed,
        "seconds": {
            "arriving": round(arrived - began, 1),
            "events": round(ran - arrived, 1),
            "longest batch": round(world.longest_batch, 2),
            "farthest behind": round(world.behind, 2),
        },
    }
    tell(line, capsys)
    assert figures.wrong() == NOTHING_WRONG
    assert (figures.events, figures.clients) == (SIZE.events, SIZE.clients)
    assert figures.gaps > 0, "somebody who did not read was told so"

    left = {old for visitor in world.visitors for old in visitor.left}
    staying = {each.connection_id for each in world.visitors} - left
    assert len(left) == 2 * SIZE.unlucky
    found = [row.id for tenant in TENANTS for row in world.table.connections(tenant, SYSTEM_CLOCK.now())]
    assert sorted(found) == sorted(staying), "whoever answered 410 is forgotten"
    assert [world.table.connection(each) for each in sorted(left)] == [None] * len(left)
