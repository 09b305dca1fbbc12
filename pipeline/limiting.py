"""Limiting: what each tenant may have and ask for, held by what the table says and this process has seen.

Counts (connections, channels, subscriptions) are those of the table, so all processes hold the same
limit; two that look at the same moment may each let one in. Rates are this process's own: a tenant whose
requests are spread over n processes is let pass n times as fast. That keeps any one tenant from filling
the processes that all share, and it costs nothing; it is no quota to be billed by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core import limits

if TYPE_CHECKING:
    from pipeline.core.audience import Channel, Connection
    from pipeline.core.limits import Limits
    from pipeline.ports.connections import ConnectionTable

BELOW = 5_000
"""Milliseconds for which a count of connections below the limit is believed: counting 10,000 takes 250
read units, and every client of a tenant may come at once."""

FULL = 1_000
"""Milliseconds for which a count at the limit is believed, so that who leaves makes room soon."""


class Flooding(Exception):  # noqa: N818 - a verdict
    """A connection goes on asking though it was told to wait: it is to be closed."""


@dataclass(slots=True, repr=False, eq=False)
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

    def hold_connections(self, tenant: str, table: ConnectionTable, now: int) -> None:
        """Let another connection of a tenant in, or not.

        Raises:
            Refused: ``too-many-connections``.
        """
        known = self._connections.get(tenant)
        if known is None or now - known.at >= (BELOW if known.number < self._limits.connections else FULL):
            there = table.headcount(tenant, now, self._limits.connections)
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
        if not table.is_registered(channel):
            limits.hold_channels(self._limits, table.weight(channel.tenant), channel.weight)

    def hold_hits(self, tenant: str, now: int) -> None:
        """Let another page be read, for ``GET /v1/hits`` or for ``more``, or not.

        Raises:
            Refused: ``too-many-requests``.
        """
        limits.hold_rate(self._hits.take(tenant, now), "requests of your tenant")
