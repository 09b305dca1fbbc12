"""Two bills side by side, as people and programs read them. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.core import bill, cursor, given, prices

WIDTH = 90
"""Characters of a line of prose."""

ABOUT = 1.05
"""Bills are called the same up to this ratio: what is assumed is no better than that."""

ACCOUNT_RATE = 10_000
"""Requests a second that API Gateway takes of an account in a Region, posts and all others together.
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

LONGEST_INVOCATION = 900
"""Seconds. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

LEFT_OUT = (
    "OpenSearch, which is the same under both designs; GET /v1/hits; fan-out jobs; retries; cold starts; "
    "logs and rows once they are stored; NAT; tax"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The two bills of one workload.

    Attributes:
        unfiltered: What the naive design costs where it posts each event to each client.
    """

    load: bill.Workload
    region: str
    flow: bill.Flow
    livedex: Sequence[bill.Line]
    naive: Sequence[bill.Line]
    unfiltered: float

    @property
    def naive_posts(self) -> float:
        """Posts a second of the naive design."""
        return self.load.rate * self.load.connections * self.load.relevant

    @property
    def matched(self) -> float:
        """Channels that a broadcast has anything for."""
        return self.load.channels * self.flow.reached


def comparison(load: bill.Workload, region: str) -> Comparison:
    """Reckon both.

    Args:
        region: One of ``prices.REGIONS``.
    """
    asked = prices.REGIONS[region]
    everything = bill.bill(bill.naive(replace(load, relevant=1.0)), asked)
    ours, theirs = bill.bill(bill.livedex(load), asked), bill.bill(bill.naive(load), asked)
    return Comparison(load, region, bill.flow(load), ours, theirs, _total(everything))


def fields(found: Comparison) -> dict[str, Any]:
    """The JSON object."""
    return {
        "workload": asdict(found.load),
        "region": found.region,
        "pricesCheckedOn": prices.CHECKED,
        "livedex": {**_fields(found.livedex), "postsPerSecond": found.flow.posts},
        "naive": {**_fields(found.naive), "postsPerSecond": found.naive_posts},
        "naiveUnfiltered": {"total": found.unfiltered},
        "flow": asdict(found.flow),
        "difference": _difference(found),
        "mind": list(_warnings(found)),
        "assumed": _assumed(found),
        "leftOut": LEFT_OUT,
    }


def shown(found: Comparison) -> Iterator[str]:
    """The lines that people read."""
    load = found.load
    yield (
        f"{load.events_per_day:,} events a day of {load.event_bytes:,} bytes, {load.connections:,} "
        f"connections that want {_percent(load.relevant)} each,"
    )
    yield f"a window of {load.window} s. US dollars a month, {found.region}:"
    yield ""
    yield from _table(found)
    yield ""
    yield from _wrapped(_difference(found))
    if load.relevant < 1:
        without = _money(found.unfiltered)
        yield from _wrapped(
            f"Without filters, every event to every client, the naive design costs {without}."
        )
    for warning in _warnings(found):
        yield from _wrapped(warning, "Mind: ")
    yield ""
    yield f"List prices without free tiers, looked up on {prices.CHECKED}. Assumed:"
    for each in _assumed(found):
        yield from _wrapped(each, "- ")
    yield from _wrapped(f"Not in it: {LEFT_OUT}.")
    yield "The formulas, and where each price is from: docs/cost.md"


def _table(found: Comparison) -> Iterator[str]:
    ours, theirs = _services(found.livedex), _services(found.naive)
    rows = [("", "livedex", "naive")]
    rows += [(each, _cents(ours.get(each)), _cents(theirs.get(each))) for each in prices.SERVICES]
    total = ("total", _money(_total(found.livedex)), _money(_total(found.naive)))
    rows += [total, ("posts a second", f"{found.flow.posts:,.1f}", f"{found.naive_posts:,.1f}")]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        if row is total:
            yield "-" * (sum(widths) + 6)
        yield f"{row[0]:<{widths[0]}}   {row[1]:>{widths[1]}}   {row[2]:>{widths[2]}}"


