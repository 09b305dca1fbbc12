from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from pipeline.client import Client, News, Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

LIMIT = 10
"""Seconds after which a test that waits for something has failed."""

BRISK = Pace(heartbeat=60, pong=60, answer=60, opening=5, first_retry=0.001, longest_retry=0.002)
"""No waiting between attempts, and no time-outs that a test did not ask for."""


class Peer:
    """The server's end of one connection, as a test plays it."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self.path = "" if socket.request is None else socket.request.path

    async def expect(self, kind: str) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(await self._socket.recv())
        assert frame["type"] == kind
        return frame

    async def say(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - a frame's fields
        await self._socket.send(json.dumps({"v": 1, "type": kind, **fields}))

    async def say_raw(self, text: str) -> None:
        await self._socket.send(text)

    async def hits(self, *ids: str, **fields: Any) -> None:  # noqa: ANN401 - a frame's fields
        await self.say("hits", hits=[{"id": each} for each in ids], **fields)

    async def welcome(self, *, cursor: str, channel: str = "c") -> dict[str, Any]:
        """Answer a subscribe, with an empty catch-up."""
        ask = await self.expect("subscribe")
        await self.say("subscribed", id=ask["id"], channel=channel)
        await self.say("live", id=ask["id"], channel=channel, cursor=cursor)
        return ask

    async def drop(self) -> None:
        """Cut the line without a word."""
        self._socket.transport.abort()

    async def stay(self) -> None:
        """Say nothing until the client leaves."""
        await self._socket.wait_closed()


class Server:
    """A real WebSocket server; each connection is played by the next of the given parts.

    A part that fails an assertion fails the test.
    """

    def __init__(self, parts: list[Callable[[Peer], Awaitable[None]]]) -> None:
        self._parts = parts
        self.url = ""
        self.connections = 0
        self.troubles: list[BaseException] = []

    async def _play(self, socket: ServerConnection) -> None:
        part = self._parts[min(self.connections, len(self._parts) - 1)]
        self.connections += 1
        try:
            await part(Peer(socket))
        except AssertionError as trouble:
            self.troubles.append(trouble)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        async with serve(self._play, "127.0.0.1", 0) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            self.url = f"ws://127.0.0.1:{port}/live"
            yield self
        for trouble in self.troubles:
            raise trouble

    async def dial(self) -> str:
        return f"{self.url}?ticket={self.connections}"


@asynccontextmanager
async def client_of(*parts: Callable[[Peer], Awaitable[None]], pace: Pace = BRISK) -> AsyncIterator[Client]:
    """A client of a server that plays the parts."""
    async with (
        asyncio.timeout(LIMIT),
        Server(list(parts)).running() as server,
        Client(server.dial, pace=pace) as client,
    ):
        yield client


@pytest.fixture(name="client_of")
def _client_of() -> Callable[..., AbstractAsyncContextManager[Client]]:
    return client_of


@pytest.fixture
def play() -> Callable[..., list[News]]:
    """Run a client against the parts until ``until`` is content, or to its end; the news it told.

    ``prepare`` gets the client before it starts, to subscribe.
    """

    def run(
        *parts: Callable[[Peer], Awaitable[None]],
        prepare: Callable[[Client], object],
        until: Callable[[list[News]], bool] = lambda _news: False,
        pace: Pace = BRISK,
    ) -> list[News]:
        async def main() -> list[News]:
            told: list[News] = []
            async with client_of(*parts, pace=pace) as client:
                prepare(client)
                async for news in client:
                    told.append(news)
                    if until(told):
                        break
            return told

        return asyncio.run(main())

    return run
