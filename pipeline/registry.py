"""Each tenant's channels as a matching index, kept between invocations, brought up to date by increments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core.channel_index import ChannelIndex
from pipeline.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from pipeline.core.audience import Changes, Channel
    from pipeline.ports import ConnectionTable

MOST_CHANNELS = 200_000
"""Channels kept in memory, of all tenants together: a few hundred megabytes."""

MOST_TENANTS = 1_000
"""Tenants kept in memory, however few channels they have."""

MOST_READS = 3
"""Times that changes are read for one batch; channels that come faster are the next batch's."""


@dataclass(slots=True)
class _Tenant:
    """What is known of a tenant.

    Attributes:
        version: The one up to which every change is in the index.
        unreadable: Ids of channels whose filter this program cannot read.
    """

    index: ChannelIndex = field(default_factory=ChannelIndex)
    version: int = 0
    unreadable: set[str] = field(default_factory=set)


class Registry:
    """The tenants' matching indexes, of which those not used for longest are forgotten first.

    Args:
        most_channels: How many channels are kept.
        most_tenants: How many tenants are kept. The one asked for last stays, whatever its size.
    """

    def __init__(self, most_channels: int = MOST_CHANNELS, most_tenants: int = MOST_TENANTS) -> None:
        self._most_channels = most_channels
        self._most_tenants = most_tenants
        self._known: dict[str, _Tenant] = {}  # the one used last at the end

    def __len__(self) -> int:
        return len(self._known)

    def index(self, tenant: str, table: ConnectionTable) -> ChannelIndex:
        """Give the tenant's channels as they are now: each one that was there before this call, or more.

        The version is read before the changes, so that no change falls in between, and once more after
        them, since loading many channels takes a while. What fails on the way leaves the index as it was.

        Raises:
            Unavailable: The table cannot tell all that came before this call.
        """
        asked = version = table.version(tenant)
        known = self._known.get(tenant)
        if known is None or known.version > version:  # a table that was restored begins at a lower one
            known = self._known[tenant] = _Tenant()
        for _ in range(MOST_READS):
            if known.version == version:
                break
            _apply(table.changes(tenant, known.version), known)
            version = table.version(tenant)
        if known.version < asked:
            raise Unavailable("the connection table", f"its changes end before version {asked} of {tenant}")
        self._known[tenant] = self._known.pop(tenant)
        self._forget()
        return known.index

    def unreadable(self, tenant: str) -> int:
        """How many of a tenant's channels have a filter that this program cannot read, and match nothing."""
        return len(self._known[tenant].unreadable) if tenant in self._known else 0

    def _forget(self) -> None:
        channels = sum(len(known.index) for known in self._known.values())
        for tenant in list(self._known)[:-1]:
            if channels <= self._most_channels and len(self._known) <= self._most_tenants:
                break
            channels -= len(self._known.pop(tenant).index)


def _apply(changes: Changes, known: _Tenant) -> None:
    """Bring the index up to a version.

    What is told twice is taken in once. A channel that came and left while the table was read stays: one too
    many has no members, one too few is a hit lost.
    """
    gone = set(changes.removed)
    if changes.whole:
        gone.update([*known.index, *known.unreadable])
    for channel_id in gone.difference(channel.id for channel in changes.added):
        known.index.remove(channel_id)
        known.unreadable.discard(channel_id)
    for channel in changes.added:
        _add(channel, known)
    known.version = changes.version


def _add(channel: Channel, known: _Tenant) -> None:
    try:
        known.index.add(channel)
    except Refused:  # a later program's filter: it must not keep the tenant's other channels from their hits
        known.unreadable.add(channel.id)
