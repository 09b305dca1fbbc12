"""``livedex replay`` and ``livedex backfill`` over memory adapters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
from typer.testing import CliRunner

from pipeline.cli import endpoints, history, output
from pipeline.cli.endpoints import Stack, Target
from pipeline.core import route
from pipeline.local.errors import StackError
from pipeline.settings import read
from pipeline.wiring import adapters, shipped
from tests.examples import envelope

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from pipeline.adapters.memory import MemoryDeltaBus, MemoryQueues
    from pipeline.adapters.memory_store import DocumentStore


@dataclass
class World:
    """A stack in memory, of one test alone, and a file of events."""

    stack: Stack
    file: Path

    def write(self, *lines: dict[str, Any] | str) -> None:
        self.file.write_text(
            "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        )

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(history.commands, words)

    def backfill(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.run("backfill", str(self.file), "--json").stdout)
        return told

    def replay(self, *words: str) -> dict[str, Any]:
        told = self.run("replay", "--file", str(self.file), "--json", *words).stdout
        counts: dict[str, Any] = json.loads(told)
        return counts

    @property
    def store(self) -> DocumentStore:
        found: DocumentStore = self.stack.store  # type: ignore[assignment] # its settings say so
        return found

    def stored(self) -> list[dict[str, Any]]:
        self.store.refresh("*")
        return [hit["_source"] for hit in self.store.search("*", {"size": 2_000, "query": {"match_all": {}}})]

    def announced(self) -> int:
        bus: MemoryDeltaBus = adapters.bus(self.stack.settings)  # type: ignore[assignment] # as above
        return len(bus.entries)

    def waiting(self) -> list[dict[str, Any]]:
        queue: MemoryQueues = self.stack.queues["events"]  # type: ignore[assignment] # as above
        return [orjson.loads(delivery.body) for delivery in queue.receive(100)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
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
    return World(found, tmp_path / "events.ndjson")


def without(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in names}


# --- backfill ---------------------------------------------------------------------------------


def test_history_is_stored_and_nobody_hears_of_it(world: World) -> None:
    world.write(*(envelope(f"fact-{number}") for number in range(1_100)))

    assert world.backfill() == {"stored": 1_100, "already_there": 0, "failed": 0, "failures": []}
    assert len(world.stored()) == 1_100
    assert world.announced() == 0


def test_doing_it_twice_stores_nothing_twice(world: World) -> None:
    bare = without(envelope("bare"), "id", "time", "account", "region")
    world.write(
        envelope("one"), bare, {**without(bare, "detail"), "detail": {}, "source": "a", "time": 1767225600}
    )

    first, second = world.backfill(), world.backfill()

    assert (first["stored"], first["failed"]) == (3, 0)
    assert (second["stored"], second["already_there"]) == (0, 3)
    assert len(world.stored()) == 3


def test_bad_lines_are_named_by_number_and_the_rest_is_stored(world: World) -> None:
    nameless = envelope("nameless")
    del nameless["detail"]["eventId"]
    world.write(
        envelope("one"),
        "nope",
        nameless,
        "",
        envelope("old", occurredAt="2020-01-01T00:00:00Z"),
        envelope("two"),
    )

    told = world.run("backfill", str(world.file))

    assert (told.exit_code, told.stdout) == (1, "2 stored, 0 already there, 3 failed\n")
    assert [line.split(":")[0] for line in told.stderr.splitlines()] == ["line 2", "line 3", "line 5"]
    assert "no-identity: detail lacks eventId" in told.stderr
    assert "too-old: " in told.stderr


def test_an_event_that_only_its_envelope_dates_must_bring_its_time(world: World) -> None:
    world.write(without({**envelope(), "source": "unrouted"}, "time"), without(envelope(), "time"))

    told = world.backfill()

    assert told["stored"] == 1
    (failure,) = told["failures"]
    assert failure["place"] == "line 1"
    assert "occurred" in failure["error"]


def test_what_the_cluster_does_not_take_has_failed_and_may_be_tried_again(world: World) -> None:
    world.write(envelope("one"))
    world.store.down = True
    failed = world.backfill()
    world.store.down = False

    assert failed["stored"] == 0
    assert "run it again" in failed["failures"][0]["error"]
    assert world.backfill()["stored"] == 1


def test_a_route_that_keeps_nothing_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = route.routes('[[route]]\nsource = "payments"\nfamily = "flow"\nindex = false')
    monkeypatch.setattr(shipped, "routes", lambda: flow)
    world.write(envelope("one"))

    assert world.backfill()["not_kept"] == 1
    assert world.announced() == 0


def test_many_failures_are_counted(world: World) -> None:
    world.write("{}", *["nope"] * 30)

    told = world.run("backfill", str(world.file)).stderr.splitlines()

    assert len(told) == output.SHOWN + 1
    assert told[-1] == "… and 11 more"


def test_a_file_that_there_is_not_is_said(world: World) -> None:
    refused = world.run("backfill", str(world.file))
    assert isinstance(refused.exception, StackError)
    assert "cannot be read" in str(refused.exception)


# --- replay -----------------------------------------------------------------------------------


def test_a_replay_sends_what_lies_between_two_times_and_names_itself(world: World) -> None:
    world.write(
        {**envelope("early"), "time": "2026-01-01T09:59:59Z"},
        {**envelope("first"), "time": "2026-01-01T10:00:00Z"},
        {**envelope("last"), "time": "2026-01-01T11:00:00Z"},
        {**envelope("late"), "time": "2026-01-01T11:00:01Z"},
    )

    told = world.replay("--from", "2026-01-01T10:00:00Z", "--to", "2026-01-01T11:00:00Z", "--name", "again")

    assert told == {"sent": 2, "outside": 2, "failed": 0, "failures": []}
    sent = world.waiting()
    assert [(each["detail"]["eventId"], each["replay-name"]) for each in sent] == [
        ("first", "again"),
        ("last", "again"),
    ]


def test_what_has_no_id_has_the_same_one_in_every_replay_and_in_a_backfill(world: World) -> None:
    world.write({"source": "unrouted", "detail-type": "B", "detail": {}, "time": "2026-01-01T00:00:00Z"})
    for name in ("first", "second"):
        world.replay("--from", "2025-12-31T00:00:00Z", "--name", name)

    first, second = world.waiting()
    assert (first["id"], first["replay-name"], second["replay-name"]) == (second["id"], "first", "second")
    world.write(first)
    assert world.backfill()["stored"] == 1
    world.write({"source": "unrouted", "detail-type": "B", "detail": {}, "time": "2026-01-01T00:00:00Z"})
    assert world.backfill()["already_there"] == 1


def test_lines_that_nobody_can_place_in_time_are_named(world: World) -> None:
    world.write(
        envelope("one"), without(envelope("two"), "time"), {**envelope("three"), "time": "soon"}, "nope"
    )

    told = world.replay("--from", "2025-12-31T00:00:00Z")

    assert (told["sent"], told["failed"]) == (1, 3)
    assert [failure["place"] for failure in told["failures"]] == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize(
    ("words", "way_out"),
    [
        (["--from", "soon", "--file", "x"], "--from"),
        (["--from", "2026-01-01T00:00:00Z", "--to", "then", "--file", "x"], "--to"),
        (["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z", "--file", "x"], "swap"),
        (["--from", "2026-01-01T00:00:00Z"], "--file"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_the_way_out(
    world: World, words: list[str], way_out: str
) -> None:
    refused = world.run("replay", *words)
    assert isinstance(refused.exception, StackError)
    assert way_out in str(refused.exception)
