"""The rows of the one table, and the keys they are found by.

========================== =================== =========================================================
pk                         sk                  the row
========================== =================== =========================================================
``CONN#id``                ``META``            endpoint, tenant, subject, expires
``CONN#id``                ``SUB#channel``     tenant, filter: by these a disconnect finds its memberships
``CHAN#tenant#channel#0``  ``CONN#id``         endpoint, expires, lagged: the members, in one shard so far
``TENANT#tenant``          ``VERSION``         version, which grows as channels come
``TENANT#tenant``          ``CHANNEL#channel`` filter, touch, version: the registry
``TICKET#hash``            ``TICKET``          tenant, subject, expires, ends
========================== =================== =========================================================

``expires`` is when the token ends and ``ends`` when the ticket does, in milliseconds; ``ttl`` is when the
row does, in seconds. Values inside a key are percent-encoded, so that a ``#`` in a tenant cannot run into
another tenant's key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote

from pipeline.core.audience import Channel, Connection, Member, Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Row: TypeAlias = "Mapping[str, AttributeValueTypeDef]"

SHARD = "0"

META = "META"
SUBSCRIPTIONS = "SUB#"
MEMBERS = "CONN#"
REGISTERED = "CHANNEL#"

# --- keys -------------------------------------------------------------------------------------


def joined(kind: str, *values: str) -> str:
    """``KIND#value#value``, different for different values whatever they are made of."""
    return "#".join((kind, *(quote(value, safe="=") for value in values)))


def connection_pk(connection_id: str) -> str:
    """Where a connection and its subscriptions are."""
    return joined("CONN", connection_id)


def members_pk(channel: Channel) -> str:
    """Where a channel's members are."""
    return joined("CHAN", channel.tenant, channel.id, SHARD)


def tenant_pk(tenant: str) -> str:
    """Where a tenant's version and registry are."""
    return joined("TENANT", tenant)


def key(pk: str, sk: str) -> dict[str, AttributeValueTypeDef]:
    """A primary key."""
    return texts(pk=pk, sk=sk)


def connection_key(connection_id: str) -> dict[str, AttributeValueTypeDef]:
    """The key of a connection."""
    return key(connection_pk(connection_id), META)


def subscription_key(connection_id: str, channel: Channel) -> dict[str, AttributeValueTypeDef]:
    """The key of what a connection knows of its membership."""
    return key(connection_pk(connection_id), joined("SUB", channel.id))


def member_key(channel: Channel, connection_id: str) -> dict[str, AttributeValueTypeDef]:
    """The key of what a channel knows of its member."""
    return key(members_pk(channel), joined("CONN", connection_id))


def registered_key(channel: Channel) -> dict[str, AttributeValueTypeDef]:
    """The key of a channel in its tenant's registry."""
    return key(tenant_pk(channel.tenant), joined("CHANNEL", channel.id))


def version_key(tenant: str) -> dict[str, AttributeValueTypeDef]:
    """The key of a tenant's version."""
    return key(tenant_pk(tenant), "VERSION")


def ticket_key(ticket_hash: str) -> dict[str, AttributeValueTypeDef]:
    """The key of a ticket."""
    return key(joined("TICKET", ticket_hash), "TICKET")


# --- values -----------------------------------------------------------------------------------


def texts(**values: str) -> dict[str, AttributeValueTypeDef]:
    """Attributes of type S."""
    return {name: {"S": value} for name, value in values.items()}


def numbers(**values: int) -> dict[str, AttributeValueTypeDef]:
    """Attributes of type N."""
    return {name: {"N": str(value)} for name, value in values.items()}


def principal_values(principal: Principal) -> dict[str, AttributeValueTypeDef]:
    """A principal's attributes."""
    return texts(tenant=principal.tenant, subject=principal.subject) | numbers(expires=principal.expires)


# --- rows, read -------------------------------------------------------------------------------


def number(row: Row, name: str) -> int:
    """An attribute of type N."""
    return int(row[name]["N"])


def principal(row: Row) -> Principal:
    """Whom a connection or a ticket stands for."""
    return Principal(tenant=row["tenant"]["S"], subject=row["subject"]["S"], expires=number(row, "expires"))


def connection(row: Row) -> Connection:
    """The connection of a ``META`` row."""
    return Connection(id=_named(row["pk"]), endpoint=row["endpoint"]["S"], principal=principal(row))


def subscription(row: Row) -> Channel:
    """The channel of a ``SUB#`` row."""
    return Channel(tenant=row["tenant"]["S"], filter=row["filter"]["S"], id=_named(row["sk"]))


def registered(tenant: str, row: Row) -> Channel:
    """The channel of a ``CHANNEL#`` row."""
    return Channel(tenant=tenant, filter=row["filter"]["S"], id=_named(row["sk"]))


def member(row: Row) -> Member:
    """The member of a ``CONN#`` row under a channel."""
    return Member(
        connection_id=_named(row["sk"]),
        endpoint=row["endpoint"]["S"],
        expires=number(row, "expires"),
        lagged=number(row, "lagged") if "lagged" in row else None,
    )


def _named(value: AttributeValueTypeDef) -> str:
    return unquote(value["S"].rpartition("#")[2])
