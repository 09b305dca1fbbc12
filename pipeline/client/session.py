"""One connection's conversation: which frame is for which subscription, and what is due when.

No input or output: texts and times come in, texts and news go out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client import frames
from pipeline.client.news import Gap, Hits, Notice, Refusal, Status
from pipeline.client.subscription import Phase, together

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.client.frames import Frame
    from pipeline.client.news import News
    from pipeline.client.pace import Pace
    from pipeline.client.subscription import Subscription

NOT_SUBSCRIBED = "not-subscribed"
"""The code that answers a ``more`` where the server has no membership that it could belong to."""

PASSING = frozenset({"internal-error", "busy", NOT_SUBSCRIBED})
"""Error codes after which the same subscribe may succeed, beside ``too-many-…`` and ``…unavailable``;
after any other it is refused for good."""

STRAY = "stray"
"""The code of the notice about hits of a channel that nobody here has subscribed to, or no longer."""


class Session:
    """Begins when a socket has opened, with subscriptions of which the server knows nothing yet.

    Args:
        subscriptions: The client's; it may add to them.
        pace: How long to wait for what.
        chance: Gives random shares, 0 ≤ x < 1.
        now: The time, in seconds of a clock that never goes back; the same clock for every ``now`` here.

    Attributes:
        goodbye: Why the server is about to close the connection; None until it says so.
    """

    def __init__(
        self, subscriptions: Sequence[Subscription], pace: Pace, chance: Callable[[], float], now: float
    ) -> None:
        self.goodbye: str | None = None
        self._subscriptions = subscriptions
        self._pace = pace
        self._chance = chance
        self._asks: dict[str, Subscription] = {}
        self._out: list[str] = []
        self._early: list[Frame] = []
        self._heard = self._pinged = now
        self._unanswered = False
        for subscription in subscriptions:
            subscription.lost()

    # --- what is due --------------------------------------------------------------------------

    def wake_at(self) -> float:
        """When something will be due, if nothing arrives before."""
        if self._out:
            return 0.0
        pulse = self._pinged + (self._pace.pong if self._unanswered else self._pace.heartbeat)
        return min([pulse, *(due for each in self._subscriptions if (due := each.due()) is not None)])

    def is_dead(self, now: float) -> bool:
        """Whether a ping went unanswered: nobody is at the other end, though nothing said so."""
        return self._unanswered and now >= self._pinged + self._pace.pong

    def due(self, now: float) -> list[str]:
        """The frames to send now."""
        waiting = [(each, at) for each in self._subscriptions if (at := each.due()) is not None]
        self._out += [self._ask(each, now) for each, at in waiting if at <= now]
        if now >= self._pinged + self._pace.heartbeat:
            self.probe(now)
        out, self._out = self._out, []
        return out

    def probe(self, now: float) -> None:
        """Ask whether the connection still stands, unless that was asked already."""
        if not self._unanswered:
            self._unanswered, self._pinged = True, now
            self._out.append(frames.PING)

    def leave(self, subscription: Subscription) -> None:
        """Leave a channel, unless somebody else here is on it too."""
        channel, subscription.channel = subscription.channel, None
        subscription.phase = Phase.LEFT
        shared = any(each.active and each.channel == channel for each in self._subscriptions)
        # Without a channel the answer to its subscribe is still to come, or never will.
        if channel is not None and not shared:
            self._out.append(frames.unsubscribe(self._next(subscription), channel))

    def status(self, now: float) -> Status:
        """Where the subscriptions stand; CONNECTING when a ping should have been answered long ago."""
        if now >= self._heard + self._pace.heartbeat + self._pace.pong:
            return Status.CONNECTING
        return together(self._subscriptions)

    def _ask(self, subscription: Subscription, now: float) -> str:
        return subscription.ask("" if subscription.paging else self._next(subscription), now, self._pace)

    def _next(self, subscription: Subscription) -> str:
        ask = str(len(self._asks) + 1)
        self._asks[ask] = subscription
        return ask

    # --- what arrives -------------------------------------------------------------------------

    def received(self, text: str | bytes, now: float) -> list[News]:
        """Take a frame; what it means to the user."""
        self._heard, self._unanswered = now, False
        return self._take(frames.parse(text), now)

    def _take(self, frame: Frame, now: float) -> list[News]:
        takers = {
            "hits": self._hits,
            "subscribed": self._subscribed,
            "live": self._live,
            "gap": self._gap,
            "error": self._error,
            "bye": self._bye,
            frames.GATEWAY_ERROR: self._gateway_error,
        }
        taker = takers.get(frame["type"])
        stray = self._hold(frame) if taker in (self._hits, self._gap) and "id" not in frame else []
        return [*stray, *(taker(frame, now) if taker else [])]

    def _subscribed(self, frame: Frame, now: float) -> list[News]:
        ask, channel = frames.text_of(frame, "id"), frames.text_of(frame, "channel")
        asker = self._asks.get(ask or "")
        if ask is not None and asker is not None and channel is not None:
            if asker.phase is Phase.LEFT:
                asker.channel = channel
                self.leave(asker)
            else:
                asker.answered(ask, channel, now, self._pace)
        # Membership begins before the answer is sent, so live frames may overtake it.
        early, self._early = self._early, []
        return [news for held in early for news in self._take(held, now)]

    def _hits(self, frame: Frame, now: float) -> list[News]:
        ask, cursor = frames.text_of(frame, "id"), frames.text_of(frame, "cursor")
        told: list[News] = []
        for each in self._addressed(frame):
            fresh = each.take(frames.hits(frame), cursor=cursor if ask is None else None)
            if ask is not None:
                each.catching_up(ask, cursor, now, self._pace, ended=frame.get("more") is True)
            told += [Hits(each, fresh, live=ask is None)] if fresh else []
            told += _sampling(each, frame.get("sampled"))
        return told

    def _hold(self, frame: Frame) -> list[News]:
        """A live frame may also be for whoever does not know its channel yet: it waits for the answer."""
        if any(each.phase is Phase.ASKED and each.channel is None for each in self._subscriptions):
            self._early.append(frame)
            return []
        if frame["type"] == "hits" and not self._addressed(frame):
            return [Notice(STRAY, f"hits of the channel {frame.get('channel')}")]
        return []

    def _live(self, frame: Frame, _now: float) -> list[News]:
        for subscription in self._addressed(frame):
            subscription.caught_up(frames.text_of(frame, "id"), frames.text_of(frame, "cursor"))
        return []

    def _gap(self, frame: Frame, _now: float) -> list[News]:
        since = frames.text_of(frame, "since")
        addressed = self._addressed(frame)
        if since is not None:
            for subscription in addressed:
                subscription.lagging(since)
        return [gap(each, frame) for each in addressed]

    def _error(self, frame: Frame, now: float) -> list[News]:
        code, text = str(frame.get("code", "error")), str(frame.get("text", ""))
        subscription = self._asks.get(str(frame.get("id", "")))
        if subscription is None or not subscription.active:
            return [Notice(code, text)]
        if may_pass(code):
            subscription.put_off(now, self._pace, self._chance(), joined=code != NOT_SUBSCRIBED)
            return [Notice(code, text)]
        subscription.phase = Phase.REFUSED
        return [Refusal(subscription, code, text)]

    def _gateway_error(self, frame: Frame, now: float) -> list[News]:
        # It does not say which frame failed; whatever waits for an answer is asked again.
        for subscription in self._subscriptions:
            if subscription.phase is Phase.ASKED:
                subscription.put_off(now, self._pace, self._chance())
        return [Notice(frames.GATEWAY_ERROR, str(frame.get("message", "")))]

    def _bye(self, frame: Frame, _now: float) -> list[News]:
        reason = str(frame.get("reason", ""))
        self.goodbye = reason
        return [Notice("bye", reason)]

    def _addressed(self, frame: Frame) -> list[Subscription]:
        """The subscriptions a frame is for: the asker of a catch-up, else everyone on the channel."""
        asker = self._asks.get(str(frame.get("id", "")))
        if asker is not None:
            return [asker] if asker.active else []
        channel = frames.text_of(frame, "channel")
        return [each for each in self._subscriptions if each.active and channel and each.channel == channel]


def may_pass(code: str) -> bool:
    """Whether the same request may succeed after this error."""
    return code in PASSING or code.startswith("too-many-") or code.endswith("unavailable")


def gap(subscription: Subscription, said: Frame) -> Gap:
    """A gap as a frame, or an answer over HTTP, tells it."""
    since = frames.text_of(said, "since")
    return Gap(
        subscription,
        mended=since is not None,
        reason=frames.text_of(said, "reason") or "lagged",
        start=frames.number_of(said, "from"),
        end=frames.number_of(said, "to"),
        since=since,
    )


def _sampling(subscription: Subscription, said: Any) -> list[News]:  # noqa: ANN401 - JSON
    if not isinstance(said, dict):
        return []
    kept, of = frames.number_of(said, "kept"), frames.number_of(said, "of")
    since = frames.text_of(said, "since")
    return [Gap(subscription, mended=False, reason="sampled", since=since, kept=kept, of=of)]
