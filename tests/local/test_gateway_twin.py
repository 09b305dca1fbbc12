from __future__ import annotations

import socket
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING

import pytest

from pipeline.local import certificate
from pipeline.local.gateway_twin import Answer, GatewayTwin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "/local/@connections/abc%3D"


@pytest.fixture
def twin() -> Iterator[GatewayTwin]:
    with GatewayTwin() as running:
        running.open("abc=")
        yield running


def port(twin: GatewayTwin) -> int:
    return int(twin.endpoint.split(":")[2].partition("/")[0])


def asked(twin: GatewayTwin, path: str = PATH, method: str = "POST", body: bytes = b"x") -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port(twin))
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("x-amzn-ErrorType", "")
    finally:
        connection.close()


def test_it_counts_what_arrived_at_each_connection_in_order(twin: GatewayTwin) -> None:
    for number in range(3):
        assert asked(twin, body=str(number).encode()) == (200, "")
    assert asked(twin, "/local/@connections/left%3D") == (410, "GoneException")
    assert twin.frames("abc=") == (b"0", b"1", b"2")
    assert twin.received == {"abc=": 3, "left=": 1}


def test_another_stage_is_forbidden_and_counts_for_nobody(twin: GatewayTwin) -> None:
    assert asked(twin, "/prod/@connections/abc%3D") == (403, "ForbiddenException")
    assert asked(twin, "/local/@connections/") == (403, "ForbiddenException")
    assert not twin.received


def test_it_answers_as_it_was_told_and_the_last_answer_stays(twin: GatewayTwin) -> None:
    twin.answer("abc=", Answer(403, "ExpiredTokenException"), Answer(429))
    assert [asked(twin) for _ in range(3)] == [
        (403, "ExpiredTokenException"),
        (429, "LimitExceededException"),
        (429, "LimitExceededException"),
    ]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(reset=True), ConnectionResetError),
        (Answer(cut=True), (ConnectionResetError, HTTPException)),
        (Answer(garble=True), HTTPException),
    ],
)
def test_it_breaks_off_as_it_was_told(
    twin: GatewayTwin, answer: Answer, error: type[Exception] | tuple[type[Exception], ...]
) -> None:
    twin.answer("abc=", answer)
    with pytest.raises(error):
        asked(twin)


def test_a_request_that_comes_in_pieces_is_answered_when_it_is_whole(twin: GatewayTwin) -> None:
    with socket.create_connection(("127.0.0.1", port(twin))) as line:
        line.settimeout(10)
        for piece in (f"POST {PATH} HT", "TP/1.1\r\nHost: x\r\nconTent-length:  4\r\n", "\r\nab", "cd"):
            assert twin.frames("abc=") == ()
            line.sendall(piece.encode())
        assert line.recv(12) == b"HTTP/1.1 200"
    assert twin.frames("abc=") == (b"abcd",)


def test_cutting_all_breaks_connections_that_rest(twin: GatewayTwin) -> None:
    connection = HTTPConnection("127.0.0.1", port(twin))
    connection.request("POST", PATH, b"x")
    connection.getresponse().read()
    twin.cut_all()
    with pytest.raises(ConnectionError):
        connection.sock.recv(1)
    connection.close()


def test_where_anybody_is_connected_frames_are_counted_and_not_kept() -> None:
    with GatewayTwin(anybody=True) as twin:
        assert [asked(twin) for _ in range(2)] == [(200, "")] * 2
        assert (twin.requests("abc="), twin.frames("abc=")) == (2, ())


def test_its_certificate_holds_for_its_address_alone_and_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    made = certificate.make(tmp_path)
    assert made.key.stat().st_mode & 0o077 == 0
    trusting = ssl.create_default_context(cafile=str(made.file))
    with GatewayTwin(certificate=made) as twin:
        for host, context in (("127.0.0.1", ssl.create_default_context()), ("localhost", trusting)):
            with pytest.raises(ssl.SSLCertVerificationError):
                HTTPSConnection(host, port(twin), context=context).connect()
        connection = HTTPSConnection("127.0.0.1", port(twin), context=trusting)
        connection.request("POST", PATH, b"x")
        assert connection.getresponse().status == 410
        connection.close()


def test_it_refuses_as_many_handshakes_as_it_was_told(tmp_path: Path) -> None:
    made = certificate.make(tmp_path)
    trusting = ssl.create_default_context(cafile=str(made.file))
    with GatewayTwin(certificate=made) as twin:
        twin.bad_handshakes = 1
        with pytest.raises(ssl.SSLError):
            HTTPSConnection("127.0.0.1", port(twin), context=trusting).connect()
        connection = HTTPSConnection("127.0.0.1", port(twin), context=trusting)
        connection.connect()
        connection.close()
