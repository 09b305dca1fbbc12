"""Subscribing over a socket: a client's ``subscribe`` or ``more`` -> the frames of a catch-up's next page.

A subscribe goes in this order, so that nothing is missed: the membership, the clock, the late ledger, the
refresh, the search. What is read ends soon after that clock; were it read before a membership that is slow
to be written, what is stored meanwhile would be neither read nor posted. A subscribe is answered by
``subscribed`` and a page; the client asks for ``more`` with the page's cursor until it is told ``live``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import catching_up, paging, resuming
from pipeline.catching_up import Bounds
from pipeline.core import channels, cursor, pack, thin
from pipeline.core.errors import Refused, Unavailable
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from pipeline.catching_up import Library
    from pipeline.core.audience import Channel, Connection
    from pipeline.core.reach import Reach
    from pipeline.core.subscribe import Request
    from pipeline.limiting import Limiter
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable

SNAPSHOT = 50
"""Hits of a snapshot whose size the client leaves to us: a screenful."""


@noun
class Frame:
    """A client's frame, and what is needed to answer it.

    Attributes:
        stop: When to stop reading, in ms since the epoch.
    """

    connection: Connection
    table: ConnectionTable
    library: Library
    limiter: Limiter
    clock: Clock
    stop: int

    @property
    def bounds(self) -> Bounds:
        """What one page may take."""
        return Bounds(catching_up.MAX_HITS, self.stop)


@noun
class _Beginning:
    """A catch-up that is to begin.

    Attributes:
        id: Of the subscribe that it answers.
        started: The clock once the membership was written, in ms since the epoch.
        text: The client's cursor, or the one that stands for the time it named; None where it gave none.
        given: What was read from it; None where it is none of this channel's.
        most: Hits of a snapshot, where it comes to that.
        gap: What is missing before the time that it named.
    """

    channel: Channel
    id: str
    started: int
    text: str | None
    given: cursor.Cursor | None
    most: int
    gap: resuming.Gap | None = None


def subscribe(request: Request, frame: Frame) -> list[bytes]:
    """Make the connection a member, then answer with the first page."""
    declared = frame.library.routes.attributes
    plain = channels.of(frame.connection.principal.tenant, request.filter, declared)
    channel = channels.conflated(plain, request.conflate, declared)
    name = request.id or ""
    frame.limiter.hold_subscribe(frame.connection, channel, frame.table, frame.clock.now())
    answered = cursor.read(request.gap or request.cursor, channel.id)
    told = answered.at if answered and not answered.position else None
    frame.table.subscribe(frame.connection, channel, frame.clock.now(), told)
    started = frame.clock.now()
    text, gap = request.cursor, None
    if request.since is not None and not text:
        text, gap = resuming.beginning(request.since, channel, frame.library.routes, started)
    given = cursor.read(text, channel.id) if text else None
    most = SNAPSHOT if request.snapshot is None else request.snapshot
    first = _begin(_Beginning(channel, name, started, text, given, most, gap), frame)
    return [pack.subscribed(channel.id, name), *first]


def more(request: Request, frame: Frame) -> list[bytes]:
    """Answer with the page behind a cursor; the connection is a member since before the first page.

    A cursor from before this membership came with another one: what was announced in between reached nobody,
    and is read too. One from after now was made up.

    Raises:
        Refused: ``not-subscribed``, ``too-many-requests``.
    """
    name, text = request.id or "", request.cursor or ""
    frame.limiter.hold_hits(frame.connection.principal.tenant, frame.clock.now())
    mine = frame.table.joined(frame.connection.id)
    known = [(each, since, found) for each, since in mine if (found := cursor.read(text, each.id))]
    if not known:
        raise Refused(
            "not-subscribed",
            "The cursor is of no channel that this connection is subscribed to: subscribe with it.",
        )
    channel, since, given = known[0]
    try:
        now = frame.clock.now()
        if given.position is None or not since <= given.at <= now + 2 * cursor.SKEW:
            return _begin(_Beginning(channel, name, now, text, given, SNAPSHOT), frame)
        run = paging.CatchUp(channel, name, given.at, given.begun, given.again, given.newest)
        if given.again and frame.library.lag and not _settled(given.at, frame):
            return [pack.more(channel.id, text, name)]
        whole = resuming.going_on(channel, given, frame.table, frame.library.lag)
        return _page(run, whole, given.position, frame)
    except Unavailable as unavailable:
        return [pack.error("snapshot-unavailable", unavailable.text, name)]


def _begin(asked: _Beginning, frame: Frame) -> list[bytes]:
    """The first page of a catch-up, behind a gap where not all can be sent; or why there is none just now."""
    channel, started, given = asked.channel, asked.started, asked.given
    gap = asked.gap or resuming.gap(asked.text, given, channel, frame.library.routes, started)
    frames = [pack.gap(channel.id, gap.start, gap.end, gap.reason, asked.id)] if gap else []
    try:
        if given is None or (gap and gap.ends_it):
            return frames + _snapshot(asked, frame)
        whole, since = resuming.resumed(channel, given, frame.table, frame.library.lag, started)
        catching_up.refresh(channel, frame.library)
        run = paging.CatchUp(channel, asked.id, started, since, newest=given.newest)
        return frames + _page(run, whole, None, frame)
    except Unavailable as unavailable:
        return [*frames, pack.error("snapshot-unavailable", unavailable.text, asked.id)]


def _page(run: paging.CatchUp, whole: Reach, after: tuple[int, str] | None, frame: Frame) -> list[bytes]:
    page = catching_up.page(
        run.channel,
        frame.library,
        whole,
        until=run.started,
        after=after,
        bounds=frame.bounds,
        clock=frame.clock,
    )
    return paging.packed(page, run, frame.library.lag)


def _snapshot(asked: _Beginning, frame: Frame) -> list[bytes]:
    """The newest hits; of a conflated channel the latest for each value, of these the newest."""
    channel, started, most = asked.channel, asked.started, asked.most
    if most:
        catching_up.refresh(channel, frame.library)
    wide = catching_up.MAX_HITS if channel.conflate and most else most
    bounds = Bounds(wide, frame.stop)
    read = catching_up.snapshot(channel, frame.library, until=started, bounds=bounds, clock=frame.clock)
    found = read.hits
    if channel.conflate:
        found = thin.latest(found, channel.conflate)[-most:] if most else []
    run = paging.CatchUp(channel, asked.id, started, started, newest=True)
    frames = paging.packed(paging.opening(found), run, frame.library.lag)
    if read.unread is None:
        return frames
    return [pack.gap(channel.id, None, read.unread, resuming.NOT_SEARCHED, asked.id), *frames]


def _settled(started: int, frame: Frame) -> bool:
    """Wait, as far as this invocation goes, until a search surely finds what was stored at a time."""
    due = started + frame.library.lag + 2 * cursor.SKEW
    wait = min(due, frame.stop) - frame.clock.now()
    if wait >= 0:
        frame.clock.sleep((wait + 1) / 1_000)
    return frame.clock.now() > due
