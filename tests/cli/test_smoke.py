"""When a smoke run may say that all holds."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve

from pipeline.cli import proof, smoke
from pipeline.cli.watcher import Watcher
from pipeline.client import Refused

EVENTS = 5


def perfect() -> proof.Seen:
    """A run in which all went as it should: put at 1,000, indexed 20 ms and shown 50 ms later."""
    return proof.Seen(
        put={f"e{n}": 1_000 for n in range(EVENTS)},
        documents=[(f"d{n}", f"e{n}", 1_020) for n in range(EVENTS)],
        found={f"d{n}" for n in range(EVENTS)},
        delivered={f"d{n}": 1_050 for n in range(EVENTS)},
    )


def test_all_holds_when_every_event_went_the_way_it_should() -> None:
    verdict = proof.judge(perfect(), EVENTS)
    assert verdict.ok
    assert verdict.put_to_index_ms == proof.Percentiles(20, 20)
    assert verdict.put_to_client_ms == proof.Percentiles(50, 50)


@pytest.mark.parametrize(
    ("figure", "value", "change"),
    [
        ("accepted", 4, {"put": {f"e{n}": 1_000 for n in range(4)}}),
        ("stored", 4, {"documents": [(f"d{n}", f"e{n}", 1_020) for n in range(4)]}),
        ("stored_twice", 1, {"documents": [*perfect().documents, ("copy", "e0", 1_030)]}),
        ("found", 4, {"found": {f"d{n}" for n in range(4)}}),
        ("delivered", 4, {"delivered": {f"d{n}": 1_050 for n in range(4)}}),
        ("leaked_filter", 1, {"leaked_filter": 1}),
        ("leaked_tenant", 1, {"leaked_tenant": 1}),
        ("deaf", ("the other tenant",), {"deaf": ["the other tenant"]}),
        ("left_in_queues", 1, {"left_in_queues": 1}),
        ("dead", 1, {"dead": 1}),
    ],
)
def test_it_does_not_hold_when_one_thing_is_off(figure: str, value: object, change: dict[str, Any]) -> None:
    verdict = proof.judge(dataclasses.replace(perfect(), **change), EVENTS)
    assert getattr(verdict, figure) == value
    assert not verdict.ok


def test_an_event_with_two_documents_is_neither_found_nor_delivered_as_it_should_be() -> None:
    twice = dataclasses.replace(perfect(), documents=[*perfect().documents, ("copy", "e0", 1_030)])
    verdict = proof.judge(twice, EVENTS)
    assert (verdict.stored, verdict.found, verdict.delivered) == (4, 4, 4)


def test_a_duplicate_that_the_client_dropped_is_told_and_allowed() -> None:
    verdict = proof.judge(dataclasses.replace(perfect(), duplicates=3), EVENTS)
    assert verdict.ok
    assert verdict.fields()["duplicates"] == 3


def test_a_run_that_saw_nothing_does_not_hold_and_has_no_latency() -> None:
    verdict = proof.judge(proof.Seen(), EVENTS)
    assert not verdict.ok
    assert verdict.put_to_client_ms == proof.Percentiles(None, None)


def test_the_json_has_every_figure_by_its_name() -> None:
    fields = proof.judge(perfect(), EVENTS).fields()
    assert fields["ok"] is True
    assert fields["put_to_index_ms"] == {"p50": 20, "p99": 20}
    assert {
        "events",
        "stored",
        "found",
        "delivered",
        "duplicates",
        "leaked_filter",
        "leaked_tenant",
    } < fields.keys()
    assert {"left_in_queues", "dead", "put_to_client_ms"} < fields.keys()


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_a_percentile_is_a_duration_that_occurred_with_so_many_at_or_below_it(durations: list[int]) -> None:
    of = proof.percentiles(durations)
    for percent, value in ((50, of.p50), (99, of.p99)):
        assert value in durations
        assert sum(each <= value for each in durations) >= len(durations) * percent / 100


@dataclasses.dataclass
class Heard:
    """What came to a subscriber."""

    arrived: dict[str, tuple[dict[str, Any], int]] = dataclasses.field(default_factory=dict)
    strays: int = 0
    duplicates: int = 0


def hit(status: str = "ok", operation: str = "smoke-1") -> tuple[dict[str, Any], int]:
    return {"attributes": {"status": status, "operation": operation}}, 1_050


def ideal() -> dict[str, Heard]:
    """What came to the three subscribers of a run where nothing leaked."""
    return {
        "matching": Heard({"d0": hit(), "d1": hit()}),
        "filtered": Heard({"w1": hit(proof.WITNESS, "decoy")}),
        "foreign": Heard({"w2": hit(proof.WITNESS)}),
    }


def weighed(heard: dict[str, Heard]) -> tuple[int, int, int, list[str]]:
    seen = proof.Seen()
    proof.weigh(seen, decoy="decoy", **heard)
    return len(seen.delivered), seen.leaked_filter, seen.leaked_tenant, seen.deaf


def test_each_subscriber_got_its_own_and_nothing_leaked() -> None:
    assert weighed(ideal()) == (2, 0, 0, [])


@pytest.mark.parametrize(
    ("who", "what", "leaks"),
    [
        ("matching", hit(proof.WITNESS, "decoy"), (1, 0)),
        ("matching", hit(proof.WITNESS), (0, 1)),
        ("filtered", hit(), (1, 0)),
        ("foreign", hit(), (0, 1)),
    ],
)
def test_a_hit_that_was_not_meant_for_a_subscriber_is_a_leak(
    who: str, what: tuple[dict[str, Any], int], leaks: tuple[int, int]
) -> None:
    heard = ideal()
    heard[who].arrived["leak"] = what
    assert weighed(heard) == (2, *leaks, [])


@pytest.mark.parametrize(("who", "leaks"), [("matching", (1, 0)), ("filtered", (1, 0)), ("foreign", (0, 1))])
def test_a_frame_of_a_foreign_channel_is_a_leak(who: str, leaks: tuple[int, int]) -> None:
    heard = ideal()
    heard[who].strays = 1
    assert weighed(heard) == (2, *leaks, [])


def test_a_subscriber_that_did_not_even_get_its_own_proves_nothing_by_its_silence() -> None:
    heard = {**ideal(), "filtered": Heard(), "foreign": Heard({"leak": hit()})}
    assert weighed(heard) == (2, 0, 1, ["the other filter", "the other tenant"])


def text_of(seen: proof.Seen) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as captured:
        console.print(smoke.table(proof.judge(seen, EVENTS)))
    return captured.get()


def test_the_table_says_what_is_off() -> None:
    shown = text_of(dataclasses.replace(perfect(), dead=2))
    assert "NOT all holds" in shown
    row = next(line for line in shown.splitlines() if "dead letters" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["dead letters", "2", "0", "✖"]


def watch(frames: list[dict[str, Any]], until: str) -> Watcher:
    """A watcher of a server that answers its subscribe with these frames, once a hit of this id has come."""

    async def play(socket: ServerConnection) -> None:
        ask = json.loads(await socket.recv())["id"]
        for frame in frames:
            await socket.send(json.dumps({"id": ask, **frame} if frame["type"] != "hits" else frame))
        await socket.wait_closed()

    async def main() -> Watcher:
        async with serve(play, "127.0.0.1", 0) as server, asyncio.timeout(10):
            port = next(iter(server.sockets)).getsockname()[1]

            async def dial() -> str:
                return f"ws://127.0.0.1:{port}"

            watcher = Watcher(dial, {"operation": ["x"]})
            listening = asyncio.create_task(watcher.watch())
            waiting = asyncio.create_task(watcher.until(lambda each: until in each.arrived))
            await asyncio.wait([listening, waiting], return_when=asyncio.FIRST_COMPLETED)
            for task in (listening, waiting):
                if task.done():
                    task.result()
                task.cancel()
            await asyncio.gather(listening, waiting, return_exceptions=True)
            return watcher

    return asyncio.run(main())


def frame(channel: str, *ids: str) -> dict[str, Any]:
    return {"type": "hits", "channel": channel, "cursor": "L1", "hits": [{"id": each} for each in ids]}


def test_a_watcher_remembers_what_came_what_came_again_and_what_was_not_for_it() -> None:
    watcher = watch(
        [
            {"type": "subscribed", "channel": "c"},
            {"type": "live", "channel": "c", "cursor": "L0"},
            frame("c", "a", "b"),
            frame("c", "a"),
            frame("other", "x"),
            frame("c", "end"),
        ],
        until="end",
    )
    assert list(watcher.arrived) == ["a", "b", "end"]
    assert (watcher.duplicates, watcher.strays, watcher.is_live) == (1, 1, True)


def test_a_watcher_that_is_refused_says_so() -> None:
    with pytest.raises(Refused, match="bad-filter"):
        watch([{"type": "error", "code": "bad-filter", "text": "no"}], until="never")
