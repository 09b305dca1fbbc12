from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given

from pipeline.core import derive, normalise
from pipeline.core.model import Delivery, Document, Event, Route
from tests import strategies as some

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


@pytest.mark.parametrize("sent", [NOW, NOW - 60_000, NOW + 60_000])
def test_the_first_receive_of_what_was_just_sent_is_plain(sent: int) -> None:
    assert derive.surely_plain(Delivery("1", "", receives=1, sent=sent), EVENT)


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
    assert not derive.surely_plain(Delivery("1", "", receives=receives, sent=sent), EVENT)


def test_what_was_redriven_is_not_plain_however_young() -> None:
    assert not derive.surely_plain(Delivery("1", "", receives=1, sent=NOW, redriven=True), EVENT)


def test_a_replay_is_a_plain_duplicate_however_old_its_envelope_is() -> None:
    replayed = replace(EVENT, replay="of a week ago")

    assert derive.surely_plain(Delivery("1", "", receives=1, sent=NOW + 7 * 86_400_000), replayed)
    assert not derive.surely_plain(Delivery("1", "", receives=2, sent=NOW), replayed)
