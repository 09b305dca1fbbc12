"""Who subscribes, who cleans and who broadcasts at the same time: every order of their steps.

A step is a call of the table; a subscribe is two, the membership and then the channel. Two things must
hold in each order: a broadcast that began after a subscribe had returned finds the member, and no member
is ever in a channel that is missing from the registry once its subscribe has returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline import cleaning
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from tests.contracts.audiences import channel, connection
from tests.interleaving import Turns, every_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.core.audience import Changes, Channel, Connection, Member
    from tests.interleaving import Choose

FOREVER = 2**62


class SteppingTable(MemoryConnectionTable):
    """The memory table, where each call waits for its caller's turn."""

    def __init__(self, clock: MemoryClock, step: Callable[[], None]) -> None:
        super().__init__(clock)
        self._step = step

    def join(self, connection: Connection, channel: Channel) -> None:
        self._step()
        super().join(connection, channel)

    def register(self, channel: Channel, touch: int) -> None:
        self._step()
        super().register(channel, touch)

    def unsubscribe(self, connection_id: str, channel: Channel) -> None:
        self._step()
        super().unsubscribe(connection_id, channel)

    def disconnect(self, connection_id: str) -> None:
        self._step()
        super().disconnect(connection_id)

    def version(self, tenant: str) -> int:
        self._step()
        return super().version(tenant)

    def changes(self, tenant: str, after: int) -> Changes:
        self._step()
        return self._changes(tenant, after)

    def members(self, channel: Channel, now: int, **asked: Any) -> list[Member]:  # noqa: ANN401 - passed on
        self._step()
        return list(super().members(channel, now, **asked))

    def has_members(self, channel: Channel, now: int) -> bool:
        self._step()
        return super().has_members(channel, now)

    def touched(self, tenant: str) -> Iterator[tuple[Channel, int]]:
        self._step()
        return super().touched(tenant)

    def remove_channel(self, channel: Channel, touch: int) -> bool:
        self._step()
        return super().remove_channel(channel, touch)

    def is_registered(self, channel: Channel) -> bool:
        """Looked at from outside: no step."""
        return channel.id in self._registered[channel.tenant]

    def _changes(self, tenant: str, after: int) -> Changes:
        """Without the step that ``super().changes`` would take for its own reading of the version."""
        step, self._step = self._step, lambda: None
        try:
            return super().changes(tenant, after)
        finally:
            self._step = step


class World:
    """One run: its table, and who is where.

    Attributes:
        inside: Connections whose subscribe has returned, and who have not begun to leave.
    """

    def __init__(
        self, turns: Turns, make: Callable[[MemoryClock, Callable[[], None]], SteppingTable]
    ) -> None:
        self.clock = MemoryClock()
        self.table = make(self.clock, turns.step)
        self.inside: set[str] = set()

    def subscriber(self, name: str) -> Callable[[], None]:
        def act() -> None:
            self.table.subscribe(connection(self.clock, name), channel(), self.clock.now())
            self.inside.add(name)

        return act

    def leaver(self, name: str) -> Callable[[], None]:
        def act() -> None:
            self.inside.discard(name)
            self.table.unsubscribe(name, channel())

        return act

    def returner(self, name: str) -> Callable[[], None]:
        """Is cut off, and comes back on the same connection id: harder than AWS makes it."""

        def act() -> None:
            self.inside.discard(name)
            self.table.disconnect(name)
            self.subscriber(name)()

        return act

    def cleaner(self, grace: int = -1_000) -> Callable[[], None]:
        """Leaves no channel alone, unless said otherwise, whatever its ``touch``: the steps alone must do."""

        def act() -> None:
            cleaning.clean(table=self.table, clock=self.clock, deadline=FOREVER, grace=grace)

        return act

    def broadcaster(self, rounds: int = 1) -> Callable[[], None]:
        """Reads the registry by increments and the members of what it knows, as a warm function does."""
        known: dict[str, Channel] = {}
        version = 0

        def act() -> None:
            nonlocal known, version
            for _ in range(rounds):
                self.table._step()  # noqa: SLF001 - the moment at which it begins
                expected = set(self.inside)
                now = MemoryConnectionTable.version(self.table, "acme")
                if now != version:
                    changes = self.table.changes("acme", version)
                    known = {} if changes.whole else known
                    known |= {each.id: each for each in changes.added}
                    for gone in changes.removed:
                        known.pop(gone, None)
                    version = changes.version
                found = {
                    member.connection_id
                    for each in known.values()
                    for member in self.table.members(each, self.clock.now())
                }
                assert expected & self.inside <= found, "a broadcast missed a member"

        return act

    def look(self) -> None:
        assert not self.inside or self.table.is_registered(channel()), "a member is in no channel"


