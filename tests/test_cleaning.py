"""The cleaner over the memory table."""

from __future__ import annotations

import pytest

from pipeline import cleaning
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.cleaning import GRACE, Cleaned
from tests.examples import channel, connection

FOREVER = 2**62
ERRORS, WARNINGS = channel({"severity": ["error"]}), channel({"severity": ["warning"]})
THEIRS = channel({}, tenant="other")


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
def table(clock: MemoryClock) -> MemoryConnectionTable:
    """Three channels of two tenants, each with a member."""
    table = MemoryConnectionTable(clock)
    for name, each in (("ann", ERRORS), ("ben", WARNINGS), ("cat", THEIRS)):
        table.subscribe(connection(name, tenant=each.tenant), each, clock.now())
    return table


def clean(table: MemoryConnectionTable, clock: MemoryClock, deadline: int = FOREVER) -> Cleaned:
    return cleaning.clean(table=table, clock=clock, deadline=deadline)


def test_channels_without_members_go_in_every_tenant_and_those_with_members_stay(
    table: MemoryConnectionTable, clock: MemoryClock
) -> None:
    table.unsubscribe("ann", ERRORS)
    table.disconnect("cat")
    clock.sleep(GRACE / 1_000)
    assert clean(table, clock).counts() == {"looked_at": 3, "kept": 1, "removed": 2, "taken": 0, "left": 0}
    assert table.changes("acme", 0).added == [WARNINGS]
    assert table.changes("other", 0).added == []


def test_a_channel_to_which_somebody_came_a_moment_ago_is_not_even_looked_at(
    table: MemoryConnectionTable, clock: MemoryClock
) -> None:
    table.unsubscribe("ann", ERRORS)
    clock.sleep((GRACE - 1) / 1_000)
    assert clean(table, clock) == Cleaned()
    table.subscribe(connection("dan"), ERRORS, clock.now())
    table.unsubscribe("dan", ERRORS)
    clock.sleep(0.001)
    assert clean(table, clock) == Cleaned(looked_at=2, kept=2)


def test_members_whose_token_has_ended_keep_no_channel(
    table: MemoryConnectionTable, clock: MemoryClock
) -> None:
    clock.sleep(3_600)
    assert clean(table, clock).removed == 3


def test_a_channel_to_which_somebody_comes_meanwhile_stays(clock: MemoryClock) -> None:
    class Busy(MemoryConnectionTable):
        """Right after its members were read, somebody comes."""

        def members(self, *asked: object, **more: object) -> list[object]:  # type: ignore[override] # passed on
            found = super().members(*asked, **more)  # type: ignore[arg-type] # the same
            self.subscribe(connection("new"), ERRORS, clock.now())
            return list(found)

    table = Busy(clock)
    table.subscribe(connection("ann"), ERRORS, clock.now())
    table.unsubscribe("ann", ERRORS)
    clock.sleep(GRACE / 1_000)
    assert clean(table, clock) == Cleaned(looked_at=1, taken=1)
    assert table.changes("acme", 0).added == [ERRORS]


def test_what_there_is_no_time_for_is_left_and_each_run_begins_somewhere_else(
    table: MemoryConnectionTable, clock: MemoryClock
) -> None:
    class Slow(MemoryConnectionTable):
        """A reading of members takes a second."""

        def members(self, *asked: object, **more: object) -> list[object]:  # type: ignore[override] # passed on
            clock.sleep(1)
            return list(super().members(*asked, **more))  # type: ignore[arg-type] # the same

    table = Slow(clock)
    for number in range(10):
        each = channel({"service": [str(number)]})
        table.subscribe(connection("ann"), each, clock.now())
        table.unsubscribe("ann", each)
    clock.sleep(GRACE / 1_000)
    first = [each.id for each, _ in table.touched("acme")]
    assert clean(table, clock, clock.now()) == Cleaned(looked_at=10, left=10)
    assert clean(table, clock, clock.now() + 3_000) == Cleaned(looked_at=10, removed=3, left=7)
    gone = set(first) - {each.id for each, _ in table.touched("acme")}
    assert gone != set(first[:3])
    assert clean(table, clock, clock.now() + 100_000).left == 0
