"""The story of catching up: a filter and a cursor -> what is stored, then live frames.

The order is the promise. The membership is written, the clock is read, and only then is the
index asked: whatever was announced before the membership is in the index, and whatever comes
after it is posted. The clock comes second, because what is read ends soon after it: were the
writing slow, what is stored meanwhile would be neither read nor posted. What falls into both is
sent twice and dropped by the client, by its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from pipeline.core import authorize, cursor, derive, identify, match, pack, pattern, query, route, subscribe
from pipeline.core.audience import Post, Receipt
from pipeline.core.errors import Refused, Unavailable
from pipeline.limiting import Flooding
from pipeline.recognising import recognise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.core.audience import Channel, Connection
    from pipeline.core.model import Delta, JsonObject
    from pipeline.limiting import Limiter
    from pipeline.ports import Clock, ConnectionTable, DocumentStore, Sockets
    from pipeline.recognising import Gate

PAGE = 500
"""Documents asked of OpenSearch at a time."""

SNAPSHOT = 50
"""Hits of a snapshot whose size the client leaves to us: a screenful."""

MAX_HITS = 2_000
"""Hits of one answer. An answer that would be longer starts with a gap."""


@dataclass(frozen=True, slots=True)
class Library:
    """What is needed to ask the index.

    Attributes:
        ranged: Attributes that the index templates map as numbers.
    """

    store: DocumentStore
    routes: route.Routes
    ranged: frozenset[str]


def answer(
    text: str,
    connection_id: str,
    *,
    table: ConnectionTable,
    sockets: Sockets,
    library: Library,
    limiter: Limiter,
    clock: Clock,
    endpoint: str,
    deadline: int,
) -> int:
    """Answer one frame of a client, on its own connection.

    Args:
        deadline: When the answer must be posted, in ms since the epoch.

    Returns:
        How many frames were posted.
    """
    connection = table.connection(connection_id)
    key = table.key(connection.principal.key) if connection and connection.principal.key else None
    reason = authorize.ending(connection, key, clock.now())
    if connection is None or reason:
        return _dismiss(connection_id, endpoint, reason or "expired", table, sockets, deadline)
    try:
        frames = _frames(text, connection, table, library, limiter, clock)
    except Flooding:
        return _dismiss(connection_id, endpoint, "flooding", table, sockets, deadline)
    receipts = sockets.post([Post(connection.id, connection.endpoint, frame) for frame in frames], deadline)
    if Receipt.GONE in receipts:
        table.disconnect(connection.id)
    return receipts.count(Receipt.POSTED)


def hits(
    headers: Mapping[str, str | None],
    asked: Mapping[str, str],
    *,
    gate: Gate,
    limiter: Limiter,
    library: Library,
    clock: Clock,
) -> JsonObject:
    """One page of hits for ``GET /v1/hits``, oldest first, and the cursor that continues it.

    Raises:
        Refused: The token, the filter, the limit or the cursor cannot be used; or too many asked.
        Unavailable: OpenSearch cannot answer wholly, or it cannot be told who asks.
    """
    principal = recognise(identify.asking(headers), gate)
    limiter.hold_hits(principal.tenant, clock.now())
    request = subscribe.query(asked)
    if request.id:
        return {"hits": list(_whole(request.id, principal.tenant, library))}
    declared = library.routes.attributes
    plain = subscribe.channel(principal.tenant, request.filter, declared)
    channel = subscribe.conflated(plain, request.conflate, declared)
    since = cursor.read(request.cursor, channel.id) if request.cursor else None
    if request.cursor and not since:
        raise Refused("bad-cursor", "The cursor belongs to another filter or is none of ours: leave it out.")
    found, onwards = _page(channel, since, request.limit, library, clock.now())
    return {"hits": [delta.fields() for delta in found], "cursor": onwards}


def _whole(document_id: str, tenant: str, library: Library) -> Iterator[JsonObject]:
    """The one hit, and beside it all of its event's ``detail``, as it came."""
    indices = query.indices(pattern.parse({}), library.routes.families)
    library.store.refresh(indices)
    found = library.store.search(indices, query.document(document_id, tenant=tenant))
    for hit in found:
        source = hit["_source"]
        detail = orjson.loads(source["raw"]) if "raw" in source else source["detail"]
        yield {**_delta(hit, library).fields(), "detail": detail}


def _page(
    channel: Channel, since: cursor.Cursor | None, limit: int, library: Library, now: int
) -> tuple[list[Delta], str]:
    """The newest hits, or those from a cursor on; and the cursor that continues behind them.

    A page that is not the last carries its place; the last one carries the time at which the first
    was read, so that what became visible meanwhile is read again.
    """
    started = since.at if since and since.position else now
    if not since:
        newest = islice(_stored(channel, library, until=started, newest=True), limit)
        return list(newest)[::-1], cursor.live(channel.id, started)
    if since.position:
        onwards = _stored(channel, library, until=started, after=since.position)
    else:
        onwards = _stored(channel, library, until=started, since=since.ingested_from)
    found = list(islice(onwards, limit + 1))
    if len(found) <= limit:
        return found, cursor.live(channel.id, started)
    last = found[limit - 1]
    return found[:limit], cursor.page(channel.id, (last.ingested, last.id), started)


