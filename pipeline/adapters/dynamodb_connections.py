"""Connections on DynamoDB: each by its id, and once more among its tenant's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters import dynamodb_rows as rows
from pipeline.adapters.dynamodb_many import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.adapters.dynamodb_calls import TableCalls
    from pipeline.core.audience import Connection
    from pipeline.ports.clock import Clock


class DynamoConnections:
    """The connections' part of ``ports.connections.ConnectionTable``; see ``dynamodb``."""

    _table: TableCalls
    _clock: Clock

    def connect(self, connection: Connection) -> None:
        """Remember an open connection, until API Gateway must have ended it."""
        now = self._clock.now()
        values = (
            rows.texts(endpoint=connection.endpoint)
            | rows.principal_values(connection.principal)
            | rows.numbers(since=now, ttl=now // 1_000 + rows.LIFE)
        )
        among_all = rows.audience_key(connection.principal.tenant, connection.id)
        self._table.write(puts=[rows.connection_key(connection.id) | values, among_all | values])

    def connection(self, connection_id: str) -> Connection | None:
        """The connection, or None. One whose token has ended is still there, so that it can be told."""
        row = self._table.get(rows.connection_key(connection_id))
        if row is None or rows.number(row, "ttl") * 1_000 <= self._clock.now():
            return None
        return rows.connection(row)

    def connections(self, tenant: str, now: int) -> Iterator[Connection]:
        """The tenant's connections whose row and whose token have not ended, by their ids."""
        found = self._table.query(rows.audience_pk(tenant), alive_at=now)
        return (each for each in map(rows.connection, found) if each.principal.expires > now)

    def headcount(self, tenant: str, now: int, most: int) -> int:
        """How many of them there are, counted by DynamoDB, no further than to ``most`` or a page more."""
        return min(most, self._table.count(rows.audience_pk(tenant), alive_at=now, most=most))

    def disconnect(self, connection_id: str) -> None:
        """Forget a connection and its memberships, in whatever shards they are.

        What the connection itself knows goes last: after a crash in between, it is still there for the
        next attempt. A membership that is written meanwhile is found by looking again: behind the end of
        the connection's own row none is written any more.
        """
        while self._forget(connection_id):
            pass

    def disconnect_all(self, connection_ids: Sequence[str], until: int) -> None:
        """Forget these connections, side by side; none is begun from a time on."""

        def forget(connection_id: str) -> None:
            if self._clock.now() < until:
                self.disconnect(connection_id)

        side_by_side(forget, connection_ids)

    def _forget(self, connection_id: str) -> bool:
        """Delete what is there of a connection; whether there was anything."""
        known = list(self._table.query(rows.connection_pk(connection_id)))
        elsewhere = [
            rows.audience_key(rows.text(row, "tenant"), connection_id)
            if row["sk"]["S"] == rows.META
            else rows.member_key(rows.subscription(row), rows.text(row, "shard"), connection_id)
            for row in known
        ]
        self._table.write(deletes=elsewhere)
        self._table.write(deletes=[rows.key_of(row) for row in known])
        return bool(known)
