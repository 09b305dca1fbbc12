"""Documents a second into a real node, and what they cost the client's processor.

Every way gets the same deliveries, envelopes of about 600 bytes as JSON text, and stores the same
documents by op ``create`` into an index that was made just before, under our own mapping. The node has a
core of its own, and becomes faster for some ten turns: it is warm before the clock starts. The two ways
that a bar holds against each other take turns side by side, in the order ABBA; the ratio is the median of
the pairs' ratios, and is given with the two between which the middle half of them lay.

- *the story*: ``pipeline.indexing.index`` over the live store, 4,000 events to a batch: parse, route,
  normalise, send, read every item's outcome, make and pack the deltas (a bus in memory takes them).
- *the story, a body at a time*: the same over a store that sends one body after the other.
- *the story, garbage as usual*: the same with Python's own threshold of garbage collection.
- *envelope to outcome*: the story's stages up to the outcomes, as far as the rivals go: no deltas, nothing
  kept to answer the queue with. It has seen such events before, as a process has after its first batch.
- *envelope to outcome, each event taken apart*: the same by parse, route and normalise alone.
- *serialised before*: the very bodies that the story sends, made before the clock starts and posted by
  urllib3 on as many connections, without a look into the answers: as fast as the node can be fed.
- *streaming_bulk*, *parallel_bulk*: opensearch-py's helpers with bodies of as many documents, the second
  with two threads. The least code that makes the documents feeds them (``hand_made``); they write them as
  JSON, send them and read every item. No deltas.
"""

from __future__ import annotations

import gc
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import urllib3
from opensearchpy import helpers

from benchmarks import benches, engines, hand_made
from benchmarks.benches import CONNECTIONS
from benchmarks.figure import Figure, collecting, in_pairs, median_in_turns
from pipeline import indexing, settings
from pipeline.adapters import memory, opensearch, opensearch_wire, system_clock
from pipeline.core import bulk
from pipeline.core.arrival import End
from pipeline.core.document import Verdict
from pipeline.core.fill import Kinds
from pipeline.handlers.invocation import COLLECT_AFTER
from pipeline.ports.index import BULK_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.benches import Bench
    from pipeline.core.attempt import BulkAnswer, Request
    from pipeline.core.document import Document
    from pipeline.core.model import Delivery

DOCUMENTS = 16_000
"""Stored in a turn: enough that no single refresh or merge decides it."""

BODY = 2_000
"""Documents in a body."""

WARM_UP = 6
"""Pairs of turns before the clock starts."""

RATE_PAIRS, CPU_PAIRS, TURNS = 12, 7, 3
"""Pairs of turns for each bar, and turns of each way that no bar is for."""

TIME = 60_000
"""Milliseconds that a call of the story may take; it takes a third of a second."""

BAR_RATE = 0.9
"""Least share of the rate of bodies that were serialised before."""

BAR_CPU = 5.0
"""Least times that the processor time from envelope to outcome goes into that of ``streaming_bulk``."""

