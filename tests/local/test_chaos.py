"""The proxy that breaks things: it breaks what it was asked to, and nothing else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.chaos import ChaosProxy
from pipeline.local.errors import StackError
from pipeline.local.faults import Chances, Fate, part

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:1"
"""Nobody listens there, so what comes back was not sent on."""


def bulk(index: str, *ids: str) -> bytes:
    return b"".join(orjson.dumps({"create": {"_index": index, "_id": each}}) + b'\n{"a":1}\n' for each in ids)


def dice(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311 - repeatable on purpose


# --- chances ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chances", [{"busy": 1.1}, {"cut": -0.1}, {"busy": 0.6, "cut": 0.6}, {"item_429": 2}, {"latency": -1}]
)
def test_chances_that_are_none_are_refused(chances: dict[str, float]) -> None:
    with pytest.raises(StackError, match="shares from 0 to 1"):
        Chances(**chances)  # type: ignore[arg-type]


def test_requests_meet_each_fate_about_as_often_as_its_chance_says() -> None:
    chances, thrown = Chances(busy=0.1, unavailable=0.2, timeout=0.3, cut=0.4), dice()
    met = Counter(chances.fate(10, thrown) for _ in range(10_000))
    assert {fate: round(count / 10_000, 1) for fate, count in met.items()} == chances.whole


def test_without_chances_nothing_breaks_but_what_is_too_large() -> None:
    chances, thrown = Chances(largest=100), dice()
    assert {chances.fate(100, thrown) for _ in range(100)} == {Fate.ORDINARY}
    assert chances.fate(101, thrown) is Fate.TOO_LARGE


@given(
    st.lists(st.sampled_from(["create", "index", "update", "delete"]), max_size=30),
    st.floats(0, 1),
    st.integers(),
)
def test_every_item_is_either_sent_on_as_it_was_or_refused_and_has_its_answer_in_its_place(
    operations: list[str], chance: float, seed: int
) -> None:
    lines = [
        orjson.dumps({operation: {"_index": "a", "_id": str(n)}})
        + b"\n"
        + (b"" if operation == "delete" else b"{}\n")
        for n, operation in enumerate(operations)
    ]

    parted = part(b"".join(lines), chance, dice(seed))

    passed = [n for n, refusal in enumerate(parted.refused) if refusal is None]
    assert parted.sent_on == b"".join(lines[n] for n in passed)
    upstream = [{operations[n]: {"_index": "a", "_id": str(n), "status": 200}} for n in passed]
    items = orjson.loads(parted.joined(orjson.dumps({"items": upstream})))["items"]
    assert [(op, told["_id"]) for item in items for op, told in item.items()] == [
        (operation, str(n)) for n, operation in enumerate(operations)
    ]
    assert [told["status"] for item in items for told in item.values()] == [
        200 if n in passed else 429 for n in range(len(operations))
    ]


# --- the proxy, before a real node ------------------------------------------------------------


@pytest.fixture
def index(opensearch_url: str) -> Iterator[str]:
    name = f"chaos-{uuid4().hex[:12]}"
    yield name
    urllib3.request("DELETE", f"{opensearch_url}/{name}")


def ask(url: str, method: str, path: str, body: bytes | None = None, patience: float = 20) -> tuple[int, Any]:
    answer = urllib3.request(
        method,
        f"{url}/{path}",
        body=body,
        headers={"content-type": "application/x-ndjson"},
        retries=False,
        timeout=patience,
    )
    return answer.status, orjson.loads(answer.data) if answer.data else None


def ids(url: str, index: str) -> set[str]:
    ask(url, "POST", f"{index}/_refresh")
    _, told = ask(url, "GET", f"{index}/_search?size=1000")
    return {hit["_id"] for hit in told["hits"]["hits"]}


def test_without_chances_every_answer_is_the_engines_own(opensearch_url: str, index: str) -> None:
    with ChaosProxy(opensearch_url, Chances()) as proxy:
        assert ask(proxy.url, "POST", "_bulk", bulk(index, "a", "b"))[1]["errors"] is False
        assert ids(proxy.url, index) == {"a", "b"}
        assert ask(proxy.url, "HEAD", index)[0] == 200
        assert ask(proxy.url, "HEAD", f"{index}-none")[0] == 404
        assert ask(proxy.url, "GET", f"{index}-none/_doc/1") == ask(
            opensearch_url, "GET", f"{index}-none/_doc/1"
        )
    assert proxy.met.keys() == {"ordinary"}


def test_refused_items_are_not_stored_and_the_others_are(opensearch_url: str, index: str) -> None:
    names = [str(n) for n in range(200)]
    with ChaosProxy(opensearch_url, Chances(item_429=0.3)) as proxy:
        status, told = ask(proxy.url, "POST", "_bulk", bulk(index, *names))
    answered = {item["create"]["_id"]: item["create"]["status"] for item in told["items"]}
    assert (status, list(answered)) == (200, names)
    assert ids(opensearch_url, index) == {name for name, told in answered.items() if told == 201}
    assert proxy.met["item_429"] == sum(told == 429 for told in answered.values()) > 0


def test_a_bulk_whose_items_are_all_refused_is_not_sent_on() -> None:
    with ChaosProxy(NOBODY, Chances(item_429=1)) as proxy:
        status, told = ask(proxy.url, "POST", "_bulk", bulk("a", "1", "2"))
    assert (status, [item["create"]["status"] for item in told["items"]]) == (200, [429, 429])


@pytest.mark.parametrize(
    ("chances", "status"), [(Chances(busy=1), 429), (Chances(unavailable=1), 503), (Chances(largest=10), 413)]
)
def test_a_request_that_is_refused_is_not_sent_on(chances: Chances, status: int) -> None:
    with ChaosProxy(NOBODY, chances) as proxy:
        assert ask(proxy.url, "POST", "_bulk", bulk("a", "1"))[0] == status


def test_an_engine_that_is_not_there_is_a_bad_gateway() -> None:
    with ChaosProxy(NOBODY, Chances(item_429=0.01)) as proxy:
        assert ask(proxy.url, "POST", "_bulk", bulk("a", "1"))[0] == 502


@pytest.mark.parametrize("chances", [Chances(timeout=1), Chances(cut=1)], ids=["never answered", "cut"])
def test_what_is_not_wholly_answered_was_carried_out(
    opensearch_url: str, index: str, chances: Chances
) -> None:
    ask(opensearch_url, "PUT", index)
    with ChaosProxy(opensearch_url, chances) as proxy:
        for name in "abcd":
            with pytest.raises(urllib3.exceptions.HTTPError):
                ask(proxy.url, "POST", "_bulk", bulk(index, name), patience=1)
    assert ids(opensearch_url, index) == set("abcd")


def test_the_same_seed_breaks_the_same_requests() -> None:
    def statuses(seed: int) -> list[int]:
        with ChaosProxy(NOBODY, Chances(busy=0.3, unavailable=0.3, latency=1), seed=seed) as proxy:
            return [ask(proxy.url, "GET", "")[0] for _ in range(30)]

    assert statuses(1) == statuses(1) != statuses(2)


def test_a_script_goes_before_all_chance() -> None:
    with ChaosProxy(NOBODY, Chances(busy=1)) as proxy:
        proxy.script += [401, Fate.UNAVAILABLE]
        assert [ask(proxy.url, "GET", "")[0] for _ in range(3)] == [401, 503, 429]


# --- commands ---------------------------------------------------------------------------------


def livedex(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_serves_until_it_is_ended_and_tells_what_requests_met() -> None:
    with livedex("chaos", "opensearch", "--429-whole", "1", "--opensearch-url", NOBODY) as running:
        assert running.stdout
        url = running.stdout.readline().strip()
        assert ask(url, "GET", "")[0] == 429
        running.send_signal(signal.SIGINT)
        told, errors = running.communicate()
    assert (running.returncode, json.loads(told)) == (0, {"met": {"busy": 1}})
    assert url in errors


def test_chances_that_are_none_are_one_line_and_no_traceback() -> None:
    with livedex("chaos", "opensearch", "--429", "20", "--opensearch-url", NOBODY) as running:
        _, errors = running.communicate()
    assert running.returncode == 1
    assert errors.startswith("livedex: Chances are shares")
    assert len(errors.splitlines()) == 1


def test_through_the_handler_every_fact_is_stored_once_and_announced_and_every_delivery_counted(
    opensearch_url: str,
) -> None:
    """What ``make chaos`` does, at a smaller size."""
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.chaos",
            "--events",
            "800",
            "--batch",
            "80",
            "--opensearch-url",
            opensearch_url,
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout, ran.stderr
    line = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, line["broken"], line["holds"]) == (0, [], True)
    assert line["stored"] + line["already_there"] + line["rejected"] == 800
    assert line["documents"] == line["unique_ids"] == line["documents_announced"] == line["facts"]
    assert {"item_429", "busy", "unavailable", "timeout", "cut"} <= line["met"].keys()
