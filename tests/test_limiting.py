"""Limits over the memory table: what is counted, how often, and what is believed meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import limiting
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.core.errors import Refused
from pipeline.core.limits import Limits
from pipeline.limiting import BELOW, FULL, Flooding, Limiter
from tests.examples import channel, connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.audience import Changes, Connection

SMALL = Limits(connections=2, channels=2, subscriptions=10, subscribes=1_000, hits=2)


class CountingTable(MemoryConnectionTable):
    """The memory table, which counts how often it is asked for much."""

    def __init__(self, clock: MemoryClock) -> None:
        super().__init__(clock)
        self.counted = 0
        self.asked_after: list[int] = []

    def connections(self, tenant: str, now: int) -> Iterator[Connection]:
        self.counted += 1
        return super().connections(tenant, now)

    def changes(self, tenant: str, after: int) -> Changes:
        self.asked_after.append(after)
        return super().changes(tenant, after)


class World:
    def __init__(self, limits: Limits = SMALL) -> None:
        self.clock = MemoryClock()
        self.table = CountingTable(self.clock)
        self.limiter = Limiter(limits)

    def connect(self, name: str, tenant: str = "acme") -> bool:
        try:
            self.limiter.hold_connections(tenant, self.table, self.clock.now())
        except Refused:
            return False
        self.table.connect(connection(name, tenant))
        self.limiter.connected(tenant)
        return True

    def subscribe(self, service: str, tenant: str = "acme") -> bool:
        ann, wanted = connection("ann", tenant), channel({"service": [service]}, tenant)
        try:
            self.limiter.hold_subscribe(ann, wanted, self.table, self.clock.now())
        except Refused:
            return False
        self.table.subscribe(ann, wanted, self.clock.now())
        return True


@pytest.fixture
def world() -> World:
    return World()


def test_a_thousand_who_connect_at_once_are_counted_once() -> None:
    world = World(Limits(connections=900, channels=1, subscriptions=1, subscribes=1, hits=1))

    assert sum(world.connect(str(number)) for number in range(1_000)) == 900
    assert world.table.counted == 1


def test_no_more_rows_are_read_than_the_limit_has(world: World) -> None:
    read = 0
    for number in range(50):
        world.table.connect(connection(str(number)))

    def connections(tenant: str, now: int) -> Iterator[Connection]:
        nonlocal read
        for each in MemoryConnectionTable.connections(world.table, tenant, now):
            read += 1
            yield each

    world.table.connections = connections  # type: ignore[method-assign]

    assert not world.connect("one more")
    assert read == SMALL.connections


def test_a_count_is_believed_for_seconds_and_a_full_one_for_one_second(world: World) -> None:
    world.connect("one")
    world.clock.sleep((BELOW - 1) / 1_000)
    world.connect("two")
    assert world.table.counted == 1

    world.table.disconnect("one")
    world.clock.sleep(1 / 1_000)
    assert world.connect("three")
    assert world.table.counted == 2
    world.table.disconnect("two")
    world.clock.sleep((FULL - 1) / 1_000)
    assert not world.connect("four")
    world.clock.sleep(1 / 1_000)
    assert world.connect("four")


def test_below_the_limit_nobody_asks_which_channels_there_are() -> None:
    world = World(Limits(connections=1, channels=100, subscriptions=200, subscribes=1_000, hits=1))

    assert all(world.subscribe(str(number)) for number in range(100))
    assert world.table.asked_after == []
    assert not world.subscribe("one more")


def test_channels_are_known_by_what_changed_since_the_last_time(world: World) -> None:
    assert [world.subscribe(service) for service in ("a", "b", "c", "a")] == [True, True, False, True]
    (gone, touch), *_ = world.table.touched("acme")
    assert world.table.remove_channel(gone, touch)

    assert world.subscribe("c")
    assert not world.subscribe("d")
    assert world.table.asked_after[0] == 0
    assert all(after > 0 for after in world.table.asked_after[1:])


def test_a_channel_that_another_process_brought_is_known(world: World) -> None:
    assert [world.subscribe(service) for service in ("a", "b", "c")] == [True, True, False]
    (gone, touch), *_ = world.table.touched("acme")
    world.table.remove_channel(gone, touch)
    brought = channel({"service": ["z"]})
    world.table.subscribe(connection("bob"), brought, world.clock.now())

    assert not world.subscribe("c")
    assert world.subscribe("z")


def test_tenants_not_heard_of_for_longest_are_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiting, "MOST_TENANTS", 1)
    for tenant in ("acme", "globex", "acme"):
        for service in ("a", "b", "c"):
            world.subscribe(service, tenant)

    assert world.table.asked_after == [0, 0, 0]


def test_frames_are_held_by_connection_and_requests_by_tenant(world: World) -> None:
    ann, bob, now = connection("ann"), connection("bob"), world.clock.now()
    for _ in range(SMALL.subscriptions):
        world.limiter.hold_frames(ann, now)
    with pytest.raises(Refused, match="too-many-requests"):
        world.limiter.hold_frames(ann, now)
    world.limiter.hold_frames(bob, now)
    for _ in range(40):
        world.limiter.hold_hits("acme", now)
    with pytest.raises(Refused, match="too-many-requests"):
        world.limiter.hold_hits("acme", now)
    world.limiter.hold_hits("globex", now)


def test_who_goes_on_though_told_to_wait_is_flooding() -> None:
    world = World(Limits(connections=1, channels=1, subscriptions=1, subscribes=1, hits=1))
    ann, now = connection("ann"), world.clock.now()
    world.limiter.hold_frames(ann, now)
    for _ in range(8):
        with pytest.raises(Refused):
            world.limiter.hold_frames(ann, now)

    with pytest.raises(Flooding):
        world.limiter.hold_frames(ann, now)
