"""Limiting: what each tenant may have and ask for, held by what the table says and this process has seen.

Counts (connections, channels, subscriptions) are those of the table, so all processes hold the same
limit; two that look at the same moment may each let one in. Rates are this process's own: a tenant whose
requests are spread over n processes is let pass n times as fast. That keeps any one tenant from filling
the processes that all share, and it costs nothing; it is no quota to be billed by.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.core import limits

if TYPE_CHECKING:
    from pipeline.core.audience import Channel, Connection
    from pipeline.core.limits import Limits
    from pipeline.ports import ConnectionTable

BELOW = 5_000
"""Milliseconds for which a count of connections below the limit is believed: counting 10,000 rows reads
megabytes, and every client of a tenant may come at once."""

FULL = 1_000
"""Milliseconds for which a count at the limit is believed, so that who leaves makes room soon."""

MOST_TENANTS = 100
"""Tenants whose channels are remembered: only those of a tenant near its limit ever are."""


class Flooding(Exception):  # noqa: N818 - a verdict
    """A connection goes on asking though it was told to wait: it is to be closed."""


@dataclass(slots=True)
class _Count:
    number: int
    at: int


class Limiter:
    """What this process knows of rates and counts; kept by the caller between invocations.

    Args:
        held: The limits.
    """

    def __init__(self, held: Limits) -> None:
        self._limits = held
        self._frames = limits.frames(held)
        self._subscribes = limits.subscribes(held)
        self._hits = limits.hits(held)
        self._connections: dict[str, _Count] = {}
        self._channels: OrderedDict[str, tuple[int, frozenset[str]]] = OrderedDict()

    def hold_connections(self, tenant: str, table: ConnectionTable, now: int) -> None:
        """Let another connection of a tenant in, or not.

        Raises:
            Refused: ``too-many-connections``.
        """
        known = self._connections.get(tenant)
        if known is None or now - known.at >= (BELOW if known.number < self._limits.connections else FULL):
            there = sum(1 for _ in islice(table.connections(tenant, now), self._limits.connections))
            self._connections[tenant] = known = _Count(there, now)
        limits.hold_connections(self._limits, known.number)

    def connected(self, tenant: str) -> None:
        """Count a connection that was let in, until all are counted again."""
        if tenant in self._connections:
            self._connections[tenant].number += 1

    def hold_frames(self, connection: Connection, now: int) -> None:
        """Let another frame of a connection be answered, or not.

        Raises:
            Refused: ``too-many-requests``.
            Flooding: It was told so, again and again.
        """
        wait = self._frames.take(connection.id, now)
        if limits.flooding(wait):
            raise Flooding
        limits.hold_rate(wait, "frames on this connection")

    def hold_subscribe(
        self, connection: Connection, channel: Channel, table: ConnectionTable, now: int
    ) -> None:
        """Let a connection subscribe to a channel, or not.

        Raises:
            Refused: ``too-many-requests``, ``too-many-subscriptions`` or ``too-many-channels``.
        """
        limits.hold_rate(self._subscribes.take(channel.tenant, now), "subscribes of your tenant")
        held = [each.id for each in table.subscriptions(connection.id)]
        limits.hold_subscriptions(self._limits, held, channel.id)
        version = table.version(channel.tenant)
        if version >= self._limits.channels:  # each channel that comes raises it: below, there are fewer
            limits.hold_channels(self._limits, self._known(channel.tenant, version, table), channel.id)

    def hold_hits(self, tenant: str, now: int) -> None:
        """Let another request to ``GET /v1/hits`` be answered, or not.

        Raises:
            Refused: ``too-many-requests``.
        """
        limits.hold_rate(self._hits.take(tenant, now), "requests of your tenant")

    def _known(self, tenant: str, version: int, table: ConnectionTable) -> frozenset[str]:
        """Ids of the tenant's channels at a version or later, read by what changed since the last time."""
        known, ids = self._channels.pop(tenant, (0, frozenset()))
        if known < version:
            changes = table.changes(tenant, known)
            added = frozenset(channel.id for channel in changes.added)
            ids = added if changes.whole else (ids - frozenset(changes.removed)) | added
            known = changes.version
        self._channels[tenant] = (known, ids)
        if len(self._channels) > MOST_TENANTS:
            self._channels.popitem(last=False)
        return ids
