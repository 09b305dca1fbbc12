"""A socket and a clock for the rules: connect, listen, come back."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, TypeAlias

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from pipeline.client import frames
from pipeline.client.news import Refusal, Refused, Status, StatusChange
from pipeline.client.pace import Pace
from pipeline.client.session import Session
from pipeline.client.subscription import Phase, Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from websockets.asyncio.client import ClientConnection

    from pipeline.client.frames import Frame
    from pipeline.client.news import News

    Dial: TypeAlias = Callable[[], Awaitable[str]]
else:
    Dial: TypeAlias = "Callable[[], Awaitable[str]]"

NO = (401, 403)
"""HTTP answers to the handshake by which the gateway refuses a ticket."""
PATIENCE = 3
"""Refused handshakes in a row before the client believes them: a ticket may just have expired on its way."""


class Client:
    """Subscriptions over one connection at a time.

    An async context manager, and an async iterator of ``News`` that ends when the client is refused,
    when every subscription is, or when the block is left. Reading it is what drives the client.

    Args:
        dial: Gives the address to connect to, ticket included; called anew for each attempt, because
            a ticket serves once. Raises ``Refused`` when there is no point in asking again, and
            ``OSError`` when there may be.
        pace: How long to wait for what.
        chance: Gives random shares, 0 ≤ x < 1; for tests.
    """

    def __init__(
        self,
        dial: Dial,
        *,
        pace: Pace = Pace(),  # noqa: B008 - a frozen value
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.status = Status.OFFLINE
        self.subscriptions: list[Subscription] = []
        self._dial = dial
        self._pace = pace
        self._chance = chance
        self._failures = 0
        self._noes = 0
        self._socket: ClientConnection | None = None
        self._pause: asyncio.Timeout | None = None
        self._stream = self._run()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> AsyncGenerator[News]:
        return self._stream

    def subscribe(
        self, pattern: Frame, *, snapshot: int | None = None, cursor: str | None = None
    ) -> Subscription:
        """Add a subscription; the server hears of it at once when connected, else as soon as it can.

        Args:
            pattern: The filter, in the form of an EventBridge event pattern; ``{}`` matches all.
            snapshot: How many of the newest hits to begin with; None leaves it to the server.
            cursor: Goes on from an earlier subscription with the same filter; then no snapshot.
        """
        subscription = Subscription(pattern, snapshot=snapshot, cursor=cursor)
        self.subscriptions.append(subscription)
        if self._pause is not None and not self._pause.expired():
            self._pause.reschedule(asyncio.get_running_loop().time())
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Leave; hits already on their way may still be told."""
        subscription.phase = Phase.LEFT
        if self._socket is not None and subscription.channel is not None:
            with suppress(ConnectionClosed):  # the server forgets the memberships of a lost connection
                await self._socket.send(frames.unsubscribe("bye", subscription.channel))

    # --- the loop -----------------------------------------------------------------------------

    async def _run(self) -> AsyncGenerator[News]:
        while True:
            yield self._now(Status.CONNECTING)
            try:
                async with await self._open() as self._socket, aclosing(self._converse(self._socket)) as talk:
                    async for news in talk:
                        yield news
                break  # every subscription was refused
            except Refused as refusal:
                yield Refusal(None, refusal.code, refusal.text)
                yield self._now(Status.REFUSED, refusal.text)
                break
            except (OSError, InvalidHandshake, ConnectionClosed) as trouble:
                why = describe(trouble)
            finally:
                self._socket = None
            self._failures += 1
            yield self._now(Status.OFFLINE, why)
            await asyncio.sleep(self._pace.retry(self._failures, self._chance()))

    async def _open(self) -> ClientConnection:
        url = await self._dial()
        try:
            socket = await connect(
                url, open_timeout=self._pace.opening, close_timeout=1, compression=None, proxy=None
            )
        except InvalidStatus as answer:
            self._noes += answer.response.status_code in NO
            if self._noes >= PATIENCE:
                raise Refused("unauthorized", describe(answer)) from answer
            raise
        self._noes = 0
        return socket

    async def _converse(self, socket: ClientConnection) -> AsyncGenerator[News]:
        """Listen until the connection ends (raises) or nothing is left to listen for (returns)."""
        clock = asyncio.get_running_loop().time
        session = Session(self.subscriptions, self._pace, self._chance, clock())
        while True:
            if session.is_dead(clock()):
                raise TimeoutError("the server did not answer a ping")
            for frame in session.due(clock()):
                await socket.send(frame)
            if (status := session.status()) is not self.status:
                self._failures = 0 if status is Status.LIVE else self._failures
                yield self._now(status)
            text = await self._hear(socket, session.wake_at())
            if text is None:
                continue
            for news in session.received(text, clock()):
                yield news
            if self.subscriptions and all(each.phase is Phase.REFUSED for each in self.subscriptions):
                yield self._now(Status.REFUSED)
                return

    async def _hear(self, socket: ClientConnection, until: float) -> str | bytes | None:
        """The next frame; None when it is time to look what is due."""
        try:
            async with asyncio.timeout_at(until) as self._pause:
                return await socket.recv()
        except TimeoutError:
            return None
        finally:
            self._pause = None

    def _now(self, status: Status, why: str = "") -> StatusChange:
        self.status = status
        return StatusChange(status, why)


def describe(trouble: Exception) -> str:
    """One line for people."""
    if isinstance(trouble, InvalidStatus):
        return f"the server answered the handshake with HTTP {trouble.response.status_code}"
    if isinstance(trouble, ConnectionClosed):
        close = trouble.rcvd
        return "the connection was lost" if close is None else f"the server closed the connection ({close})"
    return str(trouble) or type(trouble).__name__
