"""The story of API keys: made and shown once, found by their hints, revoked with what they opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import posting
from pipeline.core import authorize
from pipeline.core.audience import ApiKey
from pipeline.core.errors import Refused
from pipeline.core.instant import DAY
from pipeline.core.model import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets

LONGEST = 3_650
"""Days that a key may live."""

SHORTEST = 6
"""Characters of a hash by which a key may be named."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What a revocation did.

    Attributes:
        closed: Open connections that were closed.
        left: Those that could not be closed: forgotten, so they get nothing more, but open until they
            speak, or end.
    """

    key: ApiKey
    closed: int
    left: int


def create(
    tenant: str, name: str, days: int, *, table: ConnectionTable, clock: Clock, new_key: Callable[[], str]
) -> tuple[str, ApiKey]:
    """Make a key; it is not to be had again, for only its hash is kept.

    Args:
        tenant: Whose hits its bearer may see.
        name: Who the bearer is.
        days: How long it lives.
        table: Where its hash is kept.
        clock: By which it ends.
        new_key: Gives a key's text.

    Raises:
        Refused: ``bad-key``; the text says what is wrong with which.
    """
    try:
        authorize.tenant(tenant, "The tenant")
        authorize.name(name, "The name")
    except Refused as refused:
        raise Refused("bad-key", refused.text.partition(";")[0].rstrip(".") + ".") from refused
    if not 0 < days <= LONGEST:
        raise Refused("bad-key", f"A key lives from 1 to {LONGEST} days, not {days}.")
    text, now = new_key(), clock.now()
    key = ApiKey(
        authorize.key_hash(text), tenant, name, text[: authorize.HINT], created=now, expires=now + days * DAY
    )
    table.put_key(key)
    return text, key


def find(named: str, table: ConnectionTable) -> ApiKey:
    """Find the one key that is meant by its hash or the beginning of it, by its hint, or by the key itself.

    Raises:
        Refused: ``unknown-key`` where there is none, or more than one.
    """
    found = [key for key in table.keys() if _is_meant(key, named)]  # noqa: SIM118 - the table is no dictionary
    if len(found) == 1:
        return found[0]
    if found:
        hashes = ", ".join(key.hash[:12] for key in found)
        raise Refused("unknown-key", f"Several keys are meant: name one of {hashes}.")
    raise Refused("unknown-key", "There is no such key: name one as `livedex key list` does.")


def revoke(key: ApiKey, *, table: ConnectionTable, sockets: Sockets, clock: Clock) -> Revoked:
    """Revoke a key, and close what it opened.

    The mark comes first: what connects after it is refused, and what connected before it is found.

    Raises:
        Unavailable: The table could not be asked; to be done again.
    """
    table.revoke_key(key.hash, clock.now())
    tenants = dict.fromkeys((key.tenant, DEFAULT_TENANT))  # the latter where all tenants are one
    opened = [
        connection
        for tenant in tenants
        for connection in table.connections(tenant, clock.now())
        if connection.principal.key == key.hash
    ]
    closed = posting.dismiss(opened, "revoked", table=table, sockets=sockets, clock=clock)
    return Revoked(key, closed, len(opened) - closed)


def _is_meant(key: ApiKey, named: str) -> bool:
    by_hash = len(named) >= SHORTEST and key.hash.startswith(named.lower())
    return by_hash or named == key.hint or authorize.key_hash(named) == key.hash
