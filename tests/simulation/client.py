"""A client in its fewest words: what section 5 of the design asks of every client, and nothing else.

No input or output: texts and times come in, texts go out, as in ``pipeline.client.session``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Frame = dict[str, Any]

HEARTBEAT = 30_000
"""Milliseconds of silence after which a ping is sent."""

ANSWER = 35_000
"""Milliseconds that an answer may take."""

AGAIN = 3_000
"""Milliseconds after which what failed is asked again, at most."""


LIVE = "L"
"""How live cursors begin; the others are those of unfinished catch-ups."""


class Phase(Enum):
    """Where a subscription stands on the present connection."""

    UNASKED = "unasked"
    ASKED = "asked"
    CATCHING_UP = "catching up"
    LIVE = "live"
    LEFT = "left"


@dataclass(eq=False, slots=True)
class Subscription:
    """A filter, and how far its hits have come.

    Attributes:
        wanted: Name of the filter.
        filter: The filter.
        cursor: Where a resume begins.
        put_by: The highest live cursor since the last ask.
        page: The ``more`` that was sent since the last subscribe; ``again`` while it waits to be sent again.
        shown: Every hit that was not seen before, in order.
        told: The ``since`` of the gap that the next subscribe answers.
        gaps: (from, to) of what the server said it cannot send.
        since: What was stored after this may not be missing; None before the first ``live``.
        asked: When the last subscribe was sent, and ``heard`` when its ``subscribed`` came.
    """

    wanted: str
    filter: Frame
    snapshot: int | None = None
    cursor: str | None = None
    put_by: str = ""
    channel: str | None = None
    phase: Phase = Phase.UNASKED
    due: int = 0
    ask: str = ""
    page: Frame | None = None
    again: bool = False
    seen: set[str] = field(default_factory=set)
    shown: list[Frame] = field(default_factory=list)
    told: str | None = None
    gaps: list[tuple[int | None, int]] = field(default_factory=list)
    since: int | None = None
    asked: int = 0
    heard: int = 0

    def begin(self) -> None:
        """Begin with the promise, at the first ``live``; a small snapshot may leave out what was before."""
        if self.since is None:
            self.since = self.asked if self.snapshot is None else self.heard


class Client:
    """Several subscriptions over one connection at a time.

    Args:
        off: Names of the rules that this client does not keep.
    """

    def __init__(self, chance: Callable[[], float], off: frozenset[str] = frozenset()) -> None:
        self.subscriptions: list[Subscription] = []
        self._chance = chance
        self._off = off
        self._asks: dict[str, Subscription] = {}
        self._more: list[Frame] = []
        self._early: list[Frame] = []
        self._heard = 0
        self._pinged: int | None = None
        self._number = 0

    @property
    def is_live(self) -> bool:
        """Whether nothing is missing, as far as it knows."""
        return all(each.phase in (Phase.LIVE, Phase.LEFT) for each in self.subscriptions)

    def subscribe(
        self, wanted: str, pattern: Frame, snapshot: int | None, cursor: str | None, now: int
    ) -> None:
        """Add a subscription."""
        self.subscriptions.append(Subscription(wanted, pattern, snapshot, cursor, due=now))

    def opened(self, now: int) -> None:
        """A connection has opened; the server knows nothing of the subscriptions yet."""
        self._asks, self._more, self._early = {}, [], []
        self._heard, self._pinged = now, None
        for each in self.subscriptions:
            if each.phase is not Phase.LEFT:
                each.phase, each.due, each.channel, each.again = Phase.UNASKED, now, None, False

    # --- what is due --------------------------------------------------------------------------

    def wake_at(self) -> int:
        """When something will be due, if nothing arrives before."""
        pulse = self._heard + HEARTBEAT if self._pinged is None else self._pinged + ANSWER
        return min([pulse, *(each.due for each in self.subscriptions if each.phase not in _SETTLED)])

    def is_dead(self, now: int) -> bool:
        """Whether a ping was not answered."""
        return self._pinged is not None and now >= self._pinged + ANSWER

    def due(self, now: int) -> list[str]:
        """The frames to send now."""
        out, self._more = self._more, []
        for each in self.subscriptions:
            if each.phase not in _SETTLED and each.due <= now:
                asks = self._more_again if each.again else self._subscribe
                out.append(asks(each, now))
        if self._pinged is None and now >= self._heard + HEARTBEAT:
            self._pinged = now
            out.append({"type": "ping"})
        return [json.dumps(frame) for frame in out]

    def leave(self, subscription: Subscription) -> None:
        """Want its hits no longer."""
        subscription.phase = Phase.LEFT
        if subscription.channel and not any(
            each.channel == subscription.channel
            for each in self.subscriptions
            if each.phase is not Phase.LEFT
        ):
            self._number += 1
            self._more.append(
                {"type": "unsubscribe", "id": str(self._number), "channel": subscription.channel}
            )

    def _more_again(self, each: Subscription, now: int) -> Frame:
        each.again, each.due = False, now + ANSWER
        assert each.page is not None
        return each.page

    def _subscribe(self, each: Subscription, now: int) -> Frame:
        each.page = None
        self._number += 1
        each.ask, each.phase, each.due = str(self._number), Phase.ASKED, now + ANSWER
        each.put_by, each.asked = "", now
        self._asks[each.ask] = each
        frame: Frame = {"type": "subscribe", "id": each.ask, "filter": each.filter}
        if each.told:
            frame["gap"], each.told = each.told, None
        if cursor := self._resume_from(each):
            frame["cursor"] = cursor
        elif each.snapshot is not None:
            frame["snapshot"] = each.snapshot
        return frame

    def _resume_from(self, each: Subscription) -> str | None:
        if each.cursor is None or "cursor per subscription" not in self._off or each.cursor[0] != LIVE:
            return each.cursor
        highest = max(other.cursor[:13] for other in self.subscriptions if (other.cursor or "")[:1] == LIVE)
        return f"{highest}{each.cursor[13:]}"

    # --- what arrives -------------------------------------------------------------------------

    def received(self, text: bytes, now: int) -> None:
        """Take a frame."""
        self._heard, self._pinged = now, None
        self._take(json.loads(text), now)

    def _take(self, frame: Frame, now: int) -> None:
        kind = frame.get("type", "")
        if kind == "subscribed":
            self._subscribed(frame, now)
            return
        if kind == "error":
            self._failed(frame, now)
            return
        if kind not in ("hits", "live", "gap", "more"):
            return
        if "id" in frame:
            each = self._asks.get(frame["id"])
            if each and each.ask == frame["id"]:
                self._answer(each, frame, now)
            elif each and kind == "hits":  # of an answer that is no longer waited for
                self._show(each, frame)
            return
        addressed = [each for each in self.subscriptions if each.channel == frame["channel"]]
        for each in addressed:
            self._news(each, frame, now)
        if not addressed and any(each.phase is Phase.ASKED for each in self.subscriptions):
            self._early.append(frame)  # membership begins before the answer is sent

    def _subscribed(self, frame: Frame, now: int) -> None:
        each = self._asks.get(frame["id"])
        if each and each.ask == frame["id"] and each.phase is Phase.ASKED:
            each.phase, each.channel, each.due = Phase.CATCHING_UP, frame["channel"], now + ANSWER
            each.heard = now
        early, self._early = self._early, []
        for held in early:
            self._take(held, now)

    def _answer(self, each: Subscription, frame: Frame, now: int) -> None:
        """A part of a snapshot or a catch-up."""
        if each.phase is not Phase.CATCHING_UP:
            if frame["type"] == "hits":
                self._show(each, frame)
            return
        each.due = now + ANSWER
        match frame["type"]:
            case "gap":
                each.gaps.append((frame["from"], frame["to"]))
            case "hits":
                self._show(each, frame)
                if frame["cursor"][0] != LIVE:
                    each.cursor = frame["cursor"]
                if frame.get("more"):
                    each.page = {"type": "more", "id": each.ask, "cursor": each.cursor}
                    self._more.append(each.page)
            case "live":
                each.phase = Phase.LIVE
                each.cursor = max(frame["cursor"], each.put_by)
                each.begin()

    def _news(self, each: Subscription, frame: Frame, now: int) -> None:
        """What came by itself."""
        if each.phase is Phase.LEFT:
            return
        if frame["type"] == "gap":
            each.told = frame["since"]
            self._lagging(each, frame["since"], now)
        if frame["type"] == "hits":
            self._show(each, frame)
            each.put_by = max(each.put_by, frame["cursor"])
            if each.phase is Phase.LIVE or "cursor after catch-up" in self._off:
                each.cursor = max(each.cursor or "", each.put_by)
            if "sampled" in frame:
                self._lagging(each, frame["sampled"]["since"], now)

    def _lagging(self, each: Subscription, since: str, now: int) -> None:
        """Frames are missing: ask again, from there or from before."""
        if each.phase is not Phase.UNASKED:
            each.phase, each.due, each.again = Phase.UNASKED, now, False
        if "gaps only lower" in self._off:
            each.cursor = since
        elif each.cursor is not None and each.cursor[0] == LIVE:
            each.cursor = min(each.cursor, since)

    def _failed(self, frame: Frame, now: int) -> None:
        each = self._asks.get(frame["id"] or "")
        if each is None or each.ask != frame["id"] or each.phase in _SETTLED:
            return
        each.again = each.page is not None and frame["code"] != "not-subscribed"
        each.due = now + round(self._chance() * AGAIN)
        if not each.again:
            each.phase = Phase.UNASKED
        if frame["code"] == "snapshot-unavailable" and "cursor rests" in self._off:
            each.phase = Phase.LIVE
            each.begin()
            each.cursor = max(each.cursor or "", each.put_by) or None

    def _show(self, each: Subscription, frame: Frame) -> None:
        for hit in frame["hits"]:
            if hit["id"] not in each.seen or "seen ids" in self._off:
                each.seen.add(hit["id"])
                each.shown.append(hit)


_SETTLED = (Phase.LIVE, Phase.LEFT)
