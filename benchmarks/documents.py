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
  kept to answer the queue with.
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
from pipeline.core.attempt import Verdict
from pipeline.handlers.invocation import COLLECT_AFTER
from pipeline.ports.index import BULK_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.benches import Bench
    from pipeline.core.attempt import BulkAnswer
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
    with benches.prepared(url, DOCUMENTS) as bench, engines.node_apart():
        ways = {
            "the story": Way(bench, lambda: _story(bench)),
            "serialised before": Way(bench, _serialised_before(bench)),
            "envelope to outcome": Way(bench, lambda: _to_outcomes(bench)),
            "streaming_bulk": Way(bench, lambda: _streaming(bench)),
            "parallel_bulk": Way(bench, lambda: _parallel(bench)),
            "the story, a body at a time": Way(bench, lambda: _story(bench, in_turn=True)),
            "the story, garbage as usual": Way(
                bench, lambda: _story(bench, collect_after=gc.get_threshold())
            ),
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
    rivals = {name: seconds[name] for name in ("streaming_bulk", "parallel_bulk", "serialised before")}
    mine, bar = seconds["envelope to outcome"], f"≥ {BAR_CPU:g} x less than streaming_bulk"
    name = "client CPU for 100,000 documents"
    low, less, high = statistics.quantiles(times)
    yield Figure(f"{name}, envelope to outcome", mine, "s", rivals, less, bar, less >= BAR_CPU, (low, high))
    usual = {"the story, garbage as usual": seconds["the story, garbage as usual"]}
    yield Figure(f"{name}, deltas too", seconds["the story"], "s", rivals | usual)


# --- the ways ---------------------------------------------------------------------------------


class _OneByOne(opensearch.DocumentStore):
    """Bodies in turn, on one connection."""

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Sequence[BulkAnswer]:
        one = super().bulk
        return [answer for body in bodies for answer in one([body], patience)]


def _story(
    bench: Bench, *, in_turn: bool = False, collect_after: tuple[int, int, int] = COLLECT_AFTER
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
            )
            _require(report.ends[End.STORED], len(deliveries))
            _require(report.announced, len(deliveries))
    store.close()


def _to_outcomes(bench: Bench) -> None:
    store = opensearch.DocumentStore(opensearch_wire.wire(_settings(bench.url)))
    with collecting(COLLECT_AFTER):
        for deliveries in _batches(bench):
            made = [benches.document(delivery, bench.routes) for delivery in deliveries]
            requests = bulk.requests(made, int(time.time() * 1000))
            answers = list(store.bulk([request.body for request in requests]))
            pairs = zip(requests, answers, strict=True)
            outcomes = [outcome for request, answer in pairs for outcome in bulk.outcomes(request, answer)]
            _require(sum(outcome.verdict is Verdict.STORED for outcome in outcomes), len(deliveries))
    store.close()


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
