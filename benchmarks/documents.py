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
- *by hand*: the least Python that makes such documents without a check (``hand_made``) by orjson and SHA-256,
  posts them by urllib3, and reads every item.
- *streaming_bulk*, *parallel_bulk*: opensearch-py's helpers with bodies of as many documents, the second
  with two threads. The least code that makes the documents feeds them (``hand_made``); they write them as
  JSON, send them and read every item. No deltas.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks import benches, engines, ways
from benchmarks.figure import Figure, in_pairs, median_in_turns
from pipeline.core.fill import Kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.benches import Bench

DOCUMENTS = 16_000
"""Stored in a turn: enough that no single refresh or merge decides it."""

WARM_UP = 6
"""Pairs of turns before the clock starts."""

RATE_PAIRS, CPU_PAIRS, TURNS = 12, 7, 3
"""Pairs of turns for each bar, and turns of each way that no bar is for."""

BAR_RATE = 0.9
"""Least share of the rate of bodies that were serialised before."""

BAR_CPU = 5.0
"""Least times that the processor time from envelope to outcome goes into that of ``streaming_bulk``."""


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
        measured = {
            "the story": Way(bench, lambda: ways.story(bench, kinds)),
            "serialised before": Way(bench, ways.serialised_before(bench)),
            "envelope to outcome": Way(bench, lambda: ways.to_outcomes(bench, by_forms)),
            "streaming_bulk": Way(bench, lambda: ways.streaming(bench)),
            "parallel_bulk": Way(bench, lambda: ways.parallel(bench)),
            "by hand": Way(bench, lambda: ways.by_hand(bench)),
            "the story, a body at a time": Way(bench, lambda: ways.story(bench, kinds, in_turn=True)),
            "the story, garbage as usual": Way(
                bench, lambda: ways.story(bench, kinds, collect_after=gc.get_threshold())
            ),
            "envelope to outcome, each event taken apart": Way(bench, lambda: ways.to_outcomes(bench, apart)),
        }
        story, before, outcome, streaming, *others = measured.values()
        in_pairs(WARM_UP, story.rate, before.rate)
        in_pairs(1, streaming.rate, outcome.rate)
        for way in (story, before, streaming, outcome):
            way.rates.clear()
            way.cpu.clear()
        shares = in_pairs(RATE_PAIRS, story.rate, before.rate)
        times = in_pairs(CPU_PAIRS, streaming.processor, outcome.processor)
        median_in_turns(TURNS, *(way.rate for way in others))
    rates = {name: statistics.median(way.rates) for name, way in measured.items()}
    rate, bar = rates.pop("the story"), f"≥ {BAR_RATE} x serialised before"
    low, share, high = statistics.quantiles(shares)
    yield Figure("documents into OpenSearch", rate, "1/s", rates, share, bar, share >= BAR_RATE, (low, high))
    seconds = {name: statistics.median(way.cpu) for name, way in measured.items()}
    mine, whole = seconds.pop("envelope to outcome"), seconds.pop("the story")
    del seconds["the story, a body at a time"]
    usual = {"the story, garbage as usual": seconds.pop("the story, garbage as usual")}
    bar = f"≥ {BAR_CPU:g} x less than streaming_bulk"
    name = "client CPU for 100,000 documents"
    low, less, high = statistics.quantiles(times)
    yield Figure(f"{name}, envelope to outcome", mine, "s", seconds, less, bar, less >= BAR_CPU, (low, high))
    yield Figure(f"{name}, deltas too", whole, "s", seconds | usual)