def empty(world: World) -> None:
    """A channel whose last member has left."""
    world.subscriber("gone=")()
    world.leaver("gone=")()


def long_empty(world: World) -> None:
    """The same, some time ago."""
    empty(world)
    world.clock.sleep(cleaning.GRACE / 1_000)


def nothing(_: World) -> None:
    """No channel at all."""


def one_inside(world: World) -> None:
    world.subscriber("old=")()


SCENES: dict[str, tuple[Callable[[World], None], Callable[[World], list[Callable[[], None]]]]] = {
    "one comes to an empty channel, and broadcasts go on": (
        empty,
        lambda world: [world.subscriber("new="), world.cleaner(), world.broadcaster(2)],
    ),
    "one comes to a channel that is not there": (
        nothing,
        lambda world: [world.subscriber("new="), world.cleaner(), world.broadcaster(2)],
    ),
    "one comes while the last one leaves": (
        one_inside,
        lambda world: [
            world.subscriber("new="),
            world.leaver("old="),
            world.cleaner(),
            world.broadcaster(),
        ],
    ),
    "two come at once": (
        empty,
        lambda world: [world.subscriber("one="), world.subscriber("two="), world.cleaner()],
    ),
    "two cleaners, as when a run takes too long": (
        long_empty,  # what was removed and came back must have another touch than before
        lambda world: [
            world.subscriber("new="),
            world.cleaner(cleaning.GRACE),
            world.cleaner(cleaning.GRACE),
        ],
    ),
    "one is cut off and comes back": (
        one_inside,
        lambda world: [world.returner("old="), world.cleaner(), world.broadcaster()],
    ),
}


def enumerate_scene(
    scene: str, make: Callable[[MemoryClock, Callable[[], None]], SteppingTable] = SteppingTable
) -> int:
    before, actors = SCENES[scene]
    with Turns(4) as turns:

        def run(choose: Choose) -> None:
            world = World(turns, make)
            before(world)
            turns.run(choose, world.look, *actors(world))
            world.look()

        return every_order(run)


@pytest.mark.parametrize("scene", SCENES)
def test_in_every_order_a_broadcast_finds_who_had_subscribed_and_nobody_is_in_a_missing_channel(
    scene: str,
) -> None:
    assert enumerate_scene(scene) >= (10 if "not there" in scene else 100)


# --- the rules are needed, and this would tell ------------------------------------------------


class RemovesWhateverTheTouch(SteppingTable):
    def remove_channel(self, channel: Channel, touch: int) -> bool:  # noqa: ARG002 - that is the fault
        self._step()
        for each, current in MemoryConnectionTable.touched(self, channel.tenant):
            if each.id == channel.id:
                return MemoryConnectionTable.remove_channel(self, channel, current)
        return False


class TouchesOnlyNewChannels(SteppingTable):
    def register(self, channel: Channel, touch: int) -> None:
        self._step()
        if not self.is_registered(channel):
            MemoryConnectionTable.register(self, channel, touch)


class RegistersBeforeItJoins(SteppingTable):
    def subscribe(
        self,
        connection: Connection,
        channel: Channel,
        touch: int,
        told: int | None = None,  # noqa: ARG002 - nobody is marked here
    ) -> None:
        self.register(channel, touch)
        self.join(connection, channel)


class SeesNoMembers(SteppingTable):
    def has_members(self, channel: Channel, now: int) -> bool:
        super().has_members(channel, now)
        return False


@pytest.mark.parametrize(
    "broken", [RemovesWhateverTheTouch, TouchesOnlyNewChannels, RegistersBeforeItJoins, SeesNoMembers]
)
def test_without_one_of_the_rules_some_order_loses_a_member(
    broken: Callable[[MemoryClock, Callable[[], None]], SteppingTable],
) -> None:
    with pytest.raises(AssertionError, match=r"a member is in no channel|a broadcast missed a member"):
        enumerate_scene("one comes to an empty channel, and broadcasts go on", broken)
