"""The rows of the one table: their keys, their attributes, and what they stand for.

Where they are is told in ``dynamodb``. Values inside a key are percent-encoded, so that a ``#`` in a
tenant cannot run into another tenant's key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote

from pipeline.core.audience import ApiKey, Channel, Connection, Member, Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Row: TypeAlias = "Mapping[str, AttributeValueTypeDef]"
Values: TypeAlias = "dict[str, AttributeValueTypeDef]"

LIFE = 7_200 + 600
"""Seconds that a connection's rows live: API Gateway ends a connection after 2 hours, and some slack.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

META = "META"
SUBSCRIPTIONS = "SUB#"
CONNECTIONS = "CONN#"
CHANNELS = "CHANNEL#"
CHANGES = "CHANGE#"
TENANTS = "TENANTS"
KEYS = "KEYS"

FIRST_SHARD = "0"

_DIGITS = 20
"""Of a number in a sort key, so that keys sort as the numbers do."""

# --- keys -------------------------------------------------------------------------------------


def joined(kind: str, *values: str) -> str:
    """``KIND#value#value``, different for different values whatever they are made of."""
    return "#".join((kind, *(quote(value, safe="=") for value in values)))


def key(pk: str, sk: str) -> Values:
    """A primary key."""
    return texts(pk=pk, sk=sk)


def key_of(row: Row) -> Values:
    """The primary key of a row."""
    return {"pk": row["pk"], "sk": row["sk"]}


def connection_pk(connection_id: str) -> str:
    """Where a connection and its subscriptions are."""
    return joined("CONN", connection_id)


def connection_key(connection_id: str) -> Values:
    """The key of a connection."""
    return key(connection_pk(connection_id), META)


def audience_pk(tenant: str) -> str:
    """Where all connections of a tenant are."""
    return joined("AUDIENCE", tenant)


def audience_key(tenant: str, connection_id: str) -> Values:
    """The key of a connection among its tenant's."""
    return key(audience_pk(tenant), joined("CONN", connection_id))


def subscription_key(connection_id: str, channel_id: str) -> Values:
    """The key of what a connection knows of its membership."""
    return key(connection_pk(connection_id), joined("SUB", channel_id))


def members_pk(channel: Channel, shard: str = FIRST_SHARD) -> str:
    """Where the members in a shard of a channel are."""
    return joined("CHAN", channel.tenant, channel.id, shard)


def member_key(channel: Channel, shard: str, connection_id: str) -> Values:
    """The key of what a channel knows of its member."""
    return key(members_pk(channel, shard), joined("CONN", connection_id))


def spread_key(channel: Channel) -> Values:
    """The key of the note that a channel has more shards than the first; it sorts before the members."""
    return key(members_pk(channel), "ALSO")


def tenant_pk(tenant: str) -> str:
    """Where a tenant's registry is."""
    return joined("TENANT", tenant)


def registered_key(channel: Channel) -> Values:
    """The key of a channel in its tenant's registry."""
    return key(tenant_pk(channel.tenant), joined("CHANNEL", channel.id))


def version_key(tenant: str) -> Values:
    """The key of a tenant's version."""
    return key(tenant_pk(tenant), "VERSION")


def change_sk(version: int) -> str:
    """The sort key of a change of a tenant's channels."""
    return f"{CHANGES}{version:0{_DIGITS}d}"


def change_key(tenant: str, version: int) -> Values:
    """The key of a change of a tenant's channels."""
    return key(tenant_pk(tenant), change_sk(version))


def late_pk(tenant: str) -> str:
    """Where a tenant's late ledger is."""
    return joined("LATE", tenant)


def late_sk(announced: int, ingested: int | None = None) -> str:
    """The sort key of a note, and where the notes of a minute of announcing begin; in minutes."""
    begins = f"AT#{announced:0{_DIGITS}d}"
    return begins if ingested is None else f"{begins}#{ingested:0{_DIGITS}d}"


