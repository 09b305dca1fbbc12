"""Limits over the memory table: what is counted, how often, and what is believed meanwhile."""

from __future__ import annotations

import pytest

from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.core.errors import Refused
from pipeline.core.limits import Limits
from pipeline.limiting import BELOW, FULL, Flooding, Limiter
from tests.examples import channel, connection

SMALL = Limits(connections=2, channels=2, subscriptions=10, subscribes=1_000, hits=2)


class CountingTable(MemoryConnectionTable):
    """The memory table, which counts how often it is asked for much."""

    def __init__(self, clock: MemoryClock) -> None:
        super().__init__(clock)
        self.counted = 0

    def headcount(self, tenant: str, now: int, most: int) -> int:
        self.counted += 1
        return super().headcount(tenant, now, most)


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

    def subscribe(self, *services: str, tenant: str = "acme") -> bool:
        ann, wanted = connection("ann", tenant), channel({"service": [*services]}, tenant)
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


def test_no_more_are_counted_than_the_limit_has(world: World) -> None:
    asked = []
    for number in range(50):
        world.table.connect(connection(str(number)))

    def headcount(tenant: str, now: int, most: int) -> int:
        asked.append(most)
        return MemoryConnectionTable.headcount(world.table, tenant, now, most)

    world.table.headcount = headcount  # type: ignore[method-assign]

    assert not world.connect("one more")
    assert asked == [SMALL.connections]


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


def test_a_channel_that_is_there_is_let_pass_and_one_that_left_makes_room(world: World) -> None:
    assert [world.subscribe(service) for service in ("a", "b", "c", "a")] == [True, True, False, True]
    (gone, touch), *_ = world.table.touched("acme")
    assert world.table.remove_channel(gone, touch)

    assert world.subscribe("c")
    assert not world.subscribe("d")
    assert world.subscribe("a", tenant="globex")


def test_a_channel_that_another_process_brought_is_known(world: World) -> None:
    assert [world.subscribe(service) for service in ("a", "b", "c")] == [True, True, False]
    (gone, touch), *_ = world.table.touched("acme")
    world.table.remove_channel(gone, touch)
    brought = channel({"service": ["z"]})
    world.table.subscribe(connection("bob"), brought, world.clock.now())

    assert not world.subscribe("c")
    assert world.subscribe("z")


def test_a_filter_counts_as_much_as_it_weighs() -> None:
    world = World(Limits(connections=1, channels=4, subscriptions=9, subscribes=1_000, hits=1))

    assert world.subscribe(*(f"s{number}" for number in range(20)))  # weighs 3
    assert not world.subscribe(*(f"s{number}" for number in range(9)))  # weighs 2
    assert world.subscribe("a")
    assert not world.subscribe("b")


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
