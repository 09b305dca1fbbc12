"""A twin of API Gateway's management endpoint: the same answers, and every bad one on demand.

It speaks POST, GET and DELETE on ``/{stage}/@connections/{id}`` over kept-alive connections, plain or
TLS, checks each signature with botocore's own signer, and answers an unknown connection with 410. Per
connection it can be told to answer otherwise, to be slow, or to break off.

One event loop in a thread of its own serves it: quick enough not to be what a benchmark measures.

Source:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter, defaultdict
from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from pipeline.local.gateway_line import Answer as Answer  # noqa: PLC0414 - given on to who uses the twin
from pipeline.local.gateway_line import GatewayLine

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from botocore.credentials import ReadOnlyCredentials

    from pipeline.local.certificate import Certificate
    from pipeline.local.gateway_line import Request

MAX_FRAME = 131_072
"""Bytes of a post; more is answered with 413. botocore's model of PostToConnection, ``Data.max``."""

WAITING = 512
"""TCP connections that may wait to be taken in."""


ORDINARY = Answer()

WRONG_STAGE = Answer(HTTPStatus.FORBIDDEN, "ForbiddenException")

WRONG_SIGNATURE = Answer(HTTPStatus.FORBIDDEN, "InvalidSignatureException")


class GatewayTwin:
    """The server, on 127.0.0.1 and a free port, from ``with`` until its end.

    Args:
        keys: The credentials that requests must be signed with; None checks no signature.
        region: The Region in their scope.
        stage: The first part of every path.
        certificate: What it shows to speak TLS; None speaks plain HTTP.
        anybody: Whether every connection is open; their frames are counted, and not kept.
        new_loop: Makes its event loop.

    Attributes:
        accepted: TCP connections taken in so far.
        bad_handshakes: How many TLS handshakes from now on are refused.
        received: Requests, by connection.
    """

    def __init__(
        self,
        keys: ReadOnlyCredentials | None = None,
        region: str = "us-east-1",
        stage: str = "local",
        *,
        certificate: Certificate | None = None,
        anybody: bool = False,
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        self.accepted = 0
        self.bad_handshakes = 0
        self.received: Counter[str] = Counter()
        self._signer = keys and SigV4Auth(keys, "execute-api", region)
        self._stage = stage
        self._tls = self._context(certificate) if certificate else None
        self._anybody = anybody
        self._frames: dict[str, list[bytes]] = {}
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._lines: set[GatewayLine] = set()
        self._loop = new_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(self._line, "127.0.0.1", 0, ssl=self._tls, backlog=WAITING)
        )
        self._port = self._server.sockets[0].getsockname()[1]
        self._thread = Thread(target=self._loop.run_forever, name="gateway-twin", daemon=True)

    @property
    def endpoint(self) -> str:
        """Where to post: ``http://127.0.0.1:port/stage``."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}/{self._stage}"

    def open(self, connection_id: str) -> None:
        """Connect, as a client does."""
        self._frames[connection_id] = []

    def frames(self, connection_id: str) -> tuple[bytes, ...]:
        """What the client got; nothing where its connection is gone."""
        return tuple(self._frames.get(connection_id, ()))

    def requests(self, connection_id: str) -> int:
        """How many requests came for a connection, whatever they met."""
        return self.received[connection_id]

    def answer(self, connection_id: str, *answers: Answer) -> None:
        """Say what the next requests for a connection meet; the last answer stays."""
        self._answers[connection_id] = list(answers)

    def cut_all(self) -> None:
        """Break every TCP connection, as happens to those of a function that was frozen."""
        self._do(self._cut_all())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- what its lines ask -------------------------------------------------------------------

    def answer_to(self, request: Request) -> Answer:
        """What a request meets, counted."""
        connection_id = self._connection(request)
        if connection_id is None:
            return WRONG_STAGE
        if not self._trusts(request):
            return WRONG_SIGNATURE
        self.received[connection_id] += 1
        answers = self._answers.get(connection_id)
        if not answers:
            return ORDINARY
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def ordinary(self, request: Request) -> tuple[int, bytes]:
        """Do what was asked: the status and the body."""
        connection_id = self._connection(request)
        if connection_id is None or (connection_id not in self._frames and not self._anybody):
            return HTTPStatus.GONE, b""
        if len(request.body) > MAX_FRAME:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b""
        if request.method == "POST":
            if not self._anybody:
                self._frames[connection_id].append(request.body)
            return HTTPStatus.OK, b""
        if request.method == "DELETE":
            self._frames.pop(connection_id, None)
            return HTTPStatus.NO_CONTENT, b""
        return HTTPStatus.OK, json.dumps(
            {"identity": {"sourceIp": "127.0.0.1", "userAgent": "twin"}}
        ).encode()

    def _connection(self, request: Request) -> str | None:
        """The connection that a path names, or None where it is no path of this stage."""
        stage, _, connection_id = request.target.partition("/@connections/")
        return unquote(connection_id) if stage == f"/{self._stage}" and connection_id else None

    def _trusts(self, asked: Request) -> bool:
        """Whether botocore would have signed this request with these headers."""
        if self._signer is None:
            return True
        headers = asked.headers()
        given = {name: headers[name] for name in ("x-amz-security-token",) if name in headers}
        url = f"http://{headers['host']}{asked.target}"
        request = AWSRequest(method=asked.method, url=url, data=asked.body, headers=given)
        request.context["timestamp"] = headers.get("x-amz-date", "")
        request.headers["X-Amz-Date"] = headers.get("x-amz-date", "")
        to_sign = self._signer.string_to_sign(request, self._signer.canonical_request(request))
        return headers.get("authorization", "").endswith(
            f"Signature={self._signer.signature(to_sign, request)}"
        )

    # --- its loop -----------------------------------------------------------------------------

    def _line(self) -> GatewayLine:
        self.accepted += 1
        return GatewayLine(self, self._lines)

    def _do(self, what: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _end(self) -> None:
        self._server.close()
        await self._cut_all()

    async def _cut_all(self) -> None:
        for line in list(self._lines):
            line.reset()
        while self._lines:  # noqa: ASYNC110 - they are gone at the loop's next turn
            await asyncio.sleep(0)

    def _context(self, certificate: Certificate) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        context.sni_callback = self._on_hello
        return context

    def _on_hello(self, *_: object) -> int | None:
        """OpenSSL calls this at each handshake's beginning, whether or not a name was said."""
        if self.bad_handshakes > 0:
            self.bad_handshakes -= 1
            return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        return None
