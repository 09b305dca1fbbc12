"""The story of redriving, over memory adapters: what is counted, sent again, dropped, foretold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import redriving
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable, MemoryQueues
from pipeline.adapters.memory_store import DocumentStore
from pipeline.core import bulk, normalise, parse, route, share
from pipeline.core.errors import Unavailable
from pipeline.core.letters import GIVEN_UP, Wanted
from pipeline.core.model import DeadLetter, Delivery
from pipeline.redriving import Fate, Redriven
from pipeline.wiring import shipped
from tests.examples import NOW, announced, channel, connection, delta, envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.core.letters import Letter


@dataclass
class World:
    clock: MemoryClock = field(default_factory=MemoryClock)
    store: DocumentStore = field(default_factory=DocumentStore)

    def __post_init__(self) -> None:
        self.queue = MemoryQueues(self.clock)

    def bury(self, *letters: tuple[str, dict[str, Any] | str], **more: str) -> None:
        for reason, body in letters:
            text = body if isinstance(body, str) else orjson.dumps(body).decode()
            self.queue.dead_letter([DeadLetter(Delivery("1", text), reason, f"it is {reason}", **more)])
            self.clock.sleep(1)

    def waiting(self) -> list[str]:
        return [delivery.body for delivery in self.queue.receive(1_000)]

    def dead(self) -> list[str]:
        return [letter.delivery.body for letter in self.queue.letters]

    def fates(self) -> list[tuple[Fate, str]]:
        letters = redriving.look(self.queue, Wanted())
        prospects = redriving.foretell_events(
            letters, routes=shipped.routes(), store=self.store, now=self.clock.now(), single_tenant=False
        )
        assert [each.letter for each in prospects] == letters
        return [(each.fate, each.reason) for each in prospects]


@pytest.fixture
def world() -> World:
    return World()


def test_letters_are_counted_by_reason_the_most_frequent_first(world: World) -> None:
    world.bury(("too-old", "1"), ("no-identity", "2"), ("no-identity", "3"))

    first, second = redriving.survey(world.queue)

    assert (first.reason, first.count, first.oldest, first.newest) == (
        "no-identity",
        2,
        NOW + 1_000,
        NOW + 2_000,
    )
    assert first.error == "it is no-identity"
    assert (second.reason, second.count) == ("too-old", 1)


def test_who_only_looks_leaves_every_letter_for_the_next(world: World) -> None:
    world.bury(("too-old", "1"), ("no-identity", "2"))

    for _ in range(2):
        assert sum(group.count for group in redriving.survey(world.queue)) == 2
        assert [each.body for each in redriving.look(world.queue, Wanted("too-old"))] == ["1"]


def test_a_letter_is_found_by_its_id(world: World) -> None:
    world.bury(("too-old", "1"), ("too-old", "2"))
    (_, second) = redriving.look(world.queue, Wanted())

    assert redriving.look(world.queue, Wanted(ids={second.id})) == [second]
    assert redriving.look(world.queue, Wanted("no-identity", {second.id})) == []


def test_only_the_letters_of_the_reason_are_sent_again_and_whole(world: World) -> None:
    odd = '{ "detail" : {"a":1 , "clef":"\U0001d11e"}}\n'
    world.bury(("too-old", "1"), ("no-identity", odd), ("no-identity", "3"))

    assert redriving.redrive(world.queue, Wanted("no-identity")) == Redriven(sent=2, kept=0, doubled=0)

    assert world.waiting() == [odd, "3"]
    assert world.dead() == ["1"]


def test_more_letters_than_a_portion_are_sent_again_each_once(world: World) -> None:
    bodies = [str(number) for number in range(redriving.PORTION * 2 + 1)]
    world.bury(*(("too-old", body) for body in bodies))

    assert redriving.redrive(world.queue, Wanted()).sent == len(bodies)

    assert world.waiting() == bodies
    assert world.dead() == []


def test_no_more_are_read_than_was_said(world: World) -> None:
    world.bury(("too-old", "1"), ("too-old", "2"), ("too-old", "3"))

    assert redriving.redrive(world.queue, Wanted(), most=2).sent == 2

    assert world.dead() == ["3"]


class Reluctant(MemoryQueues):
    """A queue that takes, and drops, only some."""

    def resend(self, bodies: Sequence[str]) -> Sequence[bool]:
        return [body != "not taken" for body in bodies]

    def drop(self, receipts: Sequence[str]) -> Sequence[bool]:
        return [False, *super().drop(receipts[1:])]


def test_what_the_queue_does_not_take_stays_a_dead_letter_and_what_is_not_dropped_is_told(
    world: World,
) -> None:
    world.queue = Reluctant(world.clock)
    world.bury(("too-old", "not dropped"), ("too-old", "not taken"), ("too-old", "moved"))

    assert redriving.redrive(world.queue, Wanted()) == Redriven(sent=2, kept=1, doubled=1)

    assert world.dead() == ["not dropped", "not taken"]
    assert len(redriving.look(world.queue, Wanted())) == 2, "and may be read at once"


def test_dropped_letters_are_gone_and_the_others_stay(world: World) -> None:
    world.bury(("too-old", "1"), ("no-identity", "2"))

    assert redriving.drop(world.queue, Wanted("too-old")) == 1

    assert world.dead() == ["2"]


class Breaking(MemoryQueues):
    """A queue that fails in the middle of the reading, until it is mended."""

    broken = True

    def read_letters(self, most: int) -> Iterator[Letter]:
        yield from super().read_letters(1 if self.broken else most)
        if self.broken:
            raise Unavailable("SQS", "out of reach")


@pytest.mark.parametrize("act", [redriving.redrive, redriving.drop, redriving.look])
def test_where_the_reading_fails_nothing_is_done_and_what_was_read_is_shown_again(
    world: World, act: Callable[..., object]
) -> None:
    world.queue = queue = Breaking(world.clock)
    world.bury(("too-old", "1"), ("too-old", "2"))

    with pytest.raises(Unavailable):
        act(world.queue, Wanted())
    with pytest.raises(Unavailable):
        redriving.survey(world.queue)

    queue.broken = False
    assert len(redriving.look(world.queue, Wanted())) == 2


# --- what would become of them ----------------------------------------------------------------


def store(world: World, event: dict[str, Any]) -> None:
    checked = parse.event(orjson.dumps(event).decode())
    chosen = route.choose(checked, shipped.routes())
    document = normalise.normalise(checked, chosen, single_tenant=False, now=NOW)
    world.store.bulk([request.body for request in bulk.requests([document], NOW)])


def nameless() -> dict[str, Any]:
    event = envelope("nameless")
    del event["detail"]["eventId"]
    return event


def test_a_dry_run_says_what_would_be_stored_what_is_there_and_what_is_still_rejected(world: World) -> None:
    store(world, envelope("there"))
    world.bury(
        ("no-identity", envelope("mended")),
        (GIVEN_UP, envelope("there")),
        ("no-identity", nameless()),
        ("malformed", "no JSON"),
    )

    assert world.fates() == [
        (Fate.STORED, ""),
        (Fate.ALREADY_THERE, ""),
        (Fate.REJECTED, "no-identity"),
        (Fate.REJECTED, "malformed"),
    ]
    assert len(world.dead()) == 4, "and nothing was sent"


def test_what_the_cluster_rejected_only_the_cluster_can_judge_again(world: World) -> None:
    world.bury(("mapper_parsing_exception", envelope()), index="metrics-2025.12.31", document_id="ab")

    assert world.fates() == [(Fate.UP_TO_THE_CLUSTER, "mapper_parsing_exception")]


def test_a_closed_index_is_not_looked_into_and_spoils_nothing(world: World) -> None:
    store(world, envelope("there", occurredAt="2025-12-30T12:00:00Z"))
    world.store.closed.add("metrics-2025.12.31")
    world.bury((GIVEN_UP, envelope("there", occurredAt="2025-12-30T12:00:00Z")))
    world.bury(("index-closed", envelope()), index="metrics-2025.12.31", document_id="ab")

    assert world.fates() == [(Fate.ALREADY_THERE, ""), (Fate.UP_TO_THE_CLUSTER, "index-closed")]


def test_a_dry_run_meets_a_defect_as_the_story_would(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bury(("defect", envelope()))
    monkeypatch.setattr(route, "choose", None)

    assert world.fates() == [(Fate.REJECTED, "defect")]


def test_a_route_that_stores_nothing_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = route.routes('[[route]]\nsource = "payments"\nfamily = "flow"\nindex = false')
    monkeypatch.setattr(shipped, "routes", lambda: silent)
    world.bury(("defect", envelope()))

    assert world.fates() == [(Fate.ANNOUNCED, "")]


def test_a_dry_run_that_cannot_look_into_the_index_says_so(world: World) -> None:
    world.bury(("no-identity", envelope()))
    world.store.down = True

    with pytest.raises(Unavailable):
        world.fates()


def test_deltas_would_be_broadcast_where_they_can_be_read(world: World) -> None:
    world.bury((GIVEN_UP, announced(delta()).body), ("malformed", "no JSON"))

    prospects = redriving.foretell_deltas(redriving.look(world.queue, Wanted()))

    assert [(each.fate, each.reason) for each in prospects] == [
        (Fate.BROADCAST, ""),
        (Fate.REJECTED, "malformed"),
    ]


def test_jobs_would_be_posted_to_who_is_left_in_their_channel(world: World) -> None:
    table = MemoryConnectionTable(world.clock)
    table.subscribe(connection("ann"), channel({}), NOW)
    table.subscribe(connection("bob", expires=NOW), channel({"service": ["ended"]}), NOW)
    for asked in ({}, {"service": ["ended"]}, {}):
        job = share.Job("acme", NOW, (NOW,), (share.Piece(channel(asked), (0, 2), (b'{"v":1}',)),))
        world.bury((GIVEN_UP, job.body()))
    world.bury(("malformed", '{"v":2}'))

    letters = redriving.look(world.queue, Wanted())
    prospects = redriving.foretell_jobs(letters, table=table, now=world.clock.now())

    assert [each.letter for each in prospects] == letters
    assert [(each.fate, each.reason) for each in prospects] == [
        (Fate.POSTED, ""),
        (Fate.TO_NOBODY, ""),
        (Fate.POSTED, ""),
        (Fate.REJECTED, "malformed"),
    ]


@given(
    reasons=st.lists(st.sampled_from(["too-old", "no-identity", "malformed"]), max_size=30),
    wanted=st.sampled_from([None, "too-old", "no-identity", "unknown"]),
)
def test_whatever_is_redriven_no_letter_is_lost_or_doubled(reasons: list[str], wanted: str | None) -> None:
    world = World()
    world.bury(*((reason, f"{number} {reason}") for number, reason in enumerate(reasons)))
    before = world.dead()

    redriving.redrive(world.queue, Wanted(wanted))

    moved = world.waiting()
    assert sorted(moved + world.dead()) == sorted(before)
    assert all(wanted is None or body.endswith(wanted) for body in moved)
