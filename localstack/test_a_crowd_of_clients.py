"""A crowd on real sockets: everybody gets each of their hits once, whatever becomes of some of them.

Everything is real, the emulator aside: the project's own clients in one process, tickets, the functions,
the queues, the table and OpenSearch.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline import settings
from pipeline.adapters import dynamodb
from pipeline.cli import tokens
from pipeline.client import Client, Gap, Hits, Pace, Refusal, Status, StatusChange, api
from tests.running import LIMIT, envelope, wait_for
from tests.soak.account import NOTHING_WRONG, Account, tell
from tests.soak.plan import LONG, TENANTS, Fate, Happening, Size, first, happenings, seats

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.running import Deployed
    from tests.soak.plan import Seat

SIZE = (
    Size(clients=500, channels=20, rate=20, seconds=60, unlucky=50)
    if LONG
    else Size(clients=50, channels=10, rate=10, seconds=8, unlucky=5)
)

DAY = 86_400

AT_ONCE = 8
"""Clients that connect at once: a ticket ends after 30 seconds, and one function opens them all."""

SMALL = 4_096
"""Bytes that a socket takes in for a client that does not read."""

RESET = struct.pack("ii", 1, 0)
"""Closing with a linger of no time sends RST instead of FIN. socket(7)"""


class Visitor:
    """One of the project's own clients in its seat, and whoever reads it."""

    def __init__(self, seat: Seat, deployed: Deployed, secret: str, account: Account) -> None:
        self.seat = seat
        self.live = asyncio.Event()
        self.refusals: list[str] = []
        self._account = account
        self._address = deployed.outputs["HttpUrl"]
        self._secret = secret
        self._may_come = asyncio.Event()
        self._may_come.set()
        self._client = Client(self._dial, pace=Pace(first_retry=0.1, longest_retry=2.0))
        self.subscription = self._client.subscribe({"service": [seat.topic]}, snapshot=0)
        self._listening: asyncio.Task[None] | None = None

    def come(self) -> None:
        self._listening = asyncio.create_task(self._listen())

    async def go(self) -> None:
        """Leave in an orderly way."""
        if self._listening:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def meet_fate(self, begin: float) -> None:
        """Let happen what is to, at its time."""
        await moment(begin + self.seat.at)
        match self.seat.fate:
            case Fate.KILLED:
                self._reset()
                await self.go()
            case Fate.RECONNECTING:
                self.live.clear()
                self._may_come.clear()
                self._reset()
                await moment(begin + self.seat.until)
                self._may_come.set()
            case Fate.FROZEN:
                transport = self._transport()
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
                transport.pause_reading()
                await moment(begin + self.seat.until)
                transport.resume_reading()

    def _reset(self) -> None:
        """Break the connection without a word."""
        transport = self._transport()
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()

    def _transport(self) -> asyncio.Transport:
        connection = self._client._socket  # noqa: SLF001 - no user of the client has to break its socket
        assert connection is not None, f"{self.seat.name} has no connection"
        return connection.transport

    async def _dial(self) -> str:
        await self._may_come.wait()
        token = tokens.mint(
            self._secret, tenant=self.seat.tenant, subject=self.seat.name, now=int(time.time()), ttl=DAY
        )
        return await asyncio.to_thread(api.address, self._address, token)

    async def _listen(self) -> None:
        async with self._client as client:
            async for news in client:
                match news:
                    case Hits():
                        facts = [hit["message"] for hit in news.hits]
                        self._account.told(self.seat, facts, time.monotonic(), live=news.live)
                    case Gap():
                        self._account.gap(mended=news.mended)
                    case Refusal():
                        self.refusals.append(news.text)
                    case StatusChange(status=Status.LIVE):
                        self.live.set()


async def moment(when: float) -> None:
    """Go on at a time of the loop's clock."""
    await asyncio.sleep(when - asyncio.get_running_loop().time())


