from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pipeline.core import candidates
from pipeline.core.columns import columns
from pipeline.core.model import Event
from tests import strategies as some

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject


def events(*details: JsonObject, types: tuple[str, ...] = ("Happened",)) -> list[Event]:
    return [
        Event("1", "shop", types[number % len(types)], some.NOW, detail)
        for number, detail in enumerate(details)
    ]


def numbered(count: int, **keys: Any) -> list[JsonObject]:  # noqa: ANN401 - JSON, or a function of the number
    return [
        {name: value(number) if callable(value) else value for name, value in keys.items()}
        for number in range(count)
    ]


# --- identity ---------------------------------------------------------------------------------


def test_the_events_own_id_comes_before_other_ids_before_those_of_a_call() -> None:
    sample = events(
        *numbered(9, requestId=str, orderId=str, eventId=str, order=lambda n: {"id": n}, amount=int)
    )
    assert candidates.identities(sample) == [("eventId",), ("orderId",), ("order.id",), ("requestId",)]


def test_two_keys_are_an_identity_where_neither_is_alone() -> None:
    sample = events(*numbered(9, paymentId=lambda n: n // 3, attempt=lambda n: n % 3, shop="s"))
    assert candidates.identities(sample) == [("paymentId", "attempt")]


def test_a_key_that_is_unique_alone_needs_no_second() -> None:
    sample = events(*numbered(9, orderId=str, cartId=lambda n: n // 3, attempt=lambda n: n % 3))
    assert candidates.identities(sample) == [("orderId",), ("cartId", "attempt")]


@pytest.mark.parametrize(
    "key",
    [
        {"orderId": lambda n: [n]},
        {"orderId": lambda n: n + 0.5},
        {"orderId": lambda n: bool(n % 2)},
        {"orderId": lambda n: str(n) if n else ""},
        {"orderId": lambda n: n or None},
        {"orderId": lambda n: n // 2},
        {"createdId": lambda n: f"2026-11-22T10:00:0{n}Z"},
        {"amount": int},
        {"-": int},
    ],
)
def test_what_could_be_missing_or_equal_or_a_time_or_a_measure_is_no_identity(key: dict[str, Any]) -> None:
    assert candidates.identities(events(*numbered(6, **key))) == []


def test_equal_values_of_different_types_of_event_are_different_facts() -> None:
    details = numbered(6, orderId=lambda n: n // 2)
    assert candidates.identities(events(*details)) == []
    assert candidates.identities(events(*details, types=("Placed", "Paid"))) == [("orderId",)]


# --- the rest ---------------------------------------------------------------------------------


def test_the_time_of_the_fact_comes_first_and_that_of_the_sending_never() -> None:
    moment = "2026-11-22T10:00:00Z"
    found = columns(
        numbered(
            3,
            sentAt=moment,
            updatedAt=moment,
            order=lambda _: {"createdAt": moment},
            time=1_795_341_600,
            occurredAt=moment,
            seenAt=lambda n: moment if n else None,
            list=lambda _: [moment],
        )
    )
    assert candidates.times(found.values(), 3) == ["occurredAt", "time", "order.createdAt"]


@pytest.mark.parametrize(
    ("detail", "path"),
    [
        ({"accountId": "a", "tenantId": "t"}, "tenantId"),
        ({"tenant": {"id": "t"}}, "tenant.id"),
        ({"merchant": {"name": "m"}}, "merchant.name"),
        ({"accountBalance": "9"}, None),
        ({"tenant": None}, None),
        ({"-": 1}, None),
    ],
)
def test_a_tenant_is_known_by_its_name(detail: JsonObject, path: str | None) -> None:
    assert candidates.tenant(columns([detail]).values()) == path


def test_a_message_is_known_by_its_name_or_made_of_attributes() -> None:
    found = columns([{"title": "t", "summary": "s", "summary{": "no", "error": {"message": "m"}}])
    assert candidates.message(found.values(), {}) == "summary"
    texts = {"a": ("a", "text"), "b": ("b", "number"), "c": ("x.c", "text"), "d": ("{", "text")}
    assert candidates.message([], texts) == "{a} {x.c}"
    assert candidates.message([], {}) is None


def test_an_excerpt_names_things_that_are_nowhere_else_on_a_hit() -> None:
    found = columns([{"orderId": 1, "userId": 2, "amount": 3, **{f"x{n}Id": n for n in range(9)}}])
    assert candidates.excerpts(found.values(), ["userId"]) == ["orderId", "x0Id", "x1Id", "x2Id", "x3Id"]


def test_attributes_are_numbers_truths_and_texts_of_which_there_are_few() -> None:
    found = columns(
        numbered(
            30,
            orderId=str,
            tenant="acme",
            level=lambda n: "error" if n % 3 else "info",
            customer=lambda n: f"customer {n}",
            essay="x" * 101,
            summary="s",
            createdAt="2026-11-22T10:00:00Z",
            ok=True,
            ms=lambda n: n / 2,
            mixed=lambda n: n if n % 2 else str(n),
            tags=lambda n: ["a", "b"][: n % 3],
        )
    )
    assert candidates.attributes(found, 30) == {
        "level": ("level", "text"),
        "ok": ("ok", "boolean"),
        "ms": ("ms", "number"),
        "tags": ("tags", "text"),
    }


def test_an_attribute_has_a_name_of_its_own() -> None:
    found = columns(
        [{"source": 1, "host": {"name": "h", "raw": {"eventType": 3}}, "-": 4, "a-b": 5, "host_name": 6}]
    )
    assert {name: path for name, (path, _) in candidates.attributes(found, 1).items()} == {
        "host_name": "host.name",
        "raw_eventType": "host.raw.eventType",
        "a_b": "a-b",
    }


def test_a_proposal_has_not_more_attributes_than_people_read() -> None:
    found = columns([{f"a{number}": number for number in range(99)}])
    assert len(candidates.attributes(found, 1)) == candidates.MOST_ATTRIBUTES
