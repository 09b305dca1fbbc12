"""What a month on AWS costs: livedex's design, and the naive one beside it.

The naive design scans its table of connections for each event, posts each hit by itself to each client that
wants it, one after the other, and has one Lambda invocation an event. Where it is not said how somebody would
build it, the cheaper way is taken for the naive design and the dearer one for livedex.

``docs/cost.md`` has the same formulas for people, and a test holds the two together. Quantities are those of
a mean month (``given.MONTH``) with as many events at night as by day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core import given, pack
from pipeline.core.entries import LARGEST_ENTRY
from pipeline.core.prices import CHUNK, GB, Meter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.core.prices import Price


@dataclass(frozen=True, slots=True)
class Workload:
    """What there is to do.

    Attributes:
        events_per_day: All events, at least 1.
        connections: Open at any time, at least 1; each has one subscription.
        channels: Different filters among them, 1 to ``connections``.
        relevant: Share of all events that one connection's filter takes, 0 to 1.
        window: Seconds that a batch is waited for, both hops, at least 1.
        event_bytes: Bytes of an event as PutEvents counts them, and of its hit; 1 to ``pack.MAX_HIT``.
    """

    events_per_day: int
    connections: int
    channels: int
    relevant: float
    window: int
    event_bytes: int

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events_per_day / given.DAY


@dataclass(frozen=True, slots=True)
class Flow:
    """How events run through livedex; rates are a second's.

    Attributes:
        batches: Index invocations.
        batch: Events of each.
        entries: Entries on the deltas bus.
        chunks: 64 KB pieces of these that one index invocation publishes.
        broadcasts: Broadcast invocations.
        hits: Relevant events that a broadcast has for one connection.
        reached: Share of connections, and of channels, that a broadcast has anything for.
        posts: Frames posted.
        seconds: How long a broadcast takes.
    """

    batches: float
    batch: float
    entries: float
    chunks: int
    broadcasts: float
    hits: float
    reached: float
    posts: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Line:
    """One meter of a bill: how many in a month, and what they cost."""

    meter: Meter
    quantity: float
    dollars: float


def bill(usage: Mapping[Meter, float], prices: Mapping[Meter, Price]) -> list[Line]:
    """Price what was used, meter by meter."""
    return [Line(meter, usage[meter], prices[meter].dollars(usage[meter])) for meter in usage]


def fits(load: Workload) -> int:
    """Hits that one frame holds."""
    return (pack.MAX_HIT + 1) // (load.event_bytes + 1)  # a comma between two


def flow(load: Workload) -> Flow:
    """How the workload's events are batched, shared among entries, and posted."""
    size, shared = load.event_bytes, LARGEST_ENTRY // load.event_bytes
    batches = _batches(load.rate, load.window, size + given.ENVELOPE)
    whole = _ceil(load.rate / batches)
    in_entry = min(whole, shared)
    entries = batches * math.ceil(whole / shared)
    chunks = whole // shared * _chunks(shared * size) + _chunks(whole % shared * size)
    broadcasts = _batches(entries, load.window, in_entry * size)
    hits = load.relevant * load.rate / broadcasts
    others = max(0.0, load.rate / broadcasts - 1)  # there is no broadcast without an event
    reached = load.relevant + (1 - load.relevant) * -math.expm1(-load.relevant * others)
    frames = reached + (hits - reached) / fits(load)
    posts = broadcasts * load.connections * frames
    seconds = (
        given.BROADCAST_SECONDS
        + load.channels * reached * given.READ_SECONDS
        + load.connections * frames / given.POSTS_PER_SECOND
    )
    return Flow(batches, load.rate / batches, entries, chunks, broadcasts, hits, reached, posts, seconds)


