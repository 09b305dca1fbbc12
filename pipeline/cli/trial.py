"""One smoke run: put marked events on the real bus, and watch where they come out."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.cli import sample
from pipeline.cli.producer import CALL
from pipeline.cli.proof import WITNESS, Seen, weigh
from pipeline.cli.watcher import Watcher
from pipeline.client import api
from pipeline.core import route, terms
from pipeline.core.errors import Unavailable
from pipeline.core.model import Event
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.cli.endpoints import Stack

BUCKET = 500
"""Events that are asked for with one query."""

PAGE = 1_000
"""Documents asked for at a time."""

POLL = 0.25
"""Seconds between two looks at what does not call back."""

SETTLE = 1.0
"""Seconds that a frame may still be under way after the queues have emptied."""


@dataclass(frozen=True, slots=True)
class Party:
    """A tenant, and a token of it."""

    tenant: str
    token: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a run needs.

    Attributes:
        run: Marks its events: they carry it in the attribute ``operation``.
        ours: Whose events they are.
        others: Another tenant.
        patience: Seconds to wait for each stage.
        tell: Called with words on how far it is.
    """

    stack: Stack
    run: str
    events: int
    ours: Party
    others: Party
    patience: float
    tell: Callable[[str], None]

    @property
    def operation(self) -> str:
        """What the matching filter asks for."""
        return f"smoke-{self.run}"

    @property
    def decoy(self) -> str:
        """What the filter that must not match asks for."""
        return f"smoke-{self.run}-decoy"

    def envelopes(self) -> list[dict[str, Any]]:
        """The events, and last the two witnesses."""
        made = sample.envelopes(int(self.run, 16), int(time.time() * 1000), 0.0)
        events = [
            _marked(envelope, f"{self.operation}-{number}", tenant=self.ours.tenant, operation=self.operation,
                    status="ok", region=f"smoke-{number // BUCKET}")
            for number, envelope in enumerate(islice(made, self.events))
        ]  # fmt: skip
        by_filter = _marked(
            next(made), f"{self.decoy}-1", tenant=self.ours.tenant, operation=self.decoy, status=WITNESS
        )
        by_tenant = _marked(
            next(made), f"{self.decoy}-2", tenant=self.others.tenant, operation=self.operation, status=WITNESS
        )
        return [*events, by_filter, by_tenant]


async def run(trial: Trial) -> Seen:
    """Do it; what was seen, whole or not, when all has come out or the time is over.

    Raises:
        Refused: The server refused a token or a filter.
        Unavailable: A queue cannot be asked.
        TimeoutError: The subscribers did not get as far as listening.
    """
    seen, http = Seen(), trial.stack.http
    before = await asyncio.to_thread(_depths, trial.stack)
    mine, stranger = api.dialler(http, trial.ours.token), api.dialler(http, trial.others.token)
    matching = Watcher(mine, {"operation": [trial.operation]})
    filtered = Watcher(mine, {"operation": [trial.decoy]})
    foreign = Watcher(stranger, {"operation": [trial.operation]})
    watchers = (matching, filtered, foreign)
    listening = [asyncio.create_task(watcher.watch()) for watcher in watchers]
    work = asyncio.create_task(_work(trial, seen, before, watchers))
    try:
        await asyncio.wait([work, *listening], return_when=asyncio.FIRST_COMPLETED)
        for ended in (task for task in listening if task.done()):
            ended.result()  # raises why
        await work
    finally:
        for task in (work, *listening):
            task.cancel()
        await asyncio.gather(work, *listening, return_exceptions=True)
    return seen


