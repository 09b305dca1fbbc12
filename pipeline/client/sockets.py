"""The socket underneath, and what its ends mean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from pipeline.client.news import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

TROUBLE = (OSError, InvalidHandshake, InvalidURI, ConnectionClosed)
"""What connecting and listening raise when the way to the server is lost."""

NO = frozenset({401, 403, 4401, 4403})
"""By which a ticket is refused: HTTP answers to the handshake, and close codes after it (4000 to 4999 are
the application's: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2)."""


PATIENCE = 3
"""Refused tickets in a row before they are believed: one may just have expired on its way."""

LADDER = 3
"""Attempts in a row in which no socket opened, before the client goes on over HTTP."""

UPGRADE = 5.0
"""Seconds that an attempt to come back from HTTP to a socket may take, since nothing flows meanwhile."""


class Socket(Protocol):
    """What of a connection is used."""

    async def recv(self) -> str | bytes: ...  # noqa: D102 - as in websockets

    async def send(self, message: str) -> None: ...  # noqa: D102 - as in websockets

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Door:
    """Opens sockets, and judges what became of the attempts.

    Args:
        dial: Gives the address to connect to, ticket included.
        opener: Opens a socket within so many seconds.
        seconds: That one attempt may take, ticket included.
        has_http: Whether there is another way, which tells whether it was the server that refused or
            some proxy in between.
    """

    def __init__(
        self,
        dial: Callable[[], Awaitable[str]],
        opener: Callable[[str, float], Awaitable[Socket]],
        seconds: float,
        *,
        has_http: bool,
    ) -> None:
        self._dial = dial
        self._opener = opener
        self._seconds = seconds
        self._has_http = has_http
        self._unopened = 0
        self._noes = 0

    @property
    def stays_shut(self) -> bool:
        """Whether it is time to go on over HTTP."""
        return self._has_http and self._unopened >= LADDER

    async def open(self) -> Socket:
        """Connect with a new ticket.

        Raises:
            Refused: The ticket, or its like, was refused too often.
            OSError: No ticket, no socket, or neither in time; or one of ``TROUBLE``.
        """
        seconds = min(UPGRADE, self._seconds) if self.stays_shut else self._seconds
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                url = await self._dial()
                self._unopened += 1
                socket = await self._opener(url, seconds)
        except TROUBLE as trouble:
            if limit.expired():
                raise TimeoutError("the server did not answer in time") from trouble
            if not self._has_http:
                self.closed(trouble)
            raise
        self._unopened = 0
        return socket

    def closed(self, trouble: Exception) -> None:
        """Count the refusals of tickets.

        Raises:
            Refused: This was the last of many in a row.
        """
        self._noes += is_no(trouble)
        if self._noes >= PATIENCE:
            raise Refused("unauthorized", describe(trouble)) from trouble

    def proved(self) -> None:
        """Nothing is missing: what was refused before no longer counts."""
        self._noes = 0


async def open_socket(url: str, seconds: float) -> Socket:
    """Connect, or raise one of ``TROUBLE`` within so many seconds."""
    return await connect(url, open_timeout=seconds, close_timeout=1, compression=None, proxy=None)


def is_no(trouble: Exception) -> bool:
    """Whether the server, or the gateway before it, refused the ticket."""
    match trouble:
        case InvalidStatus(response=response):
            return response.status_code in NO
        case ConnectionClosed(rcvd=close) if close is not None:
            return close.code in NO
        case _:
            return False


def describe(trouble: Exception) -> str:
    """One line for people."""
    if isinstance(trouble, InvalidStatus):
        return f"the server answered the handshake with HTTP {trouble.response.status_code}"
    if isinstance(trouble, ConnectionClosed):
        close = trouble.rcvd
        return "the connection was lost" if close is None else f"the server closed the connection ({close})"
    return str(trouble) or type(trouble).__name__
