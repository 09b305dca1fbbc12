"""Who gets in, on the deployed stack: real sockets, the real table, the functions as they are packaged."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import urllib3
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from pipeline.cli import tokens
from tests.running import LIMIT, envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

    from tests.running import Deployed

DAY = 86_400


class Door:
    """The stack, as clients meet it."""

    def __init__(self, deployed: Deployed) -> None:
        self.http = deployed.outputs["HttpUrl"]
        self.socket = deployed.outputs["WebSocketUrl"]
        self._secret = (deployed.folder / ".livedex" / "secret").read_text()

    def token(self, tenant: str = "acme", ttl: int = DAY) -> str:
        return tokens.mint(self._secret, tenant=tenant, subject="ann", now=int(time.time()), ttl=ttl)

    def ask(self, method: str, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return urllib3.request(method, self.http + path, headers=named, timeout=60, retries=False)

    def ticket(self, **headers: str) -> str:
        answer = self.ask("POST", "/v1/tickets", **headers)
        assert answer.status == 201, answer.data
        text: str = answer.json()["ticket"]
        return text

    @contextmanager
    def open(self, tenant: str = "acme", **headers: str) -> Iterator[ClientConnection]:
        """A socket, by a ticket."""
        bought = self.ticket(**(headers or {"authorization": f"Bearer {self.token(tenant)}"}))
        with connect(f"{self.socket}?ticket={quote(bought)}", open_timeout=LIMIT) as socket:
            yield socket

    def status(self, query: str = "", **headers: str) -> int:
        """How a handshake is answered; 101 where it opens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with connect(self.socket + query, additional_headers=named, open_timeout=LIMIT):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code


@pytest.fixture
def door(deployed: Deployed) -> Door:
    return Door(deployed)


def say(socket: ClientConnection, **frame: Any) -> None:  # noqa: ANN401 - JSON values
    socket.send(json.dumps(frame))


def hear(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next frame of this type."""
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=LIMIT))
        if frame["type"] == kind:
            return frame


def closed(socket: ClientConnection) -> bool:
    """Whether the server closes it."""
    try:
        while True:
            socket.recv(timeout=LIMIT)
    except ConnectionClosed:
        return True
    except TimeoutError:
        return False


def test_of_many_that_use_a_ticket_at_the_same_moment_exactly_one_gets_in(door: Door) -> None:
    for _ in range(5):
        bought = door.ticket(authorization=f"Bearer {door.token()}")
        with ThreadPoolExecutor(8) as threads:
            answers = list(
                threads.map(lambda _, used=bought: door.status(f"?ticket={quote(used)}"), range(8))
            )
        assert answers.count(101) <= 1
        if 500 not in answers:  # a busy machine may take longer than a function has to start eight workers
            break

    assert sorted(answers) == [101] + [403] * 7
    assert door.status(f"?ticket={quote(bought)}") == 403


def test_a_header_opens_a_socket_and_what_does_not_hold_opens_none(door: Door) -> None:
    good = f"Bearer {door.token()}"
    wrong = door.token().rpartition(".")[0] + ".c2ln"

    assert door.status(authorization=good) == 101
    assert door.status(authorization=f"Bearer {wrong}") == 403
    assert door.status(authorization=f"Bearer {door.token(ttl=-60)}") == 403
    assert door.status(authorization=good, origin="https://evil.example.com") == 403
    assert door.status("?ticket=guessed") == door.status() == 403


def test_a_key_opens_every_door_until_it_is_revoked_and_its_socket_is_closed_then(
    deployed: Deployed, door: Door, service: str
) -> None:
    made = deployed.livedex("key", "create", "--tenant", "acme", "--name", service)
    key = made.stdout.strip()
    assert made.returncode == 0, made.stderr
    assert door.ask("GET", "/v1/hits", x_api_key=key).status == 200
    assert door.status(x_api_key=key) == 101

    with door.open(x_api_key=key) as socket, door.open() as other:
        say(socket, type="subscribe", id="1", filter={"service": [service]}, snapshot=0)
        hear(socket, "live")
        deployed.put(envelope(service, 1))
        assert [hit["attributes"]["service"] for hit in hear(socket, "hits")["hits"]] == [service]
        listed = deployed.livedex("key", "list", "--json").stdout
        assert service in listed
        assert key not in listed

        revoked = deployed.livedex("key", "revoke", key[:12])

        assert revoked.returncode == 0, revoked.stderr
        assert hear(socket, "bye")["reason"] == "revoked"
        assert closed(socket)
        say(other, type="ping")
        assert hear(other, "pong")
    assert door.ask("GET", "/v1/hits", x_api_key=key).status == 401
    assert door.ask("POST", "/v1/tickets", x_api_key=key).status == 401
    assert door.status(x_api_key=key) == 403


def test_a_ticket_that_a_key_bought_before_it_was_revoked_is_worth_nothing(
    deployed: Deployed, door: Door, service: str
) -> None:
    key = deployed.livedex("key", "create", "--tenant", "acme", "--name", service).stdout.strip()
    bought = door.ticket(x_api_key=key)
    assert deployed.livedex("key", "revoke", key).returncode == 0

    assert door.status(f"?ticket={quote(bought)}") == 403


def test_a_socket_is_closed_at_the_first_frame_after_its_token_has_ended(door: Door) -> None:
    ttl = 4
    began = time.time()
    with door.open(authorization=f"Bearer {door.token(ttl=ttl)}") as socket:
        say(socket, type="ping")
        assert hear(socket, "pong")

        wait_for(time.time, lambda now: now > began + ttl + 1)
        say(socket, type="subscribe", id="1", filter={})

        assert hear(socket, "bye")["reason"] == "expired"
        assert closed(socket)


def test_no_tenant_sees_anothers_hits_by_any_door(deployed: Deployed, door: Door, service: str) -> None:
    wanted = {"service": [service]}
    with door.open("globex") as theirs, door.open("acme") as ours:
        for socket in (theirs, ours):
            say(socket, type="subscribe", id="1", filter=wanted, snapshot=0, tenant="acme")
        their_channel = hear(theirs, "subscribed")["channel"]
        our_channel = hear(ours, "subscribed")["channel"]
        hear(theirs, "live")
        hear(ours, "live")

        say(theirs, type="unsubscribe", id="2", channel=our_channel, connectionId="x")
        deployed.put(envelope(service, 1))
        hit = hear(ours, "hits")["hits"][0]
        say(theirs, type="ping")

        assert json.loads(theirs.recv(timeout=LIMIT))["type"] == "pong"
        assert their_channel != our_channel
    asked = f"filter={quote(json.dumps(wanted))}"
    globex = {"authorization": f"Bearer {door.token('globex')}"}
    acme = {"authorization": f"Bearer {door.token('acme')}"}
    assert len(door.ask("GET", f"/v1/hits?{asked}", **acme).json()["hits"]) == 1
    assert door.ask("GET", f"/v1/hits?{asked}&tenant=acme", **globex).json()["hits"] == []
    assert door.ask("GET", f"/v1/hits?id={hit['id']}", **globex).json()["hits"] == []


# Not arrays nested deep: the emulator's own choice of a route ends the connection at them.
@pytest.mark.parametrize("junk", [b"\x00\xff\xfe", "", "{", "x" * 40_000, '{"type":"\\ud800"}'])
def test_hostile_frames_are_answered_and_the_connection_goes_on(door: Door, junk: str | bytes) -> None:
    with door.open() as socket:
        socket.send(junk)
        assert hear(socket, "error")["code"] in {"bad-frame", "unknown-type"}
        say(socket, type="ping")
        assert hear(socket, "pong")
