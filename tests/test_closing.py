"""The story of closing a connection, over memory adapters."""

from __future__ import annotations

import pytest

from pipeline import closing
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable, MemorySockets
from pipeline.core.errors import Refused
from tests.examples import ENDPOINT, NOW, channel, connection


class Farewells(MemorySockets):
    """Notes the last frame of those that are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, bytes] = {}

    def close(self, connection_id: str, endpoint: str) -> None:
        self.last[connection_id] = self.frames(connection_id, endpoint)[-1]
        super().close(connection_id, endpoint)


def test_a_connection_that_is_closed_is_told_and_gets_nothing_more() -> None:
    clock = MemoryClock()
    table, sockets = MemoryConnectionTable(clock), Farewells()
    for name in ("ann", "bob"):
        sockets.open(name, ENDPOINT)
        table.connect(connection(name))
        table.subscribe(connection(name), channel({}), NOW)

    closed = closing.close("ann", table=table, sockets=sockets, clock=clock)

    assert closed == (connection("ann"), True)
    assert sockets.last == {"ann": b'{"v":1,"type":"bye","reason":"closed"}'}
    assert table.connection("ann") is None
    assert [member.connection_id for member in table.members(channel({}), NOW)] == ["bob"]


def test_a_connection_that_there_is_not_is_not_closed() -> None:
    clock = MemoryClock()
    with pytest.raises(Refused, match="livedex connections"):
        closing.close("ann", table=MemoryConnectionTable(clock), sockets=MemorySockets(), clock=clock)