async def _work(trial: Trial, seen: Seen, before: Mapping[str, int], watchers: Sequence[Watcher]) -> None:
    matching, filtered, foreign = watchers
    trial.tell("subscribing")
    async with asyncio.timeout(trial.patience):
        for watcher in watchers:
            await watcher.until(lambda each: each.is_live)
    trial.tell(f"putting {trial.events} events")
    await asyncio.to_thread(_put, trial, seen)
    with suppress(TimeoutError):
        async with asyncio.timeout(trial.patience):
            trial.tell("waiting for them at the subscriber")
            await matching.until(lambda each: len(each.arrived) >= len(seen.put))
            await filtered.until(lambda each: bool(each.arrived))
            await foreign.until(lambda each: bool(each.arrived))
            trial.tell("waiting for the queues to empty")
            await _until(lambda: _left(before, _depths(trial.stack)) == (0, 0))
            await asyncio.sleep(SETTLE)
    trial.tell("looking into the index")
    with suppress(TimeoutError):
        async with asyncio.timeout(trial.patience):
            await _until(lambda: _look(trial, seen))
    seen.left_in_queues, seen.dead = _left(before, await asyncio.to_thread(_depths, trial.stack))
    weigh(seen, matching, filtered, foreign, decoy=trial.decoy)


def _put(trial: Trial, seen: Seen) -> None:
    bus, envelopes = trial.stack.events_bus, trial.envelopes()
    for start in range(0, len(envelopes), CALL):
        call, now = envelopes[start : start + CALL], int(time.time() * 1000)
        for envelope, answer in zip(call, bus.put_envelopes(call), strict=True):
            if not answer.error and envelope["detail"]["status"] != WITNESS:
                seen.put[envelope["detail"]["eventId"]] = now


async def _until(done: Callable[[], bool]) -> None:
    """Ask, in a thread, until the answer is yes."""
    while not await asyncio.to_thread(done):  # noqa: ASYNC110 - queues and indices call nobody back
        await asyncio.sleep(POLL)


def _look(trial: Trial, seen: Seen) -> bool:
    """Look once into the index, and ask the HTTP API once; whether all events are in both."""
    with suppress(Unavailable, OSError):
        seen.documents = list(_documents(trial))
        for bucket in range(-(-trial.events // BUCKET)):
            asked = {"operation": [trial.operation], "region": [f"smoke-{bucket}"]}
            page = api.hits(trial.stack.http, trial.ours.token(), asked, BUCKET)
            seen.found |= {hit["id"] for hit in page}
    return len(seen.documents) >= len(seen.put) and len(seen.found) >= len(seen.put)


def _documents(trial: Trial) -> Iterator[tuple[str, str, int]]:
    """All documents of our events: (document, event, ``@ingested``)."""
    store, indices = trial.stack.store, f"{_family()}-*"
    store.refresh(indices)
    after: list[Any] | None = None
    while True:
        wanted = [
            {"term": {"tokens": terms.token("operation", trial.operation)}},
            {"term": {"tenant": trial.ours.tenant}},
        ]
        body = {"query": {"bool": {"filter": wanted}}, "size": PAGE, "sort": ["@ingested", "id"]}
        page = store.search(indices, body if after is None else {**body, "search_after": after})
        for hit in page:
            source = hit["_source"]
            yield hit["_id"], source["detail"]["eventId"], source["@ingested"]
            after = [source["@ingested"], source["id"]]
        if len(page) < PAGE:
            return


def _family() -> str:
    operation = sample.OPERATIONS[0]
    return route.choose(Event("", operation.source, operation.done, 0, {}), shipped.routes()).family


def _depths(stack: Stack) -> dict[str, int]:
    """Deliveries in both hops' queues: under way, and dead."""
    depths = [queue.depths() for queue in stack.queues.values()]
    return {
        "left": sum(depth["waiting"] + depth["in_flight"] for depth in depths),
        "dead": sum(depth["dead"] for depth in depths),
    }


def _left(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[int, int]:
    """What was added."""
    return max(0, after["left"] - before["left"]), max(0, after["dead"] - before["dead"])


def _marked(envelope: dict[str, Any], event_id: str, **fields: str) -> dict[str, Any]:
    return {**envelope, "detail": {**envelope["detail"], "eventId": event_id, **fields}}
