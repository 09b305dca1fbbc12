"""One connection's conversation: which frame is for which subscription, and what is due when.

No input or output: texts and times come in, texts and news go out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.client import frames
from pipeline.client.news import Gap, Hits, Notice, Refusal, Status
from pipeline.client.subscription import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.client.frames import Frame
    from pipeline.client.news import News
    from pipeline.client.pace import Pace
    from pipeline.client.subscription import Subscription

TRANSIENT = frozenset({"snapshot-unavailable", "unavailable", "too-many-requests", "internal-error"})
"""Error codes after which the same subscribe may succeed; after any other it is refused for good."""


STRAY = "stray"
"""The code of the notice about hits of a channel that nobody here has subscribed to, or no longer."""


class Session:
    """Begins when a socket has opened, with subscriptions of which the server knows nothing yet.

    Args:
        subscriptions: The client's; it may add to them.
        pace: How long to wait for what.
        chance: Gives random shares, 0 ≤ x < 1.
        now: The time, in seconds of a clock that never goes back; the same clock for every ``now`` here.
    """

    def __init__(
        self, subscriptions: Sequence[Subscription], pace: Pace, chance: Callable[[], float], now: float
    ) -> None:
        self._subscriptions = subscriptions
        self._pace = pace
        self._chance = chance
        self._asks: dict[str, Subscription] = {}
        self._early: list[Frame] = []
        self._heard = now
        self._pinged: float | None = None
        for subscription in subscriptions:
            subscription.lost()

    # --- what is due --------------------------------------------------------------------------

    def wake_at(self) -> float:
        """When something will be due, if nothing arrives before."""
        pinged = self._pinged
        pulse = self._heard + self._pace.heartbeat if pinged is None else pinged + self._pace.answer
        return min([pulse, *(due for each in self._subscriptions if (due := each.due()) is not None)])

    def is_dead(self, now: float) -> bool:
        """Whether a ping went unanswered: nobody is at the other end, though nothing said so."""
        return self._pinged is not None and now >= self._pinged + self._pace.answer

    def due(self, now: float) -> list[str]:
        """The frames to send now."""
        waiting = [(each, at) for each in self._subscriptions if (at := each.due()) is not None]
        out = [self._ask(each, now) for each, at in waiting if at <= now]
        if self._pinged is None and now >= self._heard + self._pace.heartbeat:
            self._pinged = now
            out.append(frames.PING)
        return out

    def status(self) -> Status:
        """LIVE when every subscription that was not refused is."""
        phases = {each.phase for each in self._subscriptions} - {Phase.REFUSED, Phase.LEFT}
        return Status.LIVE if phases <= {Phase.LIVE} else Status.CATCHING_UP

    def _ask(self, subscription: Subscription, now: float) -> str:
        ask = str(len(self._asks) + 1)
        self._asks[ask] = subscription
        return subscription.ask(ask, now, self._pace)

    # --- what arrives -------------------------------------------------------------------------

    def received(self, text: str | bytes, now: float) -> list[News]:
        """Take a frame; what it means to the user."""
        self._heard, self._pinged = now, None
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
        return [] if taker is None else taker(frame, now)

    def _subscribed(self, frame: Frame, now: float) -> list[News]:
        ask, channel = frames.text_of(frame, "id"), frames.text_of(frame, "channel")
        if ask in self._asks and channel is not None:
            self._asks[ask].answered(ask, channel, now, self._pace)
        # Membership begins before the answer is sent, so live frames may overtake it.
        early, self._early = self._early, []
        return [news for held in early for news in self._take(held, now)]

    def _hits(self, frame: Frame, now: float) -> list[News]:
        addressed = self._addressed(frame)
        if not addressed and any(each.phase is Phase.ASKED for each in self._subscriptions):
            self._early.append(frame)
            return []
        if not addressed:
            return [Notice(STRAY, f"hits of the channel {frame.get('channel')}")]
        live = "id" not in frame
        if not live:
            addressed[0].catching_up(now, self._pace)
        cursor = frames.text_of(frame, "cursor") if live else None
        told = [(each, each.take(frames.hits(frame), cursor=cursor)) for each in addressed]
        news: list[News] = [Hits(subscription, fresh, live) for subscription, fresh in told if fresh]
        return news + [gap for each in addressed for gap in _left_out(each, frame)]

    def _live(self, frame: Frame, _now: float) -> list[News]:
        for subscription in self._addressed(frame):
            subscription.caught_up(frames.text_of(frame, "id"), frames.text_of(frame, "cursor"))
        return []

    def _gap(self, frame: Frame, _now: float) -> list[News]:
        since = frames.text_of(frame, "since")
        addressed = self._addressed(frame)
        reason = frames.text_of(frame, "reason") or ("lagged" if since else "")
        if since is not None:
            for subscription in addressed:
                subscription.lagging(since)
        start = frame.get("from", since)
        return [Gap(each, since is not None, reason, start, frame.get("to")) for each in addressed]

    def _error(self, frame: Frame, now: float) -> list[News]:
        code, text = str(frame.get("code", "error")), str(frame.get("text", ""))
        subscription = self._asks.get(str(frame.get("id", "")))
        if subscription is None:
            return [Notice(code, text)]
        if code in TRANSIENT:
            subscription.put_off(now, self._pace, self._chance())
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
        return [Notice("bye", str(frame.get("reason", "")))]

    def _addressed(self, frame: Frame) -> list[Subscription]:
        """The subscriptions a frame is for: the asker of a catch-up, else everyone on the channel."""
        asker = self._asks.get(str(frame.get("id", "")))
        if asker is not None:
            return [asker]
        channel = frames.text_of(frame, "channel")
        return [each for each in self._subscriptions if channel is not None and each.channel == channel]


def _left_out(subscription: Subscription, frame: Frame) -> list[Gap]:
    """What the server left out because there was too much at once; it does not come by itself."""
    sampled = frame.get("sampled")
    if not isinstance(sampled, dict):
        return []
    return [Gap(subscription, False, "sampled", sampled.get("since"), frame.get("cursor"))]  # noqa: FBT003 - mended
