"""DynamoDB: connections, channels, members, tickets, keys and the late ledger in one table.

============================ ==================== ====================================================
pk                           sk                   the row
============================ ==================== ====================================================
``CONN#id``                  ``META``             endpoint, tenant, subject, key, expires, since
``CONN#id``                  ``SUB#channel``      tenant, filter, shard, lagged, since: its channels
``AUDIENCE#tenant``          ``CONN#id``          the same as ``META``: all connections of a tenant
``CHAN#tenant#channel#0``    ``CONN#id``          endpoint, expires, lagged: the members
``CHAN#tenant#channel#0``    ``ALSO``             there are members in other shards too
``CHAN#tenant#channel#8.n``  ``CONN#id``          members of a crowded channel; ``dynamodb_shards``
``TENANT#tenant``            ``CHANNEL#channel``  filter, weight, touch, version of its coming
``TENANT#tenant``            ``VERSION``          version: the number of the newest change; held, as there
``TENANT#tenant``            ``CHANGE#version``   came (and its filter) or left; held: what all weigh then
``TENANTS``                  ``TENANT#tenant``    every tenant that has channels, or had some until lately
``LATE#tenant``              ``AT#minute#minute`` ingested: announced in one minute, ingested in another
``LATE#tenant``              ``OPEN#job``         ingested: still being posted
``TICKET#hash``              ``TICKET``           tenant, subject, key, expires, ends
``KEY#hash``                 ``KEY``              tenant, name, hint, created, expires, revoked
``KEYS``                     ``KEY#created#hash`` the same: all keys
============================ ==================== ====================================================

``expires`` is when a token ends and ``ends`` when a ticket does, in milliseconds; ``ttl`` is when a row
does, in seconds, on every row but the keys and what a registry still holds. DynamoDB deletes such rows
days late, so every read leaves out what has ended.

What a call costs, in write and read units (a write of up to 1 KB is one, and two in a transaction; a
strongly consistent read of up to 4 KB is one), ``tests/contracts/test_table_costs.py`` holds it:

=================== ======= ============== ===========================================================
call                write   read
=================== ======= ============== ===========================================================
``connect``         2
``connection``              1
``connections``             1 per 4 KB     about 20 connections a unit
``headcount``               0.5 per 4 KB   about 40 connections a unit, up to the limit
``disconnect``      2 + 2n  1 per 4 KB     n memberships; and 1 more to look again
``subscribe``       7       1              a new channel: 6 and 2 more; a crowded one: 2 more
``subscribe``, told 4       1              more
``unsubscribe``     4       1
``subscriptions``           1 per 4 KB     also ``joined`` and ``lagged``
``version``                 1              also each of ``versions``, 100 a call
``changes``                 1 + 1 per 4 KB of what is new; of the whole registry for a newcomer
``members``                 1 per 4 KB     about 27 members a unit; 9 at least for a crowded channel
``has_members``             1              more only where those it meets first have ended
``weight``                  1              also ``is_registered``
``remove_channel``  8       3              2 more where the change before was a leaving too
``settle``          1 each  1 + 1 per 4 KB of the log; the last time of a tenant 4 and 1 more
``mark_lagged``     4n      n              n members, 50 a transaction; nothing for those marked lower
``put_late``        1                      also ``open_late``, ``close_late``; each of many, 25 a call
``late``                    1 per 4 KB
``put_ticket``      1                      also ``take_ticket``
``put_key``         2
``key``                     1
``revoke_key``      4       1
=================== ======= ============== ===========================================================

Sources:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters import aws
from pipeline.adapters.dynamodb_calls import TableCalls
from pipeline.adapters.dynamodb_connections import DynamoConnections
from pipeline.adapters.dynamodb_credentials import DynamoCredentials
from pipeline.adapters.dynamodb_ledger import DynamoLedger
from pipeline.adapters.dynamodb_members import DynamoMembers
from pipeline.adapters.dynamodb_registry import DynamoRegistry
from pipeline.adapters.system_clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.core.audience import Channel, Connection
    from pipeline.ports.clock import Clock
    from pipeline.settings import Settings


def connect(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> DynamoConnectionTable:
    """The table that the settings name."""
    config = aws.config(settings, attempts=4, read_timeout=3, connections=32)
    client = aws.session(settings).client("dynamodb", endpoint_url=aws.endpoint(settings), config=config)
    return DynamoConnectionTable(client, settings.table, clock)


class DynamoConnectionTable(
    DynamoConnections, DynamoMembers, DynamoRegistry, DynamoLedger, DynamoCredentials
):
    """``ports.connections.ConnectionTable`` on DynamoDB.

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

    def subscribe(
        self, connection: Connection, channel: Channel, touch: int, told: int | None = None
    ) -> None:
        """Write the membership, then the channel with a fresh ``touch``, in this order."""
        self.join(connection, channel)
        if told is not None:
            self.unmark(connection.id, channel, told)
        self.register(channel, touch)
