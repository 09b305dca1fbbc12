"""What a client's frame comes to while the table or API Gateway cannot be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.core.errors import Unavailable
from tests.catching_up_world import World
from tests.examples import ENDPOINT, NOW, connection

if TYPE_CHECKING:
    from typing import NoReturn


def down(*_: object) -> NoReturn:
    raise Unavailable("DynamoDB", "down")


@pytest.fixture
def world() -> World:
    return World()


def test_while_the_table_does_not_answer_a_frame_is_answered_by_its_code_and_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.table, "connection", down)

    [error] = world.subscribe({})

    assert (error["type"], error["code"], error["id"]) == ("error", "unavailable", "1")


def test_while_the_gateway_takes_no_post_an_answer_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.sockets, "post", down)

    assert world.subscribe({}) == []
    assert len(world.table.subscriptions("ann")) == 1


def test_a_connection_that_cannot_be_forgotten_now_is_no_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sockets.close("ann", ENDPOINT)
    monkeypatch.setattr(world.table, "disconnect", down)

    assert world.subscribe({}) == []


@pytest.mark.parametrize("which", ["disconnect", "post", "close"])
def test_whatever_of_a_dismissal_cannot_be_done_the_rest_is(
    world: World, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    world.table.connect(connection(expires=NOW))
    done = list[str]()
    for of, name in ((world.table, "disconnect"), (world.sockets, "post"), (world.sockets, "close")):
        monkeypatch.setattr(of, name, down if name == which else lambda *_, name=name: done.append(name))

    world.say({"type": "ping"})

    assert done == [name for name in ("disconnect", "post", "close") if name != which]
