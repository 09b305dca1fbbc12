"""The whole way on the local stack: from PutEvents to a client at its WebSocket.

A producer puts marked events on the bus; a subscriber whose filter names the mark notes when each comes.
First at a trickle, where nobody waits for anybody: how long is the way? Then as fast as the bus takes
them: how many come out a second? The emulator runs everything on this machine, in Python, and hands its
functions at most ten events at a time, so these figures say nothing about AWS; they tell whether a change
made the way longer.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmarks.figure import Figure
from pipeline.cli import clients, endpoints, sample
from pipeline.cli.producer import CALL
from pipeline.cli.proof import percentiles
from pipeline.cli.watcher import Watcher
from pipeline.client import api
from pipeline.local import deploy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.adapters.eventbridge import EventsBus

TENANT = "acme"
WARM_UP = 20
"""Events before the clock starts: functions start at their first ones."""

TRICKLE, RATE = 60, 5.0
"""Events, and events a second."""

BURST = 3_000
"""Events put as fast as the bus takes them."""

PATIENCE = 120.0
"""Seconds until what has not come is given up."""


@dataclass(slots=True)
class Run:
    """Marked events and when they were put.

    Attributes:
        mark: What they carry in the attribute ``operation``.
        put: Event to when its call began, in ms since the epoch.
        calls: Milliseconds that each call took.
    """

    mark: str = field(default_factory=lambda: f"benchmark-{uuid4().hex[:8]}")
    put: dict[str, int] = field(default_factory=dict)
    calls: list[float] = field(default_factory=list)


def figures() -> Iterator[Figure]:
    """Latency at a trickle, then events a second; on the stack of the current folder."""
    deploy.deploy("local", Path.cwd())
    stack = endpoints.find(endpoints.Target.LOCAL)
    measure = partial(_measure, stack, stack.events_bus)
    asyncio.run(measure(Run(), WARM_UP, call=1, rate=RATE))
    slow = Run()
    came = asyncio.run(measure(slow, TRICKLE, call=1, rate=RATE))
    took = percentiles(at - slow.put[event] for event, at in came.items())
    put = {"PutEvents alone, p50": median(slow.calls)}
    for name, value in (("p50", took.p50), ("p99", took.p99)):
        if value is not None:
            yield Figure(f"put to client at {RATE:g}/s, {name}", value, "ms", put)
    fast = Run()
    came = asyncio.run(measure(fast, BURST, call=CALL, rate=None))
    began, ended = min(fast.put.values()), max(came.values())
    accepted = BURST / (sum(fast.calls) / 1000)
    yield Figure(
        "events/s, put to client", len(came) * 1000 / (ended - began), "1/s", {"PutEvents alone": accepted}
    )


async def _measure(
    stack: endpoints.Stack, bus: EventsBus, run: Run, events: int, *, call: int, rate: float | None
) -> Mapping[str, int]:
    """Put events and wait until all have come; event to when it came, in ms since the epoch."""
    watcher = Watcher(api.dialler(stack.http, lambda: clients.mint(TENANT)), {"operation": [run.mark]})
    listening = asyncio.create_task(watcher.watch())
    try:
        async with asyncio.timeout(PATIENCE):
            await watcher.until(lambda each: each.is_live)
            await asyncio.to_thread(_put, bus, run, events, call, rate)
            await watcher.until(lambda each: len(each.arrived) >= events)
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
    return {hit["message"]: at for hit, at in watcher.arrived.values()}


def _put(bus: EventsBus, run: Run, events: int, call: int, rate: float | None) -> None:
    """Put events in calls of so many, at a rate or as fast as they are taken."""
    began = time.monotonic()
    marked = list(_envelopes(run.mark, events))
    for start in range(0, events, call):
        if rate:
            time.sleep(max(0.0, began + start / rate - time.monotonic()))
        now, part = time.time(), marked[start : start + call]
        faults = [answer.error for answer in bus.put_envelopes(part) if answer.error]
        run.calls.append((time.time() - now) * 1000)
        if faults:
            raise RuntimeError(f"the bus refused {len(faults)} events: {faults[0]}")
        run.put |= {envelope["detail"]["summary"]: int(now * 1000) for envelope in part}


def _envelopes(mark: str, count: int) -> Iterator[dict[str, Any]]:
    """Sample events of one tenant that carry the mark; their message is the event's own name."""
    made = sample.envelopes(int(mark[-8:], 16), int(time.time() * 1000), 0.0)
    for envelope in islice(made, count):
        named = {"tenant": TENANT, "operation": mark, "summary": envelope["detail"]["eventId"]}
        yield {**envelope, "detail": {**envelope["detail"], **named}}