def open_sk(job: str) -> str:
    """The sort key of an open note; it sorts behind every other."""
    return joined("OPEN", job)


def ticket_key(ticket_hash: str) -> Values:
    """The key of a ticket."""
    return key(joined("TICKET", ticket_hash), "TICKET")


def api_key_key(key_hash: str) -> Values:
    """The key of an API key."""
    return key(joined("KEY", key_hash), "KEY")


def api_key_list_key(created: int, key_hash: str) -> Values:
    """The key of an API key among all."""
    return key(KEYS, f"KEY#{created:0{_DIGITS}d}#{quote(key_hash)}")


# --- values -----------------------------------------------------------------------------------


def texts(**values: str) -> Values:
    """Attributes of type S."""
    return {name: {"S": value} for name, value in values.items()}


def numbers(**values: int) -> Values:
    """Attributes of type N."""
    return {name: {"N": str(value)} for name, value in values.items()}


def principal_values(principal: Principal) -> Values:
    """A principal's attributes."""
    named = texts(tenant=principal.tenant, subject=principal.subject) | numbers(expires=principal.expires)
    return named | texts(key=principal.key) if principal.key else named


def channel_values(channel: Channel) -> Values:
    """A channel's attributes, but for its tenant and its id."""
    named = texts(filter=channel.filter)
    return named | texts(conflate=channel.conflate) if channel.conflate else named


def api_key_values(api_key: ApiKey) -> Values:
    """An API key's attributes."""
    named = texts(hash=api_key.hash, tenant=api_key.tenant, name=api_key.name, hint=api_key.hint)
    named |= numbers(created=api_key.created, expires=api_key.expires)
    return named if api_key.revoked is None else named | numbers(revoked=api_key.revoked)


# --- rows, read -------------------------------------------------------------------------------


def text(row: Row, name: str) -> str:
    """An attribute of type S; empty where there is none."""
    return row[name]["S"] if name in row else ""


def number(row: Row, name: str) -> int:
    """An attribute of type N."""
    return int(row[name]["N"])


def principal(row: Row) -> Principal:
    """Whom a connection or a ticket stands for."""
    return Principal(text(row, "tenant"), text(row, "subject"), number(row, "expires"), text(row, "key"))


def connection(row: Row) -> Connection:
    """The connection of a ``META`` row, or of one among its tenant's."""
    name = row["pk"] if row["sk"]["S"] == META else row["sk"]
    return Connection(
        named(name), endpoint=text(row, "endpoint"), principal=principal(row), since=number(row, "since")
    )


def channel(tenant: str, channel_id: str, row: Row) -> Channel:
    """The channel that a row tells of; only a registry's rows know what it weighs."""
    weight = number(row, "weight") if "weight" in row else 1
    return Channel(tenant, text(row, "filter"), channel_id, text(row, "conflate"), weight)


def subscription(row: Row) -> Channel:
    """The channel of a ``SUB#`` row."""
    return channel(text(row, "tenant"), named(row["sk"]), row)


def member(row: Row) -> Member:
    """The member of a ``CONN#`` row under a channel."""
    return Member(
        connection_id=named(row["sk"]),
        endpoint=text(row, "endpoint"),
        expires=number(row, "expires"),
        lagged=number(row, "lagged") if "lagged" in row else None,
        renewed=(number(row, "ttl") - LIFE + 1) * 1_000,
    )


def api_key(row: Row) -> ApiKey:
    """The key of a row."""
    return ApiKey(
        hash=text(row, "hash"),
        tenant=text(row, "tenant"),
        name=text(row, "name"),
        hint=text(row, "hint"),
        created=number(row, "created"),
        expires=number(row, "expires"),
        revoked=number(row, "revoked") if "revoked" in row else None,
    )


def named(value: AttributeValueTypeDef) -> str:
    """The last of the values that a key was joined of."""
    return unquote(value["S"].rpartition("#")[2])
