"""The registry over the memory table, read at every moment of every change."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement, permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.core.audience import Changes, Channel
from pipeline.core.errors import Unavailable
from pipeline.registry import MOST_READS, Registry, why_unreadable
from tests.examples import channel, connection, delta

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

A, B, C = (channel({"service": [name]}) for name in ("a", "b", "c"))
DAY = 86_400
MEMBER = connection("ann")


class Table(MemoryConnectionTable):
    """The memory table, in which others do something before any of our reads.

    Attributes:
        before: What they do before each of our next reads; nothing once it has ended.
        reads: What we read, in order.
    """

    def __init__(self, clock: MemoryClock | None = None) -> None:
        self.clock = clock or MemoryClock()
        super().__init__(self.clock)
        self.before: Iterator[Sequence[Callable[[], object]]] = iter(())
        self.reads: list[tuple[str, int]] = []
        self.busy = False

    def version(self, tenant: str) -> int:
        if not self.busy:
            self._let_others()
            self.reads.append(("version", 0))
        return super().version(tenant)

    def changes(self, tenant: str, after: int) -> Changes:
        self._let_others()
        self.reads.append(("changes", after))
        with self._alone():
            return super().changes(tenant, after)

    def come(self, one: Channel) -> None:
        with self._alone():
            self.subscribe(MEMBER, one, self.clock.now())

    def leave(self, one: Channel) -> None:
        with self._alone():
            for found, touch in self.touched(one.tenant):
                if found == one:
                    self.remove_channel(one, touch)

    def here(self, tenant: str = "acme") -> set[str]:
        return {found.id for found, _ in self.touched(tenant)}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One step, although it may ask for the version itself."""
        self.busy = True
        yield
        self.busy = False

    def _let_others(self) -> None:
        acts = next(self.before, ())
        for act in acts:
            act()


@dataclass
class World:
    table: Table = field(default_factory=Table)
    registry: Registry = field(default_factory=Registry)

    def ids(self, tenant: str = "acme") -> set[str]:
        return set(self.registry.index(tenant, self.table))


@pytest.fixture
def world() -> World:
    return World()


# --- increments -------------------------------------------------------------------------------


def test_what_did_not_change_is_not_read_again(world: World) -> None:
    world.table.come(A)
    world.ids()
    world.table.reads.clear()

    assert world.ids() == {A.id}
    assert world.table.reads == [("version", 0)]


def test_only_what_changed_is_read_and_the_version_once_more_after_it(world: World) -> None:
    world.table.come(A)
    index = world.registry.index("acme", world.table)
    known = world.table.version("acme")
    world.table.come(B)
    world.table.leave(A)
    world.table.reads.clear()

    assert world.registry.index("acme", world.table) is index
    assert set(index) == {B.id}
    assert world.table.reads == [("version", 0), ("changes", known), ("version", 0)]


def test_when_past_changes_are_no_longer_kept_all_is_read_and_what_is_not_there_goes(world: World) -> None:
    for one in (A, B):
        world.table.come(one)
    world.ids()
    world.table.leave(A)
    world.table.come(C)
    world.table.leave(C)
    world.table.clock.sleep(2 * DAY)

    assert world.table.changes("acme", 2).whole
    assert world.ids() == {B.id}


def test_each_tenant_has_an_index_of_its_own(world: World) -> None:
    other = channel({}, tenant="globex")
    world.table.come(A)
    world.table.come(other)

    assert world.ids("acme") == {A.id}
    assert world.ids("globex") == {other.id}
    assert world.ids("initech") == set()


def test_a_restored_table_with_a_lower_version_is_read_from_its_beginning(world: World) -> None:
    for one in (A, B, C):
        world.table.come(one)
    world.ids()
    world.table = Table()
    world.table.come(B)

    assert world.ids() == {B.id}
    assert world.table.reads[1] == ("changes", 0)


# --- races ------------------------------------------------------------------------------------

STEPS = 6
"""Reads before which something may happen: of the first call, or of the second."""


def _plays() -> Iterator[tuple[tuple[str, ...], tuple[int, ...]]]:
    """Every order of some acts, and every way to spread them over our reads."""
    acts = ("come A", "come B", "leave A", "come A again", "a day")
    for order in permutations(acts):
        if order.index("come A") < order.index("leave A") < order.index("come A again"):
            for places in combinations_with_replacement(range(STEPS), len(acts)):
                yield order, places


def test_at_every_moment_of_every_change_no_channel_is_missed_and_in_the_end_none_is_too_many() -> None:
    plays = 0
    for order, places in _plays():
        plays += 1
        _play(order, places)
    assert plays == 20 * 252


def _play(order: Sequence[str], places: Sequence[int]) -> None:
    world, table = World(), Table()
    world.table = table
    acts = {
        "come A": lambda: table.come(A),
        "come B": lambda: table.come(B),
        "leave A": lambda: table.leave(A),
        "come A again": lambda: table.come(A),
        "a day": lambda: table.clock.sleep(2 * DAY),
    }
    table.before = iter(
        [[acts[act] for act, at in zip(order, places, strict=True) if at == place] for place in range(STEPS)]
    )
    for _ in range(2):
        before = table.here()
        found = world.ids()
        assert found >= before & table.here(), (order, places)
    table.before = iter(())
    assert world.ids() == table.here(), (order, places)


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["come", "leave", "day"]), st.sampled_from([A, B, C])), max_size=4
        ),
        max_size=20,
    )
)
def test_however_often_it_is_interrupted_no_channel_is_missed(
    interruptions: list[list[tuple[str, Channel]]],
) -> None:
    world = World()
    table = world.table
    left: set[str] = set()

    def act(what: str, one: Channel) -> None:
        if what == "come":
            table.come(one)
        elif what == "leave":
            table.leave(one)
            left.add(one.id)  # and if it comes again, it may be the next batch's
        else:
            table.clock.sleep(2 * DAY)

    table.before = iter(
        [[lambda each=each: act(*each) for each in acts] for acts in interruptions]  # type: ignore[misc]
    )
    for _ in range(6):
        before = table.here()
        left.clear()
        assert world.ids() >= (before & table.here()) - left
    table.before = iter(())
    assert world.ids() == table.here()


