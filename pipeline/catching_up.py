"""Catching up: a channel and its reach -> pages of what is stored, whole or not at all. Stories share this.

Whoever calls this has, on a socket, written the membership, and has read the clock after it. In that order
nothing is missed: what was announced before the membership is in the index by now, and what comes after it
is posted. What falls into both is sent twice and dropped by the client, by its id.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

import orjson

from pipeline.core import cursor, derive, match, pack, pattern, query, route
from pipeline.core.noun import noun
from pipeline.refreshing import Refresher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.core.audience import Channel
    from pipeline.core.model import Delta, JsonObject
    from pipeline.core.pattern import Pattern
    from pipeline.core.reach import Reach
    from pipeline.core.thin import Hit
    from pipeline.ports.clock import Clock
    from pipeline.ports.index import DocumentStore

CHUNK = 500
"""Documents asked of OpenSearch at a time."""

MAX_HITS = 2_000
"""Hits of one page."""

MAX_BYTES = 2_000_000
"""Bytes of hits at which a page ends before that: some sixty frames."""


@noun
class Library:
    """What is needed to ask the index.

    Attributes:
        ranged: Attributes that the index templates map as numbers.
        lag: Milliseconds after which what is stored is surely found, where the index cannot be refreshed; 0
            where it can.
        refresher: Makes one refresh do for all who wait for one.
    """

    store: DocumentStore
    routes: route.Routes
    ranged: frozenset[str]
    lag: int = 0
    refresher: Refresher = field(default_factory=Refresher)


@noun
class Page:
    """Hits by (``@ingested``, id), the oldest first.

    Attributes:
        hits: Each with what its encoder made of it.
        end: (``@ingested``, id) up to which all was read; None where this page is the last one.
    """

    hits: Sequence[Hit]
    end: tuple[int, str] | None = None


@noun
class Snapshot:
    """The newest hits, the oldest of them first.

    Attributes:
        unread: Before this time nothing was looked for, since the time was up; None where it was not.
    """

    hits: Sequence[Hit]
    unread: int | None = None


@noun
class _Chunk:
    """What one search has found.

    Attributes:
        deltas: Of what is ours.
        end: (``@ingested``, id) up to which all was read; None where nothing is behind it.
    """

    deltas: Sequence[Delta]
    end: tuple[int, str] | None


@noun
class Bounds:
    """What one page or one snapshot may take.

    Attributes:
        hits: How many, at most.
        size: Bytes of a page's hits, at most; one hit may have more.
        stop: When to end it early, in ms since the epoch: the time to send it must be left.
    """

    hits: int
    stop: int
    size: int = MAX_BYTES


def refresh(channel: Channel, library: Library) -> None:
    """Make what is stored visible, where the index can be told to.

    Raises:
        Unavailable: It cannot just now.
    """
    if not library.lag:
        library.refresher.refresh(library.store, _indices(channel, library))


def page(
    channel: Channel,
    library: Library,
    whole: Reach,
    *,
    until: int,
    after: tuple[int, str] | None,
    bounds: Bounds,
    clock: Clock,
    encode: Callable[[Delta], bytes] = pack.hit,
) -> Page:
    """Read one page.

    Args:
        whole: Which times of ``@ingested`` are read.
        until: When the catch-up began, in ms since the epoch: what is stamped later arrives live.
        after: Where the page before ended; None for the first.
        encode: What is made of each hit.

    Raises:
        Unavailable: The index cannot answer wholly.
    """
    wanted = _wanted(channel)
    found: list[Hit] = []
    size, end = 0, after
    for chunk in _chunks(channel, library, whole, until=until, after=after):
        for delta in chunk.deltas:
            if match.matches(wanted, match.fields(delta)):
                encoded = encode(delta)
                size += len(encoded)
                if found and (len(found) == bounds.hits or size > bounds.size):
                    return Page(found, end)
                found.append((delta, encoded))
            end = (delta.ingested, delta.id)
        if chunk.end:
            end = max(end, chunk.end) if end else chunk.end
            if clock.now() >= bounds.stop:
                return Page(found, end)
    return Page(found)


def snapshot(
    channel: Channel,
    library: Library,
    *,
    until: int,
    bounds: Bounds,
    clock: Clock,
    encode: Callable[[Delta], bytes] = pack.hit,
) -> Snapshot:
    """Read the newest hits.

    A filter that finds little of what the index gives for it would be read back through all that is kept.

    Args:
        until: What is stamped later arrives live, in ms since the epoch.
        bounds: Their number, and the time.
        encode: What is made of each hit.

    Raises:
        Unavailable: The index cannot answer wholly.
    """
    wanted, most = _wanted(channel), bounds.hits
    found: list[Hit] = []
    unread = None
    for chunk in _chunks(channel, library, None, until=until, after=None) if most else ():
        found += [(each, encode(each)) for each in chunk.deltas if match.matches(wanted, match.fields(each))]
        if len(found) >= most:
            break
        if chunk.end and clock.now() >= bounds.stop:
            unread, _ = chunk.end
            break
    return Snapshot(found[:most][::-1], unread)


def document(document_id: str, tenant: str, library: Library) -> list[tuple[Delta, object]]:
    """Read the one document that a pointer names, with all of its event's ``detail``, as it came.

    None where the tenant has no such.

    Raises:
        Unavailable: The index cannot answer wholly.
    """
    indices = query.indices(pattern.parse({}), library.routes.families)
    if not library.lag:
        library.refresher.refresh(library.store, indices)
    found = library.store.search(indices, query.document(document_id, tenant=tenant))
    ours = [hit for hit in found if derive.is_ours(hit, tenant)]
    return [(_delta(hit, library), _detail(hit["_source"])) for hit in ours]


def _chunks(
    channel: Channel, library: Library, whole: Reach | None, *, until: int, after: tuple[int, str] | None
) -> Iterator[_Chunk]:
    """The documents of a reach, the oldest first; or where there is none all, the newest first."""
    wanted, indices = _wanted(channel), _indices(channel, library)
    routes = library.routes
    fields = derive.needed(routes.attributes, [path for each in routes.ordered for path in each.delta])
    while True:
        body = query.search(
            wanted,
            tenant=channel.tenant,
            ranged=library.ranged,
            ingested_from=whole.start if whole else None,
            ingested_to=until + 2 * cursor.SKEW,
            after=after,
            size=CHUNK,
            newest=whole is None,
            also=whole.spans if whole else (),
        )
        body["_source"] = {"includes": fields}
        hits = library.store.search(indices, body)
        ours = [_delta(hit, library) for hit in hits if derive.is_ours(hit, channel.tenant)]
        if len(hits) < CHUNK:
            yield _Chunk(ours, None)
            return
        after = (hits[-1]["sort"][0], hits[-1]["sort"][1])
        # An id that is none of ours would make a cursor that is none of ours.
        yield _Chunk(ours, after if derive.is_ours(hits[-1], channel.tenant) else (after[0] - 1, "f" * 64))


def _wanted(channel: Channel) -> Pattern:
    return pattern.parse(orjson.loads(channel.filter))


def _indices(channel: Channel, library: Library) -> str:
    return query.indices(_wanted(channel), library.routes.families)


def _delta(hit: JsonObject, library: Library) -> Delta:
    source = hit["_source"]
    return derive.recalled(hit, route.find(source["source"], source["eventType"], library.routes).delta)


def _detail(source: JsonObject) -> object:
    return orjson.loads(source["raw"]) if "raw" in source else source["detail"]
