from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given

from pipeline.core import derive, normalise
from pipeline.core.model import Delivery, Event, Route
from tests import strategies as some

if TYPE_CHECKING:
    from pipeline.core.document import Document

NOW = some.NOW
EVENT = Event("1", "payments", "PaymentFailed", NOW, {})


@given(some.documents(), some.instants)
def test_a_delta_says_what_its_document_says(document: Document, ingested: int) -> None:
    delta = derive.delta(document, ingested)
    assert delta.ingested == ingested
    for name in ("id", "index", "family", "tenant", "source", "event_type", "timestamp", "message"):
        assert getattr(delta, name) == getattr(document, name)
    assert (delta.attributes, delta.excerpt) == (document.attributes, document.excerpt)


@given(some.routed_events(), some.instants)
def test_a_delta_recalled_from_the_index_equals_the_one_announced(
    routed: tuple[Event, Route], ingested: int
) -> None:
    event, route = routed
    document = normalise.normalise(event, route, single_tenant=False, now=NOW)
    hit = {"_index": document.index, "_source": {"@ingested": ingested, **orjson.loads(document.body)}}
    assert derive.recalled(hit, route.delta) == derive.delta(document, ingested)


@given(some.routed_events(), some.instants)
def test_what_is_needed_of_a_document_is_enough_for_its_delta(
    routed: tuple[Event, Route], ingested: int
) -> None:
    event, route = routed
    document = normalise.normalise(event, route, single_tenant=False, now=NOW)
    whole = {"@ingested": ingested, **orjson.loads(document.body)}
    needed = derive.needed([name for name, _ in route.attributes], route.delta)
    source = {name: value for name, value in whole.items() if name in needed}
    inside = {name.removeprefix("detail.") for name in needed if name.startswith("detail.")}
    if inside:
        source["detail"] = {k: v for k, v in whole["detail"].items() if k.partition(".")[0] in inside}
    hit = {"_index": document.index, "_source": source}
    assert derive.recalled(hit, route.delta) == derive.delta(document, ingested)
    assert "tokens" not in needed
    assert ("raw" in needed) is bool(route.delta)
    assert document.tenant is None or derive.is_ours(hit, document.tenant)


@pytest.mark.parametrize(
    "changed",
    [
        {"tenant": "acme-eu"},
        {"tenant": None},
        {"id": "1"},
        {"id": None},
        {"source": 7},
        {"eventType": None},
        {"@timestamp": 1},
        {"@ingested": "2026-01-01T00:00:00Z"},
    ],
)
def test_what_others_wrote_is_none_of_ours(changed: dict[str, object]) -> None:
    source = {
        "id": "0" * 64,
        "tenant": "acme",
        "source": "payments",
        "eventType": "PaymentFailed",
        "@timestamp": "2026-11-22T10:00:00.000Z",
        "@ingested": NOW,
    }
    assert derive.is_ours({"_source": source}, "acme")
    assert not derive.is_ours({"_source": source | changed}, "acme")
    for name in source:
        assert not derive.is_ours({"_source": {k: v for k, v in source.items() if k != name}}, "acme")


def test_a_recalled_excerpt_is_whole_where_the_indexed_copy_was_cut() -> None:
    event = replace(EVENT, detail={"text": "x" * 40_000})
    route = Route(source="payments", family="metrics", delta=("text",))
    document = normalise.normalise(event, route, single_tenant=True, now=NOW)
    hit = {"_index": document.index, "_source": {"@ingested": NOW, **orjson.loads(document.body)}}
    assert derive.recalled(hit, route.delta).excerpt == {"text": "x" * 40_000}


def test_fields_that_every_document_has_are_no_attributes() -> None:
    source = {
        "@timestamp": "2026-11-22T10:00:00.000Z",
        "@ingested": NOW,
        "id": "1",
        "tenant": None,
        "source": "payments",
        "eventType": "PaymentFailed",
        "message": None,
        "service": "payments",
        "tokens": [],
        "ignored": ["latencyMs"],
        "detail": {},
    }
    delta = derive.recalled({"_index": "metrics-2026.11.22", "_source": source})
    assert (delta.attributes, delta.excerpt, delta.family) == ({"service": "payments"}, {}, "metrics")


def is_plain(delivery: Delivery, *, replayed: bool = False) -> bool:
    return derive.surely_plain(delivery, EVENT.time, replayed=replayed)


@pytest.mark.parametrize("sent", [NOW, NOW - 60_000, NOW + 60_000])
def test_the_first_receive_of_what_was_just_sent_is_plain(sent: int) -> None:
    assert is_plain(Delivery("1", "", receives=1, sent=sent))


@pytest.mark.parametrize(
    ("receives", "sent"),
    [
        (2, NOW),  # an earlier attempt may have died between store and announce
        (1, NOW + 60_001),  # a redrive sends it anew
        (1, NOW - 60_001),
        (None, NOW),
        (1, None),
        (None, None),  # the source does not say
    ],
)
def test_in_doubt_a_duplicate_is_not_plain(receives: int | None, sent: int | None) -> None:
    assert not is_plain(Delivery("1", "", receives=receives, sent=sent))


def test_what_was_redriven_is_not_plain_however_young() -> None:
    assert not is_plain(Delivery("1", "", receives=1, sent=NOW, redriven=True))


def test_a_replay_is_a_plain_duplicate_however_old_its_envelope_is() -> None:
    assert is_plain(Delivery("1", "", receives=1, sent=NOW + 7 * 86_400_000), replayed=True)
    assert not is_plain(Delivery("1", "", receives=2, sent=NOW), replayed=True)
