"""``livedex dlq`` over memory adapters: what it prints, what it asks, what it leaves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
from typer.testing import CliRunner

from pipeline.cli import dead_letters, endpoints
from pipeline.cli.endpoints import Stack, Target
from pipeline.core import share
from pipeline.core.model import DeadLetter, Delivery
from pipeline.local.errors import StackError
from pipeline.settings import read
from pipeline.wiring import adapters
from tests.examples import NOW, announced, channel, connection, delta, envelope

if TYPE_CHECKING:
    from click.testing import Result

    from pipeline.adapters.memory import MemoryQueues

ODD = '{ "detail" : {"clef":"\U0001d11e"}}'


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack in memory, of this test alone."""
    name = uuid4().hex
    outputs = {
        f"{hop}{kind}QueueUrl": f"{name}-{hop}{kind}"
        for hop in ("Deltas", "Fanout")
        for kind in ("", "DeadLetter")
    }
    settings = read(
        {"LIVEDEX_TARGET": "memory", "LIVEDEX_QUEUE_URL": f"{name}-events", "LIVEDEX_TENANCY": "required"}
    )
    found = Stack(Target.LOCAL, "", outputs, settings)
    monkeypatch.setattr(endpoints, "find", lambda *_: found)
    return found


def queue(stack: Stack, hop: str = "events") -> MemoryQueues:
    found: MemoryQueues = stack.queues[hop]  # type: ignore[assignment] # its settings say so
    return found


def bury(stack: Stack, reason: str, body: str, hop: str = "events", error: str = "so it is") -> None:
    queue(stack, hop).dead_letter([DeadLetter(Delivery("1", body), reason, error)])


