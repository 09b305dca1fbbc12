"""Each tenant's channels as a matching index, kept between invocations, brought up to date by increments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core.channel_index import ChannelIndex
from pipeline.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Changes, Channel
    from pipeline.ports.connections import ConnectionTable

MOST_WEIGHT = 200_000
"""What the channels kept in memory weigh, of all tenants together: 100 MB if they are plain, and up to 800 MB
of a function's 1,769 if each has as many values as its weight allows (``ways.VALUES``)."""

MOST_TENANTS = 1_000
"""Tenants kept in memory, however few channels they have."""

UNREADABLE = (Refused, ValueError)
"""What a stored filter is met with that is no filter to this program: one of a later or an earlier program,
or text that is damaged."""

MOST_READS = 3
"""Times that changes are read for one batch; channels that come faster are the next batch's."""


@dataclass(slots=True, repr=False, eq=False)
class _Tenant:
    """What is known of a tenant.

    Attributes:
        version: The one up to which every change is in the index.
        unreadable: Channels whose filter this program cannot read, by their ids.
    """

    index: ChannelIndex = field(default_factory=ChannelIndex)
    version: int = 0
    unreadable: dict[str, Channel] = field(default_factory=dict)


class Registry:
    """The tenants' matching indexes, of which those not used for longest are forgotten first.

    Args:
        most_weight: What the channels that are kept may weigh.
        most_tenants: How many tenants are kept. The one asked for last stays, whatever its size.
    """

    def __init__(self, most_weight: int = MOST_WEIGHT, most_tenants: int = MOST_TENANTS) -> None:
        self._most_weight = most_weight
        self._most_tenants = most_tenants
        self._known: dict[str, _Tenant] = {}  # the one used last at the end

    def __len__(self) -> int:
        return len(self._known)

    def index(self, tenant: str, table: ConnectionTable, version: int | None = None) -> ChannelIndex:
        """Give the tenant's channels as they are now: each one that was there before this call, or more.

        The version is read before the changes, so that no change falls in between, and once more after
        them, since loading many channels takes a while. What fails on the way leaves the index as it was.

        Args:
            tenant: Whose.
            table: Where they are.
            version: The tenant's, for who has just read it together with others'.

        Raises:
            Unavailable: The table cannot tell all that came before this call.
        """
        asked = version = table.version(tenant) if version is None else version
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

    def unreadable(self, tenant: str) -> Sequence[Channel]:
        """Those of a tenant's channels whose filter this program cannot read: the index lacks them."""
        return list(self._known[tenant].unreadable.values()) if tenant in self._known else []

    def _forget(self) -> None:
        weight = sum(known.index.weight for known in self._known.values())
        for tenant in list(self._known)[:-1]:
            if weight <= self._most_weight and len(self._known) <= self._most_tenants:
                break
            weight -= self._known.pop(tenant).index.weight


def why_unreadable(channel: Channel) -> str:
    """Say why this program cannot read a channel's filter; nothing where it can."""
    try:
        ChannelIndex().add(channel)
    except UNREADABLE as error:
        return str(error)
    return ""


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
        known.unreadable.pop(channel_id, None)
    for channel in changes.added:
        _add(channel, known)
    known.version = changes.version


def _add(channel: Channel, known: _Tenant) -> None:
    try:
        known.index.add(channel)
    except UNREADABLE:  # it must not keep the tenant's other channels from their hits
        known.unreadable[channel.id] = channel
    else:
        known.unreadable.pop(channel.id, None)
