"""The index function is killed at every step; what comes again leaves no document without its delta."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline import redriving
from pipeline.adapters.memory import MemoryClock, MemoryDeltaBus, MemoryQueues
from pipeline.adapters.memory_store import DocumentStore
from pipeline.core import instant
from pipeline.core.fill import Kinds
from pipeline.core.letters import GIVEN_UP, Wanted
from pipeline.indexing import Indexed, index
from pipeline.wiring import shipped
from tests.crashing import Killed, Killer
from tests.examples import NOW, envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TENANTS = 12
"""Each tenant's deltas need an entry of their own, so these take two calls of PutEvents."""

HOUR = 3_600


def events() -> list[dict[str, Any]]:
    """A batch with everything in it: tenants enough for two calls, a fact twice, and two bad events."""
    good = [envelope(f"fact-{number}", tenant=f"tenant-{number}") for number in range(TENANTS)]
    again = {**envelope("fact-0", tenant="tenant-0"), "id": "another envelope"}
    nameless = envelope("nameless")
    del nameless["detail"]["eventId"]
    return [*good, again, nameless, envelope("old", occurredAt="2025-06-01T00:00:00Z")]


BATCH = events()


@dataclass
class World:
    """Memory adapters and the event source that hands over, again and again."""

    most_receives: int = 1_000
    clock: MemoryClock = field(default_factory=MemoryClock)
    store: DocumentStore = field(default_factory=DocumentStore)
    bus: MemoryDeltaBus = field(default_factory=MemoryDeltaBus)
    kinds: Kinds = field(default_factory=Kinds)

    def __post_init__(self) -> None:
        self.queue = MemoryQueues(self.clock, self.most_receives)

    def send(self, *bodies: dict[str, Any]) -> None:
        for body in bodies:
            self.queue.send(orjson.dumps(body).decode())

    def run(self, killer: Killer) -> Indexed:
        """One invocation, with the deletes that the event source does afterwards."""
        batch = self.queue.receive(100)
        report = index(
            batch,
            routes=shipped.routes(),
            store=killer.beside(self.store),
            bus=killer.beside(self.bus),
            queue=killer.beside(self.queue),
            clock=self.clock,
            deadline=self.clock.now() + 30_000,
            single_tenant=False,
            kinds=self.kinds,
        )
        killer.pass_by("before the answer")
        for each in batch:
            if each.id not in report.returned:
                self.queue.delete(each.id)
        return report

    def die(self, at: int) -> None:
        """An invocation that is killed at a place."""
        with pytest.raises(Killed):
            self.run(Killer(at))

    def settle(self) -> None:
        """Go on, unharmed, until the queue is empty."""
        for _ in range(20):
            if not sum(self.queue.depths()[where] for where in ("waiting", "in_flight")):
                return
            self.clock.sleep(130)
            self.run(Killer())
        pytest.fail("the queue never came to its end")

    def stored(self) -> dict[str, int]:
        self.store.refresh("*")
        found = self.store.search("*", {"size": 1_000, "query": {"match_all": {}}})
        return {hit["_source"]["id"]: hit["_source"]["@ingested"] for hit in found}

    def announced(self) -> dict[str, int]:
        deltas = [delta for entry in self.bus.entries for delta in orjson.loads(entry.detail)["deltas"]]
        return {delta["id"]: delta["ingested"] for delta in deltas}


def places(*bodies: dict[str, Any]) -> list[str]:
    """What a run passes by that nobody kills."""
    world, killer = World(), Killer()
    world.send(*bodies)
    world.run(killer)
    return killer.places


PLACES = places(*BATCH)


def named(every: Sequence[str]) -> list[str]:
    return [f"{number} {place}" for number, place in enumerate(every)]


def test_a_run_can_die_before_and_after_the_bulk_between_two_calls_and_before_the_answer() -> None:
    assert [
        *("before bulk", "after bulk"),
        *("before put", "after put", "before put", "after put"),
        *("before dead_letter", "after dead_letter"),
        "before the answer",
    ] == PLACES


@pytest.mark.parametrize("at", range(len(PLACES)), ids=named(PLACES))
def test_wherever_it_dies_what_comes_again_stores_and_announces_every_fact(at: int) -> None:
    world = World()
    world.send(*BATCH)

    world.die(at)
    world.settle()

    assert len(world.stored()) == TENANTS
    assert world.announced() == world.stored(), "each with the stamp that it is stored with"
    assert {letter.reason for letter in world.queue.letters} == {"no-identity", "too-old"}


