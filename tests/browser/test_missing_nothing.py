"""Whatever happens to the connection: each hit that OpenSearch holds is shown once."""

from __future__ import annotations

import json
import os
import re
import time
from itertools import count
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from playwright.sync_api import expect

from tests.running import Deployed, envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.detour import Detour
    from tests.browser.looking import Look

SOAK = bool(os.environ.get("LIVEDEX_SOAK"))
CUTS = 50 if SOAK else 5
RATE = 50 if SOAK else 5
"""Events a second, put all the while."""
BETWEEN = 12 * RATE if SOAK else 4 * RATE
"""Events between two cuts: 50 cuts take ten minutes."""

STEP = 0.2
"""Seconds between two puts: what came due since the last goes in one, since a put takes some of them."""

BURST = 6
"""Events put at once."""


def test_a_page_goes_from_its_first_paint_to_live_and_shows_what_is_stored_and_what_comes(
    look: Look, deployed: Deployed, service: str
) -> None:
    look.becomes("live")
    expect(look.at("#empty")).to_contain_text("No hit matches this filter yet.")
    deployed.put(envelope(service, 1, summary="the first one"))
    expect(look.rows()).to_have_count(1)
    expect(look.rows().first).to_contain_text("the first one")
    expect(look.at("#empty")).to_be_hidden()

    look.page.reload()
    look.becomes("live")
    look.delivered(1)
    deployed.put(envelope(service, 2, summary="the second one"))
    expect(look.rows().first).to_contain_text("the second one")
    same(look, deployed, service, 2)


def test_no_hit_is_missed_or_doubled_though_the_socket_is_cut_again_and_again(
    look: Look, deployed: Deployed, detour: Detour, service: str
) -> None:
    look.becomes("live")
    with Producer(deployed, service) as producer:
        for cut in range(1, CUTS + 1):
            look.becomes("live")
            producer.has_put(cut * BETWEEN)
            connections = detour.connections
            detour.cut()
            assert wait_for(lambda: detour.connections, lambda now, before=connections: now > before)
    same(look, deployed, service, producer.put)
    text = newest_mark(look)
    assert re.search(r"connection lost [\d:.]+ . [\d:.]+ · .*nothing missed", text), text


def test_no_hit_is_missed_or_doubled_by_one_who_sleeps(
    look: Look, deployed: Deployed, detour: Detour, service: str
) -> None:
    number = count()
    look.becomes("live")
    put(deployed, service, number)
    look.delivered(BURST)

    # The lid closes: nothing runs any more, and nobody tells the server.
    look.cdp.send("Page.setWebLifecycleState", {"state": "frozen"})
    detour.go_quiet()
    put(deployed, service, number)
    put(deployed, service, number)
    assert len(stored(deployed, service, 3 * BURST)) == 3 * BURST
    look.cdp.send("Page.setWebLifecycleState", {"state": "active"})

    look.delivered(3 * BURST)
    look.becomes("live")
    put(deployed, service, number)
    same(look, deployed, service, next(number))


def test_offline_is_said_at_once_with_the_age_of_what_is_shown_and_it_comes_back_by_itself(
    look: Look, deployed: Deployed, service: str
) -> None:
    number = count()
    look.becomes("live")
    put(deployed, service, number)
    look.delivered(BURST)
    expect(look.at("#banner")).to_be_hidden()

    look.context.set_offline(offline=True)
    expect(look.at("#banner")).to_be_visible()
    expect(look.at("#banner-text")).to_contain_text("What you see is as of")
    look.becomes("offline")
    expect(look.page).to_have_title("offline · livedex")
    expect(look.at("#pill")).to_have_attribute("data-tone", "bad")
    expect(look.at("#pill-detail")).to_contain_text(re.compile("next try in|trying now"))
    put(deployed, service, number)

    look.context.set_offline(offline=False)
    look.becomes("live")
    expect(look.at("#banner")).to_be_hidden()
    same(look, deployed, service, next(number))


def newest_mark(look: Look) -> str:
    """What it says: it stands below all that came since, and only rows on the screen are painted."""
    look.at("#stream").focus()
    look.press("j")  # holds still

    def lower() -> int:
        found = look.marks().count()
        if not found:
            look.press("PageDown")
        return found

    assert wait_for(lower, bool)
    return look.marks().first.inner_text()


class Producer:
    """Puts events at a steady rate, from ``with`` until its end; what a slow put delays is made up for."""

    def __init__(self, deployed: Deployed, service: str) -> None:
        self.put = 0
        self._deployed, self._service = deployed, service
        self._stop = Event()
        self._thread = Thread(target=self._run, name="producer")

    def has_put(self, count: int) -> None:
        """Wait until so many have been put."""
        assert wait_for(lambda: self.put, lambda put: put >= count) >= count

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        while not self._stop.wait(STEP):
            due = int((time.monotonic() - begun) * RATE)
            numbers = range(self.put, due)
            self._deployed.put(*(envelope(self._service, number, level="info") for number in numbers))
            self.put = due


def put(deployed: Deployed, service: str, numbers: Iterator[int]) -> None:
    deployed.put(*(envelope(service, next(numbers), level="info") for _ in range(BURST)))


def stored(deployed: Deployed, service: str, count: int) -> list[str]:
    """The ids of the service's documents in their order, as soon as there are so many."""

    def look() -> list[str]:
        deployed.ask("POST", "/*-20*/_refresh")
        ids: list[str] = []
        while page := ids_behind(ids[-1:], deployed, service):
            ids += page
        return ids

    return wait_for(look, lambda ids: len(ids) >= count)


def ids_behind(last: list[str], deployed: Deployed, service: str) -> list[str]:
    """As many ids as a search gives at most, behind the last one known."""
    query = {"query": {"term": {"service": service}}, "size": 10_000, "sort": ["id"], "_source": False}
    behind = {"search_after": last} if last else {}
    answer = deployed.ask("POST", "/*-20*/_search?allow_no_indices=true", {**query, **behind})
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def same(look: Look, deployed: Deployed, service: str, count: int) -> None:
    """What the page was told is what OpenSearch holds, each once."""
    held = stored(deployed, service, count)
    assert len(held) == count
    wait_for(look.arrived, lambda ids: len(ids) >= count)
    look.becomes("live")
    arrived = sorted(look.arrived())
    assert arrived == held, json.dumps({"missed": len(set(held) - set(arrived)), "told": len(arrived)})
    look.delivered(count)