def _difference(found: Comparison) -> str:
    ours, theirs = _total(found.livedex), _total(found.naive)
    messages = next(line.dollars for line in found.livedex if line.meter is prices.Meter.MESSAGES)
    share = f"{messages / ours:.0%} of livedex's bill is messages"
    each = f"a broadcast has {found.flow.hits:.2g} hits for a connection, on average"
    if theirs > ours * ABOUT:
        saved = f"{_money(theirs - ours)} less, {1 - ours / theirs:.0%} of the naive bill"
        return f"livedex costs {saved}: {each}, and those share a frame. {share}."
    if ours > theirs * ABOUT:
        return (
            f"livedex costs {_money(ours - theirs)} more: {each}, so few share a frame. A longer --window "
            "makes them more, and where clients share filters (--channels) there is less to read. "
            f"{share}."
        )
    return f"The two cost about the same: {each}. {share}."


def _warnings(found: Comparison) -> Iterator[str]:
    for name, rate in (("livedex", found.flow.posts), ("the naive design", found.naive_posts)):
        if rate > ACCOUNT_RATE:
            yield (
                f"{name} posts {rate:,.0f} times a second, and API Gateway takes {ACCOUNT_RATE:,} of an "
                "account until you ask for more."
            )
    reading = found.matched * given.READ_SECONDS
    if reading > cursor.POSTING / 1_000:
        yield (
            f"livedex would read the members of {found.matched:,.0f} channels in each broadcast, one after "
            f"the other, in {reading:,.0f} s, and has {cursor.POSTING // 1_000} s: this works only where "
            "clients share filters (--channels)."
        )
    seconds = bill.naive_seconds(found.load)
    if seconds > LONGEST_INVOCATION:
        yield (
            f"the naive design would work {seconds:,.0f} s on one event, and Lambda ends it after "
            f"{LONGEST_INVOCATION} s."
        )


def _assumed(found: Comparison) -> list[str]:
    load, flow = found.load, found.flow
    filters = (
        "no two clients share a filter (--channels says how many there are)"
        if load.channels == load.connections
        else f"{load.connections:,} clients share {load.channels:,} filters"
    )
    batches = (
        f"each queue has {given.POLLERS} pollers, and each of them gathers a batch of its own: "
        f"{flow.batch:,.1f} events an index batch, {flow.broadcasts:.3g} broadcasts a second"
    )
    clients = (
        f"clients connect anew every {given.LIFE // 3_600} hours, take {given.SNAPSHOT} hits, and ping every "
        f"{given.HEARTBEAT} s; none is slow"
    )
    times = (
        f"an index batch takes {_ms(given.INDEX_SECONDS)} and {_ms(given.EVENT_SECONDS)} an event; a "
        f"broadcast {_ms(given.BROADCAST_SECONDS)}, {_ms(given.READ_SECONDS)} a channel it has hits for, and "
        f"{_ms(1 / given.POSTS_PER_SECOND)} a post"
    )
    naive = (
        "the naive design filters in its loop, stores by itself, scans without consistency, answers no ping, "
        f"and takes {_ms(given.NAIVE_SECONDS)} an event, {_ms(given.NAIVE_SCAN_SECONDS)} a MB of its scan, "
        f"and {_ms(given.NAIVE_POST_SECONDS)} a post"
    )
    even = "as many events by night as by day, of one tenant and one family; a hit is as large as its event"
    return [even, f"one subscription a client; {filters}", batches, clients, times, naive]


def _fields(lines: Sequence[bill.Line]) -> dict[str, Any]:
    meters = [
        {
            "service": line.meter.service,
            "unit": line.meter.unit,
            "quantity": line.quantity,
            "dollars": line.dollars,
        }
        for line in lines
    ]
    return {"services": _services(lines), "meters": meters, "total": _total(lines)}


def _services(lines: Sequence[bill.Line]) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for line in lines:
        found[line.meter.service] = found.get(line.meter.service, 0.0) + line.dollars
    return found


def _total(lines: Sequence[bill.Line]) -> float:
    return sum(line.dollars for line in lines)


def _wrapped(text: str, head: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}"


def _cents(dollars: float | None) -> str:
    return "-" if dollars is None else f"{dollars:,.2f}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:g} ms"


def _percent(share: float) -> str:
    return f"{share * 100:.4g} %"
