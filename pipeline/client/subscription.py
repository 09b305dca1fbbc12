"""One subscription's life, over as many connections as it takes. No input or output.

::

    UNASKED ──ask──→ ASKED ──subscribed──→ CATCHING_UP ──live──→ LIVE
       ↑               │ └──error──→ REFUSED     │                 │
       └───────────────┴──── connection lost, silence, gap ────────┘

The rule that keeps everything: **the cursor moves only while LIVE**. A live frame that arrives
during a catch-up is newer than what is still on its way; resuming from it would skip the rest.
Its cursor is put by, and counts from the end of the catch-up on.

Cursors are opaque, but of two live ones of a channel the later sorts higher: so the server promises.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from pipeline.client import frames
from pipeline.client.seen import Seen

if TYPE_CHECKING:
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
        cursor: Where a resume would begin; opaque, only for this subscription. Keep it to go on in
            another process; None before the first catch-up has ended.
        channel: The server's name of the channel on the present connection.
        phase: Where it stands on the present connection.
        told: Hits told so far.
        duplicates: Hits that arrived again and were dropped.
    """

    def __init__(self, pattern: Frame, *, snapshot: int | None = None, cursor: str | None = None) -> None:
        self.filter = pattern
        self.snapshot = snapshot
        self.cursor = cursor
        self.channel: str | None = None
        self.phase = Phase.UNASKED
        self.told = 0
        self.duplicates = 0
        self._seen = Seen()
        self._ask = ""
        self._due = 0.0
        self._failures = 0
        self._put_by = ""

    def due(self) -> float | None:
        """When to ask (again); None when there is nothing to ask.

        An answer or a part of a catch-up may be lost on its way; silence where more must follow is
        how one notices.
        """
        return self._due if self.phase in (Phase.UNASKED, Phase.ASKED, Phase.CATCHING_UP) else None

    def ask(self, ask: str, now: float, pace: Pace) -> str:
        """The frame that asks, and the wait for its answer begins."""
        self.phase, self._ask, self._due = Phase.ASKED, ask, now + pace.answer
        self._put_by = ""
        return frames.subscribe(ask, self.filter, cursor=self.cursor, snapshot=self.snapshot)

    def lost(self) -> None:
        """The connection is gone, and with it the server's memory of this subscription."""
        self.channel = None
        if self.phase not in (Phase.REFUSED, Phase.LEFT):
            self.phase, self._due = Phase.UNASKED, 0.0

    def answered(self, ask: str, channel: str, now: float, pace: Pace) -> None:
        """The server has us as a member of ``channel``; the catch-up follows."""
        if ask == self._ask and self.phase is Phase.ASKED:
            self.phase, self.channel, self._due = Phase.CATCHING_UP, channel, now + pace.answer

    def catching_up(self, now: float, pace: Pace) -> None:
        """A part of the catch-up has arrived; more must follow."""
        if self.phase is Phase.CATCHING_UP:
            self._due = now + pace.answer

    def caught_up(self, ask: str | None, cursor: str | None) -> None:
        """The catch-up has ended: all before ``cursor`` has arrived."""
        if self.phase is Phase.CATCHING_UP and ask in (None, self._ask):
            self.phase, self._failures = Phase.LIVE, 0
            self.cursor = max(cursor or "", self._put_by) or self.cursor

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
        if self.phase is Phase.LIVE:
            self.cursor = max(self.cursor or "", self._put_by) or None
        return fresh

    def lagging(self, since: str) -> None:
        """The server could not post to us since then: ask again, from there or from before."""
        if self.phase in (Phase.CATCHING_UP, Phase.LIVE):
            self.phase, self._due = Phase.UNASKED, 0.0
            self.cursor = since if self.cursor is None else min(self.cursor, since)

    def put_off(self, now: float, pace: Pace, chance: float) -> None:
        """The server could not do its part just now: ask again later. The cursor rests."""
        if self.phase in (Phase.ASKED, Phase.CATCHING_UP):
            self._failures += 1
            self.phase, self._due = Phase.UNASKED, now + pace.retry(self._failures, chance)
