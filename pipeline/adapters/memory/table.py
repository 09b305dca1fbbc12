"""Connections, channels, members and tickets in dictionaries."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pipeline.core.audience import Member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Channel, Connection, Principal
    from pipeline.ports import Clock

LIFE = 7_800_000
"""Milliseconds that a connection's rows live; see ``dynamodb.LIFE``."""


class MemoryConnectionTable:
    """``ports.ConnectionTable`` in memory.

    Args:
        clock: For the end of rows.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._connections: dict[str, tuple[Connection, int]] = {}
        self._members: dict[tuple[str, str], dict[str, tuple[Member, int]]] = defaultdict(dict)
        self._subscriptions: dict[str, dict[tuple[str, str], tuple[Channel, int]]] = defaultdict(dict)
        self._channels: dict[str, dict[str, Channel]] = defaultdict(dict)
        self._versions: dict[str, int] = defaultdict(int)
        self._tickets: dict[str, tuple[Principal, int]] = {}

    def connect(self, connection: Connection) -> None:
        """Remember an open connection."""
        self._connections[connection.id] = (connection, self._end())

    def connection(self, connection_id: str) -> Connection | None:
        """The connection, or None. One whose token has ended is still there, so that it can be told."""
        connection, end = self._connections.get(connection_id, (None, 0))
        return connection if end > self._clock.now() else None

    def disconnect(self, connection_id: str) -> None:
        """Forget a connection and its memberships."""
        for place in self._subscriptions.pop(connection_id, {}):
            self._members[place].pop(connection_id, None)
        self._connections.pop(connection_id, None)

    def subscribe(self, connection: Connection, channel: Channel, touch: int) -> None:  # noqa: ARG002 - for a cleaner
        """Write the membership, then the channel."""
        place = (channel.tenant, channel.id)
        member = Member(connection.id, connection.endpoint, connection.principal.expires)
        self._subscriptions[connection.id][place] = (channel, self._end())
        self._members[place][connection.id] = (member, self._end())
        if channel.id not in self._channels[channel.tenant]:
            self._channels[channel.tenant][channel.id] = channel
            self._versions[channel.tenant] += 1

    def unsubscribe(self, connection_id: str, channel: Channel) -> None:
        """Take the connection out of the channel."""
        place = (channel.tenant, channel.id)
        self._members[place].pop(connection_id, None)
        self._subscriptions[connection_id].pop(place, None)

    def subscriptions(self, connection_id: str) -> Sequence[Channel]:
        """The channels of a connection."""
        now = self._clock.now()
        return [channel for channel, end in self._subscriptions[connection_id].values() if end > now]

    def version(self, tenant: str) -> int:
        """A number that grows with each channel that comes; 0 at first."""
        return self._versions[tenant]

    def channels(self, tenant: str) -> Sequence[Channel]:
        """The tenant's channels."""
        return list(self._channels[tenant].values())

    def members(self, channel: Channel, now: int) -> Sequence[Member]:
        """The channel's members whose row and whose token have not ended."""
        found = self._members[channel.tenant, channel.id].values()
        return [member for member, end in found if end > now and member.expires > now]

    def put_ticket(self, ticket_hash: str, principal: Principal, expires: int) -> None:
        """Remember a single-use ticket by its hash."""
        self._tickets[ticket_hash] = (principal, expires)

    def take_ticket(self, ticket_hash: str, now: int) -> Principal | None:
        """Use a ticket up: its principal the first time before it ends, None ever after."""
        principal, ends = self._tickets.get(ticket_hash, (None, 0))
        if ends <= now:
            return None
        del self._tickets[ticket_hash]
        return principal

    def _end(self) -> int:
        return self._clock.now() + LIFE
