"""One TCP connection to the twin of API Gateway: HTTP/1.1, read and written by hand for speed."""

from __future__ import annotations

import asyncio
import os
import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

END = b"\r\n\r\n"

NOISE = b"neither TLS nor HTTP\r\n" * 4

ERRORS = {
    400: "BadRequestException",
    403: "ForbiddenException",
    410: "GoneException",
    413: "PayloadTooLargeException",
    429: "LimitExceededException",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request to a connection meets instead of the ordinary.

    Attributes:
        status: What to answer; None leaves it at the ordinary.
        error: ``x-amzn-ErrorType``; empty for the one that goes with the status.
        after: Seconds to wait before that.
        reset: Break the TCP connection instead of answering.
        cut: Break it in the middle of the answer.
        garble: Send bytes instead that are neither TLS nor HTTP.
    """

    status: int | None = None
    error: str = ""
    after: float = 0
    reset: bool = False
    cut: bool = False
    garble: bool = False


class Gateway(Protocol):
    """Who knows the connections."""

    def answer_to(self, request: Request) -> Answer:
        """What a request meets."""

    def ordinary(self, request: Request) -> tuple[int, bytes]:
        """Do what was asked: the status and the body."""


@dataclass(slots=True)
class Request:
    """A request, whole."""

    method: str
    target: str
    head: bytes
    body: bytes

    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines)
        return {name.lower(): value.strip() for name, _, value in pairs}


class GatewayLine(asyncio.Protocol):
    """A connection: one request after the other.

    Args:
        gateway: Who says what a request meets.
        lines: The connections that are open; this one is among them as long as it is.
    """

    def __init__(self, gateway: Gateway, lines: set[GatewayLine]) -> None:
        self._gateway = gateway
        self._lines = lines
        self._unread = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, once any handshake is done."""
        self._transport = cast("asyncio.Transport", transport)
        self._lines.add(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - as asyncio calls it
        """End."""
        self._lines.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read on; answer what is whole."""
        self._unread += data
        while (end := self._unread.find(END)) >= 0:
            length = LENGTH.search(self._unread, 0, end + 2)
            body = end + len(END)
            whole = body + (int(length[1]) if length else 0)
            if len(self._unread) < whole:
                return
            method, target, _ = self._unread[: self._unread.index(b"\r\n")].decode("latin-1").split(" ")
            request = Request(method, target, self._unread[:end], self._unread[body:whole])
            self._unread = self._unread[whole:]
            self._handle(request)

    def reset(self) -> None:
        """Break the connection: closing with a linger of no time sends RST instead of FIN."""
        if socket := self._transport.get_extra_info("socket"):
            with suppress(OSError):
                socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _handle(self, request: Request) -> None:
        answer = self._gateway.answer_to(request)
        if answer.after:
            asyncio.get_running_loop().call_later(answer.after, self._meet, answer, request)
        else:
            self._meet(answer, request)

    def _meet(self, answer: Answer, request: Request) -> None:
        if self._transport.is_closing():
            return
        if answer.reset:
            self.reset()
        elif answer.garble:
            # Past TLS, onto the socket itself.
            os.write(self._transport.get_extra_info("socket").fileno(), NOISE)
        elif answer.status is not None:
            self._respond(answer.status, b"", answer)
        else:
            self._respond(*self._gateway.ordinary(request), answer)

    def _respond(self, status: int, body: bytes, answer: Answer) -> None:
        whole = _written(status, answer.error or ERRORS.get(status, ""), body)
        if answer.cut:
            self._transport.write(whole[: len(whole) // 2])
            self._cut_when_written()
        else:
            self._transport.write(whole)

    def _cut_when_written(self) -> None:
        """Reset only what has left: an RST would throw away what has not."""
        asyncio.get_running_loop().call_later(0.01, self.reset)


@lru_cache(maxsize=64)
def _written(status: int, error: str, body: bytes) -> bytes:
    if error and not body:
        body = b'{"message":"as the twin was told"}'
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: keep-alive",
        "x-amzn-RequestId: 6fd1ecb9-6b49-4fa2-8a6e-2a3a5b1a7c22",
    ]
    if status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(body)}")
    if error:
        lines.append(f"x-amzn-ErrorType: {error}")
    return "\r\n".join(lines).encode() + END + body