def test_channels_that_come_faster_than_they_are_read_are_the_next_batchs(world: World) -> None:
    names = [channel({"service": [f"s{number}"]}) for number in range(20)]
    world.table.before = iter([[lambda one=one: world.table.come(one)] for one in names])  # type: ignore[misc]

    world.ids()

    assert [read for read, _ in world.table.reads].count("changes") == MOST_READS
    world.table.before = iter(())
    assert world.ids() == world.table.here()


@dataclass
class Told(MemoryConnectionTable):
    """A table that tells what a test lays down."""

    numbers: list[int]
    answers: list[Changes]

    def version(self, tenant: str) -> int:  # noqa: ARG002 - one tenant
        return self.numbers.pop(0)

    def changes(self, tenant: str, after: int) -> Changes:  # noqa: ARG002 - the same
        return self.answers.pop(0)


def test_what_came_and_left_while_the_table_was_read_stays_rather_than_being_missed() -> None:
    torn = Told([3, 3], [Changes([A], [A.id], 3)])
    assert set(Registry().index("acme", torn)) == {A.id}


def test_a_table_that_cannot_tell_up_to_the_version_asked_is_unavailable() -> None:
    behind = Told([3] * (MOST_READS + 1), [Changes([A], [], 2)] * MOST_READS)
    with pytest.raises(Unavailable, match="end before version 3 of acme"):
        Registry().index("acme", behind)


class Failing(Table):
    """A table whose changes cannot be read."""

    def changes(self, tenant: str, after: int) -> Changes:
        raise Unavailable("DynamoDB", f"no changes of {tenant} after {after}")


def test_what_fails_leaves_the_index_as_it_was_and_the_next_read_takes_it_all_in(world: World) -> None:
    world.table.come(A)
    index = world.registry.index("acme", world.table)
    world.table.come(B)
    failing = Failing()
    failing.come(A)
    failing.come(B)
    with pytest.raises(Unavailable):
        world.registry.index("acme", failing)
    assert set(index) == {A.id}
    assert world.ids() == {A.id, B.id}


# --- bounds -----------------------------------------------------------------------------------


def test_the_tenant_not_asked_for_longest_is_forgotten_when_there_are_too_many() -> None:
    world = World(registry=Registry(most_tenants=2))
    for tenant in ("acme", "globex", "initech"):
        world.table.come(channel({}, tenant))
    world.ids("acme")
    world.ids("globex")
    world.ids("acme")
    world.ids("initech")
    world.table.reads.clear()

    world.ids("acme")
    assert world.table.reads == [("version", 0)]
    world.ids("globex")
    assert ("changes", 0) in world.table.reads
    assert len(world.registry) == 2


def test_tenants_are_forgotten_when_their_channels_weigh_too_much_but_the_one_in_use_stays() -> None:
    world = World(registry=Registry(most_weight=2))
    for one in (A, B, channel({}, "globex"), channel({"service": ["a"]}, "globex")):
        world.table.come(one)

    world.ids("acme")
    assert len(world.ids("globex")) == 2
    assert len(world.registry) == 1

    world.table.come(channel({"service": ["b"]}, "globex"))
    assert len(world.ids("globex")) == 3
    assert len(world.registry) == 1


def test_a_channel_that_weighs_much_counts_for_many() -> None:
    world = World(registry=Registry(most_weight=3))
    for one in (A, channel({"orderId": [f"o{number}" for number in range(20)]}, "globex")):
        world.table.come(one)

    world.ids("globex")
    world.ids("acme")
    assert len(world.registry) == 1


# --- filters of another program ---------------------------------------------------------------


STRANGE = ['{"service":[{"sounds-like":"a"}]}', '{"service":["a"', "", "[]", '{"service":"a"}']
"""A filter of another program, and what a damaged row may hold."""


@pytest.mark.parametrize("asked", STRANGE)
def test_a_channel_whose_filter_cannot_be_read_is_told_and_keeps_no_other_from_its_hits(
    world: World, asked: str
) -> None:
    strange = Channel("acme", asked, "f" * 32)
    assert world.registry.unreadable("acme") == []
    for one in (strange, A):
        world.table.come(one)

    index = world.registry.index("acme", world.table)
    assert index.matching(delta(service="a")) == [A]
    assert world.registry.unreadable("acme") == [strange]

    world.table.leave(strange)
    world.ids()
    assert world.registry.unreadable("acme") == []


def test_a_channel_that_comes_back_mended_is_read_again(world: World) -> None:
    world.table.come(replace(A, filter=""))
    world.ids()
    world.table.leave(replace(A, filter=""))
    world.table.come(A)

    assert world.registry.index("acme", world.table).matching(delta(service="a")) == [A]
    assert world.registry.unreadable("acme") == []


def test_why_a_filter_cannot_be_read_is_said() -> None:
    assert why_unreadable(A) == ""
    assert "sounds-like" in why_unreadable(replace(A, filter=STRANGE[0]))
    assert why_unreadable(replace(A, filter=""))
