"""A channel of very many members, and a tenant of very many channels, on DynamoDB.

10,000 of each with ``LIVEDEX_SOAK=1``; else as many as take some seconds on the emulator.
"""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pipeline import cleaning
from pipeline.adapters import dynamodb_shards
from pipeline.core.audience import in_part
from tests.contracts.audiences import channel, connection

if TYPE_CHECKING:
    import pytest

    from pipeline.adapters.dynamodb import DynamoConnectionTable
    from pipeline.adapters.memory import MemoryClock
    from tests.contracts.conftest import Calls

LONG = bool(os.environ.get("LIVEDEX_SOAK"))
MANY = 10_000 if LONG else 100
THREADS = 4


def test_every_member_of_a_crowd_is_found_marked_and_forgotten(
    live_table: DynamoConnectionTable, clock: MemoryClock, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not LONG:
        monkeypatch.setattr(dynamodb_shards, "CROWD", 20)
        monkeypatch.setattr(dynamodb_shards, "COUNTING", 4)
    names = [f"connection-{number}=" for number in range(MANY)]

    def come(name: str) -> None:
        live_table.connect(connection(clock, name))
        live_table.subscribe(connection(clock, name), channel(), clock.now())

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(come, names))

    calls.operations.clear()
    found = live_table.members(channel(), clock.now())
    assert sorted(member.connection_id for member in found) == sorted(names)
    assert len(calls.operations) <= 1 + 2 * dynamodb_shards.SHARDS
    job = live_table.members(channel(), clock.now(), part=(3, 16))
    assert {member.connection_id for member in job} == {name for name in names if in_part(name, (3, 16))}
    assert len(list(live_table.connections("acme", clock.now()))) == MANY

    live_table.mark_lagged([(channel(), name) for name in names[::2]], 17)
    marks = Counter(member.lagged for member in live_table.members(channel(), clock.now()))
    assert marks == {17: MANY // 2, None: MANY // 2}

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(live_table.disconnect, names[1:]))
    assert [member.connection_id for member in live_table.members(channel(), clock.now())] == names[:1]


def test_every_channel_of_a_big_tenant_is_told_followed_and_cleaned(
    live_table: DynamoConnectionTable, clock: MemoryClock
) -> None:
    names = [str(number) for number in range(1, MANY + 1)]
    one = connection(clock)
    for name in names[:-1]:
        live_table.subscribe(one, channel(name), clock.now())
    at = live_table.version("acme")
    assert {each.id for each in live_table.changes("acme", 0).added} == {
        channel(name).id for name in names[:-1]
    }
    live_table.subscribe(one, channel(names[-1]), clock.now())
    assert live_table.changes("acme", at).added == [channel(names[-1])]

    kept = names[::10]
    for name in kept:
        live_table.subscribe(connection(clock, "staying="), channel(name), clock.now())
    live_table.disconnect(one.id)
    clock.sleep(cleaning.GRACE / 1_000 + 1)
    cleaned = cleaning.clean(table=live_table, clock=clock, deadline=2**62)
    assert (cleaned.kept, cleaned.removed, cleaned.left) == (len(kept), MANY - len(kept), 0)
    assert {each.id for each in live_table.changes("acme", 0).added} == {channel(name).id for name in kept}
    assert len(live_table.changes("acme", at).removed) == MANY - len(kept)
