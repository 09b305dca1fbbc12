"""The story of broadcasting, over memory adapters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable, MemoryQueues, MemorySockets
from pipeline.broadcasting import Bounds, Broadcast, broadcast
from pipeline.core import channels, cursor, pack, share
from pipeline.core.audience import Channel, Late, Receipt
from pipeline.core.errors import Unavailable
from pipeline.core.ledger import MINUTE, OPEN_LIFE
from pipeline.core.slow import TELLING, SlowOnes
from pipeline.delivering import READING, SLICE
from pipeline.posting import MARKING, TIDYING
from pipeline.registry import Registry
from tests.examples import ENDPOINT, NOW, announced, channel, connection, delivery, delta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.core.audience import Changes, Member, Post
    from pipeline.core.channel_index import ChannelIndex
    from pipeline.core.model import Delivery, Delta


class Table(MemoryConnectionTable):
    """Writes down what is done with it; can take its time over a step, or be unable to do it.

    Attributes:
        diary: The steps, in order.
        seconds: What each call of a step takes: a batch is as many calls as DynamoDB takes for it.
        failing: Steps that fail.
    """

    def __init__(self, clock: MemoryClock, diary: list[str]) -> None:
        super().__init__(clock)
        self.diary = diary
        self.seconds: dict[str, float] = {}
        self.failing: set[str] = set()
        self._turning = clock

    def _step(self, name: str, calls: int = 1) -> None:
        self.diary.append(name)
        self._turning.sleep(self.seconds.get(name, 0) * calls)
        if name in self.failing:
            raise Unavailable("DynamoDB", f"{name} is what it does not do today")

    def put_all_late(self, notes: Sequence[tuple[str, int]], announced: int, ends: int) -> None:
        self._step("ledger", -(-len(notes) // 25))
        super().put_all_late(notes, announced, ends)

    def versions(self, tenants: Sequence[str]) -> Mapping[str, int]:
        self._step("version", -(-len(tenants) // 100))
        return super().versions(tenants)

    def changes(self, tenant: str, after: int) -> Changes:
        self._step("changes")
        return super().changes(tenant, after)

    def members(
        self, channel: Channel, now: int, *, part: tuple[int, int] = (0, 1), ended: bool = False
    ) -> Sequence[Member]:
        self._step("members")
        return super().members(channel, now, part=part, ended=ended)

    def mark_lagged(self, members: Sequence[tuple[Channel, str]], since: int) -> None:
        self._step("marks")
        super().mark_lagged(members, since)

    def open_all_late(self, jobs: Sequence[tuple[str, str, int]], ends: int) -> None:
        self._step("open", -(-len(jobs) // 25))
        super().open_all_late(jobs, ends)

    def disconnect(self, connection_id: str) -> None:
        self._step("disconnect")
        super().disconnect(connection_id)


class Sockets(MemorySockets):
    """Writes down as ``Table`` does.

    Attributes:
        until: The deadline that it was given last.
        down: Whether nothing can be posted at all, or closed.
        told: What those got whose connection was closed.
        made: The posts of each call.
    """

    def __init__(self, clock: MemoryClock, diary: list[str]) -> None:
        super().__init__()
        self.diary = diary
        self.seconds = 0.0
        self.until = 0
        self.down = False
        self.told: dict[str, Sequence[bytes]] = {}
        self.made: list[Sequence[Post]] = []
        self._turning = clock

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        self.diary.append("posts")
        self.made.append(list(posts))
        self.until = deadline
        self._turning.sleep(self.seconds)
        if self.down:
            raise Unavailable("API Gateway", "it answers nobody")
        return super().post(posts, deadline)

    def close(self, connection_id: str, endpoint: str) -> None:
        if self.down:
            raise Unavailable("API Gateway", "it answers nobody")
        self.told[connection_id] = self.frames(connection_id, endpoint)
        super().close(connection_id, endpoint)


@dataclass
class World:
    clock: MemoryClock = field(default_factory=MemoryClock)
    registry: Registry = field(default_factory=Registry)
    bounds: Bounds = field(default_factory=Bounds)
    diary: list[str] = field(default_factory=list)
    slow: SlowOnes = field(default_factory=SlowOnes)

    def __post_init__(self) -> None:
        self.table = Table(self.clock, self.diary)
        self.sockets = Sockets(self.clock, self.diary)
        self.queue = MemoryQueues(self.clock)
        self.jobs = MemoryQueues(self.clock)

    def subscribe(
        self,
        name: str,
        asked: dict[str, Any],
        tenant: str = "acme",
        *,
        conflate: str | None = None,
        expires: int = NOW + 3_600_000,
    ) -> Channel:
        joining = connection(name, tenant, expires)
        wanted = channels.conflated(channel(asked, tenant), conflate, None)
        if not self.frames(name):
            self.sockets.open(name, ENDPOINT)
        self.table.connect(joining)
        told = dict(self.table.lagged(name)).get(wanted)  # as who answers its gap
        self.table.subscribe(joining, wanted, self.clock.now(), told)
        return wanted

    def lagging(self, *names: str) -> None:
        for name in names:
            self.sockets.answer(name, ENDPOINT, Receipt.LAGGED)

    def mark(self, name: str) -> int | None:
        """Since when a connection's only channel is marked."""
        ((_, since),) = self.table.lagged(name) or [(None, None)]
        return since

    def broadcast(self, *deliveries: Delivery) -> Broadcast:
        return broadcast(
            deliveries,
            registry=self.registry,
            table=self.table,
            sockets=self.sockets,
            queue=self.queue,
            jobs=self.jobs,
            clock=self.clock,
            deadline=self.clock.now() + 60_000,
            bounds=self.bounds,
            slow=self.slow,
        )

    def frames(self, name: str) -> list[dict[str, Any]]:
        return [orjson.loads(frame) for frame in self.sockets.frames(name, ENDPOINT)]

    def hits(self, name: str) -> list[str]:
        return [hit["id"] for frame in self.frames(name) for hit in frame.get("hits", ())]


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


