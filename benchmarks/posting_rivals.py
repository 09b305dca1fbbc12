"""Other ways to post to open connections, which we measured and did not take.

boto3 is the slowest by far; ``http.client`` in threads is held back by the interpreter's lock; pycurl's own
asyncio bridge pays for a future a post; a protocol of our own on uvloop is no quicker than pycurl's multi
interface, and would leave names, time limits, resumed handshakes and resets of kept-alive connections to us.
"""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection
from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

import boto3
import pycurl
import uvloop
from botocore.config import Config
from botocore.credentials import Credentials

from pipeline.adapters.sigv4 import signed_headers
from pipeline.adapters.websocket import CONNECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
KEYS = CREDENTIALS.get_frozen_credentials()
SCOPE = ("us-east-1", "execute-api")
STAMP = "20261123T063000Z"
FRAME = b"x" * 1_000
"""As long as a few hits."""

THREADS = 32

BOTO3 = f"boto3, {THREADS} threads"
HTTP_CLIENT = f"http.client, {THREADS} threads"


class Target(NamedTuple):
    """Where to post."""

    endpoint: str
    ca_file: str

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint).port or 443


def rivals(target: Target) -> dict[str, Callable[[int], None]]:
    """Each way by its name; called with how many posts to make."""
    return {
        BOTO3: _boto3(target),
        HTTP_CLIENT: _http_client(target),
        "pycurl's asyncio bridge": _in_loop(_curl_bridge, target),
        "a protocol on uvloop": _in_loop(_protocol, target),
    }


def _boto3(target: Target) -> Callable[[int], None]:
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=target.endpoint,
        region_name=SCOPE[0],
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        verify=target.ca_file,
        config=Config(max_pool_connections=THREADS),
    )
    threads = ThreadPoolExecutor(THREADS)

    def one(number: int) -> None:
        client.post_to_connection(ConnectionId=connection(number), Data=FRAME)

    return _all_in(threads, one)


def _http_client(target: Target) -> Callable[[int], None]:
    context = ssl.create_default_context(cafile=target.ca_file)
    threads, of_thread = ThreadPoolExecutor(THREADS), local()

    def one(number: int) -> None:
        if not hasattr(of_thread, "connection"):
            of_thread.connection = HTTPSConnection("127.0.0.1", target.port, context=context)
        path, headers = signed(target, number)
        of_thread.connection.request("POST", path, FRAME, headers)
        answer = of_thread.connection.getresponse()
        answer.read()
        assert answer.status == 200

    return _all_in(threads, one)


def _all_in(threads: ThreadPoolExecutor, one: Callable[[int], None]) -> Callable[[int], None]:
    def post(count: int) -> None:
        for _ in threads.map(one, range(count)):
            pass

    return post


def _in_loop(make: Callable[[Target], Any], target: Target) -> Callable[[int], None]:
    loop = uvloop.new_event_loop()
    post = make(target)
    return lambda count: loop.run_until_complete(post(count))


def _curl_bridge(target: Target) -> Callable[[int], Any]:
    idle: list[pycurl.Curl] = []
    multi = pycurl.AsyncCurlMulti()

    def curl() -> pycurl.Curl:
        made = pycurl.Curl()
        made.setopt(pycurl.CAINFO, target.ca_file)
        made.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        made.setopt(pycurl.NOSIGNAL, 1)
        return made

    async def some(numbers: Iterator[int]) -> None:
        one = idle.pop() if idle else curl()
        for number in numbers:
            path, headers = signed(target, number)
            one.setopt(pycurl.URL, f"https://127.0.0.1:{target.port}{path}")
            one.setopt(pycurl.POSTFIELDS, FRAME)
            one.setopt(pycurl.TIMEOUT_MS, 2_000)
            one.setopt(pycurl.HTTPHEADER, ["Accept:", "Content-Type:", *map(": ".join, headers.items())])
            await multi.add_handle(one)
            assert one.getinfo(pycurl.RESPONSE_CODE) == 200
        idle.append(one)

    async def post(count: int) -> None:
        numbers = iter(range(count))
        await asyncio.gather(*(some(numbers) for _ in range(CONNECTIONS)))

    return post


def _protocol(target: Target) -> Callable[[int], Any]:
    context = ssl.create_default_context(cafile=target.ca_file)
    lines: list[_Line] = []

    async def post(count: int) -> None:
        loop = asyncio.get_running_loop()
        while len(lines) < CONNECTIONS:
            _, line = await loop.create_connection(
                lambda: _Line(target), "127.0.0.1", target.port, ssl=context
            )
            lines.append(line)
        numbers = iter(range(count))
        ended = [line.begin(numbers, loop.create_future()) for line in lines]
        await asyncio.gather(*ended)

    return post


class _Line(asyncio.Protocol):
    """The least that reads an HTTP/1.1 answer."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._unread = b""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvloop's is its own
        self._transport = transport

    def begin(self, numbers: Iterator[int], ended: asyncio.Future[None]) -> asyncio.Future[None]:
        self._numbers, self._ended = numbers, ended
        self._next()
        return ended

    def data_received(self, data: bytes) -> None:
        self._unread += data
        end = self._unread.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._unread[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at : head.find(b"\r\n", at) if b"\r\n" in head[at:] else None])
        if len(self._unread) < end + 4 + length:
            return
        assert head.startswith(b"http/1.1 200")
        self._unread = self._unread[end + 4 + length :]
        self._next()

    def _next(self) -> None:
        for number in self._numbers:
            path, headers = signed(self._target, number)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(FRAME)}\r\n\r\n"
            self._transport.write(head.encode() + FRAME)
            return
        self._ended.set_result(None)


def signed(target: Target, number: int) -> tuple[str, dict[str, str]]:
    path = f"/local/@connections/{quote(connection(number), safe='')}"
    headers = signed_headers(
        "POST", f"127.0.0.1:{target.port}", path, FRAME, keys=KEYS, scope=SCOPE, stamp=STAMP
    )
    return path, headers


def connection(number: int) -> str:
    return f"L0SM9cOFvHc{number:05}w="
