"""Lines for people, lines for programs, and what stderr says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import clients, hit_lines
from pipeline.cli.endpoints import Target
from pipeline.client import Gap, Notice, Status, StatusChange, Subscription
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from pipeline.client import News

HIT: dict[str, Any] = {
    "id": "a",
    "source": "payments",
    "eventType": "PaymentFailed",
    "timestamp": "2026-09-21T14:13:20.123Z",
    "ingested": 1_790_000_000_200,
    "message": "charge-card declined for order o-1",
    "attributes": {"service": "payments", "severity": "error", "region": "eu-west-1", "latencyMs": 184.2},
}


def line(hit: dict[str, Any] = HIT, today: str = "2026-09-21") -> str:
    return hit_lines.line(hit, today).plain


def test_a_line_has_time_mark_service_type_message_and_attributes() -> None:
    assert line() == (
        "14:13:20.123 ✖ payments  PaymentFailed          charge-card declined for order o-1"
        "  region=eu-west-1 latencyMs=184.2"
    )


def test_a_fact_of_another_day_has_its_date() -> None:
    assert line(today="2026-09-22").startswith("2026-09-21 14:13:20.123 ✖ ")


def test_a_hit_without_attributes_or_message_is_shown_by_its_source() -> None:
    bare = {"id": "a", "source": "lab", "eventType": "X", "timestamp": "2026-09-21T14:13:20.123Z"}
    assert line({**bare, "message": None, "attributes": {}}).split() == ["14:13:20.123", "○", "lab", "X"]


def test_only_a_few_attributes_are_shown() -> None:
    many = {**HIT, "attributes": {f"a{number}": number for number in range(9)}}
    assert line(many).endswith("a0=0 a1=1 a2=2 a3=3")


@given(st.text(), st.text(), st.text())
def test_nothing_in_an_event_can_break_the_line_or_steer_the_terminal(
    message: str, kind: str, value: str
) -> None:
    hit = {**HIT, "message": message, "eventType": kind, "attributes": {"service": value, value: value}}
    assert line(hit).isprintable()


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    assert "\x1b" not in line({**HIT, "message": "\x1b[2J\x1b]0;title\x07\r\nnext"})


def test_programs_get_each_hit_whole_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    hit = {**HIT, "message": "two\nlines ✖"}
    clients.json_line(hit)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert json.loads(printed) == hit


@pytest.mark.parametrize(
    ("news", "words"),
    [
        (StatusChange(Status.LIVE), "live"),
        (StatusChange(Status.OFFLINE, "nobody there"), "offline: nobody there"),
        (Notice("bye", "expired"), "bye: expired"),
        (
            Gap(Subscription({}), mended=False, reason="too-old", start="a", end="b"),
            "gap: hits between a and b may be missing (too-old)",
        ),
        (
            Gap(Subscription({}), mended=True, reason="lagged"),
            "some hits did not reach us in time; fetching them",
        ),
    ],
)
def test_what_a_client_tells_beside_hits_is_a_line(news: News, words: str) -> None:
    assert clients.remark(news) == words


@pytest.mark.parametrize("text", ["{", "[]", "3", "service=payments"])
def test_a_filter_that_is_no_json_object_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StackError, match=r"--filter is no.*for example"):
        clients.read_filter(text)


def test_on_aws_a_token_must_be_given() -> None:
    with pytest.raises(StackError, match="--token"):
        clients.bearer_of(Target.AWS, None, "acme")
    assert clients.bearer_of(Target.AWS, "given", "acme")() == "given"
