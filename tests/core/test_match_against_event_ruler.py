"""AWS's own matcher is the judge of ours: https://github.com/aws/event-ruler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline.cli import filter_rule
from pipeline.core import differences, match, pattern, terms
from pipeline.core.errors import Refused
from pipeline.local import jars
from pipeline.local.errors import StackError
from tests import filter_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Answer = list[bool] | str
    Judge = Callable[[Iterable[tuple[str, list[str]]]], list[Answer]]

DRAWN = 1_200
"""Filters, each in two forms and each form held against eight events."""

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    try:
        classpath = jars.fetch(ROOT / "requirements" / "event-ruler-jars.txt", lambda _: None)
    except StackError as error:
        if "event-ruler" in os.environ.get("LIVEDEX_REQUIRE", "").split(","):
            raise
        pytest.skip(f"AWS's event-ruler is out of reach, so nothing judges our matching: {error}")
    command = [sys.executable, str(Path(__file__).with_name("event_ruler.py")), *map(str, classpath)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asking, answering = process.stdin, process.stdout

        def ask(cases: Iterable[tuple[str, list[str]]]) -> list[Answer]:
            asking.write(json.dumps([[asked, *events] for asked, events in cases]) + "\n")
            asking.flush()
            answers: list[Answer] = json.loads(answering.readline())
            return answers

        yield ask
        asking.close()


def ask(judge: Judge, asked: object, *events: object) -> Answer:
    (answer,) = judge([(text(asked), [text(event) for event in events])])
    return answer


def text(value: object) -> str:
    return orjson.dumps(value).decode()


def ours(asked: dict[str, Any], events: Iterable[dict[str, Any]]) -> list[bool]:
    parsed = pattern.parse(asked)
    return [match.matches(parsed, event) for event in events]


def excused(condition: object, value: object) -> bool:
    """Whether a known difference speaks of this condition on this value."""
    (clause,) = pattern.parse({"key": [condition]}).clauses
    return any(
        difference.asks(asked) and any(map(difference.meets, terms.scalars(value)))
        for asked in clause.conditions
        for difference in differences.DIFFERENCES
    )


# --- where we agree ---------------------------------------------------------------------------


def test_each_operator_with_each_operand_means_for_each_value_what_it_means_for_aws(judge: Judge) -> None:
    events = [{"key": value} for value in filter_cases.VALUES] + [{}]
    texts = [text(event) for event in events]
    asked = [{"key": [condition]} for condition in filter_cases.CONDITIONS]
    disagreed = []
    for one, theirs in zip(asked, judge((text(one), texts) for one in asked), strict=True):
        assert isinstance(theirs, list), (one, theirs)
        disagreed += [
            (one["key"][0], event)
            for event, our, their in zip(events, ours(one, events), theirs, strict=True)
            if our is not their
        ]
    assert [case for case in disagreed if not excused(case[0], case[1].get("key", []))] == []


def test_a_drawn_filter_means_what_it_means_for_aws_and_so_does_its_canonical_form(judge: Judge) -> None:
    random = Random(DRAWN)  # noqa: S311 - cases, not secrets
    drawn = (filter_cases.a_filter(random) for _ in iter(int, 1))
    alike = (one for one in drawn if one and not list(differences.found(pattern.parse(one))))
    cases = [(one, [filter_cases.an_event(random) for _ in range(8)]) for one in islice(alike, DRAWN)]
    forms = [
        (form, [text(event) for event in events])
        for one, events in cases
        for form in (text(one), pattern.canonical(pattern.parse(one)))
    ]
    for (one, events), *theirs in zip(cases, *[iter(judge(forms))] * 2, strict=True):
        assert [(one, events, our) for our in [ours(one, events)] * 2] == [(one, events, t) for t in theirs]


def test_a_rule_on_the_deltas_bus_gets_every_entry_in_which_a_delta_matches(judge: Judge) -> None:
    random = Random(DRAWN)  # noqa: S311 - cases, not secrets
    drawn = (filter_cases.a_filter(random) for _ in iter(int, 1))
    alike = (one for one in drawn if not list(differences.found(pattern.parse(one))))
    cases = [(one, [filter_cases.an_entry(random, 3) for _ in range(6)]) for one in islice(alike, 300)]
    rules = [filter_rule.rule(pattern.parse(one), "acme") for one, _ in cases]
    asked = [
        (text(rule), [text(event) for _, event in drawn])
        for rule, (_, drawn) in zip(rules, cases, strict=True)
    ]
    wanted = 0
    for (one, entries), got in zip(cases, judge(asked), strict=True):
        assert isinstance(got, list), (one, got)
        for (deltas, _), taken in zip(entries, got, strict=True):
            matching = [match.matches(pattern.parse(one), match.fields(delta)) for delta in deltas]
            wanted += any(matching)
            assert taken or not any(matching), (one, deltas)
            assert len(deltas) > 1 or '"exists":false' in text(one) or taken is any(matching), (one, deltas)
    assert wanted > 300  # or nothing would have been tried


@pytest.mark.parametrize(
    "asked",
    [
        {"key": "a"},
        {"key": []},
        {"key": [["a"]]},
        {"key": [{}]},
        {"key": [{"prefix": "a", "numeric": ["=", 1]}]},
        {"key": [{"sounds-like": "a"}]},
        {"key": [{"prefix": 3}]},
        {"key": [{"prefix": ["a"]}]},
        {"key": [{"prefix": {"equals-ignore-case": ["a"]}}]},
        {"key": [{"prefix": {"wildcard": "a"}}]},
        {"key": [{"suffix": None}]},
        {"key": [{"numeric": []}]},
        {"key": [{"numeric": ["=", "3"]}]},
        {"key": [{"numeric": ["<", 5, ">", 0]}]},
        {"key": [{"numeric": [">=", 5, "<=", 5]}]},
        {"key": [{"numeric": ["!=", 5]}]},
        {"key": [{"exists": "true"}]},
        {"key": [{"exists": 1}]},
        {"key": [{"equals-ignore-case": ["a"]}]},
        {"key": [{"equals-ignore-case": 3}]},
        {"key": [{"wildcard": "a**"}]},
        {"key": [{"wildcard": "a\\b"}]},
        {"key": [{"wildcard": "a\\"}]},
        {"key": [{"wildcard": ["a"]}]},
        {"key": [{"cidr": "10.0.0.1"}]},
        {"key": [{"cidr": "10.0.0/8"}]},
        {"key": [{"cidr": "10.0.0.0/33"}]},
        {"key": [{"cidr": "10.0.0.0/-1"}]},
        {"key": [{"cidr": "::/129"}]},
        {"key": [{"cidr": "::ffff:a00:0/120"}]},
        {"key": [{"cidr": "::ffff:10.0.0.0/104"}]},
        {"key": [{"cidr": 3}]},
        {"key": [{"anything-but": []}]},
        {"key": [{"anything-but": ["a", 3]}]},
        {"key": [{"anything-but": None}]},
        {"key": [{"anything-but": [True]}]},
        {"key": [{"anything-but": {}}]},
        {"key": [{"anything-but": {"prefix": ""}}]},
        {"key": [{"anything-but": {"suffix": ["a", ""]}}]},
        {"key": [{"anything-but": {"prefix": []}}]},
        {"key": [{"anything-but": {"prefix": 3}}]},
        {"key": [{"anything-but": {"prefix": {"equals-ignore-case": "a"}}}]},
        {"key": [{"anything-but": {"prefix": "a", "suffix": "b"}}]},
        {"key": [{"anything-but": {"numeric": ["=", 3]}}]},
        {"key": [{"anything-but": {"wildcard": "**"}}]},
        {"$or": []},
        {"$or": [{"key": ["a"]}]},
        {"$or": [{}, {}]},
        {"$or": [{"prefix": ["a"]}, {"key": ["b"]}]},
    ],
)
def test_what_we_refuse_aws_refuses_too(judge: Judge, asked: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        pattern.parse(asked)
    assert isinstance(ask(judge, asked, {}), str)


# --- where we do not --------------------------------------------------------------------------

DIFFER: dict[str, tuple[object, object, bool]] = {
    "quotes": ({"prefix": 'a"'}, "a", False),
    "case-beyond-ffff": ({"equals-ignore-case": "😀"}, "😀", True),
    "third-case": ({"equals-ignore-case": "ǅ"}, "ǅ", True),
    "spelling-of-addresses": ("::1", "0:0:0:0:0:0:0:1", False),
    "families-of-addresses": ({"cidr": "10.0.0.0/8"}, "a00::1", False),
    "large-numbers": ({"numeric": [">", 0]}, 2**53 + 1, True),
}
"""For each difference a condition, a value and our answer."""


def test_every_known_difference_has_its_example() -> None:
    assert {difference.name for difference in differences.DIFFERENCES} == DIFFER.keys()


@pytest.mark.parametrize("name", DIFFER)
def test_a_known_difference_is_still_one(judge: Judge, name: str) -> None:
    condition, value, our = DIFFER[name]
    (difference,) = (each for each in differences.DIFFERENCES if each.name == name)
    (clause,) = pattern.parse({"key": [condition]}).clauses
    assert any(map(difference.asks, clause.conditions))
    assert difference.meets(value)
    assert ours({"key": [condition]}, [{"key": value}]) == [our]
    assert ask(judge, {"key": [condition]}, {"key": value}) == [not our]


def test_an_attribute_named_beside_or_and_inside_it_has_to_meet_both(judge: Judge) -> None:
    """AWS keeps whichever it read last."""
    asked = {"key": ["a"], "$or": [{"key": ["b"]}, {"other": ["c"]}]}
    events: list[dict[str, Any]] = [{"key": "b"}, {"key": ["a", "b"]}, {"key": "a", "other": "c"}]
    assert ours(asked, events) == [False, True, True]
    assert ask(judge, asked, *events) == [True, True, True]
    assert list(differences.found(pattern.parse(asked))) == [("key", differences.TWICE)]


def test_alternatives_that_share_a_value_keep_their_others(judge: Judge) -> None:
    """AWS forgets "b" here."""
    asked = {"$or": [{"key": ["a"]}, {"key": ["a", "b"]}]}
    events: list[dict[str, Any]] = [{"key": "a"}, {"key": "b"}]
    assert ours(asked, events) == [True, True]
    assert ask(judge, asked, *events) == [True, False]
    assert list(differences.found(pattern.parse(asked))) == [("key", differences.SHARED)]


def test_a_wildcard_beside_an_ignored_case_is_not_taken_for_it(judge: Judge) -> None:
    asked = {"key": [{"exists": False}, {"wildcard": "*aB*"}, {"equals-ignore-case": "A"}]}
    event = {"key": "fe80::1%eth0"}
    assert ours(asked, [event]) == [False]
    assert ask(judge, asked, event) == [True]
    assert list(differences.found(pattern.parse(asked))) == [("key", differences.MIXED)]


@pytest.mark.parametrize(
    ("asked", "event"),
    [
        ({}, {"key": "a"}),
        ({"key": [{"cidr": "10.0.0.1/32"}]}, {"key": "10.0.0.1"}),
        ({"key": [{"cidr": "::1/128"}]}, {"key": "::1"}),
        ({"key": [{"numeric": [">=", 2**53 + 1]}]}, {"key": 2**53 + 1}),
        ({"key": [{"anything-but": 2**53 + 1}]}, {"key": 2**53}),
    ],
)
def test_some_that_aws_refuses_are_taken(judge: Judge, asked: dict[str, Any], event: dict[str, Any]) -> None:
    assert ours(asked, [event]) == [True]
    assert isinstance(ask(judge, asked, event), str)


@pytest.mark.parametrize(
    "asked",
    [
        {"key": [{"exactly": "a"}]},  # in no documentation of EventBridge
        {"key": {"inner": ["a"]}},  # attributes are flat
        {"$or": {"key": ["a"]}},  # for AWS an attribute called $or
        {"$or": ["a", "b"]},
        {"$key": ["a"]},
        {"key": [{"cidr": "10.0.0.0/+8"}]},
    ],
)
def test_some_that_aws_takes_are_refused(judge: Judge, asked: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        pattern.parse(asked)
    assert isinstance(ask(judge, asked, {}), list)
