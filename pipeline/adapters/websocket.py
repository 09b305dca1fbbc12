"""API Gateway's management endpoint: frames to open connections, many at once.

Threads over kept-alive connections, each request signed by ``sigv4``: boto3's client costs some
twenty times the CPU. One loop decides (what is due, what came back, what is tried again, when it is
over), and threads only ever make one attempt: a connection that makes others wait holds one thread
for one attempt, and no thread sleeps.

Source:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from heapq import heappop, heappush
from queue import Empty, SimpleQueue
from socket import SO_KEEPALIVE, SOL_SOCKET
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection

from pipeline.adapters import aws
from pipeline.adapters.sigv4 import signed_headers
from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.core.audience import Receipt
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botocore.credentials import Credentials, ReadOnlyCredentials

    from pipeline.core.audience import Post
    from pipeline.ports import Clock
    from pipeline.settings import Settings

SERVICE = "API Gateway"

THREADS = 64
"""Attempts at once, each on a kept-alive connection of its own."""

ATTEMPT = 2_000
"""Milliseconds for one attempt; an ordinary one takes ten."""

PAUSES = (200, 800)
"""Milliseconds before the second and the third attempt, half to one and a half of it by chance. A 429
may be the account's limit or one slow browser's full buffer: no reason to hold up the others."""

CLOSING = 5_000
"""Milliseconds for closing a connection, all attempts together."""

SOCKET_OPTIONS = [*HTTPConnection.default_socket_options, (SOL_SOCKET, SO_KEEPALIVE, 1)]

RECEIPTS = {200: Receipt.POSTED, 204: Receipt.POSTED, 410: Receipt.GONE} | dict.fromkeys(
    (400, 403, 413), Receipt.REFUSED
)
"""What an answer's status settles; any other is tried again.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""


def connect(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> ApiGatewaySockets:
    """Sockets that sign with the function's role, on whatever endpoint a post names."""
    return ApiGatewaySockets(aws.session(settings).get_credentials(), settings.region, clock)


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    endpoint: str
    connection_id: str
    body: bytes = b""


_Answered: TypeAlias = "tuple[int, int, Future[Receipt | None]]"
"""A call's number, its attempts before this one, and what this one came to."""


class _Lines:
    """Each connection's calls in their order, of which one at a time is under way.

    Attributes:
        receipts: For every call; LAGGED until it is settled.
    """

    def __init__(self, calls: Sequence[_Call]) -> None:
        self.receipts = [Receipt.LAGGED] * len(calls)
        lines: dict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._line = [lines[call.endpoint, call.connection_id] for call in calls]
        for number, line in enumerate(self._line):
            line.append(number)

    def heads(self) -> list[int]:
        """The first call of each connection, in their order."""
        return [number for number, line in enumerate(self._line) if line[0] == number]

    def settle(self, number: int, receipt: Receipt) -> list[int]:
        """Note what became of a call; the call that may go next, if any."""
        line = self._line[number]
        if receipt is not Receipt.POSTED:
            for unposted in line:
                self.receipts[unposted] = receipt
            return []
        self.receipts[line.popleft()] = receipt
        return [line[0]] if line else []


class ApiGatewaySockets:
    """``ports.Sockets`` on API Gateway.

    Args:
        credentials: botocore's, which refresh themselves; None where it found none.
        region: Where the WebSocket API is.
        clock: For deadlines and jitter; it must run in real time.
        threads: Attempts at once.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        region: str,
        clock: Clock = SYSTEM_CLOCK,
        threads: int = THREADS,
    ) -> None:
        self._credentials = credentials
        self._scope = (region, "execute-api")
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="posts")
        self._pools = urllib3.PoolManager(maxsize=threads, socket_options=SOCKET_OPTIONS)

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        """Post all frames, many at once; a receipt for each, in order, by the deadline.

        What is still under way at the deadline is LAGGED, though it may yet arrive.

        Raises:
            Unavailable: No credentials are to be had, so that nothing was posted.
        """
        calls = [_Call("POST", post.endpoint, post.connection_id, post.frame) for post in posts]
        return self._settle(calls, deadline)

    def close(self, connection_id: str, endpoint: str) -> None:
        """Close a connection; closing one that is gone is no error.

        Raises:
            Unavailable: It may still be open.
        """
        call = _Call("DELETE", endpoint, connection_id)
        (receipt,) = self._settle([call], self._clock.now() + CLOSING)
        if receipt not in {Receipt.POSTED, Receipt.GONE}:
            raise Unavailable(SERVICE, f"connection {connection_id} could not be closed: {receipt.value}")

    def stop(self) -> None:
        """Let go of threads and connections, when the process goes on without them."""
        self._threads.shutdown()
        self._pools.clear()

    def _settle(self, calls: Sequence[_Call], deadline: int) -> list[Receipt]:
        """Make every call, again where that may help, until all are settled or time is up.

        Of each connection's calls only the first that is not settled is ever under way.
        """
        lines = _Lines(calls)
        keys = self._keys()
        answers: SimpleQueue[_Answered] = SimpleQueue()
        due = [(0, number, 0) for number in lines.heads()]
        under_way = 0
        while (due or under_way) and (now := self._clock.now()) < deadline:
            while due and due[0][0] <= now:
                _, number, before = heappop(due)
                attempt = self._threads.submit(self._attempt, calls[number], keys, deadline)
                attempt.add_done_callback(partial(_announce, answers, number, before))
                under_way += 1
            until = due[0][0] if due else deadline
            try:
                number, before, attempt = answers.get(timeout=(until - now) / 1_000)
            except Empty:
                continue
            under_way -= 1
            if receipt := attempt.result():
                for following in lines.settle(number, receipt):
                    heappush(due, (0, following, 0))
            elif before < len(PAUSES):
                again = self._clock.now() + int(PAUSES[before] * (0.5 + self._clock.jitter()))
                if again < deadline:
                    heappush(due, (again, number, before + 1))
        return lines.receipts

    def _attempt(self, call: _Call, keys: ReadOnlyCredentials, deadline: int) -> Receipt | None:
        """One request; None where another may do better."""
        now = self._clock.now()
        if now >= deadline:
            return Receipt.LAGGED
        url = urlsplit(call.endpoint)
        path = f"{url.path.rstrip('/')}/@connections/{quote(call.connection_id, safe='')}"
        stamp = datetime.fromtimestamp(now / 1_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            answer = self._pools.connection_from_url(call.endpoint).urlopen(
                call.method,
                path,
                body=call.body,
                headers=signed_headers(
                    call.method, url.netloc, path, call.body, keys=keys, scope=self._scope, stamp=stamp
                ),
                timeout=min(ATTEMPT, deadline - now) / 1_000,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError:
            return None
        return RECEIPTS.get(answer.status)

    def _keys(self) -> ReadOnlyCredentials:
        if self._credentials is None:
            raise Unavailable(SERVICE, "no AWS credentials were found")
        with aws.failing_as(SERVICE):
            return self._credentials.get_frozen_credentials()


def _announce(
    answers: SimpleQueue[_Answered], number: int, before: int, attempt: Future[Receipt | None]
) -> None:
    answers.put((number, before, attempt))
