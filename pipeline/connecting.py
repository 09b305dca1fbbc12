"""The story of connecting: a bearer token -> a single-use ticket -> a connection.

A browser cannot set headers on a WebSocket, and a token in a URL ends up in logs; so a client
trades its token for a ticket that works once, within 30 seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import authorize
from pipeline.core.audience import Connection
from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.core.audience import Principal
    from pipeline.ports import Clock, ConnectionTable, Tokens

TICKET_LIFE = 30_000
"""Milliseconds; long enough for a slow phone, short enough to be worthless in a log.
https://cheatsheetseries.owasp.org/cheatsheets/WebSocket_Security_Cheat_Sheet.html"""


def issue_ticket(
    headers: Mapping[str, str],
    *,
    tokens: Tokens,
    table: ConnectionTable,
    clock: Clock,
    new_ticket: Callable[[], str],
    tenancy: str,
    tenant_claim: str,
) -> tuple[str, int]:
    """Trade the bearer token in the headers for a ticket.

    Returns:
        The ticket and when it ends, in ms since the epoch.

    Raises:
        Refused: ``unauthorized``; no token, or one that does not hold.
    """
    claims = tokens.claims(authorize.bearer(headers))
    principal = authorize.principal(claims, tenancy=tenancy, tenant_claim=tenant_claim)
    ticket = new_ticket()
    expires = clock.now() + TICKET_LIFE
    table.put_ticket(authorize.ticket_hash(ticket), principal, expires)
    return ticket, expires


def admit(
    headers: Mapping[str, str],
    query: Mapping[str, str],
    *,
    tokens: Tokens,
    table: ConnectionTable,
    clock: Clock,
    allowed_origins: tuple[str, ...],
    tenancy: str,
    tenant_claim: str,
) -> Principal:
    """Tell who wants to connect, by ticket or by token.

    Raises:
        Refused: ``forbidden-origin`` or ``unauthorized``.
    """
    origin = next((value for name, value in headers.items() if name.lower() == "origin"), None)
    if not authorize.origin_allowed(origin, allowed_origins):
        raise Refused("forbidden-origin", f"The origin {origin!r} is not among the allowed ones.")
    credential = authorize.credential(headers, query)
    if isinstance(credential, authorize.Bearer):
        return authorize.principal(
            tokens.claims(credential.token), tenancy=tenancy, tenant_claim=tenant_claim
        )
    principal = table.take_ticket(authorize.ticket_hash(credential.text), clock.now())
    if principal is None:
        raise Refused(
            "unauthorized", "The ticket is unknown, used up or older than 30 seconds: get a new one."
        )
    return principal


def connect(connection_id: str, endpoint: str, principal: Principal, *, table: ConnectionTable) -> None:
    """Remember an admitted connection."""
    table.connect(Connection(connection_id, endpoint, principal))


def disconnect(connection_id: str, *, table: ConnectionTable) -> None:
    """Forget a connection and its memberships."""
    table.disconnect(connection_id)