def _dismiss(
    connection_id: str, endpoint: str, reason: str, table: ConnectionTable, sockets: Sockets, deadline: int
) -> int:
    """Forget a connection first, so that it gets nothing more even where it cannot be closed."""
    table.disconnect(connection_id)
    sockets.post([Post(connection_id, endpoint, pack.bye(reason))], deadline)
    sockets.close(connection_id, endpoint)
    return 0


def _frames(
    text: str,
    connection: Connection,
    table: ConnectionTable,
    library: Library,
    limiter: Limiter,
    clock: Clock,
) -> list[bytes]:
    """The answer to a frame; a mistake of the client's is answered by an ``error``.

    Raises:
        Flooding: The connection is to be closed.
    """
    try:
        limiter.hold_frames(connection, clock.now())
        request = subscribe.request(text)
        if request.type == "ping":
            return [*_gaps(connection, table), pack.pong()]
        if request.type == "unsubscribe":
            return _unsubscribe(request, connection, table)
        return _subscribe(request, connection, table, library, limiter, clock)
    except Refused as refused:
        return [pack.error(refused.code, refused.text, subscribe.request_id(text))]


def _gaps(connection: Connection, table: ConnectionTable) -> list[bytes]:
    """What a quiet channel could not tell: where frames to this connection may be missing."""
    return [
        pack.lagged(channel.id, cursor.live(channel.id, since))
        for channel, since in table.lagged(connection.id)
    ]


def _unsubscribe(request: subscribe.Request, connection: Connection, table: ConnectionTable) -> list[bytes]:
    for channel in table.subscriptions(connection.id):
        if channel.id == request.channel:
            table.unsubscribe(connection.id, channel)
    return []


def _subscribe(
    request: subscribe.Request,
    connection: Connection,
    table: ConnectionTable,
    library: Library,
    limiter: Limiter,
    clock: Clock,
) -> list[bytes]:
    declared = library.routes.attributes
    plain = subscribe.channel(connection.principal.tenant, request.filter, declared)
    channel = subscribe.conflated(plain, request.conflate, declared)
    limiter.hold_subscribe(connection, channel, table, clock.now())
    table.subscribe(connection, channel, clock.now())
    started = clock.now()
    frames = [pack.subscribed(channel.id, request.id or "")]
    since = cursor.read(request.cursor, channel.id) if request.cursor else None
    if request.cursor and not since:
        frames.append(pack.gap(channel.id, None, started, "unknown-cursor", request.id))
    limit = MAX_HITS if since else SNAPSHOT if request.snapshot is None else request.snapshot
    try:
        stored = _stored(
            channel, library, until=started, since=since.ingested_from if since else None, newest=True
        )
        found = list(islice(stored, limit + 1 if since else limit))[::-1]
    except Unavailable as unavailable:
        return [*frames, pack.error("snapshot-unavailable", unavailable.text, request.id)]
    if since and len(found) > MAX_HITS:
        found = found[1:]
        frames.append(pack.gap(channel.id, since.at, found[0].ingested, "too-many", request.id))
    live = cursor.live(channel.id, started)
    hits = pack.hits(channel.id, [pack.hit(delta) for delta in found], live, subscription_id=request.id)
    return [*frames, *hits, pack.live(channel.id, live, request.id)]


def _stored(
    channel: Channel,
    library: Library,
    *,
    until: int,
    since: int | None = None,
    after: tuple[int, str] | None = None,
    newest: bool = False,
) -> Iterator[Delta]:
    """The stored hits of a channel by (``@ingested``, id), read page by page as they are asked for.

    Args:
        until: The clock when reading began; what is stamped later arrives live.
        since: The lowest ``@ingested``; None for no bound.
        after: The last hit of the page before.
        newest: Whether to begin with the newest.
    """
    wanted = pattern.parse(orjson.loads(channel.filter))
    indices = query.indices(wanted, library.routes.families)
    library.store.refresh(indices)
    while True:
        body = query.search(
            wanted,
            tenant=channel.tenant,
            ranged=library.ranged,
            ingested_from=since,
            ingested_to=until + 2 * cursor.SKEW,
            after=after,
            size=PAGE,
            newest=newest,
        )
        page = [_delta(hit, library) for hit in library.store.search(indices, body)]
        yield from (delta for delta in page if match.matches(wanted, match.fields(delta)))
        if len(page) < PAGE:
            return
        after = (page[-1].ingested, page[-1].id)


def _delta(hit: JsonObject, library: Library) -> Delta:
    source = hit["_source"]
    return derive.recalled(hit, route.find(source["source"], source["eventType"], library.routes).delta)
