"""What may go wrong in one world, drawn from its seed: each fault is missing, rare or frequent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


def _share(chance: Random, *shares: float) -> float:
    return chance.choice(shares)


@dataclass(slots=True)
class Weather:
    """How often what goes wrong, as a share of the times at which it could; all times in milliseconds.

    Attributes:
        calm: Whether all of it has passed.
        crash: Invocations that die at one of their steps.
        stall: Steps at which an invocation freezes, and ``stalls`` for how long at most.
        skew: How far two clocks are apart at most.
        pace: Longest ordinary time between two steps of a slow invocation.
        hop: Longest ordinary way of an event, a delta or a frame.
        detour: Deliveries that take minutes, and ``detours`` how long they take at most.
        twice: Deliveries that a queue or a bus hands over twice.
        lost_delete: Deliveries that come again though they were answered for.
        bulk_trouble: Bulk requests without a good answer; ``bulk_unknown`` of them are carried out.
        slow_bulk: Bulk requests that take seconds.
        shard_trouble: Searches and refreshes of which a shard fails.
        refreshes: How often the index refreshes by itself.
        bus_trouble: PutEvents calls of which entries fail, or of which the answer is lost.
        table_trouble: Calls of the table that fail; ``ledger_trouble`` those of the ledger.
        slow_table: Calls of the table that take seconds.
        slow_post: Posts that take seconds or are refused for the moment.
        wires_down: Rounds of posts at which no endpoint answers.
        stalled_posts: Rounds of posts before which the invocation freezes; one of those it posts to may leave
            and come back meanwhile.
        half_open: Connections that break without anybody being told.
        lost_goodbye: Breaks that ``$disconnect`` is not called for.
        cut_every: How often a connection breaks, on the average; 0 for never.
        patient: Whether nobody breaks off but while somebody posts to them: what one resume misses then, no
            other brings.
        slow_join: Memberships that take seconds to be written.
        torn_pages: Frames of a catch-up behind which the connection breaks.
        nap: Breaks after which a client stays away for minutes.
        outages: When OpenSearch is down: pairs of begin and end since the world's begin.
        lag: Milliseconds after which what is stored is found, where the index cannot be refreshed; else 0.
        sizes: Documents asked of the index at a time, hits of a page, and bytes of hits in a frame.
        fan_out: Posts per second of a broadcast, below 1 where even small audiences are handed on.
        budget: Bytes of hits for one channel and batch.
        waiting: Fan-out jobs that wait, and ``waits`` for how long at least and at most.
        facts: How many events there are at least and at most.
        snapshots: What a new subscription may ask for.
        minute_ends: Detours that end in the last seconds of a minute.
        meetings: Rounds of posts before which the invocation freezes for less than ``POSTING``; one of those
            it posts to gets other frames meanwhile, and comes anew. Where nothing is late, fewer.
        hurried_join: Memberships that are written while an event is on its way to the other members.
        slow_search: Searches that take seconds.
        deaf: Live frames that are refused for the moment, where a catch-up of their connection is under way.
        met_readers: Rounds of posts of what is late just before which somebody leaves who is in the middle of
            a catch-up.
        torn_ends: ``live`` frames behind which the connection breaks, and ``torn_from`` how long after the
            world's begin that may happen.
    """

    crash: float
    stall: float
    stalls: int
    skew: int
    pace: int
    hop: int
    detour: float
    detours: int
    twice: float
    lost_delete: float
    bulk_trouble: float
    bulk_unknown: float
    slow_bulk: float
    shard_trouble: float
    refreshes: int
    bus_trouble: float
    table_trouble: float
    ledger_trouble: float
    slow_table: float
    slow_post: float
    wires_down: float
    stalled_posts: float
    half_open: float
    lost_goodbye: float
    cut_every: int
    patient: bool
    slow_join: float
    torn_pages: float
    nap: float
    visibility: int
    lag: int
    sizes: tuple[int, int, int]
    fan_out: float
    budget: int
    waiting: float = 0.4
    waits: tuple[int, int] = (25_000, 150_000)
    facts: tuple[int, int] = (10, 70)
    snapshots: tuple[int | None, ...] = (None, 0, 2)
    minute_ends: float = 0
    meetings: float = 0
    hurried_join: float = 0
    slow_search: float = 0
    deaf: float = 0
    met_readers: float = 0
    torn_ends: float = 0
    torn_from: int = 0
    outages: list[tuple[int, int]] = field(default_factory=list)
    calm: bool = False


def draw(chance: Random, storm: int) -> Weather:
    """Draw a world's weather.

    Args:
        chance: The world's.
        storm: Milliseconds that it lasts.
    """
    weather = Weather(
        crash=_share(chance, 0, 0.05, 0.3),
        stall=_share(chance, 0, 0.005, 0.03),
        stalls=chance.choice([2_000, 15_000, 50_000]),
        skew=chance.choice([0, 500, 500]),
        pace=chance.choice([30, 300, 1_000, 3_000]),
        hop=chance.choice([10, 100, 1_000]),
        detour=_share(chance, 0.05, 0.3, 0.6),
        detours=chance.choice([60_000, 150_000]),
        twice=_share(chance, 0, 0.05, 0.3),
        lost_delete=_share(chance, 0, 0.05, 0.2),
        bulk_trouble=_share(chance, 0, 0.1, 0.4),
        bulk_unknown=_share(chance, 0.3, 0.9),
        slow_bulk=_share(chance, 0, 0.1),
        shard_trouble=_share(chance, 0, 0, 0.1, 0.3),
        refreshes=chance.choice([1_000, 5_000, 30_000]),
        bus_trouble=_share(chance, 0, 0.05, 0.3),
        table_trouble=_share(chance, 0, 0, 0.01, 0.05),
        ledger_trouble=_share(chance, 0, 0, 0.2),
        slow_table=_share(chance, 0, 0, 0.05),
        slow_post=_share(chance, 0, 0.05, 0.3),
        wires_down=_share(chance, 0, 0, 0.05),
        stalled_posts=_share(chance, 0, 0.1, 0.4),
        half_open=_share(chance, 0, 0.2, 0.6),
        lost_goodbye=_share(chance, 0, 0.5),
        patient=chance.random() < 0.3,
        slow_join=_share(chance, 0, 0.1, 0.3),
        torn_pages=_share(chance, 0, 0, 0.05),
        cut_every=chance.choice([0, 200_000, 80_000, 20_000, 8_000]),
        nap=_share(chance, 0, 0.3, 0.6),
        visibility=chance.choice([20_000, 70_000]),
        lag=0,
        sizes=chance.choice([(500, 2_000, 31_000), (2, 3, 1_000), (3, 2, 31_000), (5, 7, 1_000)]),
        fan_out=chance.choice([2_000, 0.25]),
        budget=chance.choice([1_000_000, 1_000_000, 1_000_000, 800]),
    )
    if chance.random() < 0.2:
        weather.lag = weather.refreshes + 200
    if weather.patient:
        weather.cut_every, weather.visibility, weather.stalled_posts = 0, 70_000, 0.4
        weather.crash = weather.twice = weather.lost_delete = 0
        weather.slow_bulk = max(weather.slow_bulk, 0.1)
        weather.fan_out = chance.choice([2_000, 0.05])
        # A job that is done has its row read with its minute's others: it must be the only one that waits.
        weather.waiting, weather.waits = 0.05, (90_000, 180_000)
        weather.pace = min(weather.pace, 300)
        weather.slow_post = min(weather.slow_post, 0.05)
        weather.table_trouble = weather.wires_down = 0
    if chance.random() < 0.5:
        for _ in range(chance.randint(1, 3)):
            begin = chance.randrange(storm)
            weather.outages.append((begin, begin + chance.choice([3_000, 20_000, 60_000])))
    return weather
