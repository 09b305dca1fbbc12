"""A proxy that breaks things, between anybody and a real OpenSearch.

It sends every request on and its answer back, except for those that chance picks out: see
``faults.Chances``. The nth request meets the same fate whenever the seed is the same.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from socket import SO_LINGER, SOL_SOCKET
from threading import Event, Lock

import orjson
import urllib3

from pipeline.local.faults import OVERLOADED, STATUSES, Chances, Fate, part
from pipeline.local.server import Handler, Server

PATIENCE = 60.0
"""Seconds that a request is left without an answer before its connection is closed, as load balancers do."""

_OWN = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "keep-alive"}
)
"""Headers that speak of one connection, or of a form in which the proxy could not read the answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way back."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json; charset=UTF-8"),)


class ChaosProxy(Server):
    """The proxy.

    Args:
        upstream: The real OpenSearch, such as ``http://127.0.0.1:9200``.
        chances: How much breaks; may be changed at any time.
        seed: Of the dice.
        port: Where it listens; 0 for any free port.

    Attributes:
        script: What the next requests meet, whatever the chances: a fate, or a status to answer.
        met: How many requests met each fate, and how many items were refused (``item_429``).
    """

    def __init__(self, upstream: str, chances: Chances, *, seed: int = 0, port: int = 0) -> None:
        self.chances = chances
        self.script: deque[Fate | int] = deque()
        self.met: Counter[str] = Counter()
        self._upstream = upstream.rstrip("/")
        self._seed = seed
        self._requests = 0
        self._lock = Lock()
        self._stopping = Event()
        self._pool = urllib3.PoolManager(maxsize=32, retries=False)
        super().__init__(_Handler, port)

    def server_close(self) -> None:
        """End, whoever waits for a late answer."""
        self._stopping.set()
        super().server_close()
        self._pool.clear()

    # --- what its handler asks ----------------------------------------------------------------

    def dice(self) -> Random:
        """The dice of the next request."""
        with self._lock:
            self._requests += 1
            return Random(f"{self._seed}/{self._requests}")  # noqa: S311 - repeatable on purpose

    def fate(self, size: int, dice: Random) -> Fate | int:
        """What a request meets, after its latency."""
        if self.chances.latency:
            self._stopping.wait(self.chances.latency * dice.random() / 1_000)
        with self._lock:
            fate = self.script.popleft() if self.script else self.chances.fate(size, dice)
            self.met[fate.value if isinstance(fate, Fate) else str(fate)] += 1
        return fate

    def answer(
        self, method: str, path: str, body: bytes, headers: list[tuple[str, str]], dice: Random
    ) -> Reply:
        """Send a request on, all or in part, and bring its answer."""
        is_bulk = path.partition("?")[0].endswith("/_bulk")
        if not is_bulk or not self.chances.item_429:
            return self._ask(method, path, body, headers)
        parted = part(body, self.chances.item_429, dice)
        with self._lock:
            self.met["item_429"] += sum(refusal is not None for refusal in parted.refused)
        reply = (
            self._ask(method, path, parted.sent_on, headers)
            if parted.sent_on
            else Reply(HTTPStatus.OK, orjson.dumps({"took": 0, "errors": True, "items": []}))
        )
        if reply.status != HTTPStatus.OK:
            return reply
        return Reply(reply.status, parted.joined(reply.body), reply.headers)

    def _ask(self, method: str, path: str, body: bytes, headers: list[tuple[str, str]]) -> Reply:
        sent_on = {name: value for name, value in headers if name.lower() not in _OWN}
        try:
            answer = self._pool.request(method, self._upstream + path, body=body or None, headers=sent_on)
        except urllib3.exceptions.HTTPError as problem:
            return Reply(HTTPStatus.BAD_GATEWAY, orjson.dumps({"error": str(problem), "status": 502}))
        kept = tuple((name, value) for name, value in answer.headers.items() if name.lower() not in _OWN)
        return Reply(answer.status, answer.data, kept)


class _Handler(Handler):
    server: ChaosProxy

    def answer(self, body: bytes) -> None:
        proxy, dice = self.server, self.server.dice()
        fate = proxy.fate(len(body), dice)
        status = fate if isinstance(fate, int) else STATUSES.get(fate)
        if status is not None:
            refusal = Reply(status, orjson.dumps({"error": OVERLOADED, "status": status}))
            self.send(refusal.status, refusal.body, refusal.headers)
            return
        reply = proxy.answer(self.command, self.path, body, self.headers.items(), dice)
        match fate:
            case Fate.TIMEOUT:
                self._leave_unanswered()
            case Fate.CUT:
                self._cut(reply, reset=dice.random() < 1 / 2)
            case _:
                self.send(reply.status, reply.body, reply.headers)

    def _leave_unanswered(self) -> None:
        """Say nothing until the client gives up."""
        self.close_connection = True
        self.connection.settimeout(PATIENCE)
        with suppress(OSError):
            self.connection.recv(1)

    def _cut(self, reply: Reply, *, reset: bool) -> None:
        """Send half of an answer, then end the connection, orderly or with a reset."""
        self.send_head(reply.status, len(reply.body), reply.headers)
        self.wfile.write(reply.body[: len(reply.body) // 2])
        self.close_connection = True
        if reset:  # closing with a linger of no time sends RST instead of FIN
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
