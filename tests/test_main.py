from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import run
from pipeline.stages import STAGES

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "tests" / "events"
ROUTES = ("--routes", str(ROOT / "routes.toml"))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def called(stage: str, given: str, *options: str) -> tuple[int, str, str]:
    out, told = io.StringIO(), io.StringIO()
    code = run([stage, *ROUTES, *options], io.StringIO(given), out, told)
    return code, out.getvalue(), told.getvalue()


def made(stage: str, name: str, *options: str) -> list[Any]:
    """What a stage makes of one of the example events, read back."""
    code, out, told = called(stage, (EVENTS / name).read_text(), *options)
    assert (code, told) == (0, "")
    return values(out)


def values(text: str) -> list[Any]:
    found, decoder = [], json.JSONDecoder()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].lstrip()
    return found


ORDER = json.loads((EVENTS / "order.json").read_text())


def test_each_stage_shows_what_it_makes_of_an_order() -> None:
    [event] = made("parse", "order.json")
    assert (event["source"], event["detail"]) == ("checkout", ORDER["detail"])
    [route] = made("route", "order.json")
    assert route["family"] == "metrics"
    [document] = made("normalise", "order.json")
    assert (document["index"], document["body"]["detail"]) == ("metrics-2026.11.22", ORDER["detail"])
    action, source = made("bulk", "order.json")
    assert action == {"create": {"_index": document["index"], "_id": document["id"]}}
    assert source == {"@ingested": 1_795_341_600_000} | document["body"]
    [delta] = made("derive", "order.json")
    assert (delta["id"], delta["attributes"]["service"]) == (document["id"], "checkout")
    [entry] = made("entries", "order.json")
    assert (entry["Source"], entry["DetailType"]) == ("livedex", "Deltas")
    assert json.loads(entry["Detail"])["deltas"][0]["id"] == document["id"]


def test_a_filter_is_matched_and_its_frames_are_packed() -> None:
    for wanted, name in ((True, "checkout"), (False, "payments")):
        asked = ("--filter", json.dumps({"service": [name]}))
        [answer] = made("match", "order.json", *asked)
        assert answer["matches"] is wanted
        frames = made("pack", "order.json", *asked)
        assert len(frames) == wanted
        assert all(frame["type"] == "hits" for frame in frames)


def test_another_tenant_gets_no_frame() -> None:
    assert made("pack", "order.json", "--tenant", "globex") == []
    assert len(made("pack", "order.json", "--single-tenant")) == 1


def test_a_clients_frame_names_its_channel() -> None:
    body = json.loads((EVENTS / "websocket_default.json").read_text())["body"]
    code, out, _ = called("subscribe", body)
    request, channel = values(out)
    assert (code, request["type"], channel["tenant"], len(channel["id"])) == (0, "subscribe", "acme", 32)
    _, out, _ = called("subscribe", '{"type":"ping"}')
    assert len(values(out)) == 1


def test_a_filter_becomes_a_search() -> None:
    code, out, _ = called(
        "query", '{"family":["metrics"],"latencyMs":[{"numeric":[">",150]}]}', "--size", "7"
    )
    where, search = values(out)
    assert (code, where, search["size"]) == (0, {"index": "metrics-20*.*.*"}, 7)
    assert {"term": {"tenant": "acme"}} in search["query"]["bool"]["filter"]


def test_rejected_events_are_told_and_the_rest_is_shown() -> None:
    code, out, told = called("normalise", (EVENTS / "sqs_events.json").read_text())
    assert code == 1
    assert [document["index"] for document in values(out)] == ["metrics-2026.11.22"] * 3 + [
        "events-2026.11.22"
    ]
    assert told.startswith("rejected: 059f36b4-87a3-44ab-83d2-661975830a05: malformed: ")
    nameless = json.dumps(ORDER | {"detail": {"occurredAt": ORDER["time"]}})
    code, out, told = called("bulk", nameless)
    assert (code, out) == (1, "")
    assert f"rejected: {ORDER['id']}: no-identity: detail lacks eventId" in told


@pytest.mark.parametrize(
    ("arguments", "given", "text"),
    [
        ([], "{}", "the following arguments are required: STAGE"),
        (["frobnicate"], "{}", "invalid choice: 'frobnicate'"),
        (["parse"], "", "the input is not JSON"),
        (["parse"], "{}", "no batch of SQS, Kinesis, DynamoDB Streams or Kafka"),
        (["match", "--filter", "{"], json.dumps(ORDER), "--filter is not JSON"),
        (["match", "--filter", "[]"], json.dumps(ORDER), "bad-filter"),
        (["route", "--routes", "nowhere.toml"], json.dumps(ORDER), "there is no nowhere.toml"),
    ],
)
def test_a_wrong_call_is_answered_with_the_way_out(arguments: list[str], given: str, text: str) -> None:
    out, told = io.StringIO(), io.StringIO()
    assert run(arguments, io.StringIO(given), out, told) == 2
    assert text in told.getvalue()
    assert out.getvalue() == ""


def test_a_call_without_a_stage_lists_the_stages() -> None:
    told = io.StringIO()
    run([], io.StringIO(), io.StringIO(), told)
    for name, stage in STAGES.items():
        assert f"{name:10} {stage.__doc__}" in told.getvalue()


def test_a_mistake_in_the_routes_is_told_as_the_file_would(tmp_path: Path) -> None:
    routes = tmp_path / "mine.toml"
    routes.write_text("[[route]]\nsource = 'a'\n")
    told = io.StringIO()
    assert run(["route", "--routes", str(routes)], io.StringIO(json.dumps(ORDER)), io.StringIO(), told) == 2
    assert told.getvalue().startswith("mine.toml: route 1: 'family': missing; every route has a source and a")


def test_a_terminal_is_told_how_to_give_input_instead_of_waiting_for_it() -> None:
    told = io.StringIO()
    assert run(["parse"], Terminal(), io.StringIO(), told) == 2
    assert "< tests/events/order.json" in told.getvalue()


def test_it_runs_from_the_shell() -> None:
    with (EVENTS / "order.json").open("rb") as order:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "normalise"],
            stdin=order,
            capture_output=True,
            cwd=ROOT,
            check=True,
        )
    assert json.loads(done.stdout)["index"] == "metrics-2026.11.22"
    assert done.stderr == b""
