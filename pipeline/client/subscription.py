"""One subscription's life, over as many connections as it takes. No input or output.

::

    UNASKED ──ask──→ ASKED ──subscribed──→ CATCHING_UP ──live──→ LIVE
       ↑               │ └──error──→ REFUSED  │   ↑               │
       │               │                      └more (next page, or the same again later)
       └───────────────┴──── connection lost, silence, gap ───────┘

The rule that keeps everything: **a live frame moves the cursor only while LIVE**. One that arrives
during a catch-up is newer than what is still on its way; resuming from it would skip the rest.
Its cursor is put by, and counts from the end of the catch-up on. The end of a page moves the cursor
to that page's own.

A page that the server cannot give just now is asked for again. To subscribe again would begin the catch-up
anew: where many wait for pages, all of them would begin anew for ever.

Cursors are opaque, but of two live ones of a channel the later sorts higher: so the server promises.
The cursor of a page sorts by no rule, and is never compared.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from pipeline.client import frames
from pipeline.client.news import Status
from pipeline.client.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.client.frames import Frame
    from pipeline.client.news import Hit
    from pipeline.client.pace import Pace


class Phase(Enum):
    """Where a subscription stands on the present connection."""

    UNASKED = "unasked"
    ASKED = "asked"
    CATCHING_UP = "catching up"
    LIVE = "live"
    REFUSED = "refused"
    LEFT = "left"


class Subscription:
    """A filter, and how far its hits have come.

    Attributes:
        filter: The filter, in the form of an EventBridge event pattern.
        snapshot: How many of the newest hits to begin with; None leaves it to the server.
        conflate: An attribute: of the hits with equal values only the latest is of interest.
        since: Begins with what was stored since this time instead, in ms since the epoch.
        cursor: Where a resume would begin; opaque, only for this subscription. Keep it to go on in
            another process; None before the first page has ended.
        owed: The lowest cursor since which the server could not post to us, not yet asked for.
        channel: The server's name of the channel on the present connection.
        phase: Where it stands on the present connection.
        lagged: Whether the server could not keep up, and the catch-up that mends it has not ended.
        told: Hits told so far.
        duplicates: Hits that arrived again and were dropped.
    """

    def __init__(
        self,
        pattern: Frame,
        *,
        snapshot: int | None = None,
        cursor: str | None = None,
        conflate: str | None = None,
        since: int | None = None,
        seen: Iterable[str] = (),
    ) -> None:
        self.filter = pattern
        self.snapshot = snapshot
        self.conflate = conflate
        self.since = since
        self.cursor = cursor
        self.owed: str | None = None
        self.channel: str | None = None
        self.phase = Phase.UNASKED
        self.lagged = False
        self.told = 0
        self.duplicates = 0
        self._seen = Seen(ids=seen)
        self._ask = ""
        self._answers: str | None = None
        self._due = 0.0
        self._failures = 0
        self._put_by = ""
        self._more = False
        self._asked_more = False

    @property
    def active(self) -> bool:
        """Whether it was neither refused nor left."""
        return self.phase not in (Phase.REFUSED, Phase.LEFT)

    def told_lately(self, most: int) -> list[str]:
        """The ids of the newest hits told, oldest first, for a later subscription's ``seen``."""
        return self._seen.newest(most)

    def status(self) -> Status:
        """Where it stands, as long as the connection does."""
        if self.phase in (Phase.LIVE, Phase.REFUSED):
            return Status.LIVE if self.phase is Phase.LIVE else Status.REFUSED
        return Status.LAGGED if self.lagged else Status.CATCHING_UP

    # --- what is due --------------------------------------------------------------------------

    def due(self) -> float | None:
        """When to ask (again), or for more; None when there is nothing to ask.

        An answer or a part of a catch-up may be lost on its way; silence where more must follow is
        how one notices.
        """
        if self.phase is Phase.LIVE or not self.active:
            return None
        return self._due

    def ask(self, ask: str, now: float, pace: Pace) -> str:
        """The frame that asks, or asks for more, and the wait for its answer begins."""
        self._due = now + pace.answer
        self._asked_more = self._more
        if self._more:
            self._more = False
            return frames.more(self._ask, self.channel, self.cursor)
        self.phase, self._ask, self._put_by = Phase.ASKED, ask, ""
        return frames.subscribe(
            ask,
            self.filter,
            cursor=self.cursor,
            since=self.since,
            snapshot=self.snapshot,
            conflate=self.conflate,
            gap=self._answers,
        )

    @property
    def paging(self) -> bool:
        """Whether the next thing to ask for is a page of the present catch-up."""
        return self._more

    # --- what happens to it -------------------------------------------------------------------

    def lost(self) -> None:
        """The connection is gone, and with it the server's memory of this subscription."""
        self.channel = None
        if self.active:
            self._again(0.0)

    def answered(self, ask: str, channel: str, now: float, pace: Pace) -> None:
        """The server has us as a member of ``channel``; the catch-up follows."""
        if ask == self._ask and self.phase is Phase.ASKED:
            self.phase, self.channel, self._due = Phase.CATCHING_UP, channel, now + pace.answer

    def catching_up(self, ask: str, cursor: str | None, now: float, pace: Pace, *, ended: bool) -> None:
        """A part of the catch-up has arrived; more follows by itself, or at a page's end if we ask."""
        if ask != self._ask or self.phase is not Phase.CATCHING_UP:
            return
        self._due = now + pace.answer
        if ended and cursor is not None:
            self._more, self.cursor, self._due = True, cursor, 0.0
            self._failures = 0

    def caught_up(self, ask: str | None, cursor: str | None) -> None:
        """The catch-up has ended: all before ``cursor`` has arrived."""
        if self.phase is Phase.CATCHING_UP and ask in (None, self._ask):
            self.phase, self._failures, self._more = Phase.LIVE, 0, False
            self.cursor = max(cursor or "", self._put_by) or self.cursor
            self._settle()

    def polled(self, cursor: str | None, *, more: bool) -> None:
        """Over HTTP an answer is whole, so its cursor always counts; without ``more`` it is the last page."""
        if self.active:
            self.cursor = cursor or self.cursor
            self.phase = Phase.CATCHING_UP if more else Phase.LIVE
            if not more:
                self._settle()

    def take(self, hits: list[Hit], *, cursor: str | None) -> tuple[Hit, ...]:
        """Take hits as they came; the ones not seen before.

        Args:
            hits: What a frame carried.
            cursor: The cursor of a live frame; None for one of a catch-up.
        """
        fresh = tuple(hit for hit in hits if self._seen.is_new(hit["id"]))
        self.told += len(fresh)
        self.duplicates += len(hits) - len(fresh)
        self._put_by = max(self._put_by, cursor or "")
        if self.phase is Phase.LIVE and cursor is not None:
            self.cursor = max(self.cursor or "", self._put_by) or None
        return fresh

    def lagging(self, since: str) -> None:
        """The server could not post to us since then.

        While LIVE: ask again, from there or from before. During a catch-up: after it, since what it is
        bringing may lie before that, and a page's cursor cannot be compared.
        """
        if not self.active:
            return
        self.lagged = True
        if self.phase is Phase.LIVE:
            self.cursor = since if self.cursor is None else min(self.cursor, since)
            self._answers = since
            self._again(0.0)
        else:
            self.owed = since if self.owed is None else min(self.owed, since)

    def put_off(self, now: float, pace: Pace, chance: float, *, joined: bool = True) -> None:
        """The server could not do its part just now: ask again later. The cursor rests.

        Args:
            joined: Whether the server still has us as a member of the channel, as far as we know.
        """
        if self.phase not in (Phase.ASKED, Phase.CATCHING_UP):
            return
        self._failures += 1
        due = now + pace.retry(self._failures, chance)
        if joined and self._asked_more:
            self._more, self._due = True, due
        else:
            self._again(due)

    def _settle(self) -> None:
        """A catch-up has ended: nothing lags, unless something waited for that."""
        self.lagged, self._answers = False, None
        if self.owed is not None:
            since, self.owed = self.owed, None
            self.lagging(since)

    def _again(self, due: float) -> None:
        self.phase, self._more, self._due = Phase.UNASKED, False, due


def together(subscriptions: Iterable[Subscription]) -> Status:
    """Where several stand, taken as one: as far as the one that is furthest behind."""
    statuses = {each.status() for each in subscriptions}
    order = (Status.LAGGED, Status.CATCHING_UP, Status.LIVE, Status.REFUSED)
    return next((status for status in order if status in statuses), Status.LIVE)
