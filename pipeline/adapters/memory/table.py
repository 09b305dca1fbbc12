"""Connections and the members of channels in dictionaries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.adapters.memory.credentials import MemoryCredentials
from pipeline.adapters.memory.ledger import MemoryLedger
from pipeline.adapters.memory.registry import MemoryRegistry
from pipeline.core.audience import Member, in_part
from pipeline.core.errors import Gone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.audience import Channel, Connection
    from pipeline.ports.clock import Clock

LIFE = 7_800_000
"""Milliseconds that a connection's rows live; see ``dynamodb_rows.LIFE``."""


class MemoryConnectionTable(MemoryRegistry, MemoryLedger, MemoryCredentials):
    """``ports.connections.ConnectionTable`` in memory.

    Each method is one step for whoever else uses the table, but ``subscribe``, which is two: ``join``
    and ``register``.

    Args:
        clock: For the end of rows.
    """

    def __init__(self, clock: Clock) -> None:
        MemoryRegistry.__init__(self, clock)
        MemoryLedger.__init__(self, clock)
        MemoryCredentials.__init__(self)
        self._connections: dict[str, tuple[Connection, int]] = {}
        self._members: dict[tuple[str, str], dict[str, tuple[Member, int]]] = defaultdict(dict)
        self._subscriptions: dict[str, dict[tuple[str, str], tuple[Channel, int, int]]] = defaultdict(dict)

    # --- connections --------------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        """Remember an open connection."""
        opened = replace(connection, since=self._clock.now())
        self._connections[connection.id] = (opened, self._end())

    def connection(self, connection_id: str) -> Connection | None:
        """The connection, or None. One whose token has ended is still there, so that it can be told."""
        connection, end = self._connections.get(connection_id, (None, 0))
        return connection if end > self._clock.now() else None

    def connections(self, tenant: str, now: int) -> Iterator[Connection]:
        """The tenant's connections whose row and whose token have not ended, by their ids."""
        for connection, end in sorted(self._connections.values(), key=lambda each: each[0].id):
            principal = connection.principal
            if principal.tenant == tenant and end > now and principal.expires > now:
                yield connection

    def headcount(self, tenant: str, now: int, most: int) -> int:
        """How many of them there are, counted no further than to ``most``."""
        return sum(1 for _ in islice(self.connections(tenant, now), most))

    def disconnect(self, connection_id: str) -> None:
        """Forget a connection and its memberships."""
        for place in self._subscriptions.pop(connection_id, {}):
            self._members[place].pop(connection_id, None)
        self._connections.pop(connection_id, None)

    def disconnect_all(self, connection_ids: Sequence[str], until: int) -> None:
        """Forget these connections, one after another, until a time."""
        for connection_id in connection_ids:
            if self._clock.now() >= until:
                break
            self.disconnect(connection_id)

    # --- members ------------------------------------------------------------------------------

    def subscribe(
        self, connection: Connection, channel: Channel, touch: int, told: int | None = None
    ) -> None:
        """Write the membership, then the channel with a fresh ``touch``, in this order."""
        self.join(connection, channel)
        if told is not None:
            self.unmark(connection.id, channel, told)
        self.register(channel, touch)

    def join(self, connection: Connection, channel: Channel) -> None:
        """Make the connection a member of the channel, in one step; who is one stays marked.

        Raises:
            Gone: The connection has been forgotten since it was given.
        """
        there, _ = self._connections.get(connection.id, (None, 0))
        if connection.since and (there is None or there.since != connection.since):
            raise Gone(connection.id)
        place = (channel.tenant, channel.id)
        before, _ = self._members[place].get(connection.id, (None, 0))
        lagged = before.lagged if before else None
        now = self._clock.now()
        member = Member(connection.id, connection.endpoint, connection.principal.expires, lagged, now)
        _, _, since = self._subscriptions[connection.id].get(place, (None, 0, self._clock.now()))
        self._subscriptions[connection.id][place] = (channel, self._end(), since)
        self._members[place][connection.id] = (member, self._end())

    def unsubscribe(self, connection_id: str, channel: Channel) -> None:
        """Take the connection out of the channel."""
        place = (channel.tenant, channel.id)
        self._members[place].pop(connection_id, None)
        self._subscriptions[connection_id].pop(place, None)

    def subscriptions(self, connection_id: str) -> Sequence[Channel]:
        """The channels of a connection."""
        return [channel for channel, _ in self.joined(connection_id)]

    def joined(self, connection_id: str) -> Sequence[tuple[Channel, int]]:
        """The channels of a connection, each with the time at which its membership was written."""
        now = self._clock.now()
        return [
            (channel, since)
            for channel, end, since in self._subscriptions[connection_id].values()
            if end > now
        ]

    def members(
        self, channel: Channel, now: int, *, part: tuple[int, int] = (0, 1), ended: bool = False
    ) -> Sequence[Member]:
        """The channel's members of a part whose row has not ended, nor their token unless ``ended``."""
        found = self._members[channel.tenant, channel.id].values()
        alive = [member for member, end in found if end > now and (ended or member.expires > now)]
        return [member for member in alive if in_part(member.connection_id, part)]

    def has_members(self, channel: Channel, now: int) -> bool:
        """Whether the channel has a member whose row and whose token have not ended."""
        found = self._members[channel.tenant, channel.id].values()
        return any(end > now and member.expires > now for member, end in found)

    def audiences(self, channels: Sequence[Channel], now: int) -> Sequence[Sequence[Member]]:
        """The members of each channel, in order, those whose token has ended too."""
        return [self.members(channel, now, ended=True) for channel in channels]

    # --- slow members -------------------------------------------------------------------------

    def mark_lagged(self, members: Sequence[tuple[Channel, str]], since: int) -> None:
        """Note of each (channel, connection id) that frames from a time on may be missing."""
        for channel, connection_id in members:
            of_channel = self._members[channel.tenant, channel.id]
            if connection_id in of_channel:
                member, end = of_channel[connection_id]
                lowest = since if member.lagged is None else min(since, member.lagged)
                of_channel[connection_id] = (replace(member, lagged=lowest), end)

    def lagged(self, connection_id: str) -> Sequence[tuple[Channel, int]]:
        """The connection's channels that are marked, each with its time."""
        marks = [
            (channel, self._members[channel.tenant, channel.id][connection_id][0].lagged)
            for channel in self.subscriptions(connection_id)
        ]
        return [(channel, since) for channel, since in marks if since is not None]

    def unmark(self, connection_id: str, channel: Channel, told: int) -> None:
        """Take back the mark of a membership, where it is still the one that the client was told of."""
        of_channel = self._members[channel.tenant, channel.id]
        member, end = of_channel.get(connection_id, (None, 0))
        if member and member.lagged == told:
            of_channel[connection_id] = (replace(member, lagged=None), end)

    def _end(self) -> int:
        return self._clock.now() + LIFE
