"""Resuming: a cursor and the late ledger -> what has to be read again, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from pipeline.core import cursor, kept, pattern, reach
from pipeline.core.noun import noun
from pipeline.core.reach import Reach

if TYPE_CHECKING:
    from pipeline.core.audience import Channel
    from pipeline.core.route import Routes
    from pipeline.ports.connections import ConnectionTable

AHEAD = 60_000
"""Milliseconds by which a cursor may be ahead of the clock; what is more was made up."""


PAGING = 3_600_000
"""Milliseconds by which the earliest time to begin from is later than the oldest valid cursor, so that the
cursors of its pages stay valid while they are read."""

NOT_KEPT = "not-kept"
"""The reason of a gap in which only those hits are missing that are never stored."""


NOT_SEARCHED = "not-searched"
"""The reason of a gap before which a snapshot's hits were not looked for, since the time was up."""


@noun
class Gap:
    """What cannot be sent again: a span in ms since the epoch, and why.

    Attributes:
        ends_it: Whether nothing can be gone on from: a snapshot follows.
    """

    start: int | None
    end: int
    reason: str
    ends_it: bool = True


def gap(
    text: str | None, given: cursor.Cursor | None, channel: Channel, routes: Routes, now: int
) -> Gap | None:
    """Tell what a resume cannot bring back.

    Args:
        text: The client's cursor; None begins anew, and nothing can be missing.
        given: What was read from it for this channel.
        now: When the resume began, in ms since the epoch.
    """
    if text is None:
        return None
    if given is None or given.begun > now + AHEAD:
        return Gap(None, now, "unknown-cursor")
    wanted = pattern.parse(orjson.loads(channel.filter))
    if given.begun < now - kept.valid_for(wanted, routes.ordered):
        return Gap(given.begun, now, "expired")
    if kept.unkept(wanted, routes.ordered):
        return Gap(given.begun, now, NOT_KEPT, ends_it=False)
    return None


def beginning(since: int, channel: Channel, routes: Routes, now: int) -> tuple[str, Gap | None]:
    """Give the live cursor of a time that a client names, for one that has none of ours yet.

    It is bounded as a cursor is. Who begins has nothing to go on from that could be lost, so behind the gap
    comes what is still there, not a snapshot.

    Args:
        since: In ms since the epoch; a time to come counts as now.
        now: When the catch-up begins, in ms since the epoch.

    Returns:
        The cursor, and the gap before it where that time is too long ago.
    """
    wanted = pattern.parse(orjson.loads(channel.filter))
    oldest = now - kept.valid_for(wanted, routes.ordered) + PAGING
    gap = Gap(since, oldest, "expired", ends_it=False) if since < oldest else None
    return cursor.live(channel.id, min(max(since, oldest), now)), gap


def resumed(
    channel: Channel, given: cursor.Cursor, table: ConnectionTable, lag: int, now: int
) -> tuple[Reach, int]:
    """Say what a resume reads on a connection that has seen nothing of it, from the ledger as it is now.

    A catch-up that was cut goes on at its place. Besides, what was announced since it began reached nobody,
    so it is read as from a live cursor of that time.

    Args:
        given: The client's cursor; one of a clock that is ahead of ours counts as of now.
        now: When the resume began, in ms since the epoch.

    Returns:
        The reach, and the live cursor's time that its pages go on from.
    """
    at = min(given.at, now)
    behind = _behind(at, channel, table, lag)
    if given.position is None or given.again:
        return behind, at
    place = given.position[0]
    if given.newest:
        return reach.both(Reach(place), behind), at
    begun = min(at, place + at - cursor.ingested_from(at, lag))
    if begun >= given.begun:  # past what the ledger had named: the rest is all from the place on
        return _behind(begun, channel, table, lag), begun
    rest = reach.onwards(_behind(given.begun, channel, table, lag), place)
    return reach.both(rest, behind), given.begun


def going_on(channel: Channel, given: cursor.Cursor, table: ConnectionTable, lag: int) -> Reach:
    """Say what the next page of a catch-up reads, for whoever has got all up to its place."""
    place = given.position[0] if given.position else 0
    begun = given.at if given.again else given.begun
    start = cursor.ingested_from(begun, lag)
    if given.newest or (place >= start and not given.again):
        return Reach(place)
    late = table.late(channel.tenant, cursor.announced_from(given.begun, lag))
    return reach.reach(start, late)


def _behind(at: int, channel: Channel, table: ConnectionTable, lag: int) -> Reach:
    """What may have been announced since a live cursor of that time, in the ledger's words too."""
    late = table.late(channel.tenant, cursor.announced_from(at, lag))
    return reach.reach(cursor.ingested_from(at, lag), late)