SETTINGS = {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
"""AWS is not asked for anything."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to store all of a bench's deliveries.

    Attributes:
        store: Stores them; raises when they were not all stored.
        rates: Documents a second in each turn.
        cpu: This process's seconds of processor for 100,000 documents in each turn.
    """

    bench: Bench
    store: Callable[[], None]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def rate(self) -> float:
        """Store all deliveries once into empty indices; the documents a second."""
        self._turn()
        return self.rates[-1]

    def processor(self) -> float:
        """Store all deliveries once into empty indices; the seconds of processor for 100,000."""
        self._turn()
        return self.cpu[-1]

    def _turn(self) -> None:
        benches.empty(self.bench)
        count = len(self.bench.deliveries)
        began, used = time.perf_counter(), time.process_time()
        self.store()
        self.cpu.append((time.process_time() - used) * 100_000 / count)
        self.rates.append(count / (time.perf_counter() - began))


def figures(url: str) -> Iterator[Figure]:
    """Documents a second, and processor time for 100,000.

    Args:
        url: Of the node.
    """
    kinds = Kinds()
    with benches.prepared(url, DOCUMENTS) as bench, engines.node_apart():
        by_forms = lambda deliveries: benches.documents(deliveries, bench.routes, kinds)  # noqa: E731
        apart = lambda deliveries: [benches.document(each, bench.routes) for each in deliveries]  # noqa: E731
        ways = {
            "the story": Way(bench, lambda: _story(bench, kinds)),
            "serialised before": Way(bench, _serialised_before(bench)),
            "envelope to outcome": Way(bench, lambda: _to_outcomes(bench, by_forms)),
            "streaming_bulk": Way(bench, lambda: _streaming(bench)),
            "parallel_bulk": Way(bench, lambda: _parallel(bench)),
            "the story, a body at a time": Way(bench, lambda: _story(bench, kinds, in_turn=True)),
            "the story, garbage as usual": Way(
                bench, lambda: _story(bench, kinds, collect_after=gc.get_threshold())
            ),
            "envelope to outcome, each event taken apart": Way(bench, lambda: _to_outcomes(bench, apart)),
        }
        story, before, outcome, streaming, *others = ways.values()
        in_pairs(WARM_UP, story.rate, before.rate)
        in_pairs(1, streaming.rate, outcome.rate)
        for way in (story, before, streaming, outcome):
            way.rates.clear()
            way.cpu.clear()
        shares = in_pairs(RATE_PAIRS, story.rate, before.rate)
        times = in_pairs(CPU_PAIRS, streaming.processor, outcome.processor)
        median_in_turns(TURNS, *(way.rate for way in others))
    rates = {name: statistics.median(way.rates) for name, way in ways.items()}
    rate, bar = rates.pop("the story"), f"≥ {BAR_RATE} x serialised before"
    low, share, high = statistics.quantiles(shares)
    yield Figure("documents into OpenSearch", rate, "1/s", rates, share, bar, share >= BAR_RATE, (low, high))
    seconds = {name: statistics.median(way.cpu) for name, way in ways.items()}
    mine, whole = seconds.pop("envelope to outcome"), seconds.pop("the story")
    del seconds["the story, a body at a time"]
    usual = {"the story, garbage as usual": seconds.pop("the story, garbage as usual")}
    bar = f"≥ {BAR_CPU:g} x less than streaming_bulk"
    name = "client CPU for 100,000 documents"
    low, less, high = statistics.quantiles(times)
    yield Figure(f"{name}, envelope to outcome", mine, "s", seconds, less, bar, less >= BAR_CPU, (low, high))
    yield Figure(f"{name}, deltas too", whole, "s", seconds | usual)


# --- the ways ---------------------------------------------------------------------------------


class _OneByOne(opensearch.DocumentStore):
    """Bodies in turn, on one connection."""

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Sequence[BulkAnswer]:
        one = super().bulk
        return [answer for body in bodies for answer in one([body], patience)]


def _story(
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


def _to_outcomes(bench: Bench, made: Callable[[Sequence[Delivery]], Sequence[Document]]) -> None:
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


def _serialised_before(bench: Bench) -> Callable[[], None]:
    now = int(time.time() * 1000)
    parts = [bench.documents[start : start + BODY] for start in range(0, len(bench.documents), BODY)]
    bodies = [request.body for part in parts for request in bulk.requests(part, now)]
    path = f"/_bulk?filter_path={opensearch.BULK_FIELDS}&timeout=20s"
    headers = {"content-type": "application/x-ndjson"}

    def post_all() -> None:
        with (
            urllib3.connection_from_url(bench.url, maxsize=CONNECTIONS) as pool,
            ThreadPoolExecutor(CONNECTIONS) as threads,
        ):
            post = lambda body: pool.request("POST", path, body=body, headers=headers, retries=False).status  # noqa: E731
            _require(sum(status == 200 for status in threads.map(post, bodies)), len(bodies))

    return post_all


def _streaming(bench: Bench) -> None:
    with benches.client(bench.url) as client:
        answers = helpers.streaming_bulk(client, _actions(bench), chunk_size=BODY, max_retries=0)
        _require(sum(good for good, _ in answers), len(bench.deliveries))


def _parallel(bench: Bench) -> None:
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