def livedex(load: Workload) -> dict[Meter, float]:
    """What livedex uses in a month."""
    run, rate, size = flow(load), load.rate, load.event_bytes
    opened, pings = load.connections / given.LIFE, load.connections / given.HEARTBEAT
    crowd = load.connections / load.channels
    members = _ceil(crowd / given.MEMBERS) + (given.CROWD_READS if crowd > given.CROWD else 0)
    return _monthly(
        {
            Meter.EVENTS: rate * _chunks(size) + run.batches * run.chunks,
            Meter.ARCHIVED: rate * size / GB,
            Meter.KEPT: rate * size / GB * given.ARCHIVE_DAYS * given.DAY / given.MONTH,
            Meter.REQUESTS: 2 * rate * _chunks(size + given.ENVELOPE)
            + run.batches * _ceil(run.batch / given.DELETED)
            + 2 * run.batches * run.chunks
            + run.broadcasts * _ceil(run.entries / run.broadcasts / given.DELETED)
            + given.QUEUES * given.POLLERS / given.POLL,
            Meter.CALLS: run.batches + run.broadcasts + 5 * opened + pings + 1 / given.CLEANING,
            Meter.COMPUTE: run.batches
            * (given.INDEX_SECONDS + run.batch * given.EVENT_SECONDS)
            * given.INDEX_GB
            + run.broadcasts * run.seconds * given.BROADCAST_GB
            + opened * (4 * given.GATE_SECONDS * given.GATE_GB + given.SUBSCRIBE_SECONDS * given.MESSAGE_GB)
            + pings * given.PING_SECONDS * given.MESSAGE_GB
            + load.channels * given.READ_SECONDS * given.GATE_GB / given.CLEANING,
            Meter.MESSAGES: run.posts + opened * (3 + math.ceil(given.SNAPSHOT / fits(load))) + 2 * pings,
            Meter.MINUTES: load.connections / 60,
            Meter.TICKETS: opened,
            Meter.READS: run.broadcasts * (1 + load.channels * run.reached * members)
            + opened * given.OPENING_READS
            + pings * given.PING_READS
            + math.ceil(load.connections / given.LISTED) / (given.COUNT_LIFE + 1 / opened)
            + load.channels * (1 + 2 / given.REGISTERED) / given.CLEANING,
            Meter.WRITES: opened * given.OPENING_WRITES,
            Meter.LOGS: (
                run.batches * given.INDEX_LINES
                + run.broadcasts * given.BROADCAST_LINES
                + (5 * opened + pings) * given.OTHER_LINES
            )
            / GB,
            Meter.METRICS: given.METRICS / given.MONTH,
            Meter.TRANSFER: (
                rate * load.connections * load.relevant * size
                + run.posts * given.FRAME_HEAD
                + opened * given.SNAPSHOT * size
            )
            / GB,
        }
    )


def naive_seconds(load: Workload) -> float:
    """How long the naive design works on one event."""
    pages = math.ceil(load.connections * given.NAIVE_ROW / given.SCAN_PAGE)
    posts = load.connections * load.relevant
    return given.NAIVE_SECONDS + pages * given.NAIVE_SCAN_SECONDS + posts * given.NAIVE_POST_SECONDS


def naive(load: Workload) -> dict[Meter, float]:
    """What the naive design uses in a month."""
    rate, size = load.rate, load.event_bytes
    opened, pings = load.connections / given.LIFE, load.connections / given.HEARTBEAT
    posts = rate * load.connections * load.relevant
    return _monthly(
        {
            Meter.EVENTS: rate * _chunks(size),
            Meter.CALLS: rate + 3 * opened,
            Meter.COMPUTE: rate * naive_seconds(load) * given.NAIVE_GB
            + opened * 3 * given.GATE_SECONDS * given.GATE_GB,
            Meter.MESSAGES: posts + opened + pings,
            Meter.MINUTES: load.connections / 60,
            Meter.READS: rate * math.ceil(load.connections * given.NAIVE_ROW / given.READ_UNIT) / 2,
            Meter.WRITES: opened * 3,
            Meter.LOGS: (rate + 3 * opened) * given.LINES / GB,
            Meter.TRANSFER: posts * size / GB,
        }
    )


def _monthly(usage: Mapping[Meter, float]) -> dict[Meter, float]:
    return {meter: each * given.MONTH for meter, each in usage.items()}


def _batches(rate: float, window: float, size: float) -> float:
    """Batches a second: each poller waits its window, and has one if anything came to it meanwhile.

    The next window begins as the invocation before has ended, so there are no more batches than that.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html#invocation-eventsourcemapping-batching

    Args:
        rate: Messages a second.
        size: Bytes of one.
    """
    by_window = given.POLLERS / window * (1 - math.exp(-rate * window / given.POLLERS))
    return max(by_window, rate / given.BATCH_SIZE, rate * size / given.BATCH_BYTES)


def _chunks(size: int) -> int:
    return math.ceil(size / CHUNK)


def _ceil(number: float) -> int:
    """The next whole number; the little that floats are off by does not count."""
    return math.ceil(round(number, 6))
