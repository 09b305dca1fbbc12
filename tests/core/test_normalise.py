from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import instant, normalise, oversize
from pipeline.core.errors import Rejected
from pipeline.core.model import COMMON_FIELDS, Event, Route
from pipeline.core.terms import Scalar, literal
from tests import strategies as some

if TYPE_CHECKING:
    from pipeline.core.document import Document

NOW = some.NOW

ROUTE = Route(
    source="payments",
    family="metrics",
    identity=("paymentId", "attempt"),
    occurred="occurredAt",
    tenant="merchant.id",
    attributes=(
        ("service", "service"),
        ("severity", "level"),
        ("latencyMs", "timings.totalMs"),
        ("tags", "tags"),
    ),
    message="summary",
    delta=("amount", "card.brand"),
    retention_days=14,
)
DETAIL: dict[str, Any] = {
    "paymentId": "p-1",
    "attempt": 1,
    "occurredAt": "2026-11-22T09:59:58.123Z",
    "merchant": {"id": "acme"},
    "service": "payments",
    "level": "error",
    "timings": {"totalMs": 184.5},
    "tags": ["card", 3, None],
    "summary": "card declined",
    "amount": 129.9,
    "card": {"brand": "visa"},
}
BARE = Route(source="*", family="events")


def an_event(**changes: object) -> Event:
    return Event("envelope-1", "payments", "PaymentFailed", NOW, DETAIL | changes)


def document(event: Event, route: Route = ROUTE, *, single_tenant: bool = False, now: int = NOW) -> Document:
    return normalise.normalise(event, route, single_tenant=single_tenant, now=now)


def body(event: Event, route: Route = ROUTE) -> dict[str, Any]:
    parsed: dict[str, Any] = orjson.loads(document(event, route).body)
    return parsed


def rejection(event: Event, route: Route = ROUTE, now: int = NOW) -> str:
    with pytest.raises(Rejected) as refusal:
        document(event, route, now=now)
    assert refusal.value.text.endswith(".")
    return refusal.value.reason


# --- the document -----------------------------------------------------------------------------


def test_an_event_becomes_a_document_with_every_part_in_its_place() -> None:
    made = document(an_event())
    assert made.index == "metrics-2026.11.22"
    assert (made.family, made.tenant, made.source, made.event_type) == (
        "metrics",
        "acme",
        "payments",
        "PaymentFailed",
    )
    assert made.timestamp == instant.read("2026-11-22T09:59:58.123Z")
    assert made.attributes == {
        "service": "payments",
        "severity": "error",
        "latencyMs": 184.5,
        "tags": ["card", 3, None],
    }
    assert made.excerpt == {"amount": 129.9, "card.brand": "visa"}
    assert orjson.loads(made.body) == {
        "@timestamp": "2026-11-22T09:59:58.123Z",
        "id": made.id,
        "tenant": "acme",
        "source": "payments",
        "eventType": "PaymentFailed",
        "message": "card declined",
        **made.attributes,
        "tokens": [
            'family="metrics"',
            'source="payments"',
            'eventType="PaymentFailed"',
            'service="payments"',
            'severity="error"',
            "latencyMs=184.5",
            'tags="card"',
            "tags=3",
            "tags=null",
        ],
        "detail": DETAIL,
    }


def test_the_id_is_the_hash_of_a_json_list_that_anyone_can_make() -> None:
    # printf '["payments","PaymentFailed","acme","p-1",1]' | sha256sum
    assert document(an_event()).id == "a874ef39b4edacb4c854d54f4edf8c0084708c6ea2593a0ed0d7d1879b96515d"


def test_a_route_that_asks_for_nothing_takes_everything_from_the_envelope() -> None:
    made = document(Event("envelope-1", "a", "B", NOW, {}), BARE)
    assert (made.tenant, made.message, made.timestamp) == (None, None, NOW)
    assert (made.attributes, made.excerpt) == ({}, {})
    assert made.id != document(Event("envelope-2", "a", "B", NOW, {}), BARE).id


# --- the same fact, the same document ---------------------------------------------------------


