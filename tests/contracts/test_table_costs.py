"""What each call of the connection table costs on DynamoDB: the table in ``dynamodb``, held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.adapters.dynamodb_members import LOOK
from pipeline.core.audience import ApiKey
from tests.contracts.audiences import HOUR, channel, connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.adapters.dynamodb import DynamoConnectionTable
    from pipeline.adapters.memory import MemoryClock
    from tests.contracts.conftest import Calls

KEY = ApiKey("hash", "acme", "robot", "lk_", created=1, expires=HOUR)

COSTS: dict[str, tuple[list[str], int, float]] = {
    "connect": (["BatchWriteItem"], 2, 0),
    "connection": (["GetItem"], 0, 1),
    "connections": (["Query"], 0, 1),
    "headcount": (["Query"], 0, 0.5),
    "disconnect": (["Query", "BatchWriteItem", "BatchWriteItem", "Query"], 4, 2),
    "subscribe": (["GetItem", "TransactWriteItems", "UpdateItem"], 7, 1),
    "subscribe, a new channel": (
        ["GetItem", "TransactWriteItems", "UpdateItem", "GetItem", "GetItem", "TransactWriteItems"],
        12,  # and one for the refused update, which an error does not tell of
        3,
    ),
    "subscribe, told": (
        ["GetItem", "TransactWriteItems", "GetItem", "TransactWriteItems", "UpdateItem"],
        11,
        2,
    ),
    "unsubscribe": (["GetItem", "TransactWriteItems"], 4, 1),
    "subscriptions": (["Query"], 0, 1),
    "lagged": (["Query"], 0, 1),
    "version": (["GetItem"], 0, 1),
    "weight": (["GetItem"], 0, 1),
    "is_registered": (["GetItem"], 0, 1),
    "changes": (["GetItem", "Query"], 0, 2),
    "changes, none": (["GetItem"], 0, 1),
    "members": (["Query"], 0, 1),
    "has_members": (["Query"], 0, 1),
    "tenants": (["Query"], 0, 1),
    "touched": (["Query"], 0, 1),
    "remove_channel": (["GetItem", "GetItem", "GetItem", "TransactWriteItems"], 8, 3),
    "settle": (["Query", "GetItem"], 0, 2),
    "mark_lagged": (
        ["BatchGetItem", "TransactWriteItems"],
        4,
        0,
    ),  # the emulator does not tell of reads in batches
    "put_late": (["PutItem"], 1, 0),
    "open_late": (["PutItem"], 1, 0),
    "close_late": (["DeleteItem"], 1, 0),
    "put_all_late": (["BatchWriteItem"], 2, 0),
    "open_all_late": (["BatchWriteItem"], 2, 0),
    "close_all_late": (["BatchWriteItem"], 2, 0),
    "versions": (["BatchGetItem"], 0, 0),
    "late": (["Query"], 0, 1),
    "put_ticket": (["PutItem"], 1, 0),
    "take_ticket": (["DeleteItem"], 1, 0),
    "put_key": (["BatchWriteItem"], 2, 0),
    "key": (["GetItem"], 0, 1),
    "keys": (["Query"], 0, 1),
    "revoke_key": (["GetItem", "TransactWriteItems"], 4, 1),
}
"""The operations, and the write and read units that DynamoDB says they took."""


@pytest.mark.parametrize("call", COSTS)
def test_a_call_costs_what_is_said(
    live_table: DynamoConnectionTable, calls: Calls, clock: MemoryClock, call: str
) -> None:
    table, now, one, two = live_table, clock.now(), connection(clock), connection(clock, "two=")
    table.connect(one)
    table.connect(two)
    given = table.connection(two.id)
    assert given is not None
    table.put_key(KEY)
    table.put_ticket("hash", one.principal, now + 9)
    table.subscribe(one, channel("1"), now)
    table.subscribe(one, channel("2"), now)
    if call == "disconnect":
        table.unsubscribe(one.id, channel("2"))
    if call == "subscribe, told":
        table.subscribe(given, channel("1"), now)
        table.mark_lagged([(channel("1"), two.id)], now)
    asked: dict[str, Callable[[], object]] = {
        "connect": lambda: table.connect(two),
        "connection": lambda: table.connection(one.id),
        "connections": lambda: list(table.connections("acme", now)),
        "headcount": lambda: table.headcount("acme", now, 9),
        "disconnect": lambda: table.disconnect(one.id),
        "subscribe": lambda: table.subscribe(given, channel("1"), now + 1),
        "subscribe, a new channel": lambda: table.subscribe(given, channel("3"), now),
        "subscribe, told": lambda: table.subscribe(given, channel("1"), now + 2, now),
        "unsubscribe": lambda: table.unsubscribe(one.id, channel("1")),
        "subscriptions": lambda: table.subscriptions(one.id),
        "lagged": lambda: table.lagged(one.id),
        "version": lambda: table.version("acme"),
        "weight": lambda: table.weight("acme"),
        "is_registered": lambda: table.is_registered(channel("1")),
        "settle": lambda: table.settle("acme"),
        "changes": lambda: table.changes("acme", 1),
        "changes, none": lambda: table.changes("acme", 2),
        "members": lambda: table.members(channel("1"), now),
        "has_members": lambda: table.has_members(channel("1"), now),
        "tenants": lambda: list(table.tenants()),
        "touched": lambda: list(table.touched("acme")),
        "remove_channel": lambda: table.remove_channel(channel("1"), now),
        "mark_lagged": lambda: table.mark_lagged([(channel("1"), one.id)], now),
        "put_late": lambda: table.put_late("acme", now, now, now),
        "open_late": lambda: table.open_late("acme", "job", now, now),
        "close_late": lambda: table.close_late("acme", "job"),
        "put_all_late": lambda: table.put_all_late([("acme", now), ("other", now)], now, now),
        "open_all_late": lambda: table.open_all_late([("acme", "a", now), ("other", "b", now)], now),
        "close_all_late": lambda: table.close_all_late([("acme", "a"), ("other", "b")]),
        "versions": lambda: table.versions(["acme", "other"]),
        "late": lambda: table.late("acme", now),
        "put_ticket": lambda: table.put_ticket("other hash", one.principal, now),
        "take_ticket": lambda: table.take_ticket("hash", now),
        "put_key": lambda: table.put_key(KEY),
        "key": lambda: table.key("hash"),
        "keys": lambda: list(table.keys()),
        "revoke_key": lambda: table.revoke_key("hash", now),
    }
    calls.operations.clear()
    calls.capacity.clear()
    asked[call]()
    found = calls.capacity
    assert (calls.operations, found["WriteCapacityUnits"], found["ReadCapacityUnits"]) == COSTS[call]


def test_whether_a_channel_has_members_is_told_by_few_rows_however_many_there_are(
    live_table: DynamoConnectionTable, calls: Calls, clock: MemoryClock
) -> None:
    now = clock.now()
    for number in range(2 * LOOK):
        live_table.subscribe(connection(clock, f"{number}="), channel("1"), now)
    calls.operations.clear()
    calls.scanned = 0

    assert live_table.has_members(channel("1"), now)

    assert (calls.operations, calls.scanned) == (["Query"], LOOK)
