"""Paging: a page of hits -> its frames, and what tells the client how to go on. Stories share this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.catching_up import MAX_BYTES, Page
from pipeline.core import cursor, pack, thin
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Channel

BEGINNING = (0, "0" * 64)
"""A position before every document."""


@noun
class CatchUp:
    """A catch-up that is under way.

    Attributes:
        id: Of the subscribe that began it.
        started: The clock at its beginning, in ms since the epoch.
        since: The live cursor's time from which it goes on.
        again: Whether it is at its second reading.
        newest: Whether it is a snapshot.
    """

    channel: Channel
    id: str
    started: int
    since: int
    again: bool = False
    newest: bool = False

    def cursor(self, position: tuple[int, str]) -> str:
        """What a client goes on with when it has got everything up to a position."""
        return cursor.page(
            self.channel.id, position, self.started, self.since, again=self.again, newest=self.newest
        )


def opening(found: Sequence[thin.Hit]) -> Page:
    """As much of a snapshot as one page has room for."""
    size = 0
    for place, (delta, encoded) in enumerate(found):
        size += len(encoded)
        if place + 1 < len(found) and size >= MAX_BYTES:
            return Page(found[: place + 1], (delta.ingested, delta.id))
    return Page(found)


def packed(page: Page, run: CatchUp, lag: int) -> list[bytes]:
    """A page's frames, and behind the last one ``live``.

    Where the index cannot be refreshed, all is read again before that, once what was stored at the beginning
    is surely found.
    """
    channel, live = run.channel, cursor.live(run.channel.id, run.started)
    end = run.cursor(page.end) if page.end else None
    if end is None and lag and not run.again:
        end = cursor.page(channel.id, BEGINNING, run.started, run.since, again=True)
    budget = sum(len(encoded) for _, encoded in page.hits)
    left = thin.thin(page.hits, conflate=channel.conflate, budget=budget, since=live)
    places = [run.cursor((delta.ingested, delta.id)) for delta, _ in left.hits]
    if places:
        places[-1] = end or places[-1]
    frames = pack.hits(
        channel.id,
        [encoded for _, encoded in left.hits],
        places,
        subscription_id=run.id,
        notes=left.notes,
        more=end is not None,
    )
    if end is None:
        return [*frames, pack.live(channel.id, live, run.id)]
    return frames or [pack.more(channel.id, end, run.id)]
