"""The server of the local stand-ins: what it says of each answer, and that it ends."""

from __future__ import annotations

import socket

import pytest
import urllib3

from pipeline.local.server import Handler, Server

CONTENT = b"what was asked for"


class Echo(Handler):
    """Answers with the status that the path names, and with the request's body or our own."""

    def answer(self, body: bytes) -> None:
        self.send(int(self.path[1:]), body or CONTENT, [("X-Method", self.command)])


def ask(
    server: Server, method: str, status: int = 200, body: bytes | None = None
) -> urllib3.BaseHTTPResponse:
    return urllib3.request(method, f"{server.url}/{status}", body=body, retries=False)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_every_method_is_answered_in_one_place_with_the_body_read(method: str) -> None:
    with Server(Echo) as server:
        answer = ask(server, method, body=b"sent")
    assert (answer.status, answer.data, answer.headers["X-Method"]) == (200, b"sent", method)


def test_a_head_tells_the_length_and_sends_nothing_of_it() -> None:
    with Server(Echo) as server, socket.create_connection(("127.0.0.1", server.server_port), 20) as line:
        line.sendall(b"HEAD /200 HTTP/1.1\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(1_000), b""))
    assert f"Content-Length: {len(CONTENT)}\r\n".encode() in answer
    assert answer.endswith(b"\r\n\r\n")


def test_what_was_not_modified_tells_no_length() -> None:
    with Server(Echo) as server:
        answer = ask(server, "HEAD", 304)
    assert (answer.status, "Content-Length" in answer.headers) == (304, False)


def test_the_end_cuts_those_who_are_still_connected() -> None:
    with socket.socket() as idle:
        idle.settimeout(20)
        with Server(Echo) as server:
            idle.connect(("127.0.0.1", server.server_port))
            idle.sendall(b"GET /200 HTTP/1.1\r\nHost: here\r\n\r\n")
            got = b""
            while not got.endswith(CONTENT):
                got += idle.recv(1_000)
        assert idle.recv(1) == b""


def test_a_port_that_is_taken_is_refused() -> None:
    with Server(Echo) as server, pytest.raises(OSError, match="in use"):
        Server(Echo, server.server_port)
