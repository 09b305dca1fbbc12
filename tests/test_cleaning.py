"""The cleaner over the memory table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from pipeline import cleaning
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.cleaning import GRACE, Cleaned
from tests.examples import channel, connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.audience import Channel

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
    assert clean(table, clock).counts() == {"kept": 1, "removed": 2, "taken": 0, "left": 0}
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
    assert clean(table, clock) == Cleaned(kept=2)


def test_members_whose_token_has_ended_keep_no_channel(
    table: MemoryConnectionTable, clock: MemoryClock
) -> None:
    clock.sleep(3_600)
    assert clean(table, clock).removed == 3


def test_a_channel_to_which_somebody_comes_meanwhile_stays(clock: MemoryClock) -> None:
    class Busy(MemoryConnectionTable):
        """Right after its members were read, somebody comes."""

        def has_members(self, channel: Channel, now: int) -> bool:
            found = super().has_members(channel, now)
            self.subscribe(connection("new"), ERRORS, clock.now())
            return found

    table = Busy(clock)
    table.subscribe(connection("ann"), ERRORS, clock.now())
    table.unsubscribe("ann", ERRORS)
    clock.sleep(GRACE / 1_000)
    assert clean(table, clock) == Cleaned(taken=1)
    assert table.changes("acme", 0).added == [ERRORS]


def test_what_there_is_no_time_for_is_left_and_each_run_begins_somewhere_else(
    table: MemoryConnectionTable, clock: MemoryClock
) -> None:
    class Slow(MemoryConnectionTable):
        """A reading of members takes a second."""

        def has_members(self, channel: Channel, now: int) -> bool:
            clock.sleep(1)
            return super().has_members(channel, now)

    table = Slow(clock)
    for number in range(10):
        each = channel({"service": [str(number)]})
        table.subscribe(connection("ann"), each, clock.now())
        table.unsubscribe("ann", each)
    clock.sleep(GRACE / 1_000)
    first = [each.id for each, _ in table.touched("acme")]
    assert clean(table, clock, clock.now()) == Cleaned(left=1)
    assert clean(table, clock, clock.now() + 3_000) == Cleaned(removed=3, left=1)
    gone = set(first) - {each.id for each, _ in table.touched("acme")}
    assert gone != set(first[:3])
    assert clean(table, clock, clock.now() + 100_000).left == 0


def test_no_more_is_read_than_there_is_time_for_and_each_run_begins_at_another_tenant(
    clock: MemoryClock,
) -> None:
    class Endless(MemoryConnectionTable):
        """Reading a channel takes a second."""

        read: ClassVar[list[str]] = []

        def touched(self, tenant: str) -> Iterator[tuple[Channel, int]]:
            for each in super().touched(tenant):
                clock.sleep(1)
                self.read.append(tenant)
                yield each

    table = Endless(clock)
    names = [f"tenant{number}" for number in range(9)]
    for name in names:
        for service in "abc":
            each = channel({"service": [service]}, tenant=name)
            table.subscribe(connection("ann", tenant=name), each, clock.now())
    clock.sleep(GRACE / 1_000)

    first = [clean(table, clock, clock.now() + 5_000).left for _ in range(4)]

    assert all(left == 8 for left in first)
    assert len(table.read) <= 4 * 5
    assert len(set(table.read)) > 2


def test_a_tenant_without_channels_is_no_longer_looked_at_until_it_comes_back(
    table: MemoryConnectionTable, clock: MemoryClock
) -> None:
    table.disconnect("cat")
    clock.sleep(GRACE / 1_000)
    assert clean(table, clock).removed == 1
    assert list(table.tenants()) == ["acme"]
    table.subscribe(connection("cat", tenant="other"), THEIRS, clock.now())
    assert sorted(table.tenants()) == ["acme", "other"]
