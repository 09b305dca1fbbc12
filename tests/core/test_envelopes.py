from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given

from pipeline.core import envelopes, parse
from pipeline.core.errors import Rejected
from tests import strategies as some

SENT = 1_795_341_601_361


def completed(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return envelopes.completed(text, "place-in-the-stream", SENT)


def test_a_whole_envelope_stays_as_its_producer_wrote_it() -> None:
    written = (
        '  {"detail": {"n": 1.0e2, "big": 12345678901234567890123}, "id":"1", "time": 5, "source" : "a"}'
    )
    assert completed(written) == written


def test_an_envelope_without_id_and_time_gets_those_of_its_place_and_keeps_the_rest() -> None:
    written = ' {"source": "a", "detail-type": "b", "detail": {"n": 1.0e2}}'
    event = parse.event(completed(written))
    assert (event.id, event.time) == ("place-in-the-stream", SENT)
    assert '"detail": {"n": 1.0e2}' in completed(written)


def test_an_id_that_is_there_is_never_overwritten() -> None:
    assert json.loads(completed({"id": None, "time": 5})) == {"id": None, "time": 5}


def test_a_time_that_nobody_knows_is_not_made_up() -> None:
    assert json.loads(envelopes.completed('{"source": "a"}', "x", None)) == {"id": "x", "source": "a"}


def test_an_entry_of_putevents_becomes_an_envelope_with_the_very_text_of_its_detail() -> None:
    detail = '{"n": 1.0e2, "big": 12345678901234567890123}'
    body = completed({"Source": "a", "DetailType": "b", "Detail": detail, "Time": "2026-11-22T10:00:03Z"})
    assert f'"detail": {detail}' in body
    event = parse.event(body)
    assert (event.id, event.source, event.detail_type) == ("place-in-the-stream", "a", "b")
    assert event.time == 1_795_341_603_000


def test_an_entry_without_time_happened_when_it_was_sent() -> None:
    assert parse.event(completed({"Source": "a", "DetailType": "b", "Detail": "{}"})).time == SENT


def test_an_entry_whose_detail_is_an_object_already_is_taken_too() -> None:
    assert parse.event(completed({"Source": "a", "DetailType": "b", "Detail": {"n": 10}})).detail == {"n": 10}


@pytest.mark.parametrize("detail", ['{"n": 1}, "source": "somebody else"', '{"n": 1', "", None])
def test_a_detail_that_is_no_json_cannot_change_the_envelope_and_is_rejected_whole(
    detail: str | None,
) -> None:
    body = completed({"Source": "a", "DetailType": "b", "Detail": detail})
    with pytest.raises(Rejected) as rejection:
        parse.event(body)
    assert rejection.value.reason == "no-detail"
    assert (json.loads(body)["source"], json.loads(body)["detail"]) == ("a", detail)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '"text"', "null", "{}"])
def test_what_is_no_event_stays_as_it_came(text: str) -> None:
    assert completed(text) == text


@given(some.json_objects)
def test_whatever_an_object_holds_it_is_completed_and_never_changed(value: dict[str, Any]) -> None:
    body = orjson.loads(completed(orjson.dumps(value).decode()))
    assert body == value or body == {"id": "place-in-the-stream", "time": SENT} | value


def test_what_is_too_deep_for_the_library_is_written_too() -> None:
    deep: Any = "innermost"
    for level in range(100_000):
        deep = [1, deep] if level % 2 else {"a": deep, "b": []}
    text = envelopes.written(deep)
    assert text.startswith('[1, {"a": [1, {"a": ')
    assert '{"a": "innermost", "b": []}' in text
    while not isinstance(
        deep, str
    ):  # by hand, since freeing what is nested so deep recurses in older Pythons
        deep = deep.pop("a") if isinstance(deep, dict) else deep.pop()


@given(some.json_values)
def test_what_is_written_piece_by_piece_is_what_the_library_writes(value: Any) -> None:  # noqa: ANN401 - any JSON
    pieces = envelopes._pieces(value)  # noqa: SLF001 - else reached only by what nothing can compare
    assert "".join(pieces) == json.dumps(value)
