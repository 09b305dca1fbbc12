"""The scenarios of ``tests/scenarios``, which the browser client plays as well: see the README there."""

from __future__ import annotations

import asyncio
import json
import selectors
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from pipeline.client import Client, Gap, Hits, Notice, Pace, Refusal, Refused, Status, StatusChange
from pipeline.client.polling import Page, PageRequest

if TYPE_CHECKING:
    from pipeline.client import Subscription

FOLDER = Path(__file__).parents[1] / "scenarios"
TURNS = 30
"""Turns of the loop after which whatever waits for nothing but its turn has run."""


class NoTime(selectors.SelectSelector):
    """Waits for nothing: whoever runs the loop says how late it is."""

    def select(self, _timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """Time passes when told to."""

    def __init__(self) -> None:
        super().__init__(NoTime())
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        self.run_until_complete(_turns())

    def next_timer(self) -> float | None:
        live = [handle.when() for handle in self._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        return min(live, default=None)

    def pass_(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.next_timer()) is not None and at <= until:
            self.now = max(self.now, at)
            self.settle()
        self.now = until
        self.settle()


async def _turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


class TestSocket:
    """The client's end of a connection that the test holds the other end of."""

    __test__ = False

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.coming: asyncio.Queue[str | Exception] = asyncio.Queue()

    async def recv(self) -> str:
        arrived = await self.coming.get()
        if isinstance(arrived, Exception):
            raise arrived
        return arrived

    async def send(self, message: str) -> None:
        self.sent.append(json.loads(message))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


class Play:
    """A client, and the world as the test plays it."""

    def __init__(self, loop: Loop, pace: dict[str, float]) -> None:
        self.loop = loop
        self.dials: list[asyncio.Future[str]] = []
        self.openings: list[asyncio.Future[TestSocket]] = []
        self.sockets: list[TestSocket] = []
        self.requests: list[tuple[PageRequest, asyncio.Future[Page]]] = []
        self.dialled = self.asked = self.heard = 0
        self.statuses: list[str] = []
        self.notices: list[str] = []
        self.refusals: list[str] = []
        self.gaps: list[dict[str, Any]] = []
        self.subscriptions: dict[str, Subscription] = {}
        self.told: dict[str, list[str]] = {}
        self.client = Client(
            self._dial, pages=self._pages, pace=Pace(**pace), chance=lambda: 0.5, opener=self._open
        )
        self.reader = loop.create_task(self._read())

    async def _dial(self) -> str:
        self.dials.append(asyncio.get_running_loop().create_future())
        return await self.dials[-1]

    async def _open(self, _url: str, _seconds: float) -> TestSocket:
        self.openings.append(asyncio.get_running_loop().create_future())
        return await self.openings[-1]

    async def _pages(self, request: PageRequest) -> Page:
        self.requests.append((request, asyncio.get_running_loop().create_future()))
        return await self.requests[-1][1]

    async def _read(self) -> None:
        async with self.client:
            async for news in self.client:
                match news:
                    case Hits(subscription, hits):
                        self.told[self._name(subscription)] += [hit["id"] for hit in hits]
                    case Gap():
                        self.gaps.append(gap_as_told(news))
                    case Refusal(code=code):
                        self.refusals.append(code)
                    case Notice(code=code):
                        self.notices.append(code)
                    case StatusChange(status):
                        self.statuses.append(status.value)

    def _name(self, subscription: Subscription) -> str:
        return next(name for name, each in self.subscriptions.items() if each is subscription)

    def end(self) -> None:
        self.reader.cancel()
        with suppress(asyncio.CancelledError):
            self.loop.run_until_complete(self.reader)

    def run(self, step: dict[str, Any]) -> None:
        for word, value in step.items():
            getattr(self, f"do_{word}")(value)
        self.loop.settle()

    # --- the page -----------------------------------------------------------------------------

    def do_subscribe(self, given: dict[str, Any]) -> None:
        name = given.pop("as", "a")
        pattern = given.pop("filter")
        self.told[name] = []
        self.loop.run_until_complete(self._subscribe(name, pattern, given))

    async def _subscribe(self, name: str, pattern: dict[str, Any], given: dict[str, Any]) -> None:
        self.subscriptions[name] = self.client.subscribe(pattern, **given)

    def do_unsubscribe(self, name: str) -> None:
        self.loop.run_until_complete(self.client.unsubscribe(self.subscriptions[name]))

    def do_send(self, frame: dict[str, Any]) -> None:
        async def send() -> bool:
            return self.client.send(frame)

        assert self.loop.run_until_complete(send())

    def do_nudge(self, _: object) -> None:
        async def nudge() -> None:
            self.client.nudge()

        self.loop.run_until_complete(nudge())

    def do_pass(self, seconds: float) -> None:
        self.loop.pass_(seconds)

    # --- the server ---------------------------------------------------------------------------

    def do_dial(self, how: str) -> None:
        assert len(self.dials) > self.dialled, "nothing was dialled"
        self.dialled = len(self.dials)
        dial = self.dials[-1]
        if how == "no-ticket":
            dial.set_exception(ConnectionError("nobody there"))
        elif how == "refused":
            dial.set_exception(Refused("unauthorized", "no"))
        else:
            dial.set_result("ws://there")
            self.loop.settle()
            if how == "open":
                self.sockets.append(TestSocket())
                self.heard = 0
                self.openings[-1].set_result(self.sockets[-1])
            else:
                self.openings[-1].set_exception(ConnectionError("no way through"))

    def do_undialled(self, _: object) -> None:
        assert len(self.dials) == self.dialled

    def do_client(self, frame: dict[str, Any]) -> None:
        sent = self.sockets[-1].sent[self.heard :]
        assert sent[:1] == [frame]
        self.heard += 1

    def do_silent(self, _: object) -> None:
        assert self.sockets[-1].sent[self.heard :] == []

    def do_server(self, frame: dict[str, Any]) -> None:
        self.do_raw(json.dumps({"v": 1, **with_hits(frame)}))

    def do_raw(self, text: str) -> None:
        self.sockets[-1].coming.put_nowait(text)

    def do_close(self, code: int) -> None:
        close = None if code == 1006 else Close(code, "")
        self.sockets[-1].coming.put_nowait(ConnectionClosedError(close, None))

    def do_get(self, wanted: dict[str, Any]) -> None:
        assert len(self.requests) > self.asked, "nothing was asked over HTTP"
        request = self.requests[self.asked][0]
        asked = {each.name: getattr(request, each.name) for each in fields(request)}
        assert {name: value for name, value in asked.items() if value is not None} == wanted
        self.asked += 1

    def do_unasked(self, _: object) -> None:
        assert len(self.requests) == self.asked

    def do_answer(self, given: dict[str, Any]) -> None:
        answer = self.requests[self.asked - 1][1]
        status, code = given.pop("status", 200), given.pop("code", None)
        if status == 503:
            answer.set_exception(ConnectionError("the index cannot be read"))
        elif code is not None:
            answer.set_exception(Refused(code, "no"))
        else:
            answer.set_result(Page(**with_hits(given)))

    # --- what the page has seen ---------------------------------------------------------------

    def do_told(self, ids: list[str] | dict[str, list[str]]) -> None:
        assert self.told == (ids if isinstance(ids, dict) else {"a": ids})
        self.told = {name: [] for name in self.told}

    def do_status(self, status: str) -> None:
        assert self.client.status is Status(status)

    def do_statuses(self, statuses: list[str]) -> None:
        assert self.statuses == statuses
        self.statuses.clear()

    def do_gaps(self, gaps: list[dict[str, Any]]) -> None:
        assert self.gaps == [
            {name: value for name, value in gap.items() if value is not None} for gap in gaps
        ]
        self.gaps.clear()

    def do_notices(self, codes: list[str]) -> None:
        assert self.notices == codes
        self.notices.clear()

    def do_cursor(self, cursor: str | dict[str, str | None] | None) -> None:
        wanted = cursor if isinstance(cursor, dict) else {"a": cursor}
        assert {name: self.subscriptions[name].cursor for name in wanted} == wanted

    def do_duplicates(self, count: int) -> None:
        assert self.subscriptions["a"].duplicates == count

    def do_refused(self, code: str) -> None:
        assert code in self.refusals


def with_hits(frame: dict[str, Any]) -> dict[str, Any]:
    """In scenarios a hit may be given by its id alone."""
    if "hits" not in frame:
        return frame
    return {**frame, "hits": [{"id": hit} if isinstance(hit, str) else hit for hit in frame["hits"]]}


def gap_as_told(gap: Gap) -> dict[str, Any]:
    told = {
        "mended": gap.mended,
        "reason": gap.reason,
        "from": gap.start,
        "to": gap.end,
        "since": gap.since,
        "kept": gap.kept,
        "of": gap.of,
    }
    return {name: value for name, value in told.items() if value is not None}


def scenarios() -> list[Any]:
    return [
        pytest.param(scenario, id=f"{file.stem}: {scenario['name']}")
        for file in sorted(FOLDER.glob("*.json"))
        for scenario in json.loads(file.read_text())
    ]


def in_python(name: str) -> str:
    """``longestRetry`` is ``longest_retry`` here."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@pytest.mark.parametrize("scenario", scenarios())
def test_the_client_does_what_the_scenario_says(scenario: dict[str, Any]) -> None:
    loop = Loop()
    pace = {in_python(name): seconds for name, seconds in scenario.get("pace", {}).items()}
    play = Play(loop, pace)
    try:
        for place, step in enumerate(scenario["steps"], 1):
            try:
                play.run(json.loads(json.dumps(step)))
            except AssertionError as trouble:
                trouble.add_note(f"step {place}: {json.dumps(step)}")
                raise
    finally:
        play.end()
        loop.close()
