"""The emulator's EventBridge, asked with the rule that a filter becomes: it gets what ``match`` takes."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline.adapters import aws
from pipeline.cli import filter_rule
from pipeline.core import match, pattern
from pipeline.settings import read
from tests import filter_cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Takes = Callable[[dict[str, Any], dict[str, Any]], bool]

DRAWN = 200
"""Filters and entries; a call each."""


@pytest.fixture(scope="module")
def takes(aws_url: str) -> Iterator[Takes]:
    settings = read({"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": aws_url, "AWS_REGION": "us-east-1"})
    client = aws.session(settings).client("events", endpoint_url=aws_url)

    def ask(rule: dict[str, Any], event: dict[str, Any]) -> bool:
        answer = client.test_event_pattern(
            EventPattern=orjson.dumps(rule).decode(), Event=orjson.dumps(event).decode()
        )
        return bool(answer["Result"])

    yield ask
    client.close()


def test_a_rule_takes_an_entry_of_one_delta_exactly_when_the_filter_does(takes: Takes) -> None:
    random = Random(3)  # noqa: S311 - cases, not secrets
    taken = 0
    for _ in range(DRAWN):
        asked = pattern.parse(
            {key: [random.choice(filter_cases.CONDITIONS)] for key in random.sample(filter_cases.KEYS, 1)}
        )
        (delta,), event = filter_cases.an_entry(random, 1)
        rule = filter_rule.rule(asked, "acme")
        ours = match.matches(asked, match.fields(delta))
        taken += ours
        if "deltas" in rule["detail"]:
            assert takes(rule, event) is ours, (pattern.canonical(asked), delta)
    assert taken > DRAWN // 20


def test_a_rule_takes_every_entry_in_which_a_delta_matches_and_none_of_another_tenant(takes: Takes) -> None:
    random = Random(4)  # noqa: S311 - cases, not secrets
    for _ in range(DRAWN):
        asked = pattern.parse(filter_cases.a_filter(random))
        deltas, event = filter_cases.an_entry(random, 3)
        if any(match.matches(asked, match.fields(delta)) for delta in deltas):
            assert takes(filter_rule.rule(asked, "acme"), event), (pattern.canonical(asked), deltas)
            assert not takes(filter_rule.rule(asked, "other"), event)
