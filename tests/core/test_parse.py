from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import instant, parse
from pipeline.core.errors import Rejected
from tests import strategies as some

if TYPE_CHECKING:
    from pipeline.core.model import Delta, Event

EVENTS = Path(__file__).parents[1] / "events"


def invocation(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((EVENTS / name).read_text())
    return parsed


def envelope(**changes: object) -> str:
    return json.dumps(invocation("eventbridge.json") | changes)


def rejection(body: str) -> str:
    with pytest.raises(Rejected) as refusal:
        parse.event(body)
    assert refusal.value.text.endswith(".")
    return refusal.value.reason


# --- events -----------------------------------------------------------------------------------


def test_an_envelope_becomes_an_event() -> None:
    raw = invocation("eventbridge.json")
    event = parse.event(json.dumps(raw))
    assert (event.id, event.source, event.detail_type) == (raw["id"], "payments", "PaymentFailed")
    assert event.time == instant.read("2026-11-22T10:00:01Z")
    assert event.detail == raw["detail"]
    assert event.replay is None


def test_a_replayed_event_names_its_replay() -> None:
    assert parse.event(json.dumps(invocation("eventbridge_replay.json"))).replay == "backfill-2026-11"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "malformed"),
        ('{"version":"0","id":', "malformed"),
        ("[]", "malformed"),
        ('"text"', "malformed"),
        ('{"a":NaN}', "malformed"),
        ('{"a":"\\ud800"}', "malformed"),
        ('{"a":"\ud800"}', "malformed"),
        (envelope(detail=None), "no-detail"),
        (envelope(detail="text"), "no-detail"),
        (envelope(source=""), "no-source"),
        (envelope(source=7), "no-source"),
        (envelope(source="s" * 1_001), "no-source"),
        (envelope(id=None), "no-id"),
        (json.dumps({"detail": {}, "id": "1", "source": "s"}), "no-detail-type"),
        (envelope(time=None), "bad-time"),
        (envelope(time="soon"), "bad-time"),
    ],
)
def test_a_body_that_is_no_whole_envelope_is_rejected_by_name(body: str, reason: str) -> None:
    assert rejection(body) == reason


def nested(levels: int, opening: str, closing: str) -> str:
    """An envelope that is so many levels deep; the envelope and its detail are two of them."""
    inside = opening * (levels - 2) + "1" + closing * (levels - 2)
    return envelope(detail={"inside": "HERE"}).replace('"HERE"', inside)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_is_taken_to_the_limit_and_rejected_beyond_it(opening: str, closing: str) -> None:
    levels = parse.MAX_DEPTH
    step = 2 if opening.startswith("[{") else 1
    body = envelope(detail={"inside": "HERE"})
    deepest = (levels - 2) // step
    assert parse.event(body.replace('"HERE"', opening * deepest + "1" + closing * deepest)).detail
    assert (
        rejection(body.replace('"HERE"', opening * (deepest + 1) + "1" + closing * (deepest + 1)))
        == "too-deep"
    )


@pytest.mark.parametrize("levels", [1_000, 5_000, 100_000])
def test_any_depth_is_a_rejection_and_never_a_recursion_error(levels: int) -> None:
    assert rejection(nested(levels, "[", "]")) == "too-deep"
    assert rejection(nested(levels, '{"a":', "}")) == "too-deep"


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert parse.event(envelope(detail={"lines": [{"tags": [[]]}] * 1_000})).detail["lines"]


@given(some.events)
def test_every_event_comes_through_its_envelope_unchanged(event: Event) -> None:
    body = orjson.dumps(
        {
            "version": "0",
            "id": event.id,
            "detail-type": event.detail_type,
            "source": event.source,
            "time": instant.iso(event.time),
            "detail": event.detail,
            "replay-name": event.replay,
        }
    )
    assert parse.event(body.decode()) == event


@given(st.text() | some.json_values.map(lambda value: orjson.dumps(value).decode()))
def test_no_text_at_all_gives_anything_but_an_event_or_a_rejection(body: str) -> None:
    with suppress(Rejected):
        assert parse.event(body).source


# --- deltas -----------------------------------------------------------------------------------


def test_an_entry_from_the_deltas_queue_gives_its_deltas_back() -> None:
    deltas = parse.deltas(invocation("sqs_deltas.json")["Records"][0]["body"])
    assert [delta.tenant for delta in deltas] == ["acme", "acme"]
    assert deltas[0].attributes["latencyMs"] == 185.2
    assert deltas[0].timestamp == instant.read("2026-11-22T10:00:01.123Z")


@given(st.lists(some.deltas, max_size=3), some.tenants, some.families)
def test_every_delta_comes_through_its_entry_unchanged(
    deltas: list[Delta], tenant: str | None, family: str
) -> None:
    detail = {"v": 1, "tenant": tenant, "family": family, "deltas": [delta.fields() for delta in deltas]}
    read = parse.deltas(orjson.dumps({"detail": detail}).decode())
    assert [delta.fields() | {"family": family} for delta in deltas] == [delta.fields() for delta in read]
    assert {delta.tenant for delta in read} <= {tenant}


ENTRY: dict[str, Any] = {"v": 1, "tenant": None, "family": "metrics"}
DELTA = {"id": "1", "index": "metrics-2026.11.22", "source": "a", "eventType": "b"}


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        (None, "cannot be read"),
        ([], "cannot be read"),
        ({"v": 2}, "has version 2"),
        ({"v": 1, "family": "metrics", "deltas": [{}]}, "lacks 'tenant'"),
        (ENTRY, "lacks 'deltas'"),
        (ENTRY | {"deltas": 5}, "cannot be read"),
        (ENTRY | {"tenant": 5, "deltas": []}, "tenant is no text"),
        (ENTRY | {"tenant": "客" * 112, "deltas": []}, "too long for anybody's name"),
        (ENTRY | {"deltas": [{"id": "1"}]}, "lacks 'index'"),
        (ENTRY | {"deltas": [DELTA | {"timestamp": "soon"}]}, "no time"),
    ],
)
def test_what_is_no_entry_is_rejected_and_says_what_is_missing(detail: object, text: str) -> None:
    with pytest.raises(Rejected, match=text) as refusal:
        parse.deltas(json.dumps({"detail": detail}))
    assert refusal.value.reason == "malformed"