def test_a_channel_that_everybody_has_left_gets_no_frames(world: World) -> None:
    world.table.unsubscribe("ann", world.subscribe("ann", {}))

    report = world.broadcast(announced(delta("one")))

    assert (report.matched, report.receipts, report.returned) == (1, {}, ())
    assert world.frames("ann") == []


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


def aged(age: int, fact: str = "one", **attributes: Any) -> Delta:  # noqa: ANN401 - JSON values
    """A delta of what was stored so many milliseconds ago."""
    return replace(delta(fact, **attributes), ingested=NOW - age)


# --- the order, and what is returned ----------------------------------------------------------


def test_the_ledger_comes_before_the_registry_the_members_the_posts_and_the_marks(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann")
    world.diary.clear()

    report = world.broadcast(announced(aged(cursor.OVERLAP + 1)))

    places = [world.diary.index(step) for step in ("ledger", "version", "members", "posts", "marks")]
    assert places == sorted(places)
    assert (report.late, report.returned) == (1, ())
    minute = (NOW - cursor.OVERLAP - 1) // MINUTE * MINUTE
    assert world.table.late("acme", NOW) == [Late(minute, minute + MINUTE)]


def test_what_is_announced_in_ordinary_time_needs_no_row(world: World) -> None:
    assert world.broadcast(announced(aged(cursor.OVERLAP))).late == 0
    assert world.table.late("acme", 0) == []


def test_the_ledger_tells_of_what_nobody_listens_to_and_keeps_it_as_long_as_a_cursor(world: World) -> None:
    world.broadcast(announced(aged(cursor.OVERLAP + 1)))

    world.clock.sleep(world.bounds.ledger_life / 1_000 - 1)
    assert len(world.table.late("acme", NOW)) == 1
    world.clock.sleep(1)
    assert world.table.late("acme", NOW) == []


@pytest.mark.parametrize("step", ["ledger", "version", "members", "marks"])
def test_a_table_that_fails_returns_the_batch(world: World, step: str) -> None:
    world.subscribe("ann", {})
    world.lagging("ann")
    world.table.failing.add(step)
    late = announced(aged(cursor.OVERLAP + 1))

    report = world.broadcast(late, delivery("no JSON"))

    assert report.returned == (late.id,)
    assert step in report.trouble
    assert world.diary[-1] == step
    assert report.rejected == 1


def test_trouble_that_hits_everything_returns_the_batch_and_marks_nobody(world: World) -> None:
    world.subscribe("ann", {})
    world.sockets.down = True

    report = world.broadcast(announced(delta("one")))

    assert len(report.returned) == 1
    assert "API Gateway" in report.trouble
    assert "marks" not in world.diary


def test_what_is_returned_is_put_off(world: World) -> None:
    world.table.failing.add("version")
    world.queue.send(announced(delta("one")).body)
    (handed,) = world.queue.receive(1, visibility=600)

    world.broadcast(handed)
    world.clock.sleep(5)

    assert [each.receives for each in world.queue.receive(1)] == [2]


# --- POSTING ----------------------------------------------------------------------------------


def test_posts_end_early_enough_for_the_marks(world: World) -> None:
    world.subscribe("ann", {})

    world.broadcast(announced(delta("one")))

    assert world.sockets.until == NOW + cursor.POSTING - MARKING


@pytest.mark.parametrize("step", ["version", "members"])
def test_an_invocation_that_stalls_before_its_posts_posts_nothing_and_returns_the_batch(
    world: World, step: str
) -> None:
    world.subscribe("ann", {})
    world.table.seconds[step] = (cursor.POSTING - MARKING) / 1_000

    report = world.broadcast(announced(delta("one")))

    assert len(report.returned) == 1
    assert world.hits("ann") == []
    assert world.jobs.depths()["waiting"] == 0


def test_an_invocation_that_stalls_as_it_opens_rows_returns_the_batch_and_leaves_none_open(
    big: World,
) -> None:
    big.table.seconds["open"] = (cursor.POSTING - MARKING) / 1_000

    report = big.broadcast(announced(delta("one")))

    assert (report.jobs, len(report.returned)) == (0, 1)
    assert big.hits("small0") == []
    assert big.table.late("acme", 0) == []
    assert big.jobs.depths()["waiting"] == 0


def test_an_invocation_that_stalls_in_its_posts_marks_nobody_and_returns_the_batch(world: World) -> None:
    world.subscribe("ann", {})
    world.subscribe("bob", {})
    world.lagging("bob")
    world.sockets.seconds = cursor.POSTING / 1_000

    report = world.broadcast(announced(delta("one")))

    assert len(report.returned) == 1
    assert (world.hits("ann"), world.mark("bob")) == (["one"], None)


def test_an_invocation_that_stalls_in_its_marks_never_acknowledges_late(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann")
    world.table.seconds["marks"] = cursor.POSTING / 1_000

    assert len(world.broadcast(announced(delta("one"))).returned) == 1


def test_one_that_is_done_just_in_time_is_done(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann")
    world.sockets.seconds = (cursor.POSTING - MARKING) / 1_000
    world.table.seconds["marks"] = (MARKING - 1) / 1_000

    assert world.broadcast(announced(delta("one"))).returned == ()
    assert world.mark("ann") == NOW - 1


# --- channels that nobody can read ------------------------------------------------------------

STRANGE = Channel("acme", '{"service":[{"sounds-like":"a"}]}', "f" * 32)


@pytest.mark.parametrize("asked", [STRANGE.filter, '{"service":'])
def test_a_channel_that_cannot_be_read_is_named_and_its_members_are_sent_to_read_what_they_miss(
    world: World, asked: str
) -> None:
    strange = replace(STRANGE, filter=asked)
    world.subscribe("ann", {})
    world.sockets.open("bob", ENDPOINT)
    world.table.subscribe(connection("bob"), strange, world.clock.now())

    report = world.broadcast(announced(delta("one")))

    assert (report.unreadable, report.counts()["unreadable"], report.returned) == ([strange], 1, ())
    assert (world.hits("ann"), world.mark("ann")) == (["one"], None)
    assert (world.frames("bob"), world.mark("bob")) == ([], NOW - 1)


def test_channels_of_a_tenant_that_the_batch_has_nothing_of_are_not_asked_about(world: World) -> None:
    world.table.subscribe(connection("bob"), STRANGE, world.clock.now())

    report = world.broadcast(announced(delta("one", tenant="globex")))

    assert (report.unreadable, world.mark("bob")) == ([], None)


def test_members_of_a_channel_that_cannot_be_read_are_marked_once_and_no_batch_is_held_up_by_them(
    world: World,
) -> None:
    world.table.subscribe(connection("bob"), STRANGE, world.clock.now())
    marked: list[int] = []
    mark = world.table.mark_lagged

    def noted(members: Sequence[tuple[Channel, str]], since: int) -> None:
        marked.append(len(members))
        mark(members, since)

    world.table.mark_lagged = noted  # type: ignore[method-assign]
    for fact in ("one", "two"):
        world.clock.sleep(1)
        world.broadcast(announced(delta(fact)))

    assert marked == [1]
    assert world.mark("bob") == NOW + 1_000 - 1


# --- slow members -----------------------------------------------------------------------------


@pytest.mark.parametrize("receipt", [Receipt.LAGGED, Receipt.REFUSED])
def test_a_member_who_missed_a_frame_is_marked_and_its_next_frame_comes_behind_a_gap(
    world: World, receipt: Receipt
) -> None:
    asked = world.subscribe("ann", {})
    world.subscribe("bob", {})
    world.sockets.answer("ann", ENDPOINT, receipt)

    report = world.broadcast(announced(delta("one")))
    world.clock.sleep(1)
    world.broadcast(announced(delta("two")))

    assert report.receipts == {receipt: 1, Receipt.POSTED: 1}
    assert report.returned == ()
    gap, hits = world.frames("ann")
    assert gap == {"v": 1, "type": "gap", "channel": asked.id, "since": cursor.live(asked.id, NOW - 1)}
    assert [hit["id"] for hit in hits["hits"]] == ["two"]
    assert world.hits("bob") == ["one", "two"]
    assert [frame["type"] for frame in world.frames("bob")] == ["hits", "hits"]


def test_no_hits_overtake_the_gap(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann", "ann")

    world.broadcast(announced(delta("one")))
    world.broadcast(announced(delta("two")))

    assert world.frames("ann") == []
    world.broadcast(announced(delta("three")))
    assert [frame["type"] for frame in world.frames("ann")] == ["gap", "hits"]


def test_the_lowest_time_is_kept_until_the_member_subscribes_again(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann", "ann")
    for fact in ("one", "two", "three", "four"):
        world.broadcast(announced(delta(fact)))
        world.clock.sleep(1)

    assert [frame["type"] for frame in world.frames("ann")] == ["gap", "hits"] * 2
    assert world.mark("ann") == NOW - 1
    world.subscribe("ann", {})
    world.broadcast(announced(delta("five")))
    assert [frame["type"] for frame in world.frames("ann")][4:] == ["hits"]


def test_a_gap_that_was_told_is_not_told_again_for_a_second_and_then_with_each_frame_once_a_second(
    world: World,
) -> None:
    world.subscribe("ann", {})
    world.clock.sleep(cursor.SKEW / 1_000)
    world.lagging("ann")
    world.broadcast(announced(delta("missed")))
    world.clock.sleep(0.001)
    for number in range(9):  # at 0, 250, …, 2,000 ms
        world.broadcast(announced(delta(str(number))))
        world.clock.sleep(TELLING / 4_000)

    kinds = [frame["type"] for frame in world.frames("ann")]

    assert kinds == ["gap", *["hits"] * 4] * 2 + ["gap", "hits"]
    assert world.mark("ann") == NOW + cursor.SKEW - 1


def test_a_second_subscription_of_the_same_filter_is_told_the_gap_before_any_frame(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann")
    world.broadcast(announced(delta("missed")))
    world.clock.sleep(5)
    world.broadcast(announced(delta("one")))
    world.table.subscribe(connection("ann"), channel({}), world.clock.now())
    world.clock.sleep(TELLING / 4_000)
    world.broadcast(announced(delta("two")))

    assert world.mark("ann") == NOW - 1
    assert [frame["type"] for frame in world.frames("ann")] == ["gap", "hits"] * 2


def test_a_gap_that_did_not_get_through_is_told_with_the_next_frame(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann", "ann")
    for fact in ("one", "two", "three"):
        world.broadcast(announced(delta(fact)))

    assert [frame["type"] for frame in world.frames("ann")] == ["gap", "hits"]


def test_who_subscribes_again_and_lags_again_is_told_at_once(world: World) -> None:
    world.subscribe("ann", {})
    world.lagging("ann")
    world.broadcast(announced(delta("one")))
    world.broadcast(announced(delta("two")))
    world.clock.sleep(0.1)
    asked = world.subscribe("ann", {})
    world.lagging("ann")
    world.broadcast(announced(delta("three")))
    world.broadcast(announced(delta("four")))

    gaps = [frame["since"] for frame in world.frames("ann") if frame["type"] == "gap"]

    assert gaps == [cursor.live(asked.id, NOW - 1), cursor.live(asked.id, NOW + 99)]


def test_each_channel_of_a_connection_is_told_its_own_gap(world: World) -> None:
    world.subscribe("ann", {})
    world.subscribe("ann", {"service": ["payments"]})
    world.lagging("ann")
    for fact in ("one", "two"):
        world.broadcast(announced(delta(fact)))

    gaps = {frame["channel"] for frame in world.frames("ann") if frame["type"] == "gap"}

    assert len(gaps) == 2


def test_a_connection_that_did_not_keep_up_comes_last_and_is_tried_shortly_until_it_is_seen_to_keep_up(
    world: World,
) -> None:
    for name in ("ann", "bob", "cat"):
        world.subscribe(name, {})
    world.lagging("ann")
    for fact in ("one", "two"):
        world.broadcast(announced(delta(fact)))
    world.subscribe("ann", {})
    world.broadcast(announced(delta("three")))

    made = [[(post.connection_id, post.brief) for post in posts] for posts in world.sockets.made]

    everybody = [(name, False) for name in ("ann", "bob", "cat")]
    assert made[0] == everybody
    assert made[1] == [("bob", False), ("cat", False), ("ann", True), ("ann", True)]
    assert sorted(made[2]) == everybody


def test_a_connection_is_slow_in_each_of_its_channels(world: World) -> None:
    world.subscribe("ann", {"service": ["payments"]})
    world.subscribe("ann", {"service": ["checkout"]})
    world.lagging("ann")
    world.broadcast(announced(delta("one")))
    world.broadcast(announced(delta("two", service="checkout")))

    assert [post.brief for posts in world.sockets.made for post in posts] == [False, True]


def test_a_frame_that_is_not_posted_marks_each_channel_of_which_it_held_back_frames(world: World) -> None:
    first = world.subscribe("ann", {})
    second = world.subscribe("ann", {"service": ["payments"]})
    world.lagging("ann")

    world.broadcast(announced(delta("one")))

    assert {asked.id for asked, _ in world.table.lagged("ann")} == {first.id, second.id}


AGES = st.lists(st.integers(0, 3 * 60_000), min_size=1, max_size=8)


@given(AGES)
def test_a_resume_from_the_mark_reads_all_that_was_missed(ages: list[int]) -> None:
    world = World()
    world.subscribe("ann", {})
    world.lagging("ann")

    world.broadcast(announced(*(aged(age, str(place)) for place, age in enumerate(ages))))

    since = world.mark("ann") or 0
    late = world.table.late("acme", cursor.announced_from(since))
    for age in ages:
        ingested = NOW - age
        assert ingested >= cursor.ingested_from(since) or any(
            row.ingested_from <= ingested < (row.ingested_to or 0) for row in late
        )


# --- those who are to go ----------------------------------------------------------------------


def test_a_member_whose_token_has_ended_is_told_so_and_gets_nothing_else(world: World) -> None:
    world.subscribe("ann", {}, expires=NOW + 1_000)
    world.subscribe("ann", {"service": ["payments"]}, expires=NOW + 1_000)
    world.subscribe("bob", {})
    world.clock.sleep(1)

    world.broadcast(announced(delta("one")))

    assert [orjson.loads(frame) for frame in world.sockets.told["ann"]] == [
        {"v": 1, "type": "bye", "reason": "expired"}
    ]
    assert world.table.connection("ann") is None
    assert world.hits("bob") == ["one"]


def test_one_that_cannot_be_told_or_closed_is_no_trouble_and_gets_no_hits_next_time(world: World) -> None:
    world.subscribe("ann", {}, expires=NOW)
    world.subscribe("bob", {})
    world.lagging("ann")
    world.table.failing.add("disconnect")

    report = world.broadcast(announced(delta("one")))
    world.sockets.open("ann", ENDPOINT)
    world.table.failing.clear()
    world.broadcast(announced(delta("two")))

    assert report.returned == ()
    assert world.table.lagged("ann") == []
    assert world.hits("ann") == []
    assert world.table.connection("ann") is None
    assert world.hits("bob") == ["one", "two"]


def test_a_connection_that_is_gone_and_cannot_be_forgotten_now_is_met_again(world: World) -> None:
    world.subscribe("ann", {})
    world.sockets.close("ann", ENDPOINT)
    world.table.failing.add("disconnect")

    report = world.broadcast(announced(delta("one")))

    assert (report.receipts[Receipt.GONE], report.returned) == (1, ())
    assert world.table.connection("ann") is not None


# --- thinned channels -------------------------------------------------------------------------


def test_who_wants_the_latest_gets_the_latest_and_who_wants_all_gets_all(world: World) -> None:
    whole = world.subscribe("ann", {})
    thinned = world.subscribe("bob", {}, conflate="service")
    changes = [replace(delta(f"{n}", service=f"s{n % 2}"), timestamp=NOW + n) for n in range(6)]

    report = world.broadcast(announced(*changes))

    assert whole.id != thinned.id
    assert world.hits("ann") == ["0", "1", "2", "3", "4", "5"]
    assert world.hits("bob") == ["4", "5"]
    assert world.frames("bob")[0]["conflated"] == {"kept": 2, "of": 6}
    assert (report.matched, report.conflated, report.sampled) == (12, 4, 0)


def test_a_channel_over_its_budget_gets_the_newest_and_where_to_read_the_others(world: World) -> None:
    asked = world.subscribe("ann", {})
    world.bounds = Bounds(budget=3_000)
    many = [aged(cursor.OVERLAP - number, f"{number:02}") for number in range(20)]

    report = world.broadcast(announced(*many))

    kept = world.hits("ann")
    assert kept == [f"{number:02}" for number in range(20)][-len(kept) :]
    sampled = world.frames("ann")[0]["sampled"]
    assert (sampled["kept"], sampled["of"], report.sampled) == (len(kept), 20, 20 - len(kept))
    since = cursor.read(sampled["since"], asked.id)
    assert since is not None
    assert cursor.ingested_from(since.at) <= min(each.ingested for each in many)
    assert sampled["since"] < world.frames("ann")[0]["cursor"]


# --- big audiences ----------------------------------------------------------------------------


@pytest.fixture
def big(world: World) -> World:
    """Two on one channel and thirty on another, where eight posts fit."""
    for number in range(2):
        world.subscribe(f"small{number}", {"service": ["payments"]})
    for number in range(30):
        world.subscribe(f"big{number}", {})
    world.bounds = Bounds(posts_per_second=1)
    return world


def test_an_audience_that_does_not_fit_is_handed_on_and_the_small_ones_are_served(big: World) -> None:
    report = big.broadcast(announced(aged(7_000)))

    assert (report.jobs, report.receipts[Receipt.POSTED], report.returned) == (4, 2, ())
    assert big.hits("small0") == big.hits("small1") == ["one"]
    handed = [share.read(each.body) for each in big.jobs.receive(10)]
    assert [[piece.part for piece in job.pieces] for job in handed] == [[(number, 4)] for number in range(4)]
    assert {(job.stamp, job.ingested) for job in handed} == {(NOW, (NOW - 7_000,))}
    assert big.table.late("acme", 0) == [Late(NOW - 7_000, None)] * 4


def test_the_rows_are_open_before_the_jobs_are_under_way(big: World) -> None:
    big.table.failing.add("open")

    report = big.broadcast(announced(delta("one")))

    assert len(report.returned) == 1
    assert big.jobs.depths()["waiting"] == 0
    assert "posts" not in big.diary


def test_a_queue_that_takes_no_jobs_returns_the_batch_and_leaves_no_row_open(big: World) -> None:
    big.jobs.taking = False

    report = big.broadcast(announced(delta("one")))

    assert len(report.returned) == 1
    assert big.table.late("acme", 0) == []


def test_what_is_near_is_posted_before_anything_is_handed_on(big: World) -> None:
    put, posted = big.jobs.put, []
    big.jobs.put = lambda bodies: posted.append(big.hits("small0")) or put(bodies)  # type: ignore[method-assign,func-returns-value]

    big.broadcast(announced(delta("one")))

    assert posted == [["one"]]


def test_a_row_that_no_job_ever_closes_ends_within_the_hour(big: World) -> None:
    big.broadcast(announced(delta("one")))
    assert big.table.late("acme", 0) != []
    big.clock.sleep(OPEN_LIFE / 1_000)
    assert big.table.late("acme", 0) == []


# --- progress, whatever one tenant does -------------------------------------------------------

CALL = 0.005
"""Seconds of a call of DynamoDB, in the backlogs below."""


def tenants(world: World, count: int) -> list[Delivery]:
    """A delivery for each of so many tenants, each with a member."""
    for number in range(count):
        world.subscribe(f"c{number}", {}, tenant=f"t{number}")
    return [announced(delta(f"fact {number}", tenant=f"t{number}")) for number in range(count)]


def test_a_backlog_of_a_thousand_tenants_is_announced_in_one_round(world: World) -> None:
    deliveries = tenants(world, 1_000)
    world.broadcast(*deliveries)
    world.clock.sleep(120)
    world.table.seconds = {"ledger": CALL, "version": CALL, "changes": 2 * CALL}

    report = world.broadcast(*deliveries)

    assert (report.late, report.receipts[Receipt.POSTED]) == (1_000, 1_000)
    assert (report.returned, report.trouble) == ((), "")
    assert len(world.sockets.made) == 2


def test_what_there_is_no_time_for_comes_again_and_what_was_done_does_not(world: World) -> None:
    deliveries = tenants(world, 40)
    world.table.seconds = {"changes": 2}
    done: list[int] = []
    while deliveries:
        report = world.broadcast(*deliveries)
        deliveries = [each for each in deliveries if each.id in report.returned]
        done.append(report.receipts[Receipt.POSTED])

    assert sum(done) == 40
    assert min(done) > 0
    assert 1 < len(done) < 4
    assert all(len(world.hits(f"c{number}")) == 1 for number in range(40))


def test_what_was_never_begun_is_put_off_no_longer_however_often_it_came(world: World) -> None:
    deliveries = [replace(each, receives=9, receipt=each.id) for each in tenants(world, 40)]
    delays: list[int] = []
    world.queue.put_off = lambda given: delays.extend(seconds for _, seconds in given)  # type: ignore[method-assign]
    world.table.seconds = {"changes": 2}

    report = world.broadcast(*deliveries)

    assert len(delays) == len(report.returned) > 0
    assert max(delays) <= 5
    assert f"{len(delays)} deliveries" in report.trouble


def test_each_attempt_begins_with_another_tenant(world: World) -> None:
    deliveries = tenants(world, 40)
    begun = []
    for _ in range(6):
        world.registry = Registry()
        world.table.seconds = {"changes": 100}
        changes = world.table.changes

        def noted(tenant: str, after: int, changes: Callable[[str, int], Changes] = changes) -> Changes:
            begun.append(tenant)
            return changes(tenant, after)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(world.table, "changes", noted)
            world.broadcast(*deliveries)

    assert len(set(begun)) > 3


def test_a_tenant_whose_channels_cannot_be_read_keeps_no_other_from_its_hits(world: World) -> None:
    bad, *others = tenants(world, 30)
    changes = world.table.changes

    def failing(tenant: str, after: int) -> Changes:
        if tenant == "t0":
            raise Unavailable("DynamoDB", "not this one")
        return changes(tenant, after)

    world.table.changes = failing  # type: ignore[method-assign]
    report = world.broadcast(bad, *others)

    assert report.returned == (bad.id,)
    assert "not this one" in report.trouble
    assert all(world.hits(f"c{number}") for number in range(1, 30))


def test_a_tenant_of_many_deliveries_leaves_time_for_the_others_and_gets_the_rest_of_it(world: World) -> None:
    for name in ("heavy", "light"):
        world.subscribe(name, {}, tenant=name)
    many = [announced(delta(f"{number:03}", tenant="heavy")) for number in range(100)]
    index = world.registry.index

    class Slow:
        """Takes a quarter of a second for a delta of the heavy one."""

        def __init__(self, found: ChannelIndex) -> None:
            self._found = found

        def matching(self, each: Delta) -> Sequence[Channel]:
            world.clock.sleep(0.25 if each.tenant == "heavy" else 0)
            return self._found.matching(each)

    world.registry.index = lambda *given: Slow(index(*given))  # type: ignore[method-assign,assignment,return-value]
    report = world.broadcast(*many, announced(delta("one", tenant="light")))

    assert world.hits("light") == ["one"]
    assert len(world.sockets.made) > 1
    got = world.hits("heavy")
    assert got == [f"{number:03}" for number in range(len(got))]
    assert len(got) + len(report.returned) == 100


def test_marks_that_fail_return_those_who_needed_them_and_nobody_else(world: World) -> None:
    good, bad = tenants(world, 2)
    world.lagging("c1")
    world.table.failing.add("marks")

    report = world.broadcast(good, bad)

    assert report.returned == (bad.id,)


def test_jobs_that_are_not_taken_return_their_tenants_alone(big: World) -> None:
    (other,) = tenants(big, 1)
    big.jobs.taking = False
    mine = announced(delta("one"))

    report = big.broadcast(mine, other)

    assert report.returned == (mine.id,)
    assert big.hits("c0") == ["fact 0"]


def test_small_audiences_that_do_not_fit_are_handed_on_together_once(world: World) -> None:
    for number in range(2_000):
        world.subscribe(f"c{number}", {"service": [{"anything-but": f"x{number}"}]})
    world.bounds = Bounds(posts_per_second=200)
    world.table.seconds = {"open": CALL}

    report = world.broadcast(
        *(announced(delta(f"{place}", service="a", pad="y" * 9_000)) for place in "abcdef")
    )

    handed = [share.read(each.body) for each in world.jobs.receive(10_000)]
    frames = len(handed[0].pieces[0].frames)
    later = sum(len(piece.frames) for job in handed for piece in job.pieces)
    assert (report.returned, report.trouble) == ((), "")
    assert (frames, report.receipts[Receipt.POSTED] + later) == (2, 4_000)
    assert report.receipts[Receipt.POSTED] > 1_500
    assert len(handed) == report.jobs == len(world.table.late("acme", 0)) < 100


def test_channels_whose_members_there_is_no_time_to_read_are_handed_on_unread(world: World) -> None:
    for number in range(2 * SLICE):
        world.subscribe(f"c{number}", {"service": [{"anything-but": f"x{number}"}]})
    world.subscribe("lone", {}, tenant="globex")
    other = announced(delta("two", tenant="globex"))
    world.table.seconds = {"members": (cursor.POSTING - MARKING) * READING / 1_000 / SLICE}

    report = world.broadcast(announced(delta("one")), other)

    (handed,) = [share.read(each.body) for each in world.jobs.receive(10)]
    assert {piece.part for piece in handed.pieces} == {(0, 1)}
    assert len(handed.pieces) + report.receipts[Receipt.POSTED] == 2 * SLICE + 1
    assert (report.returned, report.jobs) == ((), 1)
    assert world.hits("lone") == ["two"]


def test_forgetting_those_who_are_gone_is_bounded_and_the_rest_is_met_again(world: World) -> None:
    for number in range(500):
        world.subscribe(f"c{number}", {})
        world.sockets.close(f"c{number}", ENDPOINT)
    world.table.seconds = {"disconnect": 0.015}

    before = world.clock.now()
    report = world.broadcast(announced(delta("one")))

    assert report.receipts == {Receipt.GONE: 500}
    assert world.clock.now() - before <= TIDYING + 15
    left = world.broadcast(announced(delta("two"))).receipts[Receipt.GONE]
    assert 0 < left < 500


def test_the_time_for_marks_grows_with_the_posts(world: World) -> None:
    for number in range(400):
        world.subscribe(f"c{number}", {})

    world.broadcast(announced(delta("one")))

    assert world.sockets.until == NOW + cursor.POSTING - MARKING - 100


# --- all of it --------------------------------------------------------------------------------

NOTES = st.builds(lambda text, times: text * times, st.text('a\x00"é漢😀', max_size=4), st.integers(0, 9_000))
BATCH = st.lists(
    st.tuples(NOTES, st.sampled_from("abc"), st.integers(0, 60_000), st.integers(0, 9)), max_size=12
)


@given(BATCH, st.sampled_from([None, "service"]), st.integers(1, 200_000))
def test_whatever_comes_a_member_gets_frames_within_their_limit_and_each_hit_once_or_counted(
    batch: list[tuple[str, str, int, int]], conflate: str | None, budget: int
) -> None:
    world = World(bounds=Bounds(budget=budget))
    world.subscribe("ann", {}, conflate=conflate)
    deltas = [
        replace(delta(f"{place:02}", service=service), message=note, ingested=NOW - age, timestamp=occurred)
        for place, (note, service, age, occurred) in enumerate(batch)
    ]

    report = world.broadcast(*(announced(each) for each in deltas))

    frames = world.sockets.frames("ann", ENDPOINT)
    assert all(len(frame) <= pack.MAX_FRAME for frame in frames)
    got = world.hits("ann")
    assert got == sorted(set(got))
    assert set(got) <= {each.id for each in deltas}
    assert len(got) + report.conflated + report.sampled == len(deltas) == report.matched
    said = [frame for frame in world.frames("ann") if "sampled" in frame or "conflated" in frame]
    assert len(said) == (report.conflated + report.sampled > 0)
