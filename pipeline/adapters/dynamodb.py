"""DynamoDB: connections, channels, members and tickets, in the table that ``dynamodb_rows`` lays out.

DynamoDB deletes expired rows days late, so every read leaves out what has ended.

Source:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters import aws
from pipeline.adapters import dynamodb_rows as rows
from pipeline.adapters.dynamodb_calls import SERVICE, TRIES, TableCalls
from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.core.audience import Channel, Connection, Member, Principal
    from pipeline.ports import Clock
    from pipeline.settings import Settings

LIFE = 7_200 + 600
"""Seconds that a connection's rows live: API Gateway ends a connection after 2 hours, and some slack.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""


def connect(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> DynamoConnectionTable:
    """The table that the settings name."""
    config = aws.config(settings, attempts=4, read_timeout=3, connections=32)
    client = aws.session(settings).client("dynamodb", endpoint_url=aws.endpoint(settings), config=config)
    return DynamoConnectionTable(client, settings.table, clock)


class DynamoConnectionTable:
    """``ports.ConnectionTable`` on DynamoDB.

    Each method raises ``Unavailable`` when the table could not be read or written.

    Args:
        client: Safe to share between threads.
        table: The table's name.
        clock: For the end of rows and the pauses between attempts.
        page: Rows a page of a Query; None leaves it at DynamoDB's 1 MB.
    """

    def __init__(self, client: DynamoDBClient, table: str, clock: Clock, page: int | None = None) -> None:
        self._table = TableCalls(client, table, clock, page)
        self._clock = clock

    # --- connections --------------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        """Remember an open connection, until API Gateway must have ended it."""
        self._table.put(
            rows.connection_key(connection.id)
            | rows.texts(endpoint=connection.endpoint)
            | rows.principal_values(connection.principal)
            | rows.numbers(ttl=self._end())
        )

    def connection(self, connection_id: str) -> Connection | None:
        """The connection, or None. One whose token has ended is still there, so that it can be told."""
        row = self._table.get(rows.connection_key(connection_id))
        if row is None or rows.number(row, "ttl") * 1_000 <= self._clock.now():
            return None
        return rows.connection(row)

    def disconnect(self, connection_id: str) -> None:
        """Forget a connection and its memberships.

        The memberships go first: after a crash in between, the rows that name them are still there
        for the next attempt.
        """
        found = list(self._table.query(rows.connection_pk(connection_id)))
        channels = [rows.subscription(row) for row in found if row["sk"]["S"].startswith(rows.SUBSCRIPTIONS)]
        self._table.delete([rows.member_key(channel, connection_id) for channel in channels])
        self._table.delete([{"pk": row["pk"], "sk": row["sk"]} for row in found])

    # --- channels -----------------------------------------------------------------------------

    def subscribe(self, connection: Connection, channel: Channel, touch: int) -> None:
        """Write the membership, then the channel with a fresh ``touch``, in this order.

        The two rows of a membership are written together, so that no member is left which a
        disconnect cannot find. Subscribing again clears ``lagged``.
        """
        ends = rows.numbers(ttl=self._end())
        self._table.put_together(
            rows.subscription_key(connection.id, channel)
            | rows.texts(tenant=channel.tenant, filter=channel.filter)
            | ends,
            rows.member_key(channel, connection.id)
            | rows.texts(endpoint=connection.endpoint)
            | rows.numbers(expires=connection.principal.expires)
            | ends,
        )
        self._register(channel, touch)

    def unsubscribe(self, connection_id: str, channel: Channel) -> None:
        """Take the connection out of the channel."""
        self._table.delete([rows.member_key(channel, connection_id)])
        self._table.delete([rows.subscription_key(connection_id, channel)])

    def subscriptions(self, connection_id: str) -> Sequence[Channel]:
        """The channels of a connection."""
        pk = rows.connection_pk(connection_id)
        return [
            rows.subscription(row) for row in self._table.query(pk, rows.SUBSCRIPTIONS, self._clock.now())
        ]

    def version(self, tenant: str) -> int:
        """A number that grows with each channel that comes; 0 at first."""
        row = self._table.get(rows.version_key(tenant))
        return 0 if row is None else rows.number(row, "version")

    def channels(self, tenant: str) -> Sequence[Channel]:
        """The tenant's channels."""
        return [
            rows.registered(tenant, row) for row in self._table.query(rows.tenant_pk(tenant), rows.REGISTERED)
        ]

    def members(self, channel: Channel, now: int) -> Sequence[Member]:
        """The channel's members whose row and whose token have not ended."""
        found = self._table.query(rows.members_pk(channel), rows.MEMBERS, now)
        return [member for member in map(rows.member, found) if member.expires > now]

    def _register(self, channel: Channel, touch: int) -> None:
        """Bring the channel into its tenant's registry, or refresh its ``touch`` there.

        A channel that is there needs no new version: whoever holds the version that brought it has
        it. So the many who share a filter never meet at the tenant's one version row.

        Raises:
            Unavailable: Others brought new channels all the while.
        """
        for attempt in range(TRIES):
            if self._touched(channel, touch) or self._added(channel, touch):
                return
            self._table.pause(attempt)
        raise Unavailable(SERVICE, f"others kept changing the channels of tenant {channel.tenant!r}")

    def _touched(self, channel: Channel, touch: int) -> bool:
        return self._table.set_if("attribute_exists(pk)", rows.registered_key(channel), "touch", touch)

    def _added(self, channel: Channel, touch: int) -> bool:
        """Add the channel and raise the version, together; whether nobody was in the way."""
        version = self.version(channel.tenant)
        return self._table.put_together_if(
            "attribute_not_exists(pk) OR version = :version",
            rows.numbers(**{":version": version}),
            rows.version_key(channel.tenant) | rows.numbers(version=version + 1),
            rows.registered_key(channel)
            | rows.texts(filter=channel.filter)
            | rows.numbers(touch=touch, version=version + 1),
        )

    # --- tickets ------------------------------------------------------------------------------

    def put_ticket(self, ticket_hash: str, principal: Principal, expires: int) -> None:
        """Remember a single-use ticket by its hash."""
        self._table.put(
            rows.ticket_key(ticket_hash)
            | rows.principal_values(principal)
            | rows.numbers(ends=expires, ttl=expires // 1_000 + 1)
        )

    def take_ticket(self, ticket_hash: str, now: int) -> Principal | None:
        """Use a ticket up: its principal the first time before it ends, None ever after.

        Where the answer to the delete is lost, the SDK's second attempt finds no ticket: in doubt a
        ticket is used up, never usable twice.
        """
        row = self._table.take_if(
            "attribute_exists(pk) AND ends > :now",
            rows.numbers(**{":now": now}),
            rows.ticket_key(ticket_hash),
        )
        return None if row is None else rows.principal(row)

    def _end(self) -> int:
        return self._clock.now() // 1_000 + LIFE
