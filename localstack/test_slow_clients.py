"""A client that stops reading: it costs nobody else anything, and learns what it missed.

The emulator buffers without end for a client that does not read, where API Gateway answers 429 once its
buffer is full. So a twin of the gateway with such a buffer stands between the functions and the slow client's
frames; the client's own socket, the functions, the queues, the table and OpenSearch are the real ones.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import urllib3
from websockets.sync.client import connect

from pipeline import settings
from pipeline.adapters import dynamodb
from pipeline.cli import tokens
from pipeline.local.gateway_twin import GatewayTwin
from tests.running import LIMIT, envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from pipeline.adapters.dynamodb import DynamoConnectionTable
    from pipeline.core.audience import Channel, Connection
    from pipeline.local.gateway_line import Request
    from tests.running import Deployed

ROOM = 2
"""Frames that wait for a client which does not read."""

DAY = 86_400


class FullGateway(GatewayTwin):
    """Takes so many frames for a client that does not read, and answers 429 to more.

    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/connections-connectionid.html
    """

    def __init__(self) -> None:
        super().__init__()
        self._read = 0

    def ordinary(self, request: Request) -> tuple[int, bytes]:
        waiting = sum(map(len, self._frames.values())) - self._read
        if request.method == "POST" and waiting >= ROOM:
            return HTTPStatus.TOO_MANY_REQUESTS, b""
        return super().ordinary(request)

    def read(self, connection_id: str) -> list[dict[str, Any]]:
        """Read what waits, as a client does that has woken up."""
        unread = self.frames(connection_id)[self._read :]
        self._read += len(unread)
        return [json.loads(frame) for frame in unread]


class Client:
    """A client on a socket of its own."""

    def __init__(self, deployed: Deployed, socket: ClientConnection, service: str) -> None:
        self.socket = socket
        self.service = service
        self._deployed = deployed

    def subscribe(self, **more: str) -> tuple[str, list[str]]:
        """The channel, and the events that came before its ``live``."""
        asked = {"type": "subscribe", "id": "1", "filter": {"service": [self.service]}}
        self.say(**asked, **({"cursor": more["cursor"]} if more else {"snapshot": 0}))
        frames = self.until("live")
        return frames[-1]["channel"], events(frames)

    def say(self, **frame: Any) -> None:  # noqa: ANN401 - JSON values
        self.socket.send(json.dumps(frame))

    def until(self, kind: str) -> list[dict[str, Any]]:
        """The frames up to the next of this type, itself included."""
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1]["type"] != kind:
            frames.append(json.loads(self.socket.recv(timeout=LIMIT)))
        return frames


class Slow:
    """The same client's frames, on their way through a gateway that is full.

    Attributes:
        connection: As the table knows it.
    """

    def __init__(self, table: DynamoConnectionTable, gateway: FullGateway, channel_id: str) -> None:
        self.table, self.gateway = table, gateway
        self.connection, self.channel = self._find(channel_id)
        gateway.open(self.connection.id)
        table.subscribe(replace(self.connection, endpoint=gateway.endpoint), self.channel, self._now())

    def waiting(self, count: int) -> bool:
        return len(self.gateway.frames(self.connection.id)) >= count

    def marks(self) -> list[int]:
        return [since for channel, since in self.table.lagged(self.connection.id) if channel == self.channel]

    def _find(self, channel_id: str) -> tuple[Connection, Channel]:
        for connection in self.table.connections("acme", self._now()):
            for channel in self.table.subscriptions(connection.id):
                if channel.id == channel_id:
                    return connection, channel
        raise LookupError(f"nobody is subscribed to {channel_id}")

    @staticmethod
    def _now() -> int:
        return round(time.time() * 1_000)


class World:
    """A slow client and, where one is wanted, a quick one with the same filter."""

    def __init__(self, deployed: Deployed, service: str, open_until: ExitStack) -> None:
        self._deployed, self._service, self._open = deployed, service, open_until
        self._sent = 0
        self.client = self.join()
        channel_id, _ = self.client.subscribe()
        named = {
            "LIVEDEX_TARGET": "local",
            "AWS_ENDPOINT_URL": deployed.aws,
            "LIVEDEX_TABLE": deployed.outputs["TableName"],
        }
        gateway = open_until.enter_context(FullGateway())
        self.slow = Slow(dynamodb.connect(settings.read(named)), gateway, channel_id)

    def join(self) -> Client:
        secret = (self._deployed.folder / ".livedex" / "secret").read_text()
        token = tokens.mint(secret, tenant="acme", subject="ann", now=int(time.time()), ttl=DAY)
        answer = urllib3.request(
            "POST",
            self._deployed.outputs["HttpUrl"] + "/v1/tickets",
            headers={"authorization": f"Bearer {token}"},
            timeout=LIMIT,
        )
        address = f"{self._deployed.outputs['WebSocketUrl']}?ticket={quote(answer.json()['ticket'])}"
        return Client(
            self._deployed,
            self._open.enter_context(connect(address, open_timeout=LIMIT)),
            self._service,
        )

    def happen(self) -> str:
        """One more event."""
        event = envelope(self._service, self._sent)
        self._sent += 1
        self._deployed.put(event)
        name: str = event["detail"]["eventId"]
        return name

    def fill_up(self) -> list[str]:
        """Events until the slow client has missed one."""
        missed = []
        for number in range(ROOM):
            missed.append(self.happen())
            assert wait_for(lambda: self.slow.waiting(number + 1), bool)  # noqa: B023 - called at once
        missed.append(self.happen())
        assert wait_for(self.slow.marks, bool)
        return missed


@pytest.fixture
def world(deployed: Deployed, service: str) -> Iterator[World]:
    with ExitStack() as open_until:
        yield World(deployed, service, open_until)


def events(frames: list[dict[str, Any]]) -> list[str]:
    """The events that hits are of, by their documents' ids."""
    return [hit["id"] for frame in frames for hit in frame.get("hits", ())]


def test_on_a_busy_channel_the_next_frame_is_a_gap_and_nobody_else_notices(world: World) -> None:
    quick = world.join()
    quick.subscribe()

    happened = world.fill_up()
    read = world.slow.gateway.read(world.slow.connection.id)
    happened.append(world.happen())
    assert wait_for(lambda: world.slow.waiting(ROOM + 2), bool)
    gap, hits = world.slow.gateway.read(world.slow.connection.id)

    assert [frame["type"] for frame in read] == ["hits"] * ROOM
    assert (gap["type"], hits["type"]) == ("gap", "hits")
    assert gap["since"] >= read[-1]["cursor"]
    seen = [name for _ in happened for name in events(quick.until("hits"))]
    assert len(set(seen)) == len(happened)
    channel, again = world.client.subscribe(cursor=gap["since"])
    assert channel == gap["channel"]
    assert set(seen[ROOM:]) <= set(again) <= set(seen)
    assert world.slow.marks() == []


def test_on_a_quiet_channel_the_next_pong_comes_behind_a_gap_until_the_client_subscribes_again(
    world: World,
) -> None:
    world.fill_up()
    read = world.slow.gateway.read(world.slow.connection.id)

    world.client.say(type="ping")
    gap, pong = world.client.until("pong")
    channel, again = world.client.subscribe(cursor=gap["since"])
    world.client.say(type="ping")
    after = world.client.until("pong")

    assert (gap["type"], pong["type"]) == ("gap", "pong")
    assert channel == gap["channel"]
    assert len(set(again) - set(events(read))) == 1
    assert [frame["type"] for frame in after] == ["pong"]
    assert world.slow.marks() == []
