"""What the pure stages of indexing cost for one event, beside the least that any way has to do.

The least: parse the envelope, hash the identity, write the document. What a stage costs above it is the
price of its checks and promises, and where the processor time of ``documents`` goes.
"""

from __future__ import annotations

import hashlib
import time
from functools import partial
from typing import TYPE_CHECKING

import orjson

from benchmarks import facts
from benchmarks.figure import Figure, collecting, median_in_turns
from pipeline.arriving import TOGETHER
from pipeline.core import bulk, derive, entries, fill, normalise, parse, route
from pipeline.handlers.invocation import COLLECT_AFTER
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.core.document import Document


EVENTS = 5_000
"""More than the stages remember times of, since real events rarely share a millisecond."""

TURNS = 9


def figures() -> Iterator[Figure]:
    """Microseconds an event: each stage, and the least."""
    routes, deliveries = shipped.routes(), facts.deliveries(EVENTS)
    bodies = [delivery.body for delivery in deliveries]
    events = [parse.event(body) for body in bodies]
    pairs = [(event, route.choose(event, routes)) for event in events]
    now = events[0].time

    def documents() -> list[Document]:
        return [normalise.normalise(event, to, single_tenant=False, now=now) for event, to in pairs]

    made = documents()
    kinds = fill.Kinds()
    for event, to in pairs:
        kinds.learn(event.source, event.detail_type, to, single_tenant=False)
    parts = [bodies[start : start + TOGETHER] for start in range(0, EVENTS, TOGETHER)]
    stages: dict[str, Callable[[], object]] = {
        "the least": lambda: [_least(body) for body in bodies],
        "parse and route": lambda: [route.choose(parse.event(body), routes) for body in bodies],
        "normalise": documents,
        "fill, the short way of these": lambda: [fill.documents(part, kinds, now) for part in parts],
        "bulk": lambda: bulk.requests(made, now),
        "derive and entries": lambda: entries.entries(derive.delta(document, now) for document in made),
    }
    measures = [partial(_microseconds, stage) for stage in stages.values()]
    with collecting(COLLECT_AFTER):
        least, *costs = median_in_turns(TURNS, *measures)
    for name, cost in zip(list(stages)[1:], costs, strict=True):
        yield Figure(f"stages for one event: {name}", cost, "us", {"the least for one event": least})


def _least(body: str) -> bytes:
    envelope = orjson.loads(body)
    detail = envelope["detail"]
    identity = orjson.dumps([envelope["source"], envelope["detail-type"], detail["eventId"]])
    return orjson.dumps({**envelope, "id": hashlib.sha256(identity).hexdigest()})


def _microseconds(stage: Callable[[], object]) -> float:
    began = time.process_time()
    stage()
    return (time.process_time() - began) * 1_000_000 / EVENTS
