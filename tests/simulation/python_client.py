"""The Python client's own rules (``pipeline.client``) in the place of the model's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.client import frames, subscription
from pipeline.client.news import Gap, Hits
from pipeline.client.pace import Pace
from pipeline.client.session import Session
from pipeline.client.subscription import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

PACE = Pace(heartbeat=30, answer=35)


class Subscription(subscription.Subscription):
    """A subscription that remembers what a judge asks for; see ``client.Subscription``."""

    def __init__(
        self, wanted: str, pattern: dict[str, Any], snapshot: int | None, cursor: str | None
    ) -> None:
        super().__init__(pattern, snapshot=snapshot, cursor=cursor)
        self.wanted = wanted
        self.shown: list[dict[str, Any]] = []
        self.gaps: list[tuple[int | None, int]] = []
        self.since: int | None = None
        self._asked = self._heard = 0

    def ask(self, ask: str, now: float, pace: Pace) -> str:
        if not self.paging:
            self._asked = round(now * 1_000)
        return super().ask(ask, now, pace)

    def answered(self, ask: str, channel: str, now: float, pace: Pace) -> None:
        self._heard = round(now * 1_000)
        super().answered(ask, channel, now, pace)

    def caught_up(self, ask: str | None, cursor: str | None) -> None:
        super().caught_up(ask, cursor)
        if self.phase is Phase.LIVE and self.since is None:
            self.since = self._asked if self.snapshot is None else self._heard


class PythonClient:
    """``pipeline.client.session`` with the model's interface: times in milliseconds."""

    def __init__(self, chance: Callable[[], float], off: frozenset[str] = frozenset()) -> None:
        self.subscriptions: list[Subscription] = []
        self._chance = chance
        self._left: list[str] = []
        self._session = Session(self.subscriptions, PACE, chance, 0)
        assert not off & CLIENT_RULES, "this client keeps its rules"

    @property
    def is_live(self) -> bool:
        return all(each.phase in (Phase.LIVE, Phase.LEFT) for each in self.subscriptions)

    def subscribe(
        self, wanted: str, pattern: dict[str, Any], snapshot: int | None, cursor: str | None, _now: int
    ) -> None:
        self.subscriptions.append(Subscription(wanted, pattern, snapshot, cursor))

    def leave(self, subscription: Subscription) -> None:
        subscription.phase = Phase.LEFT
        if subscription.channel is not None:
            self._left.append(frames.unsubscribe("bye", subscription.channel))

    def opened(self, now: int) -> None:
        self._left.clear()
        self._session = Session(self.subscriptions, PACE, self._chance, now / 1_000)

    def wake_at(self) -> int:
        return round(self._session.wake_at() * 1_000) + 1

    def is_dead(self, now: int) -> bool:
        return self._session.is_dead(now / 1_000)

    def due(self, now: int) -> list[str]:
        left, self._left = self._left, []
        return left + self._session.due(now / 1_000)

    def received(self, text: bytes, now: int) -> None:
        for news in self._session.received(text, now / 1_000):
            if isinstance(news, Hits):
                _mine(news.subscription).shown.extend(news.hits)
            elif isinstance(news, Gap) and not news.mended and isinstance(news.end, int):
                start = news.start if isinstance(news.start, int) else None
                _mine(news.subscription).gaps.append((start, news.end))


CLIENT_RULES = frozenset(
    {"cursor rests", "cursor per subscription", "cursor after catch-up", "gaps only lower", "seen ids"}
)


def _mine(each: subscription.Subscription) -> Subscription:
    assert isinstance(each, Subscription)
    return each
