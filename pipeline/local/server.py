"""An HTTP server on 127.0.0.1 that ends at once, whoever is still connected to it."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

POLL = 0.02
"""Seconds until a server sees that it is to end."""


class Handler(BaseHTTPRequestHandler):
    """Answers requests, whatever their method, in ``answer``."""

    protocol_version = "HTTP/1.1"
    server_version = "livedex"
    sys_version = ""
    disable_nagle_algorithm: ClassVar[bool] = True

    def answer(self, body: bytes) -> None:
        """Answer the request, whose body was read."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Read the request's body and answer it, as with every other method."""
        self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server finds them by these names

    def send(self, status: int, content: bytes, headers: Iterable[tuple[str, str]]) -> None:
        """Send an answer; its length is told, and with HEAD nothing else of its content."""
        self.send_head(status, len(content), headers)
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_head(self, status: int, length: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send all of an answer but its content.

        A 304 has none and tells no length, which would be that of the file that the client has.
        https://www.rfc-editor.org/rfc/rfc9110#section-8.6
        """
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads a log of this."""


class Server(ThreadingHTTPServer):
    """Serves in threads from ``with`` until its end, which cuts every connection: no thread stays.

    Raises:
        OSError: The port is in use.
    """

    request_queue_size = 256

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        self._open: set[socket] = set()  # first: a port that is taken closes the server in its making
        super().__init__(("127.0.0.1", port), handler)
        self._thread = Thread(target=self.serve_forever, args=(POLL,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def get_request(self) -> tuple[socket, Any]:
        """Take a connection in, and remember it."""
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as socketserver declares it
        """Let a connection go."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as socketserver declares it
        """A client that went away is no news here: servers of this kind drive clients to it."""

    def server_close(self) -> None:
        """Cut every connection, then close."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        super().server_close()
