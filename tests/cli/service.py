"""A small service for commands: tickets and pages over real HTTP, and parts played on real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipeline.cli import main
from tests.client.conftest import Peer, Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


@dataclass
class Service:
    """What is answered, and what was asked.

    Attributes:
        http: Its address.
        pages: Status and body of each answer to ``/v1/hits``, in order; the last one stands for all others.
        tickets: The same of ``/v1/tickets``; empty for tickets that open sockets.
        asked: The parameters of each request for hits.
        shown: What each request showed, by header.
    """

    http: str = ""
    pages: list[tuple[int, dict[str, Any]]] = field(default_factory=lambda: [(200, {"hits": []})])
    tickets: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    shown: list[tuple[str | None, str | None]] = field(default_factory=list)
    socket: str = ""

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if path.endswith("/v1/tickets"):
            return _next(self.tickets) if self.tickets else (201, {"ticket": "t", "url": self.socket})
        if not path.endswith("/v1/hits"):
            return 404, {}
        self.asked.append(asked)
        return _next(self.pages)


def _next(answers: list[tuple[int, dict[str, Any]]]) -> tuple[int, dict[str, Any]]:
    return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def serving(*parts: Callable[[Peer], Awaitable[None]]) -> Iterator[Service]:
    """A running service, whose sockets play the parts in turn; without parts none opens."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            service.shown.append((self.headers["Authorization"], self.headers["x-api-key"]))
            status, body = service.answer(url.path, dict(parse_qsl(url.query)))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 - http.server's own naming

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.http = f"http://127.0.0.1:{listening.server_port}"
    service.socket = f"ws://127.0.0.1:{listening.server_port}/no-socket"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with _sockets(service, *parts) if parts else _nothing():
            yield service
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@contextmanager
def _sockets(service: Service, *parts: Callable[[Peer], Awaitable[None]]) -> Iterator[None]:
    loop, ready, server = asyncio.new_event_loop(), threading.Event(), Server(list(parts))
    ended: list[asyncio.Event] = []

    async def play() -> None:
        async with server.running():
            ended.append(asyncio.Event())
            ready.set()
            await ended[0].wait()

    def run() -> None:
        try:
            loop.run_until_complete(play())
        except AssertionError as trouble:
            failed.append(trouble)

    failed: list[AssertionError] = []
    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(10)
    service.socket = server.url
    try:
        yield
    finally:
        loop.call_soon_threadsafe(ended[0].set)
        thread.join()
        loop.close()
    for trouble in failed:
        raise trouble


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def environment() -> dict[str, str]:
    """That of a process whose output is buffered, as it is for most people."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def livedex(capsys: pytest.CaptureFixture[str], *words: str) -> Ended:
    """Run a command as ``livedex`` does, in this process."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["livedex", *words])
        for name in ("LIVEDEX_TOKEN", "LIVEDEX_KEY", "LIVEDEX_URL", "TARGET"):
            patch.delenv(name, raising=False)
        with pytest.raises(SystemExit) as ended:
            main()
    out, err = capsys.readouterr()
    return Ended(int(ended.value.code or 0), out, err)
