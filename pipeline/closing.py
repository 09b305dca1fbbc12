"""The story of closing somebody's connection, as an operator may: it is told why, and forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import posting
from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from pipeline.core.audience import Connection
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable, Sockets


def close(
    connection_id: str, *, table: ConnectionTable, sockets: Sockets, clock: Clock
) -> tuple[Connection, bool]:
    """Close one connection, whoever opened it: as a revoked key's are.

    It ends this socket and no more: its client may come back for as long as its token or its key holds.

    Returns:
        The connection, and whether it could be closed; if not, it gets nothing more.

    Raises:
        Refused: ``unknown-connection``.
        Unavailable: It may still get frames; to be done again.
    """
    connection = table.connection(connection_id)
    if connection is None:
        raise Refused(
            "unknown-connection",
            f"There is no connection {connection_id!r}: name one as `livedex connections` lists it.",
        )
    return connection, posting.dismiss([connection], "closed", table=table, sockets=sockets, clock=clock) == 1