@given(some.routed_events(), st.uuids().map(str), some.instants, st.integers(0, instant.DAY))
def test_equal_facts_find_the_same_document_however_they_are_sent(
    routed: tuple[Event, Route], envelope_id: str, time: int, later: int
) -> None:
    event, route = routed
    again = replace(
        event,
        id=envelope_id if route.identity else event.id,
        time=time if route.occurred else event.time,
        replay="a replay",
    )
    first, second = document(event, route), document(again, route, now=NOW + later // 2)
    assert first == second


@given(some.identities, some.identities)
def test_different_identities_never_share_a_document(one: Scalar, other: Scalar) -> None:
    first, second = document(an_event(paymentId=one)), document(an_event(paymentId=other))
    assert (first.id == second.id) == (literal(one) == literal(other))


def test_text_and_number_are_different_identities() -> None:
    assert document(an_event(paymentId="1")).id != document(an_event(paymentId=1)).id


def test_identity_values_never_run_together() -> None:
    assert (
        document(an_event(paymentId="ab", attempt="c")).id
        != document(an_event(paymentId="a", attempt="bc")).id
    )


def test_another_source_or_type_is_another_fact() -> None:
    event = an_event()
    facts = [event, replace(event, source="shop"), replace(event, detail_type="PaymentSettled")]
    assert len({document(fact).id for fact in facts}) == 3


def test_another_tenants_equal_identity_is_another_fact() -> None:
    assert document(an_event()).id != document(an_event(merchant={"id": "globex"})).id


def test_a_re_send_past_midnight_finds_the_index_of_the_day_it_happened() -> None:
    tomorrow = NOW + instant.DAY
    sent_again = replace(an_event(), id="envelope-2", time=tomorrow)
    assert document(sent_again, now=tomorrow).index == "metrics-2026.11.22"


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -(2**63) + 1, 0])
def test_an_integer_of_64_bits_is_an_identity_to_the_last_digit(number: int) -> None:
    assert document(an_event(paymentId=number)).id != document(an_event(paymentId=number - 1)).id


@pytest.mark.parametrize("number", [2**64, 2**64 + 1, -(2**63) - 1, 10**40])
def test_an_integer_beyond_64_bits_is_refused_since_two_facts_would_become_one(number: int) -> None:
    as_parsed = orjson.loads(str(number))
    assert rejection(an_event(paymentId=as_parsed)) == "bad-identity"


@pytest.mark.parametrize("number", [2.0**53, -(2.0**53), 1e300])
def test_a_float_that_stands_for_several_numbers_is_refused(number: float) -> None:
    assert rejection(an_event(paymentId=number)) == "bad-identity"


def test_a_number_is_one_identity_however_it_is_written() -> None:
    one, zero = document(an_event(paymentId=1)), document(an_event(paymentId=0))
    assert document(an_event(paymentId=1.0)).id == one.id
    assert document(an_event(paymentId=-0.0)).id == zero.id
    assert document(an_event(paymentId=0.5)).id not in (one.id, zero.id)
    assert document(an_event(paymentId=True)).id != one.id


@pytest.mark.parametrize("value", [{"a": 1}, [1], []])
def test_an_object_or_a_list_is_no_identity(value: object) -> None:
    assert rejection(an_event(paymentId=value)) == "bad-identity"


def test_a_missing_or_null_identity_is_rejected() -> None:
    assert rejection(an_event(paymentId=None)) == "no-identity"
    assert rejection(replace(an_event(), detail={"occurredAt": NOW})) == "no-identity"


# --- time -------------------------------------------------------------------------------------


def test_an_event_without_a_readable_time_is_rejected_and_never_dated_by_its_envelope() -> None:
    assert rejection(an_event(occurredAt="soon")) == "bad-time"
    assert rejection(an_event(occurredAt=None)) == "bad-time"
    without = {key: value for key, value in DETAIL.items() if key != "occurredAt"}
    assert rejection(replace(an_event(), detail=without)) == "bad-time"


def test_an_event_is_too_old_from_the_day_before_its_index_is_deleted() -> None:
    day = NOW - NOW % instant.DAY
    last_moment = day + 13 * instant.DAY - 1
    for occurred in (day, day + instant.DAY - 1):  # the whole day shares an index, so it shares the end
        assert document(an_event(occurredAt=occurred), now=last_moment).timestamp == occurred
        assert rejection(an_event(occurredAt=occurred), now=last_moment + 1) == "too-old"


def test_the_routes_own_retention_decides() -> None:
    month = replace(ROUTE, retention_days=30)
    assert rejection(an_event(), now=NOW + 20 * instant.DAY) == "too-old"
    assert document(an_event(), month, now=NOW + 20 * instant.DAY) == document(an_event())


def test_the_routes_own_lateness_decides_before_its_retention_does() -> None:
    soon = replace(ROUTE, lateness_days=2)
    day = NOW - NOW % instant.DAY
    last_moment = day + 2 * instant.DAY - 1
    assert document(an_event(occurredAt=day), soon, now=last_moment).timestamp == day
    assert rejection(an_event(occurredAt=day + instant.DAY - 1), soon, now=last_moment + 1) == "too-old"


def test_an_event_may_be_a_day_ahead_and_no_more() -> None:
    assert document(an_event(occurredAt=NOW + instant.DAY)).index == "metrics-2026.11.23"
    assert rejection(an_event(occurredAt=NOW + instant.DAY + 1)) == "from-the-future"


# --- tenants ----------------------------------------------------------------------------------


def test_in_a_single_tenant_all_events_are_the_default_tenants() -> None:
    assert document(an_event(), single_tenant=True).tenant == "default"
    assert document(an_event(merchant=None), single_tenant=True).tenant == "default"


@pytest.mark.parametrize(
    "value",
    [None, "", {"id": {}}, {"id": ""}, {"id": True}, {"id": 1.5}, {"id": "x" * 257}, {"id": "客" * 112}],
)
def test_an_event_whose_tenant_cannot_be_told_is_stored_with_none(value: object) -> None:
    made = document(an_event(merchant=value))
    assert made.tenant is None
    assert orjson.loads(made.body)["tenant"] is None


