"""``livedex channels`` and ``livedex connections`` over the memory table."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from pipeline.adapters.memory import MemorySockets
from pipeline.cli import audience, endpoints
from pipeline.cli.endpoints import Stack, Target
from pipeline.core.audience import Channel, Principal
from pipeline.core.errors import Refused, Unavailable
from pipeline.local.errors import StackError
from pipeline.settings import read
from pipeline.wiring import adapters
from tests.examples import NOW, channel, connection

if TYPE_CHECKING:
    from click.testing import Result

    from pipeline.ports.connections import ConnectionTable

ERRORS = channel({"severity": ["error"]})
LONG = channel({"service": [f"service-{number}" for number in range(20)]}, tenant="other")
OPENED = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ConnectionTable:
    """The table of a stack in memory: four hours of three people's listening, two of them still here."""
    settings = read({"LIVEDEX_TARGET": "memory", "LIVEDEX_TABLE": uuid4().hex})
    monkeypatch.setattr(endpoints, "find", lambda *_: Stack(Target.LOCAL, "", {}, settings))
    table, clock = adapters.table(settings), adapters.clock(settings)
    for name, each in (("ann", ERRORS), ("ben", ERRORS), ("cat", LONG)):
        opened = connection(name, tenant=each.tenant, expires=clock.now() + 7_000_000)
        table.connect(opened)
        table.subscribe(opened, each, clock.now())
    table.mark_lagged([(ERRORS, "ben")], clock.now())
    table.disconnect("cat")
    clock.sleep(4_000)
    return table


def run(*words: str) -> Result:
    return CliRunner().invoke(audience.commands, words)


@pytest.mark.usefixtures("table")
def test_channels_are_shown_with_how_many_listen_and_are_behind() -> None:
    head, errors, long = run("channels").stdout.splitlines()
    assert head.split() == ["TENANT", "CHANNEL", "MEMBERS", "LAGGED", "JOINED", "AGE", "CONFLATE", "FILTER"]
    assert errors.split()[:4] == ["acme", ERRORS.id, "2", "1"]
    assert errors.split()[5:] == ["1h", "6m", "-", '{"severity":["error"]}']
    assert long.split()[:4] == ["other", LONG.id, "0", "0"]
    assert long.endswith("…")


def test_what_each_tenant_has_in_all_is_told_beside_the_list(table: ConnectionTable) -> None:
    ben = connection("ben", tenant="acme", expires=NOW + 9_000_000)
    table.subscribe(ben, channel({"severity": ["warning"]}), 1)
    dan = connection("dan", tenant="other", expires=NOW + 9_000_000)
    table.connect(dan)
    table.subscribe(dan, LONG, 1)

    assert run("channels").stderr == "acme: channels 2, members 3\nother: channels 1, members 1\n"
    assert run("connections").stderr == (
        "acme: connections 2, subscriptions 3\nother: connections 1, subscriptions 1\n"
    )
    assert run("connections", "--json").stderr == run("channels", "--json").stderr == ""


@pytest.mark.usefixtures("table")
def test_channels_are_json_for_programs_with_their_whole_filters() -> None:
    (found,) = json.loads(run("channels", "--tenant", "other", "--json").stdout)
    assert found["filter"] == json.loads(LONG.filter)
    assert (found["tenant"], found["members"], found["age"]) == ("other", 0, 4_000)


@pytest.mark.parametrize("asked", ['{"service":[{"sounds-like":"a"}]}', '{"service":'])
def test_a_channel_whose_filter_cannot_be_read_is_marked(table: ConnectionTable, asked: str) -> None:
    ann = connection("ann", tenant="odd")
    table.connect(ann)
    table.subscribe(ann, Channel("odd", asked, "f" * 32), 1)

    shown = run("channels", "--tenant", "odd")
    (found,) = json.loads(run("channels", "--tenant", "odd", "--json").stdout)

    assert "UNREADABLE" in shown.stdout.splitlines()[1]
    assert "1 of them have a filter that this release cannot read" in shown.stderr
    assert found["unreadable"]


@pytest.mark.usefixtures("table")
def test_channels_whose_filters_can_be_read_are_not_marked() -> None:
    shown = run("channels")
    assert "UNREADABLE" not in shown.stdout
    assert "cannot read" not in shown.stderr
    assert {each["unreadable"] for each in json.loads(run("channels", "--json").stdout)} == {None}


@pytest.mark.usefixtures("table")
def test_connections_are_shown_with_their_subscriptions_and_their_ends() -> None:
    lines = [line.split() for line in run("connections").stdout.splitlines()]
    assert lines == [
        ["TENANT", "CONNECTION", "SUBJECT", "SINCE", "EXPIRES", "SUBSCRIPTIONS"],
        ["acme", "ann", "ann", OPENED, "2026-01-01T01:56:40.000Z", "1"],
        ["acme", "ben", "ben", OPENED, "2026-01-01T01:56:40.000Z", "1"],
    ]


@pytest.mark.usefixtures("table")
def test_connections_are_json_for_programs() -> None:
    found = json.loads(run("connections", "--json", "--tenant", "acme").stdout)
    assert [(each["subject"], each["subscriptions"]) for each in found] == [("ann", 1), ("ben", 1)]


@pytest.mark.usefixtures("table")
def test_nobody_and_nothing_are_said() -> None:
    assert run("connections", "--tenant", "other").stdout == "Nobody is connected.\n"
    assert run("channels", "--tenant", "nobody").stdout.startswith("There are no channels")
    assert json.loads(run("channels", "--tenant", "nobody", "--json").stdout) == []


@pytest.mark.parametrize(("seconds", "told"), [(0, "0s"), (59, "59s"), (60, "1m"), (7_260, "2h 1m")])
def test_an_age_is_told_as_people_say_it(seconds: int, told: str) -> None:
    assert audience._length(seconds) == told  # noqa: SLF001 - each form of it


def test_a_connection_is_closed_and_forgotten_and_told_that_it_may_come_back(table: ConnectionTable) -> None:
    done = run("connections", "close", "ann")

    assert done.exit_code == 0, done.output
    assert "Closed ann of ann (acme)" in done.stdout
    assert "until its token ends" in done.stdout
    assert table.connection("ann") is None
    assert [member.connection_id for member in table.members(ERRORS, 0)] == ["ben"]
    assert table.connection("ben") is not None


def test_of_a_connection_that_a_key_opened_it_says_what_ends_it(table: ConnectionTable) -> None:
    table.connect(replace(connection("bot"), principal=Principal("acme", "bot", NOW + 9_000_000, key="hash")))

    done = run("connections", "close", "bot")

    assert "livedex key revoke" in done.stdout
    assert json.loads(run("connections", "close", "ben", "--json").stdout) == {
        "connection": "ben",
        "closed": True,
        "may_return_until": "2026-01-01T01:56:40.000Z",
    }


@pytest.mark.usefixtures("table")
def test_an_unknown_connection_is_not_closed() -> None:
    refused = run("connections", "close", "nobody=")
    assert isinstance(refused.exception, Refused)
    assert "livedex connections" in str(refused.exception)


def test_a_connection_that_cannot_be_closed_gets_nothing_more_and_that_is_said(
    table: ConnectionTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(*_: str) -> None:
        raise Unavailable("API Gateway", "not today")

    monkeypatch.setattr(MemorySockets, "close", close)

    done = run("connections", "close", "ann")

    assert isinstance(done.exception, StackError)
    assert "as soon as it sends" in str(done.exception)
    assert table.connection("ann") is None