@pytest.mark.parametrize("second", range(len(PLACES)), ids=named(PLACES))
@pytest.mark.parametrize("first", range(len(PLACES)), ids=named(PLACES))
def test_dying_twice_is_no_worse_than_dying_once(first: int, second: int) -> None:
    world = World()
    world.send(*BATCH)

    world.die(first)
    world.clock.sleep(31)
    with suppress(Killed):  # where nothing is left to store, the second run has fewer places
        world.run(Killer(second))
    world.settle()

    assert len(world.stored()) == TENANTS
    assert world.announced() == world.stored()


@pytest.mark.parametrize("at", range(len(PLACES)), ids=named(PLACES))
def test_after_a_death_a_plain_duplicate_stays_quiet(at: int) -> None:
    world = World()
    world.send(*BATCH)
    world.die(at)
    world.settle()
    world.bus.entries.clear()
    resent = [
        {**body, "id": f"re-sent {number}", "time": instant.iso(world.clock.now())}
        for number, body in enumerate(BATCH[:TENANTS])
    ]

    world.send(*resent)
    world.run(Killer())

    assert world.bus.entries == []
    assert len(world.stored()) == TENANTS


# --- dead letters -----------------------------------------------------------------------------


def redriven_by_us(world: World) -> None:
    redriving.redrive(world.queue, Wanted())


def moved_by_sqs(world: World) -> None:
    world.queue.move_letters()


@pytest.mark.parametrize("at", range(len(PLACES)), ids=named(PLACES))
def test_a_letter_that_sqs_gave_up_after_a_death_is_announced_when_we_redrive_it_at_once(at: int) -> None:
    """Were it received but once, the copy would be as young as the event: only our mark tells them apart."""
    world = World(most_receives=1)
    world.send(*BATCH)
    world.die(at)
    world.clock.sleep(31)
    world.queue.receive(100)
    assert GIVEN_UP in {group.reason for group in redriving.survey(world.queue)}

    redriven_by_us(world)
    world.run(Killer())

    assert world.clock.now() - NOW < 60_000, "within the time in which an unmarked copy would be plain"
    assert len(world.stored()) == TENANTS
    assert world.announced() == world.stored()


@pytest.mark.parametrize("at", range(len(PLACES)), ids=named(PLACES))
def test_a_letter_that_sqs_gave_up_and_moves_back_itself_is_announced_for_its_age(at: int) -> None:
    """By then it has been received 1,000 times, which takes the better part of an hour at the least."""
    world = World(most_receives=1)
    world.send(*BATCH)
    world.die(at)
    world.clock.sleep(HOUR)
    world.queue.receive(100)

    moved_by_sqs(world)
    world.run(Killer())

    assert len(world.stored()) == TENANTS
    assert world.announced() == world.stored()


@pytest.mark.parametrize("again", [redriven_by_us, moved_by_sqs])
def test_a_letter_of_ours_whose_document_was_stored_before_is_announced_when_it_is_redriven(
    again: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release with a defect came between the death and the second receive."""
    world = World()
    world.send(envelope())
    world.die(PLACES.index("after bulk"))
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.core.route.choose", None)
        world.kinds = Kinds()  # a release begins with new processes
        world.clock.sleep(31)
        world.run(Killer())
    assert [letter.reason for letter in world.queue.letters] == ["defect"]

    again(world)
    world.run(Killer())

    assert world.clock.now() - NOW < 60_000
    assert world.announced() == world.stored() != {}


@pytest.mark.parametrize("at", range(4), ids=["before resend", "after resend", "before drop", "after drop"])
def test_a_redrive_that_dies_loses_nothing_and_doubles_no_document(at: int) -> None:
    world = World()
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("pipeline.core.route.choose", None)
        world.send(*BATCH[:3])
        world.run(Killer())
    assert world.queue.depths() == {"waiting": 0, "in_flight": 0, "dead": 3}

    with pytest.raises(Killed):
        redriving.redrive(Killer(at).beside(world.queue), Wanted())
    world.settle()
    redriving.redrive(world.queue, Wanted())
    world.settle()

    assert world.queue.depths()["dead"] == 0
    assert len(world.stored()) == 3
    assert world.announced() == world.stored()
