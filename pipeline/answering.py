"""The story of a client's frame: subscribe, more, unsubscribe, ping -> the frames that answer it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline import subscribing
from pipeline.core import authorize, cursor, pack, subscribe
from pipeline.core.audience import Post, Receipt
from pipeline.core.errors import Gone, Refused, Unavailable
from pipeline.limiting import Flooding
from pipeline.subscribing import Frame

if TYPE_CHECKING:
    from pipeline.catching_up import Library
    from pipeline.limiting import Limiter
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets

SENDING = 8_000
"""Milliseconds of an invocation that are kept for posting a page: some sixty frames, one after another."""


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
    try:
        connection = table.connection(connection_id)
        key = table.key(connection.principal.key) if connection and connection.principal.key else None
    except Unavailable as unavailable:
        told = pack.error("unavailable", unavailable.text, subscribe.request_id(text))
        return _post([told], connection_id, endpoint, table, sockets, deadline)
    reason = authorize.ending(connection, key, clock.now())
    if connection is None or reason:
        return _dismiss(connection_id, endpoint, reason or "expired", table, sockets, deadline)
    try:
        frames = _frames(text, Frame(connection, table, library, limiter, clock, deadline - SENDING))
    except Flooding:
        return _dismiss(connection_id, endpoint, "flooding", table, sockets, deadline)
    except Gone:  # dismissed while it asked; who came by a key, because the key was revoked
        return _dismiss(connection_id, endpoint, "revoked" if key else "expired", table, sockets, deadline)
    return _post(frames, connection.id, connection.endpoint, table, sockets, deadline)


def _post(
    frames: list[bytes],
    connection_id: str,
    endpoint: str,
    table: ConnectionTable,
    sockets: Sockets,
    deadline: int,
) -> int:
    """Post an answer; where not even that can be done, the client asks again, as nothing has come."""
    try:
        receipts = sockets.post([Post(connection_id, endpoint, frame) for frame in frames], deadline)
        if Receipt.GONE in receipts:
            table.disconnect(connection_id)
    except Unavailable:
        return 0
    return receipts.count(Receipt.POSTED)


def _dismiss(
    connection_id: str, endpoint: str, reason: str, table: ConnectionTable, sockets: Sockets, deadline: int
) -> int:
    """Forget a connection first, so that it gets nothing more even where it cannot be closed.

    Whatever cannot be done now does not keep the rest from being done; its next frame comes here again.
    """
    with suppress(Unavailable):
        table.disconnect(connection_id)
    with suppress(Unavailable):
        sockets.post([Post(connection_id, endpoint, pack.bye(reason))], deadline)
    with suppress(Unavailable):
        sockets.close(connection_id, endpoint)
    return 0


def _frames(text: str, frame: Frame) -> list[bytes]:
    """The answer to a frame; a mistake of the client's is answered by an ``error``.

    Raises:
        Flooding: The connection is to be closed.
        Gone: It has been dismissed meanwhile.
    """
    try:
        frame.limiter.hold_frames(frame.connection, frame.clock.now())
        request = subscribe.request(text)
        if request.type == "ping":
            return [*_gaps(frame), pack.pong()]
        if request.type == "unsubscribe":
            return _unsubscribe(request, frame)
        if request.type == "more":
            return subscribing.more(request, frame)
        return subscribing.subscribe(request, frame)
    except Refused as refused:
        return [pack.error(refused.code, refused.text, subscribe.request_id(text))]
    except Unavailable as unavailable:
        return [pack.error("unavailable", unavailable.text, subscribe.request_id(text))]


def _gaps(frame: Frame) -> list[bytes]:
    """What a quiet channel could not tell: where frames to this connection may be missing."""
    return [
        pack.lagged(channel.id, cursor.live(channel.id, since))
        for channel, since in frame.table.lagged(frame.connection.id)
    ]


def _unsubscribe(request: subscribe.Request, frame: Frame) -> list[bytes]:
    for channel in frame.table.subscriptions(frame.connection.id):
        if channel.id == request.channel:
            frame.table.unsubscribe(frame.connection.id, channel)
    return []
