"""What a batch spends on connections that do not keep up, in tries at a gateway that holds them up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.credentials import Credentials

from pipeline.adapters.memory import MemoryConnectionTable, MemoryQueues
from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.adapters.websocket import ApiGatewaySockets
from pipeline.adapters.websocket_round import PAUSES
from pipeline.broadcasting import Bounds, Broadcast, broadcast
from pipeline.core.audience import Receipt
from pipeline.core.slow import SlowOnes
from pipeline.local.gateway_twin import Answer, GatewayTwin
from pipeline.registry import Registry
from tests.examples import announced, channel, connection, delta

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.audience import Channel

CREDENTIALS = Credentials("test", "test")
ALL = 1 + len(PAUSES)
"""Tries that a post has where nothing is known of its connection."""

QUICK = [f"quick-{number}=" for number in range(40)]
FROZEN = [f"frozen-{number}=" for number in range(5)]
FULL = Answer(429, "LimitExceededException")
"""What API Gateway answers where a client does not read and its buffer is full."""


class World:
    """One container of the broadcast function, before the twin.

    Args:
        wires: Posts at once.
    """

    def __init__(self, twin: GatewayTwin, wires: int = 8) -> None:
        self.twin = twin
        self.clock = SYSTEM_CLOCK
        self.table = MemoryConnectionTable(self.clock)
        self.sockets = ApiGatewaySockets(CREDENTIALS, "us-east-1", self.clock, connections=wires, direct=True)
        self.registry = Registry()
        self.slow = SlowOnes()

    def subscribe(self, *names: str, asked: Channel | None = None) -> None:
        for name in names:
            wanted = replace(
                connection(name, expires=self.clock.now() + 3_600_000), endpoint=self.twin.endpoint
            )
            if not self.table.connection(name):
                self.twin.open(name)
                self.table.connect(wanted)
            of = asked or channel({})
            told = dict(self.table.lagged(name)).get(of)  # as who answers its gap
            self.table.subscribe(wanted, of, self.clock.now(), told)

    def tries(self, fact: str) -> tuple[Broadcast, Counter[str]]:
        """Broadcast a delta: the report, and how many requests there were for each connection."""
        before = Counter(self.twin.received)
        report = broadcast(
            [announced(replace(delta(fact), ingested=self.clock.now()))],
            registry=self.registry,
            table=self.table,
            sockets=self.sockets,
            queue=MemoryQueues(self.clock),
            jobs=MemoryQueues(self.clock),
            clock=self.clock,
            deadline=self.clock.now() + 60_000,
            bounds=Bounds(),
            slow=self.slow,
        )
        assert report.trouble == ""
        return report, Counter(self.twin.received) - before


@pytest.fixture
def twin() -> Iterator[GatewayTwin]:
    with GatewayTwin(CREDENTIALS.get_frozen_credentials()) as twin:
        yield twin


@pytest.fixture
def world(twin: GatewayTwin) -> Iterator[World]:
    world = World(twin)
    yield world
    world.sockets.stop()


def test_a_frozen_connection_holds_up_the_first_batch_and_costs_the_next_ones_one_try(world: World) -> None:
    world.subscribe(*FROZEN, *QUICK)
    for name in FROZEN:
        world.twin.answer(name, FULL)

    _, first = world.tries("0")
    others = [world.tries(str(number)) for number in range(1, 4)]

    assert [first[name] for name in FROZEN] == [ALL] * len(FROZEN)
    for report, tries in others:
        assert [tries[name] for name in FROZEN] == [1] * len(FROZEN)
        assert (report.receipts[Receipt.POSTED], report.returned) == (len(QUICK), ())
    assert [len(world.twin.frames(name)) for name in QUICK] == [4] * len(QUICK)
    marks = {member.connection_id: member.lagged for member in world.table.members(channel({}), 0)}
    assert {name for name, since in marks.items() if since is not None} == set(FROZEN)


def test_a_new_container_knows_the_frozen_ones_by_their_marks(world: World) -> None:
    world.subscribe("frozen=")
    world.twin.answer("frozen=", FULL)
    world.tries("one")
    world.slow = SlowOnes()

    assert world.tries("two")[1] == {"frozen=": 1}


def test_a_frozen_connection_is_known_in_its_other_channels(world: World) -> None:
    world.subscribe("frozen=", asked=channel({"service": ["payments"]}))
    world.twin.answer("frozen=", FULL)
    world.tries("one")
    world.subscribe("frozen=", asked=channel({"severity": ["error"]}))
    world.table.unsubscribe("frozen=", channel({"service": ["payments"]}))

    assert world.tries("two")[1] == {"frozen=": 1}


def test_a_connection_that_keeps_up_again_has_all_its_tries_again(world: World) -> None:
    world.subscribe("once=")
    world.twin.answer("once=", FULL)
    world.tries("one")
    world.twin.answer("once=", Answer())
    assert world.tries("two")[1] == {"once=": 2}  # the gap, and the hit
    world.subscribe("once=")
    world.twin.answer("once=", FULL, FULL, Answer())

    report, tries = world.tries("three")

    assert tries == {"once=": ALL}
    assert report.receipts == {Receipt.POSTED: 1}


def test_one_that_never_answers_is_not_waited_for_twice(world: World) -> None:
    world.subscribe("hung=", *QUICK)
    world.table.mark_lagged([(channel({}), "hung=")], 17)
    world.twin.answer("hung=", Answer(after=60))

    report, tries = world.tries("one")

    assert tries["hung="] == 1
    assert report.receipts == {Receipt.POSTED: len(QUICK), Receipt.LAGGED: 2}


def test_several_that_never_answer_are_each_tried_before_the_batch_must_end(twin: GatewayTwin) -> None:
    world = World(twin, wires=1)
    hung = [f"hung-{number}=" for number in range(8)]
    world.subscribe(*hung, *QUICK)
    world.table.mark_lagged([(channel({}), name) for name in hung], 17)
    for name in hung:
        twin.answer(name, Answer(after=60))

    report, tries = world.tries("one")
    world.sockets.stop()

    assert [tries[name] for name in hung] == [1] * len(hung)
    assert report.receipts[Receipt.POSTED] == len(QUICK)


def test_nobody_waits_behind_the_slow_ones(twin: GatewayTwin) -> None:
    world = World(twin, wires=1)
    world.subscribe("frozen=", *QUICK)
    world.table.mark_lagged([(channel({}), "frozen=")], 17)
    twin.answer("frozen=", FULL)

    _, tries = world.tries("one")
    world.sockets.stop()

    assert next(iter(tries)) != "frozen="
    assert list(twin.received)[-1] == "frozen="
