"""Clients without sockets: the project's own rules, and a twin of the gateway that hands them frames."""

from __future__ import annotations

import random
import time
from http import HTTPStatus
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING

from pipeline.client import Gap, Hits, Pace, Subscription, frames
from pipeline.client.session import Session
from pipeline.client.subscription import Phase
from pipeline.local.gateway_twin import GatewayTwin

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from pipeline.local.gateway_line import Request
    from tests.soak.account import Account
    from tests.soak.plan import Seat

    Say: TypeAlias = Callable[[str, str], None]


class Crowded(GatewayTwin):
    """A twin whose connections have somebody at their other end, and which has no room for who does not read.

    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/connections-connectionid.html
    """

    def __init__(self) -> None:
        super().__init__()
        self._visitors: dict[str, Visitor] = {}

    def arrive(self, connection_id: str, visitor: Visitor) -> None:
        self._visitors[connection_id] = visitor

    def leave(self, connection_id: str) -> None:
        """From now on posts to it are answered with 410."""
        self._visitors.pop(connection_id, None)

    def ordinary(self, request: Request) -> tuple[int, bytes]:
        connection_id = self._connection(request) or ""
        visitor = self._visitors.get(connection_id)
        if visitor is None:
            return HTTPStatus.GONE, b""
        if request.method == "DELETE":
            self.leave(connection_id)
            return HTTPStatus.NO_CONTENT, b""
        if not visitor.take(connection_id, request.body):
            return HTTPStatus.TOO_MANY_REQUESTS, b""
        return HTTPStatus.OK, b""


class Visitor:
    """A client in its seat, over as many connections as it takes.

    Args:
        say: Hands a frame of a connection to the message function; must not wait for its answer.

    Attributes:
        left: The connections that it has had before.
    """

    def __init__(self, seat: Seat, account: Account, gateway: Crowded, say: Say) -> None:
        self.seat = seat
        self.connection_id = ""
        self.left: list[str] = []
        self._account, self._gateway, self._say = account, gateway, say
        self._numbers = count()
        self._subscription = Subscription({"service": [seat.topic]}, snapshot=0)
        self._session: Session | None = None
        self._reading = True
        self._lock = RLock()

    @property
    def live(self) -> bool:
        return self._subscription.phase is Phase.LIVE

    @property
    def duplicates(self) -> int:
        return self._subscription.duplicates

    def arrive(self) -> str:
        """Begin a connection, or go on with the one begun; its id."""
        with self._lock:
            if not self.connection_id or self.connection_id in self.left:
                self.connection_id = f"{self.seat.name}={next(self._numbers)}"
                self._session = None
            self._gateway.arrive(self.connection_id, self)
            return self.connection_id

    def open(self) -> None:
        """The gateway has taken the connection: ask for what was asked for before, from its cursor on."""
        with self._lock:
            self._session = Session([self._subscription], Pace(), random.random, time.monotonic())
        self.act()

    def leave(self) -> None:
        """The connection is gone, and nobody is told."""
        with self._lock:
            self._gateway.leave(self.connection_id)
            self.left.append(self.connection_id)

    def freeze(self) -> None:
        with self._lock:
            self._reading = False

    def wake(self) -> None:
        """Read on, and ask whether anybody is there, as the client does after silence."""
        with self._lock:
            self._reading = True
        self.act()
        self.ping()

    def ping(self) -> None:
        self._say(self.connection_id, frames.PING)

    def act(self) -> None:
        """Say what is due."""
        with self._lock:
            due = self._session.due(time.monotonic()) if self._session and self._reading else []
        for text in due:
            self._say(self.connection_id, text)

    def take(self, connection_id: str, frame: bytes) -> bool:
        """Take a frame, or answer that there is no room for it."""
        with self._lock:
            if not self._reading:
                return False
            if connection_id == self.connection_id:  # else it is lost, with the connection that it was for
                self._read(frame)
        self.act()
        return True

    def _read(self, frame: bytes) -> None:
        if self._session is None:
            return
        now = time.monotonic()
        for news in self._session.received(frame, now):
            if isinstance(news, Hits):
                self._account.told(self.seat, [hit["message"] for hit in news.hits], now, live=news.live)
            elif isinstance(news, Gap):
                self._account.gap(mended=news.mended)
