"""``make chaos``: the index function between a queue that hands over again and an index that breaks.

The handler itself gets raw SQS batches, as Lambda would hand them over, as fast as it takes them. Its
OpenSearch is a real node behind the proxy of ``livedex chaos``; its queue and its bus are in memory, and
the bus refuses, too. What the handler names in its answer is handed over again with a higher
ApproximateReceiveCount, without the wait. Among the events are some that are sent twice and some that
nobody can store. At the end one JSON line tells the sums, and what does not hold: then the exit code is 1.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import os
import sys
import time
from collections import deque
from contextlib import closing, contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmarks import benches, conservation, engines, facts
from benchmarks.conservation import Events, Tally
from pipeline import settings
from pipeline.adapters import memory, opensearch, system_clock
from pipeline.handlers import index as function
from pipeline.local.chaos import ChaosProxy
from pipeline.local.faults import Chances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.benches import Bench

CHANCES = Chances(item_429=0.2, busy=0.05, unavailable=0.05, timeout=0.05, cut=0.05, latency=5)
BUS = 0.05
"""Chance that the first PutEvents call of an invocation is refused."""

RESENT, BAD = 0.05, 0.01
"""Shares of the events: sent once more under a new envelope, and such as no index takes."""

LARGEST_BATCH = 400
"""Deliveries; each batch has some number up to this, so that one answer that is lost is not all."""

INVOCATION = 3_000
"""Milliseconds that an invocation may take."""

ENOUGH = 1_000
"""Receives after which SQS gives up: the template's maxReceiveCount."""


@dataclass(slots=True)
class Waiting:
    """A message in the queue."""

    id: str
    body: str
    sent: int
    receives: int = 0

    def received(self) -> dict[str, Any]:
        """The record in which SQS hands it over once more.

        https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
        """
        self.receives += 1
        return {
            "messageId": self.id,
            "receiptHandle": f"{self.id}/{self.receives}",
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives), "SentTimestamp": str(self.sent)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:events",
            "awsRegion": "us-east-1",
        }


class Context:
    """What the handler asks Lambda."""

    def get_remaining_time_in_millis(self) -> int:
        return INVOCATION


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the handler's ports are tied to.

    Attributes:
        log: Where the handler writes a line for each invocation.
    """

    bus: memory.MemoryDeltaBus
    queue: memory.MemoryQueues
    log: Path


def main() -> int:
    """Run it, print its line; 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="of all chance (default %(default)s)")
    parser.add_argument(
        "--batch", type=int, default=LARGEST_BATCH, help="deliveries, at most (default %(default)s)"
    )
    parser.add_argument("--opensearch-url", help="a running node; else this folder's, or one for this run")
    chosen = parser.parse_args()
    with nullcontext(chosen.opensearch_url) if chosen.opensearch_url else engines.running() as url:
        line = run(url, chosen.events, chosen.batch, chosen.seed)
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if line["holds"] else 1


def run(url: str, count: int, largest_batch: int, seed: int) -> dict[str, Any]:
    """Hand all events to the handler until none is left; the sums."""
    began, tally = time.perf_counter(), Tally()
    dice = Random(seed)  # noqa: S311 - repeatable on purpose
    with ChaosProxy(url, CHANCES, seed=seed) as proxy, benches.prepared(url, 0) as bench:
        events = _events(count, dice)
        sent = int(time.time() * 1000)
        waiting = [Waiting(str(uuid4()), body, sent) for body in (*events.good, *events.bad)]
        dice.shuffle(waiting)
        with _surroundings(proxy.url, bench) as world, closing(opensearch.connect(_settings(url))) as direct:
            invocations = _drain(deque(waiting), largest_batch, world, dice, tally)
            tally.deliveries(len(waiting))
            kept = conservation.stored(direct, bench.family)
            told = conservation.verdict(
                tally, events, bench.routes, kept, world.bus.entries, world.queue.letters
            )
    return {
        "chaos": "index",
        "events": count,
        "invocations": invocations,
        **tally.sums,
        **told,
        "chances": asdict(CHANCES) | {"bus": BUS},
        "met": dict(sorted(proxy.met.items())),
        "seconds": round(time.perf_counter() - began, 1),
        "broken": tally.broken[:20],
        "holds": not tally.broken,
    }


def _drain(
    waiting: deque[Waiting], largest_batch: int, world: Surroundings, dice: Random, tally: Tally
) -> int:
    """Invoke the handler until the queue is empty; how often."""
    number = 0
    with world.log.open("rb") as lines:
        while waiting:
            number += 1
            batch = [waiting.popleft() for _ in range(min(len(waiting), dice.randint(1, largest_batch)))]
            if dice.random() < BUS:
                world.bus.refuse()
            with redirect_stdout(io.StringIO()):  # the handler prints its metrics there
                answer = function.handler({"Records": [each.received() for each in batch]}, Context())
            returned = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
            tally.invocation(number, [each.id for each in batch], returned, json.loads(lines.readline()))
            again = [each for each in batch if each.id in set(returned)]
            waiting.extend(again)
            if any(each.receives >= ENOUGH for each in again):
                tally.broken.append(f"a delivery was returned {ENOUGH} times")
                break
    return number


def _events(count: int, dice: Random) -> Events:
    """So many: most once, some twice, and some too old or no JSON."""
    resent, bad = round(count * RESENT), round(count * BAD)
    made = list(facts.envelopes(count - resent))
    spoilt, kept = made[:bad], made[bad:]
    again = [{**dice.choice(kept), "id": str(uuid4())} for _ in range(resent)]
    for envelope in spoilt:
        envelope["detail"]["occurredAt"] = "2001-01-01T00:00:00Z"
    texts = [json.dumps(each) for each in spoilt]
    return Events(
        [json.dumps(each) for each in (*kept, *again)], [*texts[::2], *(t[:-1] for t in texts[1::2])]
    )


@contextmanager
def _surroundings(broken_url: str, bench: Bench) -> Iterator[Surroundings]:
    """Tie the handler's story to the store behind the proxy, the system's clock, and all else in memory.

    The story is made for the target ``memory`` as ever; then the ports that shall differ are put in.
    """
    clock = system_clock.SystemClock()
    bus, queue = memory.MemoryDeltaBus(), memory.MemoryQueues(clock)
    with TemporaryDirectory(prefix="livedex-chaos-") as folder:
        log = Path(folder) / "functions.jsonl"
        log.touch()
        os.environ |= {
            "LIVEDEX_TARGET": "memory",
            "LIVEDEX_TENANCY": "required",
            "LIVEDEX_LOG_FILE": str(log),
            "POWERTOOLS_LOG_LEVEL": "WARNING",
        }
        story = function.story()
        assert isinstance(story, functools.partial), "wiring makes each story by partial"
        with closing(opensearch.connect(_settings(broken_url))) as store:
            story.keywords.update(routes=bench.routes, store=store, bus=bus, queue=queue, clock=clock)
            yield Surroundings(bus, queue, log)


def _settings(url: str) -> settings.Settings:
    return settings.read(
        {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "LIVEDEX_OPENSEARCH_URL": url}
    )


if __name__ == "__main__":
    sys.exit(main())