async def until(enough: Callable[[], bool], limit: float = LIMIT) -> None:
    """Go on when it is enough, or the limit has passed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit):
            while not enough():  # noqa: ASYNC110 - many things together make it enough
                await asyncio.sleep(0.1)


class Crowd:
    """Everybody, and the events that they are told of."""

    def __init__(self, deployed: Deployed, mark: str) -> None:
        self._deployed, self._mark = deployed, mark
        self._events = deployed.client("events")
        self._secret = (deployed.folder / ".livedex" / "secret").read_text()
        self.account = Account(seats(SIZE, mark))
        self.visitors: list[Visitor] = []
        self.seconds: dict[str, float] = {}
        self.connected: Counter[str] = Counter()

    async def run(self) -> None:
        """Everybody comes; events flow while fates are met; everybody is told of what is left, and goes.

        A first event in each channel wakes the functions, so that fates are met while hits arrive.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        self.visitors = [
            Visitor(seat, self._deployed, self._secret, self.account) for seat in self.account.seats
        ]
        turns = asyncio.Semaphore(AT_ONCE)
        async with asyncio.timeout(LIMIT * max(1, SIZE.clients / 100)):
            await asyncio.gather(*(self._arrive(visitor, turns) for visitor in self.visitors))
        await asyncio.gather(*(self._put(each, clock()) for each in first(SIZE, self._mark)))
        await until(lambda: not self.account.lacking())
        begin = arrived = clock()
        fates = [each.meet_fate(begin) for each in self.visitors if each.seat.fate is not Fate.STEADY]
        puts = [self._put(each, begin) for each in happenings(SIZE, self._mark)]
        await asyncio.gather(*fates, *puts)
        put = clock()
        await until(self._settled)
        told = clock()
        await asyncio.to_thread(wait_for, self._in_queues, lambda left: not left)
        self.account.raw_duplicates = sum(each.subscription.duplicates for each in self.visitors)
        self.seconds = {"arriving": arrived - began, "events": put - begin, "the last hits": told - put}
        self.connected = await asyncio.to_thread(wait_for, self._subjects, self._is_right)
        await asyncio.gather(*(each.go() for each in self.visitors))

    @staticmethod
    async def _arrive(visitor: Visitor, turns: asyncio.Semaphore) -> None:
        async with turns:
            visitor.come()
            await visitor.live.wait()

    async def _put(self, happening: Happening, begin: float) -> None:
        await moment(begin + happening.at)
        event = envelope(happening.topic, happening.number, tenant=happening.tenant)
        fact = event["detail"]["summary"] = event["detail"]["eventId"]
        self.account.put(fact, happening.tenant, happening.topic, time.monotonic(), timed=happening.at > 0)
        await asyncio.to_thread(self._put_event, event)

    def _put_event(self, event: dict[str, Any]) -> None:
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "EventBusName": self._deployed.outputs["EventsBusName"],
        }
        answer = self._events.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def _in_queues(self) -> int:
        """Events and deltas that are still on their way."""
        sqs, kinds = self._deployed.client("sqs"), ("", "NotVisible")
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        found = [
            sqs.get_queue_attributes(QueueUrl=self._deployed.outputs[queue], AttributeNames=names)
            for queue in ("EventsQueueUrl", "DeltasQueueUrl", "FanoutQueueUrl")
        ]
        return sum(int(count) for each in found for count in each["Attributes"].values())

    def _subjects(self) -> Counter[str]:
        """Whom the table knows to be connected."""
        environ = {
            "LIVEDEX_TARGET": "local",
            "AWS_ENDPOINT_URL": self._deployed.aws,
            "LIVEDEX_TABLE": self._deployed.outputs["TableName"],
        }
        table, now = dynamodb.connect(settings.read(environ)), round(time.time() * 1_000)
        return Counter(
            connection.principal.subject
            for tenant in TENANTS
            for connection in table.connections(tenant, now)
            if connection.principal.subject.startswith(self._mark)
        )

    def _settled(self) -> bool:
        staying = [each for each in self.visitors if each.seat.fate is not Fate.KILLED]
        return all(each.live.is_set() for each in staying) and not self.account.lacking()

    def _is_right(self, subjects: Counter[str]) -> bool:
        return subjects == self.staying()

    def staying(self) -> Counter[str]:
        return Counter(seat.name for seat in self.account.seats if seat.fate is not Fate.KILLED)


def test_everybody_gets_each_of_their_hits_once_and_nobody_elses(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    crowd = Crowd(deployed, f"soak-{uuid4().hex[:8]}")

    asyncio.run(crowd.run())

    figures = crowd.account.figures()
    seconds = {name: round(value, 1) for name, value in crowd.seconds.items()}
    tell({"soak": "real sockets", **figures.fields(), "seconds": seconds}, capsys)
    assert figures.wrong() == NOTHING_WRONG
    assert (figures.events, figures.clients) == (SIZE.events + SIZE.channels, SIZE.clients)
    assert [text for visitor in crowd.visitors for text in visitor.refusals] == []
    assert crowd.connected == crowd.staying(), "one connection of everybody who stayed, and of nobody else"
