"""``livedex filter``: what it says of events and cases, and what it explains."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import filter_rule, filters
from pipeline.core import channels, differences, pattern
from pipeline.core.errors import Refused
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from click.testing import Result

DOCS = Path(__file__).parents[2] / "docs" / "filters.md"
SLOW = '{"service":["payments"],"latencyMs":[{"numeric":[">",500]}]}'
ROUTES = """
[[route]]
source = "payments"
family = "metrics"
identity = "eventId"
occurred = "occurredAt"
tenant = "merchant"
attributes = { service = "service", latencyMs = "timings.totalMs", tags = "tags" }
"""


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    file = tmp_path / "my.toml"
    file.write_text(ROUTES)
    return file


def run(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(filters.commands, ["filter", *words], input=given)


def reason(result: Result) -> str:
    assert isinstance(result.exception, StackError | Refused), result.output
    return str(result.exception)


def event(**detail: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    return {"source": "payments", "detail-type": "PaymentFailed", "detail": detail}


def said(asked: object, *events: object, routes: Path | None = None) -> list[str]:
    words = ["--routes", str(routes)] if routes else ["--any-key"]
    shown = run("test", json.dumps(asked), *words, given="\n".join(map(json.dumps, events)))
    return [line.partition(": ")[2] for line in shown.stdout.splitlines()]


def explained(asked: object, *words: str) -> dict[str, Any]:
    shown = run("explain", json.dumps(asked), "--json", "--any-key", *words)
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", DOCS.read_text(), re.DOTALL)


# --- the documentation ------------------------------------------------------------------------


def test_the_documentation_shows_what_a_trial_prints() -> None:
    (command,) = blocks("sh")
    (printed,) = blocks("text")
    events = next(block for block in blocks("json") if block.startswith('{"source"'))
    asked = command.split("'")[1]
    assert run("test", asked, given=events).stdout == printed


def test_the_cases_in_the_documentation_are_right_and_would_be_told_if_not(tmp_path: Path) -> None:
    (cases,) = (block for block in blocks("json") if block.startswith("["))
    file = tmp_path / "cases.json"
    file.write_text(cases)
    shown = run("test", "--cases", str(file))
    assert (shown.stdout, shown.exit_code) == ("2 of 2 cases are right\n", 0)
    file.write_text(cases.replace('"match": true', '"match": false'))
    shown = run("test", "--cases", str(file))
    assert (shown.stdout.splitlines(), shown.exit_code) == (
        ["case 1, slow payments: match", "1 of 2 cases are right"],
        1,
    )


def test_every_condition_in_the_documentation_is_one() -> None:
    (rows,) = re.findall(r"\| condition \|.*?\n\n", DOCS.read_text(), re.DOTALL)
    shown = [text.replace("\\|", "|") for text in re.findall(r"`(\{.*?\})`", rows)]
    assert len(shown) > 10
    for text in shown:
        assert pattern.parse({"key": [json.loads(text)]}).keys() == {"key"}


def test_the_documentation_names_every_difference() -> None:
    named = set(re.findall(r"^\| `([a-z-]+)` \|", DOCS.read_text(), re.MULTILINE))
    known = (*differences.DIFFERENCES, differences.TWICE, differences.SHARED, differences.MIXED)
    assert {each.name for each in known} == named - {"anything-but"}


# --- test -------------------------------------------------------------------------------------


def test_an_event_goes_through_the_routes_and_needs_neither_identity_nor_time(routes: Path) -> None:
    asked = json.loads(SLOW)
    slow = event(service="payments", timings={"totalMs": 812})
    assert said(asked, slow, event(service="payments", latencyMs=812), routes=routes) == [
        "match",
        'no match: latencyMs is missing, wanted [{"numeric":[">",500]}]',
    ]
    entry = {"Source": "payments", "DetailType": "PaymentFailed", "Detail": json.dumps(slow["detail"])}
    assert said(asked, entry, routes=routes) == ["match"]
    assert said({"family": ["metrics"], "eventType": ["PaymentFailed"]}, slow, routes=routes) == ["match"]


def test_the_reasons_say_what_the_event_has_instead(routes: Path) -> None:
    asked = {
        "tags": [{"exists": True}],
        "$or": [{"service": ["a"]}, {"latencyMs": [1], "service": ["b"]}],
    }
    (line,) = said(asked, event(service="c", tags=[]), routes=routes)
    assert line == (
        'no match: tags is [], which is no value, wanted [{"exists":true}], and none of the alternatives: '
        'latencyMs is missing, wanted [1] and service is "c", wanted ["b"]; or service is "c", wanted ["a"]'
    )
    assert said(asked, event(service="a"), routes=routes) == [
        'no match: tags is missing, wanted [{"exists":true}]'
    ]
    (line,) = said({"service": ["a"]}, event(service="x" * 500), routes=routes)
    assert len(line) < 120


def test_what_is_no_event_is_told_and_the_rest_goes_on(routes: Path) -> None:
    shown = run("test", "{}", "--routes", str(routes), given='{"source":1}\nnonsense\n' + json.dumps(event()))
    assert [line.split(":")[1] for line in shown.stdout.splitlines()] == [" no event", " no event", " match"]
    assert shown.exit_code == 1
    shown = run("test", "{}", "--any-key", given="nonsense\n{}")
    assert shown.stdout.splitlines()[1:] == ["line 2: match"]
    assert shown.exit_code == 1


def test_any_key_is_a_path_into_detail_or_the_event_or_any_object() -> None:
    one = event(timings={"totalMs": 5}, source="inner", lines=[{"sku": "a"}])
    for asked in (
        {"timings.totalMs": [5]},
        {"detail.timings.totalMs": [5]},
        {"source": ["inner"]},
        {"eventType": ["PaymentFailed"]},
        {"detail-type": ["PaymentFailed"]},
        {"lines.0.sku": ["a"]},
        {"lines.sku": [{"exists": False}]},
    ):
        assert said(asked, one) == ["match"], asked
    assert said({"a.b": [1]}, {"a": {"b": 1}}, {"a.b": 1}, {"a": 1}, {"detail": 1}) == [
        "match",
        "match",
        "no match: a.b is missing, wanted [1]",
        "no match: a.b is missing, wanted [1]",
    ]
    assert said({"eventType": ["a"]}, {"eventType": "a"}) == ["match"]


def test_without_any_key_an_attribute_has_to_be_declared(routes: Path) -> None:
    assert '"status"' in reason(run("test", '{"status":["a"]}', "--routes", str(routes), given="{}"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a filter"),
        (("{",), "not JSON"),
        (("[]",), "JSON object"),
        (('{"a":1}', "--any-key"), '"a"'),
        (("{}", "--cases", "cases.json"), "leave FILTER out"),
        (("--cases", "none.json"), "cannot be read"),
        (("{}", "none.ndjson"), "cannot be read"),
        (("{}", "--routes", "none.toml"), "cannot be read"),
    ],
)
def test_a_mistake_is_told_with_the_way_out(words: tuple[str, ...], told: str) -> None:
    assert told in reason(run("test", *words))


@pytest.mark.parametrize(
    "written",
    [
        "{",
        "[]",
        "{}",
        '["a"]',
        '[{"name":"a","filter":{},"event":{}}]',
        '[{"name":"a","filter":{},"event":{},"match":1}]',
        '[{"name":"a","filter":{},"event":{},"match":true,"more":1}]',
    ],
)
def test_a_file_that_has_no_cases_is_refused(tmp_path: Path, written: str) -> None:
    file = tmp_path / "cases.json"
    file.write_text(written)
    assert "cases.json" in reason(run("test", "--cases", str(file), "--any-key"))


def test_a_case_whose_filter_or_event_is_none_is_wrong_whatever_it_expects(tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    cases = [
        {"name": "refused", "filter": {"a": 1}, "event": {}, "match": False},
        {"name": "no event", "filter": {}, "event": 3, "match": False},
        {"name": "wrong", "filter": {"a": [1]}, "event": {"a": 2}, "match": True},
        {"name": "right", "filter": {"a": [1]}, "event": {"a": 1}, "match": True},
    ]
    file.write_text(json.dumps(cases))
    shown = run("test", "--cases", str(file), "--any-key")
    assert shown.exit_code == 1
    lines = shown.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:3]] == [
        "case 1, refused",
        "case 2, no event",
        "case 3, wrong",
    ]
    assert lines[2].endswith("no match: a is 2, wanted [1]")
    assert lines[3] == "1 of 4 cases are right"


# --- explain ----------------------------------------------------------------------------------


def test_a_filter_is_explained_by_its_canonical_form_and_its_tenants_channel() -> None:
    found = explained({"b": [3.0], "a": ["x"]}, "--tenant", "acme")
    assert found["filter"] == {"a": ["x"], "b": [3]}
    channel = channels.of("acme", {"a": ["x"], "b": [3]}, None)
    assert found["channel"] == {"tenant": "acme", "id": channel.id}
    assert found["opensearch"]["body"]["query"]["bool"]["filter"][0] == {"term": {"tenant": "acme"}}


def test_people_read_the_same() -> None:
    shown = run("explain", '{"service":[{"cidr":"10.0.0.0/8"}]}', "--tenant", "acme").stdout
    for line in (
        'filter       {"service":[{"cidr":"10.0.0.0/8"}]}',
        "opensearch   POST /events-20*.*.*,metrics-20*.*.*/_search",
        "  each hit is held against the filter again",
        "  service: every text is found, since the index has no addresses",
        "eventbridge  a rule on the deltas bus",
        '    "source": [',
    ):
        assert line in shown.splitlines()
    assert "(families-of-addresses)" in shown


def test_the_rule_wants_one_delta_of_an_entry_to_have_all() -> None:
    asked = {
        "family": ["metrics"],
        "source": ["payments"],
        "service": ["a"],
        "ip": [{"cidr": "10.0.0.1/32"}, {"cidr": "::1/128"}, {"cidr": "2001:db8::/32"}],
        "$or": [{"status": ["b"]}, {"eventType": ["c"]}],
    }
    assert explained(asked, "--tenant", "acme")["eventbridge"]["pattern"] == {
        "source": ["livedex"],
        "detail-type": ["Deltas"],
        "detail": {
            "tenant": ["acme"],
            "family": ["metrics"],
            "deltas": {
                "source": ["payments"],
                "attributes": {"ip": ["10.0.0.1", {"cidr": "2001:db8::/32"}, "::1"], "service": ["a"]},
            },
            "$or": [{"deltas": {"eventType": ["c"]}}, {"deltas": {"attributes": {"status": ["b"]}}}],
        },
    }


def test_what_would_be_asked_of_all_deltas_together_is_left_out_of_the_rule() -> None:
    asked = {"status": ["a", {"exists": False}], "$or": [{"a": [{"exists": False}]}, {"b": [1]}]}
    rule = explained(asked)["eventbridge"]
    assert rule["pattern"]["detail"] == {"tenant": ["default"]}
    assert any("exists" in note for note in rule["notes"])


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ({"numeric": [">", 1]}, "no template maps it"),
        ({"suffix": "a"}, "cut at 8,000 bytes"),
        ({"wildcard": "a*b"}, "cut at 8,000 bytes"),
        ({"equals-ignore-case": "é"}, "ASCII"),
        ({"prefix": {"equals-ignore-case": "é"}}, "ASCII"),
        ({"anything-but": "a"}, "excluded"),
        ("a", ""),
        ({"wildcard": "a"}, ""),
        ({"wildcard": "a*"}, ""),
        ({"prefix": "é"}, ""),
        ({"anything-but": {"prefix": "a"}}, ""),
    ],
)
def test_where_the_query_finds_more_is_said(condition: object, word: str) -> None:
    notes = explained({"key": [condition]})["opensearch"]["notes"]
    assert [word in note for note in notes] == ([True] if word else [])
    assert explained({"$or": [{"key": [condition]}, {"a": [1]}]})["opensearch"]["notes"] == notes


def test_a_range_on_a_typed_attribute_is_widened_and_said_to_be() -> None:
    (note,) = explained({"latencyMs": [{"numeric": [">", 1]}]})["opensearch"]["notes"]
    assert "whole numbers" in note


def test_what_a_rule_would_be_refused_for_is_said() -> None:
    large = explained({"a": [{"numeric": ["<", -5_000_000_001]}], "b": ["x" * 2_000]})["eventbridge"]["notes"]
    assert any("5000000000" in note for note in large)
    assert any(str(filter_rule.MAX_PATTERN) in note for note in large)
    assert len(explained({"a": [{"numeric": ["<", 5]}]})["eventbridge"]["notes"]) == 1


def test_the_differences_that_a_filter_touches_are_named() -> None:
    asked = {"a": ["::1"], "$or": [{"a": ["b"]}, {"b": ["c"]}, {"b": ["c", "d"]}]}
    found = explained(asked)["differences"]
    assert {(each["key"], each["name"]) for each in found} == {
        ("a", "spelling-of-addresses"),
        ("a", "key-beside-or"),
        ("b", "values-shared-in-or"),
    }


def test_an_undeclared_attribute_is_explained_only_with_any_key() -> None:
    assert '"nope"' in reason(run("explain", '{"nope":[1]}'))
    assert run("explain", '{"nope":[1]}', "--any-key").exit_code == 0
