"""The story of broadcasting, over memory adapters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable, MemoryQueues, MemorySockets
from pipeline.broadcasting import Broadcast, Registry, broadcast
from pipeline.core.audience import Receipt
from tests.examples import ENDPOINT, announced, channel, connection, delivery, delta

if TYPE_CHECKING:
    from pipeline.core.model import Delivery


@dataclass
class World:
    clock: MemoryClock = field(default_factory=MemoryClock)
    sockets: MemorySockets = field(default_factory=MemorySockets)
    registry: Registry = field(default_factory=Registry)

    def __post_init__(self) -> None:
        self.table = MemoryConnectionTable(self.clock)
        self.queue = MemoryQueues(self.clock)

    def subscribe(self, name: str, asked: dict[str, Any], tenant: str = "acme") -> None:
        joining = connection(name, tenant)
        self.sockets.open(name, ENDPOINT)
        self.table.connect(joining)
        self.table.subscribe(joining, channel(asked, tenant), self.clock.now())

    def broadcast(self, *deliveries: Delivery) -> Broadcast:
        return broadcast(
            deliveries,
            registry=self.registry,
            table=self.table,
            sockets=self.sockets,
            queue=self.queue,
            clock=self.clock,
            deadline=self.clock.now() + 5_000,
        )

    def hits(self, name: str) -> list[str]:
        frames = [orjson.loads(frame) for frame in self.sockets.frames(name, ENDPOINT)]
        return [hit["id"] for frame in frames for hit in frame["hits"]]


@pytest.fixture
def world() -> World:
    return World()


def test_a_delta_reaches_those_whose_filter_matches_and_nobody_else(world: World) -> None:
    world.subscribe("ann", {"service": ["payments"]})
    world.subscribe("bob", {"service": ["checkout"]})

    report = world.broadcast(announced(delta("one")))

    assert world.hits("ann") == ["one"]
    assert world.hits("bob") == []
    assert (report.deltas, report.matched, report.receipts[Receipt.POSTED]) == (1, 1, 1)


def test_an_equal_filter_of_another_tenant_sees_nothing(world: World) -> None:
    world.subscribe("ann", {})
    world.subscribe("eve", {}, tenant="globex")

    world.broadcast(announced(delta("one")))

    assert world.hits("ann") == ["one"]
    assert world.hits("eve") == []


def test_a_delta_without_a_tenant_is_shown_to_nobody(world: World) -> None:
    world.subscribe("ann", {})

    report = world.broadcast(announced(delta("one", tenant=None)))

    assert world.hits("ann") == []
    assert (report.deltas, report.matched) == (1, 0)


def test_a_batch_comes_as_few_frames_in_its_order(world: World) -> None:
    world.subscribe("ann", {})

    report = world.broadcast(announced(delta("one"), delta("two")), announced(delta("three")))

    assert world.hits("ann") == ["one", "two", "three"]
    assert report.receipts[Receipt.POSTED] == 1


def test_a_channel_that_came_after_the_last_batch_gets_the_next(world: World) -> None:
    world.subscribe("ann", {"service": ["payments"]})
    world.broadcast(announced(delta("one")))
    world.subscribe("bob", {"severity": ["error"]})

    world.broadcast(announced(delta("two")))

    assert world.hits("bob") == ["two"]


def test_a_connection_that_is_gone_is_forgotten_and_the_others_are_served(world: World) -> None:
    world.subscribe("ann", {})
    world.subscribe("bob", {})
    world.sockets.close("ann", ENDPOINT)

    report = world.broadcast(announced(delta("one")))

    assert report.receipts == {Receipt.GONE: 1, Receipt.POSTED: 1}
    assert world.table.connection("ann") is None
    assert world.hits("bob") == ["one"]


def test_frames_carry_the_clock_of_the_broadcast_as_their_cursor(world: World) -> None:
    world.subscribe("ann", {})
    world.broadcast(announced(delta("one")))
    world.clock.sleep(1)
    world.broadcast(announced(delta("two")))

    first, second = (orjson.loads(frame)["cursor"] for frame in world.sockets.frames("ann", ENDPOINT))

    assert first < second


def test_what_is_no_entry_goes_to_the_dead_letters_with_its_reason_and_the_rest_is_posted(
    world: World,
) -> None:
    world.subscribe("ann", {})

    report = world.broadcast(delivery("no JSON"), announced(delta("one")))

    assert world.hits("ann") == ["one"]
    assert [letter.reason for letter in world.queue.letters] == ["malformed"]
    assert (report.rejected, report.returned) == (1, ())


def test_what_the_dead_letter_queue_does_not_take_is_handed_over_again(world: World) -> None:
    world.queue.taking = False

    report = world.broadcast(delivery("no JSON"))

    assert report.returned == ("delivery-of-no JSON",)
    assert report.rejected == 0
