"""API Gateway's management endpoint: frames to open connections, many at once.

Each request is signed by ``sigv4`` and sent by libcurl (``websocket_wires``): boto3's client costs some
thirty times the CPU, and ``benchmarks/posting.py`` shows it beside others that we did not take.
``websocket_round`` decides what is due and what an answer means; here they meet.

A post may arrive twice: one whose answer was lost is tried again. That is harmless, since clients drop
the hits that they have seen.

Source:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from botocore.httpsession import get_cert_path

from pipeline.adapters import aws
from pipeline.adapters.sigv4 import signed_headers
from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.adapters.websocket_rate import Bucket
from pipeline.adapters.websocket_round import Round
from pipeline.adapters.websocket_wires import Wires
from pipeline.core.audience import Post, Receipt
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from botocore.credentials import Credentials, ReadOnlyCredentials

    from pipeline.ports.clock import Clock
    from pipeline.settings import Settings

SERVICE = "API Gateway"

CONNECTIONS = 64
"""Posts at once, each on a kept-alive connection: at 10 ms a post, six times one process's usual part of
what an account may send; more of them only cost more."""

ATTEMPT = 2_000
"""Milliseconds for one attempt; an ordinary one takes ten."""

BRIEF = 250
"""Milliseconds for the one attempt of a post that is ``brief``: what a whole batch waits for a connection
that does not keep up."""

CLOSING = 5_000
"""Milliseconds for closing a connection, all attempts together."""

CLOSED = frozenset({Receipt.POSTED, Receipt.GONE})
"""What becomes of a request to close, where the connection is closed then."""

POSTS_PER_SECOND = 10_000
"""What an account may send in a Region, unless its quota was raised.
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""


def connect(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> ApiGatewaySockets:
    """Sockets that sign with the function's role, on whatever endpoint a post names."""
    return ApiGatewaySockets(
        aws.session(settings).get_credentials(),
        settings.region,
        clock,
        rate=settings.posts_per_second,
        ca_file=settings.ca_bundle,
        direct=settings.target == "local",
    )


class ApiGatewaySockets:
    """``ports.connections.Sockets`` on API Gateway.

    Args:
        credentials: botocore's, which refresh themselves; None where it found none.
        region: Where the WebSocket API is.
        clock: For deadlines and jitter; it must run in real time.
        connections: Posts at once, in each thread that posts.
        rate: Posts a second, of all threads together.
        ca_file: Who may vouch for an endpoint, as PEM; empty for those whom botocore trusts.
        direct: Whether to go past a proxy that the environment names.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        region: str,
        clock: Clock = SYSTEM_CLOCK,
        *,
        connections: int = CONNECTIONS,
        rate: int = POSTS_PER_SECOND,
        ca_file: str = "",
        direct: bool = False,
    ) -> None:
        self._credentials = credentials
        self._scope = (region, "execute-api")
        self._clock = clock
        self._connections = connections
        self._bucket = Bucket(rate)
        self._ca_file = ca_file or str(get_cert_path(True))  # noqa: FBT003 - as botocore declares it
        self._direct = direct
        self._idle: deque[Wires] = deque()

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        """Post all frames, many at once; a receipt for each, in order, by the deadline.

        What is still under way at the deadline is LAGGED, though it may yet arrive.

        Raises:
            Unavailable: There are no credentials; or no endpoint of these posts took one, for a reason that
                is none of a connection's (a role without permission, no name, no trusted certificate).
        """
        return self._settle("POST", posts, deadline)

    def close(self, connection_id: str, endpoint: str) -> None:
        """Close a connection; closing one that is gone is no error.

        Raises:
            Unavailable: It may still be open.
        """
        closing = Post(connection_id, endpoint, b"")
        (receipt,) = self._settle("DELETE", [closing], self._clock.now() + CLOSING)
        if receipt not in CLOSED:
            raise Unavailable(SERVICE, f"connection {connection_id} could not be closed: {receipt.value}")

    def close_all(self, connections: Sequence[tuple[str, str]], deadline: int) -> Sequence[bool]:
        """Close each (connection id, endpoint), many at once; for each, whether it is, by the deadline.

        Raises:
            Unavailable: As ``post`` does.
        """
        closing = [Post(connection_id, endpoint, b"") for connection_id, endpoint in connections]
        receipts = self._settle("DELETE", closing, deadline)
        return [receipt in CLOSED for receipt in receipts]

    def stop(self) -> None:
        """Let go of connections, when the process goes on without them."""
        while self._idle:
            self._idle.pop().close()

    def _settle(self, method: str, posts: Sequence[Post], deadline: int) -> list[Receipt]:
        """Send everything, again where that may help, until all is settled or time is up."""
        keys = self._keys()
        todo = Round(posts, self._connections)
        with self._wires() as wires:
            while not todo.over and (now := self._clock.now()) < deadline:
                wait = 0
                while wires.room and (number := todo.due(now)) is not None:
                    if wait := self._bucket.take(now):
                        break
                    todo.start(number)
                    post, again = posts[number], todo.attempts[number] > 1
                    url, headers = self._signed(method, post, keys, now)
                    patience = min(BRIEF if post.brief else ATTEMPT, deadline - now)
                    wires.send(number, method, url, headers, post.frame, patience=patience, fresh=again)
                until = now + wait if wait else (wires.room and todo.wakes()) or deadline
                for number, answer in wires.answers(min(until, deadline) - now):
                    todo.answered(number, answer, self._clock.now(), self._clock.jitter())
        if trouble := todo.trouble():
            raise Unavailable(SERVICE, trouble)
        return todo.receipts

    def _signed(
        self, method: str, post: Post, keys: ReadOnlyCredentials, now: int
    ) -> tuple[str, dict[str, str]]:
        """Where it goes, and the headers that make it ours."""
        origin, host, stage = _parts(post.endpoint)
        path = f"{stage}/@connections/{_encoded(post.connection_id)}"
        stamp = _stamp(now // 1_000)
        return origin + path, signed_headers(
            method, host, path, post.frame, keys=keys, scope=self._scope, stamp=stamp
        )

    @contextmanager
    def _wires(self) -> Iterator[Wires]:
        """Wires that no other thread has; those of a call that ended serve the next."""
        try:
            wires = self._idle.pop()
        except IndexError:
            wires = Wires(self._connections, self._ca_file, direct=self._direct)
        try:
            yield wires
        finally:
            wires.abandon()
            self._idle.append(wires)

    def _keys(self) -> ReadOnlyCredentials:
        if self._credentials is None:
            raise Unavailable(SERVICE, "no AWS credentials were found")
        with aws.failing_as(SERVICE):
            return self._credentials.get_frozen_credentials()


@lru_cache(maxsize=64)
def _parts(endpoint: str) -> tuple[str, str, str]:
    """Of ``https://host/stage/``: ``https://host``, ``host``, ``/stage``."""
    url = urlsplit(endpoint)
    return f"{url.scheme}://{url.netloc}", url.netloc, url.path.rstrip("/")


@lru_cache(maxsize=16_384)
def _encoded(connection_id: str) -> str:
    """A client that listens gets frame after frame."""
    return quote(connection_id, safe="")


@lru_cache(maxsize=2)
def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