def dlq(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(dead_letters.dlq, words, input=typed)


def test_the_list_shows_the_reasons_of_every_hop(stack: Stack) -> None:
    for number in range(3):
        bury(stack, "no-identity", str(number), error="detail lacks paymentId")
    bury(stack, "malformed", "x", hop="deltas")
    bury(stack, "malformed", "y", hop="fanout")

    lines = dlq("list").stdout.splitlines()

    assert [line.split()[:3] for line in lines] == [
        ["HOP", "COUNT", "REASON"],
        ["events", "3", "no-identity"],
        ["deltas", "1", "malformed"],
        ["fanout", "1", "malformed"],
    ]
    assert lines[1].endswith("detail lacks paymentId")


def test_one_hop_alone_can_be_listed_as_json(stack: Stack) -> None:
    bury(stack, "no-identity", "1")
    bury(stack, "malformed", "x", hop="deltas")

    (group,) = json.loads(dlq("list", "--hop", "deltas", "--json").stdout)

    assert (group["hop"], group["reason"], group["count"], group["oldest"]) == (
        "deltas",
        "malformed",
        1,
        "2026-01-01T00:00:00.000Z",
    )


def test_of_a_traceback_the_list_shows_what_happened(stack: Stack) -> None:
    bury(stack, "defect", "1", error="Traceback (most recent call last):\n  File …\nZeroDivisionError: by 0")

    assert dlq("list").stdout.rstrip().endswith("ZeroDivisionError: by 0")


def test_a_long_error_takes_one_short_line(stack: Stack) -> None:
    bury(stack, "mapper_parsing_exception", "1", error="x" * 5_000 + "\nmore")

    assert len(dlq("list").stdout.splitlines()) == 2
    assert max(map(len, dlq("list").stdout.splitlines())) < 300


def test_no_letters_is_said(stack: Stack) -> None:
    assert dlq("list").stdout == "There are no dead letters.\n"
    assert dlq("redrive", "--reason", "defect").stdout == "There are no dead letters of reason defect.\n"
    assert dlq("drop", "7").stdout == "There are no dead letters of these ids.\n"
    shown = dlq("show")
    assert (shown.exit_code, shown.stdout) == (1, "There are no dead letters.\n")
    assert queue(stack).letters == []


def test_a_letter_is_shown_with_its_body_as_it_came(stack: Stack) -> None:
    bury(stack, "no-identity", ODD, error="one\ntwo")
    (found,) = json.loads(dlq("show", "--json").stdout)

    page = dlq("show", found["id"]).stdout

    assert found["body"] == ODD
    assert page.splitlines()[-1] == ODD
    assert "reason    no-identity" in page
    assert "error     one\n          two\n" in page


def test_bodies_alone_can_be_piped_on(stack: Stack) -> None:
    bury(stack, "no-identity", ODD)
    bury(stack, "too-old", "{}")

    assert dlq("show", "--body", "--reason", "no-identity").stdout == f"{ODD}\n"
    assert dlq("show", "--body", "-n", "1").stdout == f"{ODD}\n"


def test_one_group_is_redriven_and_the_others_stay(stack: Stack) -> None:
    bury(stack, "no-identity", ODD)
    bury(stack, "too-old", "{}")

    assert dlq("redrive", "--reason", "no-identity").stdout == "1 sent to the events queue again.\n"

    (sent,) = queue(stack).receive(10)
    assert (sent.body, sent.redriven) == (ODD, True)
    assert [letter.reason for letter in queue(stack).letters] == ["too-old"]


def test_every_hop_is_redriven_to_its_own_queue(stack: Stack) -> None:
    bury(stack, "malformed", "1")
    bury(stack, "malformed", "2", hop="deltas")
    bury(stack, "malformed", "3", hop="fanout")

    told = json.loads(dlq("redrive", "--all", "--json").stdout)

    assert told == {hop: {"sent": 1, "kept": 0, "doubled": 0} for hop in ("events", "deltas", "fanout")}
    assert [each.body for each in queue(stack, "deltas").receive(10)] == ["2"]
    assert [each.body for each in queue(stack, "fanout").receive(10)] == ["3"]


def job(asked: dict[str, Any]) -> str:
    return share.Job("acme", NOW, (NOW,), (share.Piece(channel(asked), (0, 1), (b'{"v":1}',)),)).body()


def test_jobs_of_the_fan_out_are_shown_foretold_redriven_and_dropped_as_all_letters_are(stack: Stack) -> None:
    table = adapters.table(stack.settings)
    table.subscribe(connection("ann"), channel({}), NOW)
    for body in (job({}), job({"service": ["left"]}), "no JSON"):
        bury(stack, "received-too-often", body, hop="fanout")

    shown = dlq("show", "--hop", "fanout", "--body").stdout.splitlines()
    told = json.loads(dlq("redrive", "--all", "--hop", "fanout", "--dry-run", "--json").stdout)
    assert shown == [job({}), job({"service": ["left"]}), "no JSON"]
    assert [each["fate"] for each in told] == ["posted", "posted to nobody", "still rejected"]
    assert queue(stack, "fanout").receive(10) == []

    assert dlq("redrive", told[0]["id"]).stdout == "1 sent to the fanout queue again.\n"
    assert [each.body for each in queue(stack, "fanout").receive(10)] == [job({})]
    assert dlq("drop", "--hop", "fanout", "--all", "--yes").stdout == "2 dropped.\n"
    assert queue(stack, "fanout").letters == []


def test_a_dry_run_says_what_would_become_of_each_and_sends_nothing(stack: Stack) -> None:
    nameless = envelope("nameless")
    del nameless["detail"]["eventId"]
    for event in (envelope("mended"), nameless):
        bury(stack, "no-identity", orjson.dumps(event).decode())
    bury(stack, "malformed", announced(delta()).body, hop="deltas")

    told = dlq("redrive", "--all", "--dry-run")
    fates = [each["fate"] for each in json.loads(dlq("redrive", "--all", "--dry-run", "--json").stdout)]

    assert fates == ["stored", "still rejected", "broadcast"]
    assert "     1  still rejected: no-identity\n" in told.stdout
    assert "detail lacks eventId" in told.stderr
    assert queue(stack).receive(10) == []
    assert len(queue(stack).letters) == 2


@pytest.mark.parametrize("command", ["redrive", "drop"])
@pytest.mark.parametrize("words", [[], ["--all", "--reason", "too-old"], ["--all", "7"]])
def test_which_letters_are_meant_must_be_said(stack: Stack, command: str, words: list[str]) -> None:
    bury(stack, "too-old", "{}")

    refused = dlq(command, *words)

    assert isinstance(refused.exception, StackError)
    assert "--reason" in str(refused.exception)
    assert len(queue(stack).letters) == 1


def test_dropping_asks_and_no_is_no(stack: Stack) -> None:
    bury(stack, "too-old", "1")
    bury(stack, "malformed", "2")

    refused = dlq("drop", "--reason", "too-old", typed="n\n")

    assert (refused.exit_code, "Delete 1 dead letter (too-old 1)?" in refused.stderr) == (1, True)
    assert len(queue(stack).letters) == 2
    assert dlq("drop", "--reason", "too-old", typed="y\n").stdout.endswith("1 dropped.\n")
    assert [letter.reason for letter in queue(stack).letters] == ["malformed"]


def test_with_yes_dropping_does_not_ask(stack: Stack) -> None:
    bury(stack, "too-old", "1")

    assert json.loads(dlq("drop", "--all", "--yes", "--json").stdout) == {"dropped": 1, "kept": 0}
    assert queue(stack).letters == []


def test_a_letter_that_comes_while_it_asks_is_not_dropped(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(stack, "too-old", "asked about")
    monkeypatch.setattr("typer.confirm", lambda *_, **__: bury(stack, "too-old", "came later"))

    dlq("drop", "--reason", "too-old")

    assert [letter.delivery.body for letter in queue(stack).letters] == ["came later"]
