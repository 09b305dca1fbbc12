"""The story of indexing, over memory adapters: every way in which a delivery can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryClock, MemoryDeltaBus, MemoryQueues
from pipeline.adapters.memory_store import DocumentStore, Fault
from pipeline.core import route
from pipeline.core.arrival import End
from pipeline.core.fill import Kinds
from pipeline.core.model import Delivery
from pipeline.indexing import HELD, Indexed, index
from pipeline.wiring import shipped
from tests.examples import NOW, delivery, envelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.attempt import BulkAnswer
    from pipeline.core.route import Routes

INDEX = "metrics-2025.12.31"
MINUTE = 60_000
DAY = 24 * 60 * MINUTE


@dataclass
class World:
    clock: MemoryClock = field(default_factory=MemoryClock)
    store: DocumentStore = field(default_factory=DocumentStore)
    bus: MemoryDeltaBus = field(default_factory=MemoryDeltaBus)
    routes: Routes = field(default_factory=shipped.routes)
    kinds: Kinds = field(default_factory=Kinds)

    def __post_init__(self) -> None:
        self.queue = MemoryQueues(self.clock)

    def index(self, *deliveries: Delivery, seconds: float = 30) -> Indexed:
        return index(
            deliveries,
            routes=self.routes,
            store=self.store,
            bus=self.bus,
            queue=self.queue,
            clock=self.clock,
            deadline=self.clock.now() + round(seconds * 1_000),
            single_tenant=False,
            kinds=self.kinds,
        )

    def stored(self) -> list[dict[str, Any]]:
        self.store.refresh("*")
        return [hit["_source"] for hit in self.store.search("*", {"size": 1_000, "query": {"match_all": {}}})]

    def announced(self) -> list[dict[str, Any]]:
        return [delta for entry in self.bus.entries for delta in orjson.loads(entry.detail)["deltas"]]

    def reasons(self) -> list[str]:
        return [letter.reason for letter in self.queue.letters]


@pytest.fixture
def world() -> World:
    return World()


def test_an_event_is_stored_once_and_announced_with_the_stamp_it_is_stored_with(world: World) -> None:
    report = world.index(delivery(envelope()))

    (document,) = world.stored()
    (delta,) = world.announced()
    assert report.ends == {End.STORED: 1}
    assert (delta["id"], delta["ingested"]) == (document["id"], document["@ingested"])
    assert (delta["index"], document["@timestamp"]) == (INDEX, "2025-12-31T23:59:59.500Z")


def test_a_resent_fact_finds_its_document_and_is_not_announced_again(world: World) -> None:
    world.index(delivery(envelope("fact-1")))

    report = world.index(delivery({**envelope("fact-1"), "id": "another envelope"}))

    assert report.ends == {End.ALREADY_THERE: 1}
    assert len(world.stored()) == len(world.announced()) == 1


def test_a_fact_sent_twice_in_one_batch_is_stored_once(world: World) -> None:
    report = world.index(
        delivery(envelope("fact-1")), delivery({**envelope("fact-1"), "id": "another envelope"})
    )

    assert report.ends == {End.STORED: 1, End.ALREADY_THERE: 1}
    assert len(world.stored()) == len(world.announced()) == 1


@pytest.mark.parametrize(
    "again",
    [
        delivery(envelope(), receives=2),
        delivery(envelope(), receives=None),
        delivery(envelope(), sent=NOW + MINUTE + 1),
        delivery(envelope(), sent=NOW - MINUTE - 1),
        delivery(envelope(), sent=None),
    ],
    ids=["received again", "no count", "redriven later", "clocks apart", "no time"],
)
def test_where_an_earlier_attempt_may_have_died_the_stored_document_is_announced(
    world: World, again: Delivery
) -> None:
    world.index(delivery(envelope()))
    world.bus.entries.clear()
    world.clock.sleep(5)

    report = world.index(again)

    (delta,) = world.announced()
    assert report.ends == {End.ALREADY_THERE: 1}
    assert delta["ingested"] == NOW, "the stamp it is stored with, not that of this attempt"


class Held(DocumentStore):
    """An index that is slow to take the first body; meanwhile another invocation stores it, and dies."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    def bulk(self, bodies: Iterable[bytes], patience: float = 0) -> Sequence[BulkAnswer]:
        world, self.world = self.world, None
        if world:
            world.index(delivery(envelope(), receives=2))
            world.bus.entries.clear()
            world.clock.sleep(HELD / 1_000 + 1)
        return super().bulk(bodies, patience)


def test_what_was_held_so_long_that_somebody_else_may_have_died_on_it_is_announced() -> None:
    store = Held()
    world = store.world = World(store=store)

    report = world.index(delivery(envelope()))

    assert report.ends == {End.ALREADY_THERE: 1}
    assert len(world.stored()) == len(world.announced()) == 1


