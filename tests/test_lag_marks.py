"""Who is marked as having missed something, and when that ends; and since when a membership counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline import catching_up
from pipeline.core import cursor
from tests.catching_up_world import World, kinds, services
from tests.examples import NOW

if TYPE_CHECKING:
    from pipeline.core.audience import Channel


@pytest.fixture
def world() -> World:
    return World()


def lag(world: World, since: int) -> Channel:
    """Make Ann a member who is up to date, but for a frame that could not be posted to her."""
    world.subscribe({}, snapshot=0)
    world.table.mark_lagged([(world.channel(), "ann")], since)
    return world.channel()


def test_a_second_subscription_of_the_same_filter_leaves_the_mark_that_the_first_was_not_told_of(
    world: World,
) -> None:
    channel = lag(world, NOW - 1)

    world.subscribe({}, snapshot=0)
    world.subscribe({}, cursor=cursor.live(channel.id, NOW - 5_000))
    gap, pong = world.say({"type": "ping"})

    assert gap["since"] == cursor.live(channel.id, NOW - 1)
    assert pong["type"] == "pong"


@pytest.mark.parametrize("repeated", ["gap", "cursor"])
def test_a_subscribe_that_repeats_what_the_gap_said_ends_the_mark(world: World, repeated: str) -> None:
    channel = lag(world, NOW - 1)
    [gap, _] = world.say({"type": "ping"})

    world.subscribe({}, **{"cursor": cursor.live(channel.id, NOW - 9), repeated: gap["since"]})

    assert kinds(world.say({"type": "ping"})) == ["pong"]


def test_an_answer_to_another_gap_than_the_present_one_ends_no_mark(world: World) -> None:
    channel = lag(world, NOW - 2)

    for other in (NOW - 1, NOW - 3):
        told = cursor.live(channel.id, other)
        world.subscribe({}, cursor=told, gap=told)

    assert kinds(world.say({"type": "ping"})) == ["gap", "pong"]


@pytest.mark.parametrize("other", ["another connection", "the same connection"])
def test_more_with_a_cursor_of_another_membership_reads_what_came_between_the_two(
    world: World, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setattr(catching_up, "MAX_HITS", 2)
    name = "ben" if other == "another connection" else "ann"
    begun = world.subscribe({}, snapshot=0)[-1]["cursor"]
    if name != "ann":
        world.connect(name)
    world.happen("a", "b", "c", apart=1)
    first = world.subscribe({}, cursor=begun)
    world.say({"type": "unsubscribe", "id": "2", "channel": first[0]["channel"]})
    world.clock.sleep(60)
    world.happen("in between")
    world.clock.sleep(60)
    world.subscribe({}, name, snapshot=0)

    rest = world.more(first, name)
    while rest[-1].get("more"):
        rest += world.more(rest, name)

    assert services(rest)[-2:] == ["c", "in between"]


def test_a_second_subscription_of_the_same_filter_leaves_the_first_at_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "MAX_HITS", 2)
    begun = world.subscribe({}, snapshot=0)[-1]["cursor"]
    world.happen(*"abc", apart=1)
    first = world.subscribe({}, cursor=begun)
    world.subscribe({}, snapshot=0)

    assert services(world.more(first)) == ["c"]
