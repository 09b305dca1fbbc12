"""The server of the live page: its files, and for the local stack what a browser must not hold.

The browser gets tickets and documents here, under the page's own origin; the token with which
they are asked for is made here and never leaves. The WebSocket goes to the stack itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import urllib3

from pipeline.local import page_files
from pipeline.local.errors import StackError
from pipeline.local.server import Handler, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

TIMEOUT = 30.0
"""Seconds; an HTTP API's integration ends within 30:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

FORWARDED = {"POST": {"/v1/tickets"}, "GET": {"/v1/hits", "/v1/health"}}
"""What the page may ask of the HTTP API."""

ASKED = ("If-None-Match",)
ANSWERED = ("Content-Type", "ETag", "Link", "Retry-After")
"""Headers that are passed on, of a request and of its answer."""


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind the page.

    Attributes:
        http: The HTTP API's address.
        websocket: The WebSocket API's address; the page may connect nowhere else.
        token: Gives a bearer token for the HTTP API.
        session: What the page shall know of its stack; ``now`` is added.
        now: The clock, in ms since the epoch.
        detour: ``host:port`` through which the page's sockets go; None for the straight way.
    """

    http: str
    websocket: str
    token: Callable[[], str]
    session: Mapping[str, Any]
    now: Callable[[], int]
    detour: str | None = None

    @property
    def socket_origin(self) -> str:
        """Where the page's sockets may go: ``ws://host:port``."""
        found = urlsplit(self.websocket)
        return f"{found.scheme}://{self.detour or found.netloc}"


class PageServer(Server):
    """Serves the page.

    Attributes:
        origin: The page's; its address is this and a slash.

    Raises:
        StackError: There is no page, or the port is in use.
    """

    def __init__(self, built: Path, behind: Behind, port: int = 0) -> None:
        self.files = page_files.read(built)
        self.behind = behind
        self.policy = page_files.policy(behind.socket_origin)
        self.pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=TIMEOUT)
        try:
            super().__init__(_Handler, port)
        except OSError as trouble:
            raise StackError(f"Port {port} is in use by another program.") from trouble
        self.origin = self.url

    def server_close(self) -> None:
        """End, and leave the HTTP API."""
        super().server_close()
        self.pool.clear()


class _Handler(Handler):
    server: PageServer

    def answer(self, body: bytes) -> None:
        asked = urlsplit(self.path)
        file = self.server.files.get(asked.path)
        host = self.headers.get("Host", "")
        if host == f"localhost:{self.server.server_port}" and file:
            # The stack lets in one origin only.
            self._guarded(HTTPStatus.FOUND, b"", {"Location": self.server.origin + asked.path})
        elif f"http://{host}" != self.server.origin or not self._is_our_page():
            # Another name may be somebody's who had it lead here: the page's doors are for the page.
            self._refuse(HTTPStatus.FORBIDDEN, "forbidden-origin", f"Open {self.server.origin}/ instead.")
        elif asked.path in FORWARDED.get(self.command, ()):
            self._forward(body)
        elif self.command not in {"GET", "HEAD"}:
            self._refuse(HTTPStatus.NOT_FOUND, "not-found", "Only /v1/tickets takes more than GET: a POST.")
        elif asked.path == "/session":
            self._json(HTTPStatus.OK, {**self.server.behind.session, "now": self.server.behind.now()})
        elif file:
            self._file(file)
        else:
            self._refuse(
                HTTPStatus.NOT_FOUND, "not-found", f"Nothing is here; the page is {self.server.origin}/."
            )

    def _is_our_page(self) -> bool:
        """Whether the request comes from our page, from an address bar or from no browser at all.

        https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
        """
        origin = self.headers.get("Origin", self.server.origin)
        return origin == self.server.origin and self.headers.get("Sec-Fetch-Site", "none") in (
            "none",
            "same-origin",
        )

    def _forward(self, body: bytes) -> None:
        """Ask the HTTP API in the page's name."""
        behind = self.server.behind
        passed = {name: self.headers[name] for name in ASKED if name in self.headers}
        headers = {**passed, "Authorization": f"Bearer {behind.token()}"}
        url = behind.http.rstrip("/") + self.path
        try:
            answer = self.server.pool.request(self.command, url, headers=headers, body=body or None)
        except urllib3.exceptions.HTTPError:
            text = "The stack's HTTP API does not answer: `livedex status` says whether it runs."
            self._refuse(HTTPStatus.BAD_GATEWAY, "unreachable", text)
            return
        content = answer.data
        if behind.detour and self.path == "/v1/tickets":
            content = _by_way_of(behind.detour, content)
        given = {name: answer.headers[name] for name in ANSWERED if name in answer.headers}
        self._guarded(
            answer.status, content, {"Content-Type": "application/json", **given, **page_files.NEVER_KEPT}
        )

    def _file(self, file: page_files.File) -> None:
        headers = {"Content-Type": file.kind, "Cache-Control": file.caching, "ETag": file.tag}
        if self.headers.get("If-None-Match") == file.tag:
            self._guarded(HTTPStatus.NOT_MODIFIED, b"", headers)
        else:
            self._guarded(HTTPStatus.OK, file.content, headers)

    def _refuse(self, status: int, code: str, text: str) -> None:
        self._json(status, {"error": {"code": code, "text": text}})

    def _json(self, status: int, content: object) -> None:
        self._guarded(
            status,
            json.dumps(content).encode(),
            {"Content-Type": "application/json", **page_files.NEVER_KEPT},
        )

    def _guarded(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        guards = {"Content-Security-Policy": self.server.policy, **page_files.GUARDS}
        self.send(status, content, (guards | dict(headers)).items())


def _by_way_of(detour: str, content: bytes) -> bytes:
    """A ticket's answer, its address led through the detour."""
    try:
        answer = json.loads(content)
        found = urlsplit(answer["url"])
    except (ValueError, KeyError, TypeError):
        return content
    return json.dumps({**answer, "url": urlunsplit(found._replace(netloc=detour))}).encode()