def test_a_time_out_after_the_write_was_applied_still_announces(world: World) -> None:
    world.store.faults = [Fault(0, stored=True)]

    report = world.index(delivery(envelope()))

    assert report.ends == {End.ALREADY_THERE: 1}
    assert len(world.stored()) == len(world.announced()) == 1


def test_a_retry_after_a_failed_publish_still_announces(world: World) -> None:
    for _ in range(10):
        world.bus.refuse()
    first = world.index(delivery(envelope()))
    assert (first.ends, first.announced) == ({End.RETURNED: 1}, 0)
    world.bus = MemoryDeltaBus()

    second = world.index(delivery(envelope(), receives=2))

    assert second.ends == {End.ALREADY_THERE: 1}
    assert len(world.announced()) == 1


def test_only_the_entries_that_failed_are_put_again(world: World) -> None:
    world.bus.refuse(0)

    world.index(delivery(envelope("one", tenant="acme")), delivery(envelope("two", tenant="globex")))

    assert sorted(entry.tenant or "" for entry in world.bus.entries) == ["acme", "globex"]


@pytest.mark.parametrize("status", [0, 401, 403, 404, 429, 500, 503])
def test_a_cluster_in_trouble_dead_letters_nothing(world: World, status: int) -> None:
    world.store.faults = [Fault(status)] * 100

    report = world.index(delivery(envelope()))

    assert report.ends == {End.RETURNED: 1}
    assert report.returned == ("delivery-of-envelope-of-fact-1",)
    assert not world.queue.letters


def test_trouble_that_passes_is_waited_out_within_the_invocation(world: World) -> None:
    world.store.faults = [Fault(429), Fault(503)]

    report = world.index(delivery(envelope()))

    assert report.ends == {End.STORED: 1}
    assert report.reasons == {"http-429": 1, "http-503": 1}


def test_no_attempt_is_begun_that_the_time_does_not_allow(world: World) -> None:
    world.store.faults = [Fault(429)]

    report = world.index(delivery(envelope()), seconds=0.05)

    assert report.ends == {End.RETURNED: 1}
    assert world.clock.now() == NOW


