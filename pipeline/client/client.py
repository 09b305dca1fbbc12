"""A socket and a clock for the rules: connect, listen, come back."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, TypeAlias

from pipeline.client.news import Refusal, Refused, Status, StatusChange
from pipeline.client.outbox import Outbox
from pipeline.client.pace import Pace
from pipeline.client.polling import over_http
from pipeline.client.session import Session
from pipeline.client.sockets import TROUBLE, Door, describe, open_socket
from pipeline.client.subscription import Phase, Subscription, together
from pipeline.client.waiting import Wait, clock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
    from types import TracebackType
    from typing import Self

    from pipeline.client.frames import Frame
    from pipeline.client.news import News
    from pipeline.client.polling import Pages
    from pipeline.client.sockets import Socket

    Dial: TypeAlias = Callable[[], Awaitable[str]]
else:
    Dial: TypeAlias = "Callable[[], Awaitable[str]]"


class Client:
    """Subscriptions over one connection at a time.

    An async context manager, and an async iterator of ``News`` that ends when the client is refused,
    when every subscription is, or when the block is left. Reading it is what drives the client.

    Args:
        dial: Gives the address to connect to, ticket included; called anew for each attempt, because
            a ticket serves once. Raises ``Refused`` when there is no point in asking again, and
            ``OSError`` when there may be.
        pages: The HTTP API, to go on with where a network lets no WebSocket through.
        pace: How long to wait for what.
        chance: Gives random shares, 0 ≤ x < 1; for tests.
        opener: Opens a socket within so many seconds; for tests.
    """

    def __init__(
        self,
        dial: Dial,
        *,
        pages: Pages | None = None,
        pace: Pace = Pace(),  # noqa: B008 - a frozen value
        chance: Callable[[], float] = random.random,
        opener: Callable[[str, float], Awaitable[Socket]] = open_socket,
    ) -> None:
        self.status = Status.OFFLINE
        self.subscriptions: list[Subscription] = []
        self._door = Door(dial, opener, pace.opening, has_http=pages is not None)
        self._pages = pages
        self._pace = pace
        self._chance = chance
        self._failures = 0
        self._outbox = Outbox()
        self._session: Session | None = None
        self._socket: Socket | None = None
        self._wait = Wait()
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
        self,
        pattern: Frame,
        *,
        snapshot: int | None = None,
        cursor: str | None = None,
        conflate: str | None = None,
        since: int | None = None,
        seen: Iterable[str] = (),
    ) -> Subscription:
        """Add a subscription; the server hears of it at once when connected, else as soon as it can.

        Args:
            pattern: The filter, in the form of an EventBridge event pattern; ``{}`` matches all.
            snapshot: How many of the newest hits to begin with; None leaves it to the server.
            cursor: Goes on from an earlier subscription with the same filter; then no snapshot.
            conflate: An attribute: of the hits with equal values only the latest is of interest.
            since: Begins with what was stored since this time, in ms since the epoch; then no snapshot.
            seen: Ids that an earlier subscription has told, oldest first; they are not told again.
        """
        subscription = Subscription(
            pattern, snapshot=snapshot, cursor=cursor, conflate=conflate, since=since, seen=seen
        )
        self.subscriptions.append(subscription)
        self._look()
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Leave; hits already on their way may still be told."""
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
        subscription.phase = Phase.LEFT
        if self._session is not None and self._socket is not None:
            self._session.leave(subscription)
            with suppress(*TROUBLE):  # the server forgets the memberships of a lost connection
                for frame in self._session.due(clock()):
                    await self._socket.send(frame)

    def send(self, frame: Frame) -> bool:
        """Send a frame of one's own; while there is no connection it waits for one.

        Returns:
            False where too many wait already.

        Raises:
            ValueError: API Gateway would close the connection that sends a frame so long.
        """
        taken = self._outbox.put(frame)
        self._look()
        return taken

    def nudge(self) -> None:
        """Look at once: try again what waits for a retry, ping where a socket is open."""
        if self._session is not None:
            self._session.probe(clock())
            self._look()
        else:
            self._wait.end_in(self._chance() * self._pace.first_retry)

    # --- the loop -----------------------------------------------------------------------------

    async def _run(self) -> AsyncGenerator[News]:
        polling = False
        while True:
            try:
                if polling:
                    async with aclosing(self._poll()) as told:
                        async for news in told:
                            yield news
                    if self.status is Status.REFUSED:
                        break
                yield self._now(Status.CONNECTING)
                async with (
                    await self._door.open() as self._socket,
                    aclosing(self._converse(self._socket)) as talk,
                ):
                    async for news in talk:
                        yield news
                break  # every subscription was refused
            except Refused as refusal:
                yield Refusal(None, refusal.code, refusal.text)
                yield self._now(Status.REFUSED, refusal.text)
                break
            except TROUBLE as trouble:
                why = describe(trouble)
                was_connecting = self.status is Status.CONNECTING and self._session is None
            finally:
                self._socket = self._session = None
            polling = self._door.stays_shut
            if was_connecting and polling:
                continue
            self._failures += 1
            yield self._now(Status.OFFLINE, why)
            await self._wait.rest(self._pace.retry(self._failures, self._chance()))

    async def _converse(self, socket: Socket) -> AsyncGenerator[News]:
        """Listen until the connection ends (raises) or nothing is left to listen for (returns)."""
        session = self._session = Session(self.subscriptions, self._pace, self._chance, clock())
        while True:
            if session.is_dead(clock()):
                raise TimeoutError("the server did not answer a ping")
            for frame in [*session.due(clock()), *self._outbox.take()]:
                await socket.send(frame)
            for change in self._stands(session.status(clock())):
                yield change
            if self.status is Status.REFUSED:
                return
            text = await self._hear(socket, session.wake_at())
            for news in [] if text is None else session.received(text, clock()):
                yield news
            if session.goodbye == "revoked":
                raise Refused("revoked", "the server has revoked the access")
            if session.goodbye is not None:
                raise ConnectionAbortedError(f"the server said good-bye ({session.goodbye})")

    async def _poll(self) -> AsyncGenerator[News]:
        """Go on over HTTP until a socket is worth a try again (returns), or that fails too (raises)."""
        if self._pages is None:
            return
        until = clock() + self._pace.upgrade
        for each in self.subscriptions:
            each.lost()
        for change in self._stands(together(self.subscriptions)):
            yield change
        async with aclosing(over_http(self.subscriptions, self._pages, self._pace)) as answers:
            while True:
                limit = asyncio.timeout_at(until)
                try:
                    async with limit:
                        told = await anext(answers)
                except TimeoutError:
                    if limit.expired():
                        return
                    raise
                for news in told:
                    yield news
                for change in self._stands(together(self.subscriptions)):
                    yield change
                if self.status is Status.REFUSED:
                    return

    async def _hear(self, socket: Socket, until: float) -> str | bytes | None:
        """The next frame; None when it is time to look what is due."""
        try:
            async with self._wait.until(until):
                return await socket.recv()
        except TimeoutError:
            return None
        except TROUBLE as trouble:
            self._door.closed(trouble)
            raise

    def _now(self, status: Status, why: str = "") -> StatusChange:
        self.status = status
        return StatusChange(status, why)

    def _stands(self, status: Status) -> list[StatusChange]:
        """The change to this status, if it is one. Once nothing is missing, what failed no longer counts."""
        if status is Status.LIVE:
            self._failures = 0
            self._door.proved()
        return [] if status is self.status else [self._now(status)]

    def _look(self) -> None:
        """Look what is due, instead of listening on."""
        if self._session is not None:
            self._wait.end_in(0)
