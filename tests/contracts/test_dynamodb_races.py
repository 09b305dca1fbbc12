"""Who subscribes, who cleans and who broadcasts at the same time, a step being a request to DynamoDB.

There are too many orders to try each on the emulator: some are, always the same, and many more with
``LIVEDEX_SOAK=1``. ``tests/test_registry_races.py`` has every order of the port's own steps.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from pipeline import cleaning
from pipeline.core.errors import Gone
from tests.contracts.audiences import channel, connection
from tests.interleaving import Turns, some_orders

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.adapters.dynamodb import DynamoConnectionTable
    from pipeline.adapters.memory import MemoryClock
    from tests.interleaving import Choose

ORDERS = 2_000 if os.environ.get("LIVEDEX_SOAK") else 30


def test_a_broadcast_finds_who_had_subscribed_however_their_requests_fall_together(
    live_table: DynamoConnectionTable, client: DynamoDBClient, clock: MemoryClock
) -> None:
    rounds = count()
    with Turns(4) as turns:
        client.meta.events.register("before-call.dynamodb", lambda **_: turns.step())

        def run(choose: Choose) -> None:
            tenant = f"tenant {next(rounds)}"
            wanted = channel("1", tenant)
            live_table.subscribe(connection(clock, "gone=", tenant), wanted, clock.now())
            live_table.unsubscribe("gone=", wanted)
            clock.sleep(cleaning.GRACE / 1_000)
            inside: set[str] = set()

            def subscribe(name: str) -> None:
                live_table.subscribe(connection(clock, name, tenant), wanted, clock.now())
                inside.add(name)

            def clean() -> None:
                for each, touch in live_table.touched(tenant):
                    if not live_table.members(each, clock.now()):
                        live_table.remove_channel(each, touch)

            def broadcast() -> None:
                known, version = {}, 0
                for _ in range(2):
                    turns.step()
                    expected = set(inside)
                    if live_table.version(tenant) != version:
                        changes = live_table.changes(tenant, version)
                        known = {} if changes.whole else known
                        known |= {each.id: each for each in changes.added}
                        known = {key: each for key, each in known.items() if key not in changes.removed}
                        version = changes.version
                    members = [live_table.members(each, clock.now()) for each in known.values()]
                    found = {member.connection_id for each in members for member in each}
                    assert expected <= found, "a broadcast missed a member"

            turns.run(
                choose, lambda: None, lambda: subscribe("one="), lambda: subscribe("two="), clean, broadcast
            )
            assert live_table.changes(tenant, 0).added == [wanted], "a member is in no channel"
            assert len(live_table.members(wanted, clock.now())) == 2

        assert some_orders(run, ORDERS) == ORDERS


def test_who_is_dismissed_while_it_subscribes_is_in_no_channel_however_their_requests_fall_together(
    live_table: DynamoConnectionTable, client: DynamoDBClient, clock: MemoryClock
) -> None:
    rounds = count()
    with Turns(2) as turns:
        client.meta.events.register("before-call.dynamodb", lambda **_: turns.step())

        def run(choose: Choose) -> None:
            name = f"{next(rounds)}="
            live_table.connect(connection(clock, name))
            given = live_table.connection(name)
            assert given is not None

            def subscribe() -> None:
                with suppress(Gone):
                    live_table.subscribe(given, channel("1"), clock.now())

            turns.run(choose, lambda: None, subscribe, lambda: live_table.disconnect(name))
            assert live_table.subscriptions(name) == live_table.members(channel("1"), clock.now()) == []
            assert live_table.connection(name) is None

        assert some_orders(run, ORDERS) == ORDERS
