"""The question that is asked of every world: who missed what, and who saw what twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.client import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.simulation.client import Subscription
    from tests.simulation.device import Device
    from tests.simulation.engines import Stored

FILTERS: dict[str, tuple[dict[str, object], Callable[[str, float], bool]]] = {
    "all": ({}, lambda _service, _latency: True),
    "cart": ({"service": ["cart"]}, lambda service, _latency: service == "cart"),
    "not pay": ({"service": [{"anything-but": "pay"}]}, lambda service, _latency: service != "pay"),
    "slow": ({"latencyMs": [{"numeric": [">", 500]}]}, lambda _service, latency: latency > 500),
}
"""Filters that clients subscribe to, and what each means, said a second time."""


@dataclass(slots=True)
class Verdict:
    """What became of a world.

    Attributes:
        missed: Hits that somebody should have seen and did not: (client, filter, fact).
        twice: Facts that somebody was shown twice.
        foreign: Hits that somebody should not have seen.
        restless: Why the world did not come to rest; empty where it did.
        shown: How many hits were shown, and ``gaps`` how many gaps were told.
    """

    seed: int
    missed: list[tuple[str, str, str]] = field(default_factory=list)
    twice: list[tuple[str, str, str]] = field(default_factory=list)
    foreign: list[tuple[str, str, str]] = field(default_factory=list)
    restless: str = ""
    stored: int = 0
    shown: int = 0
    gaps: int = 0

    def __str__(self) -> str:
        wrongs = {"missed": self.missed, "twice": self.twice, "foreign": self.foreign}
        said = [
            f"{name} {', '.join('/'.join(each) for each in found)}" for name, found in wrongs.items() if found
        ]
        said += [self.restless] if self.restless else []
        return f"world {self.seed}: {'; '.join(said) or 'all is well'}"

    @property
    def broken(self) -> bool:
        """Whether the promise of all was not kept: each hit, and once."""
        return bool(self.missed or self.twice)

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.missed or self.twice or self.foreign or self.restless)


def judge(verdict: Verdict, stored: Sequence[Stored], devices: Iterable[Device]) -> None:
    """Fill in what became of everybody's subscriptions.

    Promised is every stored document of the tenant that fits the filter, from when the subscription began,
    once, or a gap that covers it. A fact counts, not an id: one that was stored twice was shown twice.
    """
    verdict.stored = len(stored)
    for device in devices:
        for subscription in device.client.subscriptions:
            _judge_one(device, subscription, stored, verdict)


def _judge_one(
    device: Device, subscription: Subscription, stored: Sequence[Stored], verdict: Verdict
) -> None:
    fits = FILTERS[subscription.wanted][1]
    mine = [each for each in stored if each.tenant == device.tenant and fits(each.service, each.latency)]
    by_id = {each.id: each.fact for each in stored}
    shown = [by_id.get(hit["id"], hit["id"]) for hit in subscription.shown]
    seen, meant = set(shown), {each.fact for each in mine}
    who = (device.name, subscription.wanted)
    verdict.shown += len(shown)
    verdict.gaps += len(subscription.gaps)
    verdict.foreign += [(*who, fact) for fact in shown if fact not in meant]
    verdict.twice += [(*who, fact) for fact in sorted(seen) if shown.count(fact) > 1]
    since = subscription.since
    if since is None or subscription.phase.name == Phase.LEFT.name:
        return
    verdict.missed += [
        (*who, each.fact)
        for each in mine
        if each.fact not in seen and each.at >= since and not _told(each, subscription)
    ]


def _told(stored: Stored, subscription: Subscription) -> bool:
    """Whether a gap was told that covers a document."""
    return any(
        (begin is None or begin <= stored.ingested) and stored.ingested <= end
        for begin, end in subscription.gaps
    )