def test_a_numbered_tenant_is_named_by_its_digits() -> None:
    assert document(an_event(merchant={"id": 42})).tenant == "42"


# --- nothing else rejects ---------------------------------------------------------------------


@given(some.routed_events())
def test_no_shape_of_detail_keeps_an_event_from_being_stored(
    routed: tuple[Event, Route],
) -> None:
    event, route = routed
    made = document(event, route)
    fields = orjson.loads(made.body)
    assert fields["detail"] == event.detail
    assert set(fields) - COMMON_FIELDS == set(made.attributes)
    assert {name: fields[name] for name in made.attributes} == made.attributes


def lists(deep: int) -> object:
    """Lists in lists, and a text in the innermost."""
    return [lists(deep - 1)] if deep else "a"


@pytest.mark.parametrize("value", [{"a": 1}, ["a", {"b": 1}], [["a", [{}]]], lists(21), ["a", lists(199)]])
def test_an_attribute_that_no_mapped_field_takes_is_left_out_and_the_document_says_so(value: object) -> None:
    made = body(an_event(service=value))
    assert made["ignored"] == ["service"]
    assert "service" not in made
    assert not any(token.startswith("service=") for token in made["tokens"])
    assert made["detail"]["service"] == value


def test_lists_inside_lists_are_attributes() -> None:
    made = body(an_event(tags=[["a", ["b"]], []]))
    assert made["tags"] == [["a", ["b"]], []]
    assert made["tokens"][-2:] == ['tags="a"', 'tags="b"']
    assert body(an_event(tags=lists(20)))["tags"] == lists(20)


def test_an_attribute_without_a_value_is_kept_and_found_by_no_token() -> None:
    made = body(an_event(tags=[]))
    assert made["tags"] == []
    assert not any(token.startswith("tags=") for token in made["tokens"])


@pytest.mark.parametrize(
    ("value", "message"), [("text", "text"), (None, None), (7, "7"), (True, "true"), (1.5, "1.5")]
)
def test_a_message_is_text_or_becomes_it(value: object, message: str | None) -> None:
    assert body(an_event(summary=value))["message"] == message


def test_a_message_may_be_made_of_several_values() -> None:
    route = replace(ROUTE, message="{service} {level} after {timings.totalMs} ms for {customer}")
    assert body(an_event(), route)["message"] == "payments error after 184.5 ms for ?"
    assert document(an_event(), route).message == "payments error after 184.5 ms for ?"


def test_a_message_that_is_no_text_is_left_out_and_the_document_says_so() -> None:
    made = body(an_event(summary={"text": "x"}))
    assert (made["message"], made["ignored"]) == (None, ["message"])


def test_a_token_is_never_longer_than_a_term() -> None:
    made = body(an_event(service="é" * 50_000, tags=["ü" * 50_000]))
    assert max(len(token.encode()) for token in made["tokens"]) <= oversize.LONGEST_TERM
    assert made["service"] == "é" * 50_000


def test_equal_looking_values_of_different_types_have_their_own_tokens() -> None:
    tokens = body(an_event(tags=[1, True, "1", "true"]))["tokens"]
    assert tokens[-4:] == ["tags=1", "tags=true", 'tags="1"', 'tags="true"']
    assert body(an_event(service=1))["tokens"][3] == "service=1"
    assert body(an_event(service=True))["tokens"][3] == "service=true"


# --- what no index takes ----------------------------------------------------------------------


def terms(value: object, path: str = "detail") -> list[str]:
    """The longest terms that flat_object makes: each value with its path before it."""
    if isinstance(value, dict):
        return [term for key, inner in value.items() for term in terms(inner, f"{path}.{key}")]
    if isinstance(value, list):
        return [term for inner in value for term in terms(inner, path)]
    return [f"{path}={value}"]


@pytest.mark.parametrize(
    "long",
    [
        {"text": "x" * 40_000},
        {"text": "€" * 20_000},
        {"lines": [{"text": "x" * 40_000}, 1, None]},
        {"k" * 40_000: 1},
        {"a": {"k" * 20_000: {"k" * 20_000: "deep"}}},
        {"k" * 7_990: "x" * 32_700},
    ],
)
def test_what_is_too_long_to_index_is_cut_there_and_kept_whole_as_raw(long: dict[str, Any]) -> None:
    made = body(an_event(**long))
    assert orjson.loads(made["raw"]) == DETAIL | long
    assert max(len(term.encode()) for term in terms(made["detail"])) < oversize.LONGEST_TERM
    assert made["detail"].items() >= DETAIL.items()


def test_a_large_event_without_anything_too_long_is_indexed_whole() -> None:
    lines = [{"sku": f"sku-{number}", "count": number} for number in range(5_000)]
    made = body(an_event(lines=lines))
    assert made["detail"]["lines"] == lines
    assert "raw" not in made
