"""``livedex routes``: what it shows of an event, and what it proposes for a sample."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import urllib3
from typer.testing import CliRunner

from pipeline import applying
from pipeline.adapters.memory import MemoryClock, MemoryDeltaBus, MemoryQueues
from pipeline.cli import routes, sample
from pipeline.core import bodies, route, verify
from pipeline.core.errors import Refused
from pipeline.indexing import End, index
from pipeline.local.errors import StackError
from pipeline.settings import read
from pipeline.wiring import adapters, shipped
from tests.examples import NOW, delivery, envelope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

WHEN = "2026-01-01T00:00:00Z"
WRITTEN = """
[[route]]
source = "pay*"
family = "money"

[[route]]
source = "payments"
detail-type = "PaymentFailed"
family = "metrics"
identity = "eventId"
occurred = "occurredAt"
tenant = "tenant"
message = "{service} {level} after {timings.totalMs} ms"
attributes = { service = "service", latencyMs = { path = "timings.totalMs", type = "number" } }
delta = "amount"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "my.toml"
    found.write_text(WRITTEN)
    return found


def run(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(routes.commands, ["routes", *words], input=given)


def attempt(file: Path, *envelopes: dict[str, Any], words: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    given = "\n".join(map(json.dumps, envelopes))
    shown = run("test", "--routes", str(file), "--now", WHEN, "--json", *words, given=given)
    return [json.loads(line) for line in shown.stdout.splitlines()]


def reason(result: Result) -> str:
    assert isinstance(result.exception, StackError | Refused), result.output
    return str(result.exception)


# --- test -------------------------------------------------------------------------------------


def test_an_event_on_trial_is_shown_with_its_route_document_id_index_and_delta(file: Path) -> None:
    (trial,) = attempt(file, envelope())
    assert (trial["route"], trial["why"]) == (
        2,
        "it takes source 'payments' of detail-type 'PaymentFailed'",
    )
    assert (trial["passed_over"], trial["notes"], trial["rejected"]) == ([], [], None)
    assert trial["index"] == "metrics-2025.12.31"
    assert trial["document"]["id"] == trial["delta"]["id"] == trial["id"]
    assert trial["document"]["message"] == "payments error after 512 ms"
    assert trial["delta"]["tenant"] == "acme"
    assert trial["delta"]["attributes"] == {"service": "payments", "latencyMs": 512}
    assert trial["delta"]["excerpt"] == {"amount": 12.5}


def test_people_read_the_same(file: Path) -> None:
    other = {**envelope(), "detail-type": "Other"}
    given = f"{json.dumps(envelope())}\n{json.dumps(other)}\n"
    shown = run("test", "--routes", str(file), "--now", WHEN, given=given)
    assert shown.exit_code == 0
    for line in (
        "line 1: payments PaymentFailed",
        "  route     route 2 of my.toml: it takes source 'payments' of detail-type 'PaymentFailed'",
        "  index     metrics-2025.12.31",
        "line 2: payments Other",
        "  not       route 2 of my.toml: it takes source 'payments' of detail-type 'PaymentFailed' only",
        "  route     route 1 of my.toml: it takes sources that begin with 'pay'",
        "  note      no tenant: it is stored, and shown to no client.",
        '              "eventType": "Other",',
    ):
        assert line in shown.stdout.splitlines()


def test_the_trial_says_what_the_index_function_would_do(file: Path) -> None:
    (trial,) = attempt(file, envelope())
    store = adapters.store(read({"LIVEDEX_TARGET": "memory"}))
    bus, clock = MemoryDeltaBus(), MemoryClock()
    index(
        [delivery(envelope())],
        routes=route.routes(WRITTEN),
        store=store,
        bus=bus,
        queue=MemoryQueues(clock),
        clock=clock,
        deadline=NOW + 30_000,
        single_tenant=False,
    )
    store.refresh("*")
    (hit,) = store.search("metrics-*", {"size": 9, "query": {"match_all": {}}})
    assert (hit["_index"], hit["_id"]) == (trial["index"], trial["id"])
    assert hit["_source"] == {"@ingested": NOW, **trial["document"]}
    (delta,) = json.loads(bus.entries[0].detail)["deltas"]
    assert {"tenant": "acme", **delta} == trial["delta"]


def test_an_event_that_was_never_sent_gets_what_eventbridge_adds(file: Path) -> None:
    unsent = {"Source": "other", "DetailType": "Happened", "Detail": '{"tenant": "acme"}'}
    (trial,) = attempt(file, unsent)
    assert (trial["route"], trial["index"]) == (0, "events-2026.01.01")
    assert [each["route"] for each in trial["passed_over"]] == [2, 1]
    assert [note.partition(":")[0].partition(",")[0] for note in trial["notes"]] == [
        "no table takes it",
        "no identity",
        "no occurred",
    ]


def test_what_its_owner_may_not_expect_is_noted(file: Path) -> None:
    file.write_text(WRITTEN + "index = false\n")
    strange = envelope(service={"a": 1}, tenant=None, text="x" * 40_000)
    (trial,) = attempt(file, {**strange, "replay-name": "r"})
    assert [note.partition(":")[0] for note in trial["notes"]] == [
        "no tenant",
        "index = false",
        "it comes from a replay",
        "left out, for there is an object inside",
        "longer than an index takes",
    ]


def test_where_all_belong_to_one_tenant_no_event_lacks_one(file: Path) -> None:
    (trial,) = attempt(file, envelope(tenant=None), words=("--single-tenant",))
    assert (trial["delta"]["tenant"], trial["notes"]) == ("default", [])


def test_what_would_be_rejected_is_said_with_its_reason_and_the_exit_code(file: Path) -> None:
    old = envelope(occurredAt="2025-01-01T00:00:00Z")
    trials = attempt(file, old, envelope(eventId=None), {"source": "x"}, envelope())
    assert [trial["rejected"] and trial["rejected"]["reason"] for trial in trials] == [
        "too-old",
        "no-identity",
        "no-detail-type",
        None,
    ]
    assert [trial["route"] for trial in trials] == [2, 2, None, 2]
    shown = run("test", "--routes", str(file), "--now", WHEN, given="nope\n")
    assert shown.exit_code == 1
    assert "  rejected  malformed: not JSON" in shown.stdout


def test_without_a_moment_an_event_arrives_now(file: Path) -> None:
    shown = run("test", "--routes", str(file), given=json.dumps(envelope(occurredAt="2020-01-01T00:00:00Z")))
    assert shown.exit_code == 1
    assert "too-old" in shown.stdout


def test_the_projects_own_routes_take_a_file_of_events(tmp_path: Path) -> None:
    events = tmp_path / "events.json"
    events.write_text(json.dumps([envelope(), envelope("fact-2")], indent=2))
    shown = run("test", str(events), "--now", WHEN)
    assert shown.exit_code == 0
    assert "event 2: payments PaymentFailed" in shown.stdout


def test_a_mistake_is_told_in_one_sentence_with_the_way_out(file: Path, tmp_path: Path) -> None:
    assert reason(run("test", "--now", "soon")).startswith("--now: 'soon' is no time")
    assert reason(run("test", str(tmp_path / "none.json"))).endswith(
        "cannot be read: No such file or directory."
    )
    assert "name it with --routes" in reason(run("test", "--routes", str(tmp_path / "none.toml")))
    file.write_text("[[route]]")
    assert "my.toml: route 1: 'source': missing" in reason(run("test", "--routes", str(file)))
    file.write_bytes(b"\xff")
    assert "my.toml is no UTF-8 text: invalid start byte" in reason(run("test", "--routes", str(file)))


# --- infer ------------------------------------------------------------------------------------


def sampled(count: int = 200) -> str:
    return "\n".join(json.dumps(each) for each in islice(sample.envelopes(7, NOW, 200.0), count))


def proposed(*words: str) -> list[dict[str, Any]]:
    shown = run("infer", "--json", *words, given=sampled())
    assert shown.exit_code == 0
    parsed: list[dict[str, Any]] = json.loads(shown.stdout)
    return parsed


def test_the_proposal_for_our_own_samples_is_what_we_wrote_for_them_ourselves() -> None:
    (proposal,) = proposed("--family", "metrics")
    ours = route.find("payments", "x", shipped.routes())
    theirs = route.find("payments", "x", route.routes(proposal["routes"]))
    for part in ("source", "family", "identity", "occurred", "tenant", "message", "retention_days"):
        assert getattr(theirs, part) == getattr(ours, part)
    assert {path for _, path in ours.attributes} <= {path for _, path in theirs.attributes}


def test_people_read_the_proposal_file_by_file() -> None:
    shown = run("infer", "--family", "shop", given=f"nope\n{sampled()}")
    assert shown.stderr == "line 1: not JSON: expecting value at character 1.\n"
    toml, _, template = shown.stdout.partition("# ----- index_templates/livedex-shop.json")
    assert "# ----- routes.toml" in toml
    assert json.loads(template)["index_patterns"] == ["shop-*"]


def test_a_proposal_is_added_to_the_project_whole_or_not_at_all(file: Path) -> None:
    def write(given: str) -> Result:
        return run("infer", "--write", "--routes", str(file), given=given)

    clash = "\n".join(json.dumps({**envelope(str(number)), "source": "payments"}) for number in range(9))
    file.write_text(WRITTEN.replace('detail-type = "PaymentFailed"\n', ""))
    before = file.read_text()
    assert "is already in route 2" in reason(write(clash))
    assert (file.read_text(), list(file.parent.iterdir())) == (before, [file])

    other = sampled().replace('"payments"', '"orders"')
    assert write(other).exit_code == 0
    assert route.find("orders", "x", route.routes(file.read_text())).family == "orders"
    template = file.parent / "index_templates" / "livedex-orders.json"
    written = {f"index_templates/{each.name}": each.read_bytes() for each in template.parent.iterdir()}
    files = {**shipped.template_files(), **written}
    added = [each for each in route.routes(file.read_text()).ordered if each.family != "money"]
    findings = verify.verify(added, bodies.read(files))
    assert all("polic" in finding.text for finding in findings), "all but the policy is proposed"

    assert "cannot be written" in reason(
        run("infer", "--write", "--routes", str(file.parent / "none" / "my.toml"), given=other)
    )

    file.unlink()
    assert "is there already: choose another --family" in reason(write(other))
    assert not file.exists()


def test_a_sample_without_events_or_a_family_that_cannot_be_is_told() -> None:
    assert "the sample has no event to infer from" in reason(run("infer", given="nope\n"))
    assert "the proposal: route 1: 'family': a family begins" in reason(
        run("infer", "--family", "A-b", given=sampled())
    )


@pytest.fixture
def family(opensearch_url: str) -> Iterator[str]:
    """A family of its own, and its template's name; all of it is deleted afterwards."""
    name = f"inferred_{uuid4().hex[:12]}"
    yield name
    with urllib3.PoolManager() as http:
        indices = f"{name}-2025.12.31,{name}-2026.01.01?ignore_unavailable=true"
        for path in (indices, f"_index_template/livedex-{name}", f"_component_template/{name}"):
            http.request("DELETE", f"{opensearch_url}/{path}")


def test_what_is_proposed_is_applied_to_the_real_node_and_stores_the_sample_there(
    opensearch_url: str, family: str
) -> None:
    settings = read({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "LIVEDEX_OPENSEARCH_URL": opensearch_url})
    (proposal,) = proposed("--family", family)
    common = (shipped.ROOT / "index_templates" / "livedex-common.json").read_bytes()
    template = {**proposal["template"], "composed_of": [family]}
    files = {f"index_templates/{family}.json": common, proposal["file"]: json.dumps(template).encode()}
    cluster = adapters.cluster(settings)
    applied = applying.apply(bodies.read(files), cluster, require_ism=False)
    assert len(applied.created) == 2

    clock, store = MemoryClock(), adapters.store(settings)
    report = index(
        [
            delivery({"id": f"e-{number}", "time": WHEN, **json.loads(line)})
            for number, line in enumerate(sampled().splitlines())
        ],
        routes=route.routes(proposal["routes"]),
        store=store,
        bus=MemoryDeltaBus(),
        queue=MemoryQueues(clock),
        clock=clock,
        deadline=clock.now() + 30_000,
        single_tenant=False,
    )
    assert report.ends == {End.STORED: 200}
    store.refresh(f"{family}-*")
    fast = {"query": {"range": {"totalMs": {"lt": 100}}}, "size": 500}
    found = store.search(f"{family}-*", fast)
    assert 0 < len(found) < 200
    assert all(hit["_source"]["totalMs"] < 100 for hit in found)
