"""Each tenant's channels, and the log of how they came and went, in dictionaries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.audience import Changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.core.audience import Channel
    from pipeline.ports.clock import Clock

CHANGE_LIFE = 3_600_000
"""Milliseconds that a past change is kept; see ``dynamodb_registry.CHANGE_LIFE``."""


@dataclass(slots=True)
class _Change:
    """A channel that came, or one that left.

    Attributes:
        over: When a later change made this one the past; None while it still says how things are.
    """

    version: int
    channel: Channel
    came: bool
    over: int | None = None


@dataclass(slots=True)
class _Registered:
    channel: Channel
    touch: int
    change: _Change


class MemoryRegistry:
    """The registry's half of ``ports.connections.ConnectionTable``.

    Args:
        clock: For the end of past changes.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._registered: dict[str, dict[str, _Registered]] = defaultdict(dict)
        self._log: dict[str, list[_Change]] = {}
        self._listed: dict[str, None] = {}

    def register(self, channel: Channel, touch: int) -> None:
        """Bring a channel into its tenant's registry, or refresh its ``touch`` there: one step.

        A ``touch`` always becomes another, also within a millisecond.
        """
        known = self._registered[channel.tenant].get(channel.id)
        if known:
            known.touch = max(touch, known.touch + 1)
        else:
            change = self._note(channel, came=True)
            self._listed[channel.tenant] = None
            self._registered[channel.tenant][channel.id] = _Registered(channel, touch, change)

    def version(self, tenant: str) -> int:
        """A number that grows with each change of the tenant's channels; 0 at first."""
        log = self._log.get(tenant)
        return log[-1].version if log else 0

    def versions(self, tenants: Sequence[str]) -> Mapping[str, int]:
        """The ``version`` of each of these tenants."""
        return {tenant: self.version(tenant) for tenant in tenants}

    def weight(self, tenant: str) -> int:
        """What all the tenant's channels weigh together."""
        return sum(each.channel.weight for each in self._registered[tenant].values())

    def is_registered(self, channel: Channel) -> bool:
        """Whether the channel is in its tenant's registry."""
        return channel.id in self._registered[channel.tenant]

    def changes(self, tenant: str, after: int) -> Changes:
        """What came to the tenant's channels and what left them after a version; after 0: all there are."""
        version = self.version(tenant)
        current = self._registered[tenant]
        since = [change for change in self._kept(tenant) if change.version > after]
        if not after or len(since) != version - after:
            return Changes([each.channel for each in current.values()], [], version, whole=True)
        return Changes(
            [change.channel for change in since if change.came and change.over is None],
            [change.channel.id for change in since if not change.came and change.channel.id not in current],
            version,
        )

    def tenants(self) -> Iterator[str]:
        """Every tenant that has channels, or had some until lately."""
        return iter(list(self._listed))

    def touched(self, tenant: str) -> Iterator[tuple[Channel, int]]:
        """The tenant's channels, each with its ``touch``."""
        return iter([(each.channel, each.touch) for each in self._registered[tenant].values()])

    def remove_channel(self, channel: Channel, touch: int) -> bool:
        """Take a channel out of its tenant's registry, with a new version; False where ``touch`` changed."""
        known = self._registered[channel.tenant].get(channel.id)
        if known is None or known.touch != touch:
            return False
        known.change.over = self._clock.now()
        del self._registered[channel.tenant][channel.id]
        self._note(channel, came=False)
        return True

    def settle(self, tenant: str) -> None:
        """Forget the tenant's past, and that there is a tenant where it has no channels."""
        if tenant in self._log:
            self._log[tenant][:] = self._kept(tenant)
        if not self._registered[tenant]:
            self._listed.pop(tenant, None)

    def _note(self, channel: Channel, *, came: bool) -> _Change:
        log = self._log.setdefault(channel.tenant, [])
        if log and not log[-1].came:
            log[-1].over = self._clock.now()
        log.append(_Change(self.version(channel.tenant) + 1, channel, came))
        return log[-1]

    def _kept(self, tenant: str) -> list[_Change]:
        ended = self._clock.now() - CHANGE_LIFE
        return [each for each in self._log.get(tenant, ()) if each.over is None or each.over > ended]
