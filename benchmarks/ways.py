"""The ways in which ``documents`` stores a bench's deliveries: ours, and others."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import orjson
import urllib3
from opensearchpy import helpers

from benchmarks import benches, hand_made
from benchmarks.benches import CONNECTIONS
from benchmarks.figure import collecting
from pipeline import indexing, settings
from pipeline.adapters import memory, opensearch, opensearch_wire, system_clock
from pipeline.core import bulk
from pipeline.core.arrival import End
from pipeline.core.document import Verdict
from pipeline.handlers.invocation import COLLECT_AFTER
from pipeline.ports.index import BULK_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.benches import Bench
    from pipeline.core.attempt import BulkAnswer, Request
    from pipeline.core.document import Document
    from pipeline.core.fill import Kinds
    from pipeline.core.model import Delivery

BODY = 2_000
"""Documents in a body."""

TIME = 60_000
"""Milliseconds that a call of the story may take; it takes a third of a second."""

SETTINGS = {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
"""AWS is not asked for anything."""


class _OneByOne(opensearch.DocumentStore):
    """Bodies in turn, on one connection."""

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Sequence[BulkAnswer]:
        one = super().bulk
        return [answer for body in bodies for answer in one([body], patience)]


def story(
    bench: Bench,
    kinds: Kinds,
    *,
    in_turn: bool = False,
    collect_after: tuple[int, int, int] = COLLECT_AFTER,
) -> None:
    clock = system_clock.SystemClock()
    wire = opensearch_wire.wire(_settings(bench.url))
    store = _OneByOne(wire) if in_turn else opensearch.DocumentStore(wire)
    with collecting(collect_after):
        for deliveries in _batches(bench):
            report = indexing.index(
                deliveries,
                routes=bench.routes,
                store=store,
                bus=memory.MemoryDeltaBus(),
                queue=memory.MemoryQueues(clock),
                clock=clock,
                deadline=clock.now() + TIME,
                single_tenant=False,
                kinds=kinds,
            )
            _require(report.ends[End.STORED], len(deliveries))
            _require(report.announced, len(deliveries))
    store.close()


def to_outcomes(bench: Bench, made: Callable[[Sequence[Delivery]], Sequence[Document]]) -> None:
    store = opensearch.DocumentStore(opensearch_wire.wire(_settings(bench.url)))
    with collecting(COLLECT_AFTER):
        for deliveries in _batches(bench):
            sent: list[Request] = []
            answers = store.bulk(_bodies(deliveries, made, sent))
            pairs = zip(sent, answers, strict=True)
            outcomes = [outcome for request, answer in pairs for outcome in bulk.outcomes(request, answer)]
            _require(sum(outcome.verdict is Verdict.STORED for outcome in outcomes), len(deliveries))
    store.close()


def _bodies(
    deliveries: Sequence[Delivery],
    made: Callable[[Sequence[Delivery]], Sequence[Document]],
    sent: list[Request],
) -> Iterator[bytes]:
    """Bodies, each made while the one before it is on its way, as the story does."""
    for start in range(0, len(deliveries), BODY):
        for request in bulk.requests(made(deliveries[start : start + BODY]), int(time.time() * 1000)):
            sent.append(request)
            yield request.body


def _batches(bench: Bench) -> Iterator[Sequence[Delivery]]:
    batch = CONNECTIONS * BODY
    for start in range(0, len(bench.deliveries), batch):
        yield bench.deliveries[start : start + batch]


def serialised_before(bench: Bench) -> Callable[[], None]:
    now = int(time.time() * 1000)
    parts = [bench.documents[start : start + BODY] for start in range(0, len(bench.documents), BODY)]
    bodies = [request.body for part in parts for request in bulk.requests(part, now)]

    def post_all() -> None:
        with _posting(bench.url) as answers:
            _require(sum(answer.status == 200 for answer in answers(bodies)), len(bodies))

    return post_all


@contextmanager
def _posting(url: str) -> Iterator[Callable[[Iterable[bytes]], Iterator[urllib3.BaseHTTPResponse]]]:
    """Posts bodies by urllib3 alone, as many at a time as there are connections; gives the answers."""
    path = f"/_bulk?filter_path={opensearch.BULK_FIELDS}&timeout=20s"
    headers = {"content-type": "application/x-ndjson"}
    with (
        urllib3.connection_from_url(url, maxsize=CONNECTIONS) as pool,
        ThreadPoolExecutor(CONNECTIONS) as threads,
    ):
        post = lambda body: pool.request("POST", path, body=body, headers=headers, retries=False)  # noqa: E731
        yield partial(threads.map, post)


def by_hand(bench: Bench) -> None:
    texts, now = [delivery.body for delivery in bench.deliveries], int(time.time() * 1000)
    bodies = (
        hand_made.lines(texts[start : start + BODY], bench.family, now)
        for start in range(0, len(texts), BODY)
    )
    with _posting(bench.url) as answers:
        items = [item for answer in answers(bodies) for item in orjson.loads(answer.data)["items"]]
    _require(sum(item["create"]["status"] == 201 for item in items), len(texts))


def streaming(bench: Bench) -> None:
    with benches.client(bench.url) as client:
        answers = helpers.streaming_bulk(client, _actions(bench), chunk_size=BODY, max_retries=0)
        _require(sum(good for good, _ in answers), len(bench.deliveries))


def parallel(bench: Bench) -> None:
    with benches.client(bench.url) as client:
        answers = helpers.parallel_bulk(client, _actions(bench), thread_count=CONNECTIONS, chunk_size=BODY)
        _require(sum(good for good, _ in answers), len(bench.deliveries))


def _actions(bench: Bench) -> Iterator[dict[str, object]]:
    bodies = (delivery.body for delivery in bench.deliveries)
    return hand_made.actions(bodies, bench.family, int(time.time() * 1000))


def _require(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} of {wanted} were taken: this run measures nothing.")


def _settings(url: str) -> settings.Settings:
    return settings.read({**SETTINGS, "LIVEDEX_OPENSEARCH_URL": url})