def test_what_is_returned_waits_longer_each_time(world: World) -> None:
    world.store.down = True
    world.queue.send(orjson.dumps(envelope()).decode())
    waits = []
    for _ in range(8):
        (taken,) = world.queue.receive(10, visibility=0)
        started = world.clock.now()
        world.index(taken, seconds=0)
        while not world.queue.depths()["waiting"]:
            world.clock.sleep(1)
        waits.append((world.clock.now() - started) // 1_000)

    assert waits[0] >= 2
    assert waits == sorted(waits) or max(waits) >= 60
    assert max(waits) <= 121


def test_a_body_that_is_too_large_is_sent_in_halves(world: World) -> None:
    world.store.faults = [Fault(413), Fault(413)]

    report = world.index(*(delivery(envelope(f"fact-{n}")) for n in range(8)))

    assert report.ends == {End.STORED: 8}
    assert len(world.announced()) == 8


def test_a_document_in_a_read_only_index_is_found_there(world: World) -> None:
    world.index(delivery(envelope("there")))
    world.store.read_only.add(INDEX)

    report = world.index(delivery(envelope("there"), receives=2), delivery(envelope("not there")))

    assert report.ends == {End.ALREADY_THERE: 1, End.RETURNED: 1}
    assert not world.queue.letters, "a block may be for want of disk: what is not there waits"


def test_bad_events_go_to_the_dead_letters_at_once_and_good_ones_are_stored(world: World) -> None:
    bad = {
        "malformed": "no JSON",
        "no-identity": envelope("x", eventId=None),
        "too-old": envelope("y", occurredAt="2025-06-01T00:00:00Z"),
        "from-the-future": envelope("z", occurredAt="2026-06-01T00:00:00Z"),
    }
    del bad["no-identity"]["detail"]["eventId"]  # type: ignore[union-attr]
    good = [delivery(envelope(f"fact-{n}")) for n in range(100)]

    report = world.index(*good[:50], *map(delivery, bad.values()), *good[50:])

    assert report.ends == {End.STORED: 100, End.REJECTED: 4}
    assert world.reasons() == list(bad)
    assert world.queue.letters[0].delivery.body == "no JSON"


def test_an_event_that_no_route_names_is_stored_by_the_catch_all(world: World) -> None:
    world.index(delivery({**envelope(), "source": "nobody.knows"}))

    (document,) = world.stored()
    assert document["source"] == "nobody.knows"
    assert world.announced()[0]["family"] == "events"


def test_a_dead_letter_that_the_queue_does_not_take_is_returned(world: World) -> None:
    world.queue.taking = False

    report = world.index(delivery("no JSON"))

    assert report.ends == {End.RETURNED: 1}


def test_an_outage_leaves_one_letter_of_a_bad_event_whose_whole_batch_comes_again(world: World) -> None:
    batch = [Delivery("1", "no JSON"), Delivery("2", orjson.dumps(envelope()).decode())]
    world.store.down = True
    during = [world.index(*batch) for _ in range(3)]
    world.store.down = False

    after = world.index(*batch)

    assert [report.ends for report in during] == [{End.RETURNED: 2}] * 3
    assert after.ends == {End.REJECTED: 1, End.STORED: 1}
    assert world.reasons() == ["malformed"]


def test_a_bad_event_that_can_be_answered_for_alone_waits_for_nobody(world: World) -> None:
    world.store.down = True

    report = world.index(delivery("no JSON"), delivery(envelope()))

    assert report.ends == {End.REJECTED: 1, End.RETURNED: 1}
    assert world.reasons() == ["malformed"]


def test_a_defect_of_ours_costs_its_event_a_detour_and_spares_the_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = route.choose

    def break_for_one(event: Any, routes: Routes) -> Any:  # noqa: ANN401 - as it is
        if event.detail["eventId"] == "unlucky":
            raise ZeroDivisionError
        return choose(event, routes)

    monkeypatch.setattr(route, "choose", break_for_one)

    report = world.index(delivery(envelope("lucky")), delivery(envelope("unlucky")))

    assert report.ends == {End.STORED: 1, End.REJECTED: 1}
    (letter,) = world.queue.letters
    assert (letter.reason, "ZeroDivisionError" in letter.error) == ("defect", True)


def test_a_route_may_announce_without_storing(world: World) -> None:
    world.routes = route.routes(
        '[[route]]\nsource = "payments"\nfamily = "flow"\ntenant = "tenant"\nindex = false'
    )

    report = world.index(delivery(envelope()))

    assert report.ends == {End.ANNOUNCED_ONLY: 1}
    assert (world.stored(), len(world.announced())) == ([], 1)


@pytest.mark.parametrize(("announces", "expected"), [("true", 1), ("false", 0)])
def test_a_replay_announces_what_is_new_only_where_the_route_says_so(
    world: World, announces: str, expected: int
) -> None:
    world.routes = route.routes(
        '[[route]]\nsource = "payments"\nfamily = "metrics"\nidentity = ["eventId"]\n'
        f"announce-replays = {announces}"
    )
    replayed = delivery({**envelope(), "replay-name": "of a week ago"}, sent=NOW + 7 * DAY)

    first, again = world.index(replayed), world.index(replayed)

    assert (first.ends, again.ends) == ({End.STORED: 1}, {End.ALREADY_THERE: 1})
    assert len(world.announced()) == expected


TROUBLE = st.fixed_dictionaries(
    {
        "bulk": st.lists(st.builds(Fault, st.sampled_from([0, 429, 500]), stored=st.booleans()), max_size=3),
        "bus": st.lists(st.sets(st.integers(0, 2), min_size=1), max_size=2),
        "seconds": st.sampled_from([0.01, 1, 10]),
    }
)
CALM = {"bulk": [], "bus": [], "seconds": 10}


@given(facts=st.lists(st.integers(0, 5), min_size=1, max_size=12), trouble=st.lists(TROUBLE, max_size=6))
def test_whatever_breaks_every_delivery_ends_once_and_no_stored_document_stays_unannounced(
    facts: list[int], trouble: list[dict[str, Any]]
) -> None:
    world = World()
    for number, fact in enumerate(facts):
        world.queue.send(orjson.dumps({**envelope(f"fact-{fact}"), "id": f"envelope-{number}"}).decode())
    refusals = sum(len(now["bus"]) for now in trouble)  # the bus keeps those that nobody came to meet
    for now in [*trouble, *[CALM] * (len(facts) + refusals)]:
        world.store.faults = list(now["bulk"])
        for places in now["bus"]:
            world.bus.refuse(*places)
        batch = world.queue.receive(5)
        report = world.index(*batch, seconds=now["seconds"])
        assert report.ends.total() == len(batch)
        assert len(report.returned) == report.ends[End.RETURNED]
        for taken in batch:
            if taken.id not in report.returned:
                world.queue.delete(taken.id)
        world.clock.sleep(130)

    assert world.queue.depths() == {"waiting": 0, "in_flight": 0, "dead": 0}
    assert {document["id"] for document in world.stored()} == {delta["id"] for delta in world.announced()}
    assert len(world.stored()) == len(set(facts))
