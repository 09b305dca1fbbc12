"""The story of connecting: a token or an API key -> a single-use ticket -> a connection.

A browser cannot set headers on a WebSocket, and a token in a URL ends up in logs; so a client
trades its token for a ticket that works once, within 30 seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import authorize, identify
from pipeline.core.audience import Connection
from pipeline.core.errors import Refused
from pipeline.recognising import recognise, still_recognised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.core.audience import Principal
    from pipeline.limiting import Limiter
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable
    from pipeline.recognising import Gate

TICKET_LIFE = 30_000
"""Milliseconds; long enough for a slow phone, short enough to be worthless in a log.
https://cheatsheetseries.owasp.org/cheatsheets/WebSocket_Security_Cheat_Sheet.html"""


def issue_ticket(
    headers: Mapping[str, str | None], *, gate: Gate, limiter: Limiter, new_ticket: Callable[[], str]
) -> tuple[str, int]:
    """Trade the token or the API key in the headers for a ticket.

    A tenant that has all its connections is told so here, where a browser can read the answer: of a
    WebSocket that is refused it tells its page nothing.

    Returns:
        The ticket and when it ends, in ms since the epoch.

    Raises:
        Refused: ``unauthorized`` or ``too-many-connections``.
        Unavailable: It cannot be told who this is just now.
    """
    principal = recognise(identify.asking(headers), gate)
    limiter.hold_connections(principal.tenant, gate.table, gate.clock.now())
    ticket = new_ticket()
    expires = gate.clock.now() + TICKET_LIFE
    gate.table.put_ticket(authorize.ticket_hash(ticket), principal, expires)
    return ticket, expires


def admit(
    headers: Mapping[str, str | None],
    query: Mapping[str, str | None],
    *,
    gate: Gate,
    allowed_origins: tuple[str, ...],
) -> Principal:
    """Tell who wants to connect, by ticket, token or API key.

    Raises:
        Refused: ``forbidden-origin`` or ``unauthorized``.
        Unavailable: It cannot be told just now.
    """
    origin = identify.origin(headers)
    if not authorize.origin_allowed(origin, allowed_origins):
        raise Refused("forbidden-origin", f"The origin {origin!r} is not among the allowed ones.")
    shown = identify.opening(headers, query)
    if not isinstance(shown, identify.Ticket):
        return recognise(shown, gate)
    principal = gate.table.take_ticket(authorize.ticket_hash(shown.text), gate.clock.now())
    if principal is None:
        raise Refused(
            "unauthorized", "The ticket is unknown, used up or older than 30 seconds: get a new one."
        )
    still_recognised(principal, gate.table)
    return principal


def connect(
    connection_id: str,
    endpoint: str,
    principal: Principal,
    *,
    table: ConnectionTable,
    limiter: Limiter,
    clock: Clock,
) -> None:
    """Remember an admitted connection.

    Its key is asked for again after the row is written, and a revocation closes the connections that it
    finds after its own mark is written: whichever came first, one of the two sees the other.

    Raises:
        Refused: ``too-many-connections``; or ``unauthorized``, for a key revoked at this very moment.
    """
    limiter.hold_connections(principal.tenant, table, clock.now())
    table.connect(Connection(connection_id, endpoint, principal))
    limiter.connected(principal.tenant)
    try:
        still_recognised(principal, table)
    except Refused:
        table.disconnect(connection_id)
        raise


def disconnect(connection_id: str, *, table: ConnectionTable) -> None:
    """Forget a connection and its memberships."""
    table.disconnect(connection_id)
