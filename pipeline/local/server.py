"""An HTTP server on 127.0.0.1 that ends at once, whoever is still connected to it."""

from __future__ import annotations

from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any


class Server(ThreadingHTTPServer):
    """Kept-alive connections, each in a thread; all are cut at the end, so that no thread stays."""

    request_queue_size = 256

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        self._open: set[socket] = set()  # first: a port that is taken closes the server in its making
        super().__init__(("127.0.0.1", port), handler)

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
