"""The story of fanning out, over memory adapters: jobs that broadcasting handed on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable, MemoryQueues, MemorySockets
from pipeline.core import cursor, pack, share
from pipeline.core.audience import Late, Receipt, in_part
from pipeline.core.errors import Unavailable
from pipeline.core.ledger import MINUTE, OPEN_LIFE
from pipeline.fanning_out import FannedOut, fan_out
from pipeline.posting import MARKING
from tests.examples import ENDPOINT, NOW, channel, connection, delivery, delta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Channel, Member, Post
    from pipeline.core.model import Delivery

CHANNEL = channel({})
INGESTED = (NOW - 3 * MINUTE, NOW - 1_000)
STAMP = NOW - 30_000
"""The jobs have waited for half a minute."""

FRAMES = tuple(
    frame
    for fact in ("one", "two")
    for frame in pack.hits(CHANNEL.id, [pack.hit(delta(fact))], cursor.live(CHANNEL.id, STAMP))
)

KEPT = 14 * 86_400_000


def job(*parts: tuple[Channel, tuple[int, int]], tenant: str = "acme") -> share.Job:
    pieces = tuple(share.Piece(whose, part, FRAMES) for whose, part in parts)
    return share.Job(tenant, STAMP, INGESTED, pieces)


class Table(MemoryConnectionTable):
    """Fails at one step, or looks at the ledger before it.

    Attributes:
        failing: The step.
        open_at: At each step, whether a row was open.
    """

    def __init__(self, clock: MemoryClock) -> None:
        super().__init__(clock)
        self.failing = ""
        self.open_at: list[tuple[str, bool]] = []

    def _step(self, name: str) -> None:
        self.open_at.append((name, any(row.ingested_to is None for row in self.late("acme", 0))))
        if name == self.failing:
            raise Unavailable("DynamoDB", f"{name} is what it does not do today")

    def members(
        self, channel: Channel, now: int, *, part: tuple[int, int] = (0, 1), ended: bool = False
    ) -> Sequence[Member]:
        self._step("members")
        return super().members(channel, now, part=part, ended=ended)

    def mark_lagged(self, members: Sequence[tuple[Channel, str]], since: int) -> None:
        self._step("marks")
        super().mark_lagged(members, since)

    def put_late(self, tenant: str, announced: int, ingested: int, ends: int) -> None:
        self._step("ledger")
        super().put_late(tenant, announced, ingested, ends)

    def close_late(self, tenant: str, job: str) -> None:
        self._step("close")
        super().close_late(tenant, job)


class Sockets(MemorySockets):
    """Takes its time.

    Attributes:
        until: The deadline that it was given last.
    """

    def __init__(self, clock: MemoryClock) -> None:
        super().__init__()
        self.seconds = 0.0
        self.until = 0
        self._turning = clock

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        self.until = deadline
        self._turning.sleep(self.seconds)
        return super().post(posts, deadline)


class World:
    def __init__(self) -> None:
        self.clock = MemoryClock()
        self.table = Table(self.clock)
        self.sockets = Sockets(self.clock)
        self.queue = MemoryQueues(self.clock)
        self.names = [f"member{number}" for number in range(12)]
        for name in self.names:
            self.subscribe(name)

    def subscribe(self, name: str, expires: int = NOW + 3_600_000) -> None:
        self.sockets.open(name, ENDPOINT)
        joining = connection(name, expires=expires)
        self.table.connect(joining)
        self.table.subscribe(joining, CHANNEL, NOW)

    def jobs(self, parts: int) -> list[share.Job]:
        return [job((CHANNEL, (number, parts))) for number in range(parts)]

    def hand_over(self, *jobs: share.Job) -> list[Delivery]:
        """What broadcasting leaves: open rows, and the jobs as they are delivered."""
        for job in jobs:
            self.table.open_late("acme", job.id, INGESTED[0], NOW + OPEN_LIFE)
        return [replace(delivery(job.body()), id=job.id, receipt=job.id) for job in jobs]

    def fan_out(self, *deliveries: Delivery, seconds: float = 20) -> FannedOut:
        return fan_out(
            deliveries,
            table=self.table,
            sockets=self.sockets,
            queue=self.queue,
            clock=self.clock,
            deadline=self.clock.now() + round(seconds * 1_000),
            ledger_life=KEPT,
        )

    def kinds(self, name: str) -> list[str]:
        return [orjson.loads(frame)["type"] for frame in self.sockets.frames(name, ENDPOINT)]


@pytest.fixture
def world() -> World:
    return World()


def rows(world: World) -> list[Late]:
    return list(world.table.late("acme", 0))


def minute(time: int) -> Late:
    return Late(time // MINUTE * MINUTE, (time // MINUTE + 1) * MINUTE)


@pytest.mark.parametrize("parts", [1, 4])
def test_the_jobs_of_a_channel_reach_each_member_once(world: World, parts: int) -> None:
    report = world.fan_out(*world.hand_over(*world.jobs(parts)))

    assert all(world.sockets.frames(name, ENDPOINT) == FRAMES for name in world.names)
    assert report.receipts == {Receipt.POSTED: 2 * len(world.names)}
    assert (report.received, report.returned, report.trouble) == (parts, (), "")


def test_a_job_of_several_channels_reaches_the_members_of_each(world: World) -> None:
    other = channel({"service": ["payments"]})
    world.table.subscribe(connection("member0"), other, NOW)

    report = world.fan_out(*world.hand_over(job((CHANNEL, (1, 4)), (other, (0, 1)), (CHANNEL, (2, 4)))))

    of_parts = sum(in_part(name, (1, 4)) or in_part(name, (2, 4)) for name in world.names)
    assert report.receipts == {Receipt.POSTED: 2 * of_parts + 2}
    assert rows(world) == [minute(time) for time in INGESTED]


def test_a_job_that_is_done_leaves_ordinary_rows_of_the_time_at_which_it_was(world: World) -> None:
    world.sockets.seconds = 7
    world.fan_out(*world.hand_over(*world.jobs(1)))

    assert rows(world) == [minute(time) for time in INGESTED]
    assert len(world.table.late("acme", NOW + 7_000)) == 2
    assert world.table.late("acme", NOW + MINUTE) == []


def test_the_row_is_open_until_the_posts_are_done_and_the_marks_and_ordinary_rows_written(
    world: World,
) -> None:
    world.sockets.answer("member0", ENDPOINT, Receipt.LAGGED)

    world.fan_out(*world.hand_over(*world.jobs(1)))

    assert world.table.open_at == [
        ("members", True),
        ("marks", True),
        ("ledger", True),
        ("ledger", True),
        ("close", True),
    ]


def test_a_job_that_has_waited_until_its_row_ended_opens_it_again_before_it_reads_the_members(
    world: World,
) -> None:
    (handed,) = world.hand_over(*world.jobs(1))
    world.clock.sleep(OPEN_LIFE / 1_000)
    assert rows(world) == []

    world.fan_out(handed)

    assert world.table.open_at[0] == ("members", True)


@pytest.mark.parametrize("step", ["members", "marks", "ledger", "close"])
def test_a_job_that_cannot_be_done_comes_again_and_its_row_stays_open(world: World, step: str) -> None:
    world.sockets.answer("member0", ENDPOINT, Receipt.LAGGED)
    (handed,) = world.hand_over(*world.jobs(1))
    world.table.failing = step

    report = world.fan_out(handed)

    assert report.returned == (handed.id,)
    assert step in report.trouble
    assert Late(INGESTED[0], None) in rows(world)

    world.table.failing = ""
    assert world.fan_out(handed).returned == ()
    assert rows(world) == [minute(time) for time in INGESTED]


def test_a_job_that_is_handed_over_twice_says_the_same_twice_and_leaves_the_same(world: World) -> None:
    handed = world.hand_over(*world.jobs(1))

    world.fan_out(*handed)
    first = rows(world)
    report = world.fan_out(*handed)

    assert report.returned == ()
    assert rows(world) == first
    assert world.sockets.frames("member0", ENDPOINT) == FRAMES * 2


def test_jobs_that_come_together_with_one_that_cannot_be_done_are_done(world: World) -> None:
    theirs = channel({}, "globex")
    bad = job((theirs, (0, 1)), tenant="globex")
    world.table.connect(connection("eve", "globex"))
    world.table.subscribe(connection("eve", "globex"), theirs, NOW)

    report = world.fan_out(delivery("no JSON"), *world.hand_over(*world.jobs(1), bad), seconds=20)

    assert [letter.reason for letter in world.queue.letters] == ["malformed"]
    assert (report.rejected, report.returned) == (1, ())
    assert world.sockets.frames("member0", ENDPOINT) == FRAMES
    assert report.receipts[Receipt.GONE] == 2
    assert world.table.connection("eve") is None


def test_what_is_no_job_and_is_not_taken_by_the_dead_letters_comes_again(world: World) -> None:
    world.queue.taking = False

    report = world.fan_out(delivery("no JSON"))

    assert (report.rejected, report.returned) == (0, ("delivery-of-no JSON",))


def test_a_job_for_which_no_time_is_left_comes_again_and_nobody_counts_as_slow(world: World) -> None:
    (handed,) = world.hand_over(*world.jobs(1))

    report = world.fan_out(handed, seconds=MARKING / 1_000)

    assert report.returned == (handed.id,)
    assert report.receipts == Counter()
    assert all(world.table.lagged(name) == [] for name in world.names)


def test_posts_leave_time_for_the_marks_but_are_not_bound_to_the_stamp_of_the_broadcast(
    world: World,
) -> None:
    world.fan_out(*world.hand_over(*world.jobs(1)), seconds=20)

    assert world.sockets.until == NOW + 20_000 - MARKING - 2 * len(world.names) // 4


def test_who_missed_a_frame_is_marked_with_the_time_before_the_broadcast(world: World) -> None:
    world.sockets.answer("member3", ENDPOINT, Receipt.LAGGED)

    world.fan_out(*world.hand_over(*world.jobs(2)))
    world.fan_out(*world.hand_over(*world.jobs(2)))

    assert world.table.lagged("member3") == [(CHANNEL, STAMP - 1)]
    assert world.kinds("member3") == ["gap", "hits", "hits"]
    gap = orjson.loads(world.sockets.frames("member3", ENDPOINT)[0])
    assert gap["since"] == cursor.live(CHANNEL.id, STAMP - 1)
    assert world.kinds("member4") == ["hits"] * 4


def test_who_subscribed_while_the_job_waited_is_served_and_whose_token_ended_is_not(world: World) -> None:
    handed = world.hand_over(*world.jobs(1))
    world.subscribe("new")
    world.subscribe("old", expires=NOW)

    world.fan_out(*handed)

    assert world.sockets.frames("new", ENDPOINT) == FRAMES
    assert world.table.connection("old") is None
    assert world.kinds("old") == []
