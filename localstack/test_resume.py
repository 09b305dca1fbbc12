"""A client that was away while thousands of events happened ends with exactly the ids that OpenSearch holds.

The sockets, the queues and the table are the emulator's; the functions and OpenSearch are the real ones.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

import pytest
import urllib3
from websockets.sync.client import connect

from pipeline.cli import tokens
from tests.running import LIMIT, envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from websockets.sync.client import ClientConnection

    from tests.running import Deployed

EVENTS = 5_200
PATIENCE = 900.0
"""Seconds for all events to be stored: the emulator takes some 50 to 250 a second."""

DAY = 86_400
MAX_FRAME = 32_000
MAX_PAGE = 2_000


class Client:
    """A subscriber that keeps what the protocol tells it to keep: ids, and where to go on from."""

    def __init__(self, deployed: Deployed, service: str) -> None:
        self.seen: set[str] = set()
        self.times = 0
        self.place = ""
        self.pages = 0
        self._deployed = deployed
        self._filter = {"service": [service]}

    @property
    def authorization(self) -> Mapping[str, str]:
        secret = (self._deployed.folder / ".livedex" / "secret").read_text()
        token = tokens.mint(secret, tenant="acme", subject="ann", now=int(time.time()), ttl=DAY)
        return {"authorization": f"Bearer {token}"}

    @contextmanager
    def connected(self) -> Iterator[ClientConnection]:
        """A socket that has asked to go on from where this client is."""
        url = self._deployed.outputs["HttpUrl"] + "/v1/tickets"
        answer = urllib3.request("POST", url, headers=self.authorization, timeout=LIMIT)
        address = f"{self._deployed.outputs['WebSocketUrl']}?ticket={quote(answer.json()['ticket'])}"
        with connect(address, open_timeout=LIMIT, max_size=MAX_FRAME) as socket:
            how = {"cursor": self.place} if self.place else {"snapshot": 0}
            socket.send(json.dumps({"type": "subscribe", "id": "1", "filter": self._filter, **how}))
            yield socket

    def take(self, socket: ClientConnection) -> dict[str, Any]:
        """Read a frame, keep what it brings, and ask for more where there is."""
        frame: dict[str, Any] = json.loads(socket.recv(timeout=LIMIT))
        assert frame["type"] in {"subscribed", "hits", "live"}, frame
        hits = frame.get("hits", ())
        self.seen |= {hit["id"] for hit in hits}
        self.times += len(hits)
        if "id" in frame and "cursor" in frame:
            self.place = frame["cursor"]
        if frame.get("more"):
            self.pages += 1
            socket.send(json.dumps({"type": "more", "id": "1", "cursor": frame["cursor"]}))
        return frame

    def take_to(self, socket: ClientConnection, kind: str) -> None:
        while self.take(socket)["type"] != kind:
            pass

    def over_http(self, cursor: str) -> list[str]:
        """The ids of all pages from a cursor on, each found by the link of the one before."""
        query = f"?filter={quote(json.dumps(self._filter))}&limit={MAX_PAGE}&cursor={cursor}"
        url: str | None = self._deployed.outputs["HttpUrl"] + "/v1/hits" + query
        found: list[str] = []
        while url:
            answer = urllib3.request("GET", url, headers=self.authorization, timeout=LIMIT)
            assert answer.status == 200, answer.data
            found += [hit["id"] for hit in answer.json()["hits"]]
            link = answer.headers.get("link")
            url = urljoin(url, link.removeprefix("<").partition(">")[0]) if link else None
        return found


def stored(deployed: Deployed, service: str) -> set[str]:
    """The ids of a service's documents."""
    deployed.ask("POST", "/metrics-*/_refresh")
    asked = {"query": {"term": {"service": service}}, "size": 10_000, "_source": False}
    return {hit["_id"] for hit in deployed.ask("POST", "/metrics-*/_search", asked)["hits"]["hits"]}


@pytest.fixture
def away(deployed: Deployed, service: str) -> Client:
    """A client that was live, and left."""
    client = Client(deployed, service)
    with client.connected() as socket:
        client.take_to(socket, "live")
    return client


def test_after_thousands_of_events_it_has_exactly_what_opensearch_holds_though_it_was_cut_in_the_middle(
    deployed: Deployed, service: str, away: Client
) -> None:
    left = away.place
    deployed.put(*[envelope(service, number) for number in range(EVENTS)])
    held = wait_for(lambda: stored(deployed, service), lambda ids: len(ids) == EVENTS, PATIENCE)
    assert len(held) == EVENTS

    with away.connected() as socket:
        while away.pages < 1:
            away.take(socket)
        first_page = len(away.seen)
        for _ in range(5):  # some frames of the second page, and then the line is cut
            away.take(socket)
        socket.socket.close()
    cut = len(away.seen)
    deployed.put(*[envelope(service, EVENTS + number) for number in range(20)])
    with away.connected() as socket:
        away.take_to(socket, "live")
        deployed.put(*[envelope(service, EVENTS + 20 + number) for number in range(20)])
        while len(away.seen) < EVENTS + 40:
            away.take(socket)

    held = wait_for(lambda: stored(deployed, service), lambda ids: len(ids) == EVENTS + 40)
    assert away.seen == held
    assert first_page <= MAX_PAGE < cut < EVENTS
    assert away.pages >= EVENTS // MAX_PAGE
    over_http = away.over_http(left)
    assert set(over_http) == held
    assert len(over_http) == len(held)
