"""A twin of API Gateway's management endpoint: the same answers, and every bad one on demand.

It speaks POST, GET and DELETE on ``/{stage}/@connections/{id}`` over kept-alive connections, checks
each signature with botocore's own signer, and answers an unknown connection with 410. Per connection
it can be told to answer otherwise, to be slow, or to reset.

Source:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socket import SO_LINGER, SOL_SOCKET
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from pipeline.local.server import Server

if TYPE_CHECKING:
    from types import TracebackType

    from botocore.credentials import ReadOnlyCredentials

MAX_FRAME = 131_072
"""Bytes of a post; more is answered with 413. botocore's model of PostToConnection, ``Data.max``."""

POLL = 0.01
"""Seconds until the server sees that it is to end."""

EXCEPTIONS = {
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
        after: Seconds to wait before that.
        reset: Break the TCP connection instead of answering.
    """

    status: int | None = None
    after: float = 0
    reset: bool = False


ORDINARY = Answer()


class GatewayTwin:
    """The server, on 127.0.0.1 and a free port, from ``with`` until its end.

    Args:
        keys: The credentials that requests must be signed with; None checks no signature.
        region: The Region in their scope.
        stage: The first part of every path.
    """

    def __init__(
        self, keys: ReadOnlyCredentials | None = None, region: str = "us-east-1", stage: str = "local"
    ) -> None:
        self._signer = keys and SigV4Auth(keys, "execute-api", region)
        self._stage = stage
        self._lock = Lock()
        self._frames: dict[str, list[bytes]] = {}
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._requests: dict[str, int] = defaultdict(int)
        self._stopping = Event()
        self._server = _Server(self)
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL,), name="gateway-twin", daemon=True
        )

    @property
    def endpoint(self) -> str:
        """Where to post: ``http://127.0.0.1:port/stage``."""
        return f"http://127.0.0.1:{self._server.server_port}/{self._stage}"

    def open(self, connection_id: str) -> None:
        """Connect, as a client does."""
        with self._lock:
            self._frames[connection_id] = []

    def frames(self, connection_id: str) -> tuple[bytes, ...]:
        """What the client got; nothing where its connection is gone."""
        with self._lock:
            return tuple(self._frames.get(connection_id, ()))

    def requests(self, connection_id: str) -> int:
        """How many requests came for a connection, whatever they met."""
        with self._lock:
            return self._requests[connection_id]

    def answer(self, connection_id: str, *answers: Answer) -> None:
        """Say what the next requests for a connection meet; the last answer stays."""
        with self._lock:
            self._answers[connection_id] = list(answers)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # --- what the server asks -----------------------------------------------------------------

    def next_answer(self, connection_id: str) -> Answer:
        """What this request meets, counted and waited for."""
        with self._lock:
            self._requests[connection_id] += 1
            answers = self._answers[connection_id]
            answer = answers.pop(0) if len(answers) > 1 else (answers or [ORDINARY])[0]
        self._stopping.wait(answer.after)
        return answer

    def settle(self, method: str, connection_id: str, body: bytes) -> tuple[int, bytes]:
        """Do what was asked: the status and the body of an ordinary answer."""
        with self._lock:
            if connection_id not in self._frames:
                return HTTPStatus.GONE, b""
            if len(body) > MAX_FRAME:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b""
            if method == "POST":
                self._frames[connection_id].append(body)
                return HTTPStatus.OK, b""
            if method == "DELETE":
                del self._frames[connection_id]
                return HTTPStatus.NO_CONTENT, b""
        return HTTPStatus.OK, json.dumps(
            {"identity": {"sourceIp": "127.0.0.1", "userAgent": "twin"}}
        ).encode()

    def connection_of(self, path: str) -> str | None:
        """The connection that a path names, or None where it is no path of this stage."""
        found, _, connection_id = path.partition("/@connections/")
        return unquote(connection_id) if found == f"/{self._stage}" and connection_id else None

    def trusts(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> bool:
        """Whether botocore would have signed this request with these headers."""
        if self._signer is None:
            return True
        given = {name: headers[name] for name in ("X-Amz-Security-Token",) if name in headers}
        request = AWSRequest(method=method, url=url, data=body, headers=given)
        request.context["timestamp"] = headers.get("X-Amz-Date", "")
        request.headers["X-Amz-Date"] = headers.get("X-Amz-Date", "")
        to_sign = self._signer.string_to_sign(request, self._signer.canonical_request(request))
        return headers.get("Authorization", "").endswith(
            f"Signature={self._signer.signature(to_sign, request)}"
        )


class _Server(Server):
    def __init__(self, twin: GatewayTwin) -> None:
        super().__init__(_Handler)
        self.twin = twin


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm: ClassVar[bool] = True

    def do_POST(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, *_: object) -> None:
        """The twin's owner asks it for what came; nobody reads a log."""

    def _handle(self) -> None:
        twin = self.server.twin
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection_id = twin.connection_of(urlsplit(self.path).path)
        url = f"http://{self.headers['Host']}{self.path}"
        if connection_id is None or not twin.trusts(self.command, url, body, dict(self.headers.items())):
            self._respond(HTTPStatus.FORBIDDEN, b"")
            return
        answer = twin.next_answer(connection_id)
        if answer.reset:
            self._reset()
        elif answer.status is not None:
            self._respond(answer.status, b"")
        else:
            self._respond(*twin.settle(self.command, connection_id, body))

    def _respond(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status in EXCEPTIONS:
            self.send_header("x-amzn-ErrorType", EXCEPTIONS[status])
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        # Closing with a linger of no time sends RST instead of FIN.
        self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
