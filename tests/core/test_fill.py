"""The short way from events to documents, held to the long one: it gives the same documents, or none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import bulk, fill, instant, normalise, parse, route
from pipeline.core.errors import Rejected
from pipeline.core.model import MAX_DEPTH, Event, Route
from tests import strategies as some

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.core.document import Document

NOW = some.NOW
SENT = instant.iso(NOW)
ROUTE = Route(
    source="payments",
    family="metrics",
    identity=("paymentId", "attempt"),
    occurred="occurredAt",
    tenant="merchant.id",
    attributes=(("service", "service"), ("latencyMs", "timings.totalMs"), ("ok", "ok"), ("note", "note")),
    message="{service} took {timings.totalMs} ms: {{{note}}}",
    delta=("amount", "card.brand"),
)
DETAIL: dict[str, Any] = {
    "paymentId": "p-1",
    "attempt": 1,
    "occurredAt": "2026-11-22T09:59:58.123Z",
    "merchant": {"id": "acme", "size": 3},
    "service": "payments",
    "timings": {"totalMs": 184.5, "bankMs": 17},
    "ok": True,
    "note": None,
    "amount": 129.9,
    "card": {"brand": "visa"},
    "host": {"name": "eu-1"},
}


def body(detail: dict[str, Any], **envelope: Any) -> str:  # noqa: ANN401 - JSON values
    written = {
        "id": "e-1", "source": "payments", "detail-type": "Paid", "time": SENT, "detail": detail,
    } | envelope  # fmt: skip
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def the_long_way(text: str, to: Route = ROUTE, *, single_tenant: bool = False) -> Document:
    return normalise.normalise(parse.event(text), to, single_tenant=single_tenant, now=NOW)


def learned(to: Route = ROUTE, *, single_tenant: bool = False) -> fill.Kinds:
    kinds = fill.Kinds()
    kinds.learn("payments", "Paid", to, single_tenant=single_tenant)
    return kinds


def the_short_way(text: str, kinds: fill.Kinds) -> Document | None:
    [filled] = fill.documents([text], kinds, NOW)
    return filled and filled[2]


def written(document: Document) -> bytes:
    [request] = bulk.requests([document], NOW)
    return request.body


def told(document: Document) -> dict[str, Any]:
    """All that a document says; its body as JSON, since only the text of ``detail`` may differ."""
    fields = {name: getattr(document, name) for name in document.__struct_fields__}
    del fields["head"], fields["tail"], fields["values"], fields["carried"]
    carried = {"attributes": document.attributes, "excerpt": document.excerpt}
    action, _, source = written(document).partition(b"\n")
    return fields | carried | {"action": action, "body": orjson.loads(source)}


def assert_same(short: Document | None, long: Document) -> None:
    assert short is not None
    assert told(short) == told(long)
    assert repr(told(short)) == repr(told(long)), "1 is not 1.0"


# --- the same document ------------------------------------------------------------------------


def test_a_document_is_the_same_to_the_letter_where_detail_is_written_as_we_would() -> None:
    text = body(DETAIL)
    short = the_short_way(text, learned())
    assert_same(short, the_long_way(text))
    assert short is not None
    assert written(short) == written(the_long_way(text))


def test_detail_stays_as_the_event_wrote_it() -> None:
    text = body(DETAIL).replace('"size":3', '"size" : 3.00')
    short = the_short_way(text, learned())
    assert short is not None
    assert b'"size" : 3.00' in written(short)
    assert_same(short, the_long_way(text))


@pytest.mark.parametrize(
    "change",
    [
        {"timings": {"totalMs": value}}
        for value in (
            0,
            1,
            -1,
            2**63,
            2**64 - 1,
            -(2**63),
            0.1,
            109.0,
            0.0,
            1e-7,
            -2.5,
            True,
            None,
            "12ms",
        )
    ]
    + [
        {"timings": {}},
        {"note": "ключ 🦀 \u2028 \x7f"},
        {"note": 17},
        {"service": "", "ok": 1.0},
        {"attempt": True},
        {"attempt": "1"},
        {"merchant": {}},
        {"merchant": {"id": None}},
        {"occurredAt": NOW},
        {"occurredAt": NOW / 1_000},
        {"occurredAt": "2026-11-22 09:59:58.123Z"},
        {"occurredAt": "2026-11-22T09:59:60Z"},
        {"amount": None, "card": {"brand": 7}},
        {"lines": [[1], {"sku": 2}]},
    ],
    ids=str,
)
def test_values_of_every_type_give_the_same_document(change: dict[str, Any]) -> None:
    text = body(DETAIL | change)
    short = the_short_way(text, learned())
    assert_same(short, the_long_way(text))


def test_what_is_missing_is_left_out_by_both() -> None:
    text = body({key: DETAIL[key] for key in ("paymentId", "attempt", "occurredAt")})
    assert_same(the_short_way(text, learned()), the_long_way(text))


@pytest.mark.parametrize(
    "to",
    [
        Route(source="*", family="events"),
        Route(source="*", family="events", tenant="tenant"),
        replace(ROUTE, message="service"),
        replace(ROUTE, message="note"),
        replace(ROUTE, message="nowhere"),
        replace(ROUTE, message='a "quoted" line'.replace("line", "{{line}}")),
        replace(ROUTE, message="{nowhere}"),
        replace(ROUTE, identity=()),
        replace(ROUTE, occurred=None),
        replace(ROUTE, delta=()),
        replace(ROUTE, attributes=()),
        replace(ROUTE, index=False),
    ],
    ids=str,
)
@pytest.mark.parametrize("single_tenant", [True, False])
def test_every_kind_of_route_gives_the_same_document(to: Route, *, single_tenant: bool) -> None:
    text = body(DETAIL)
    short = the_short_way(text, learned(to, single_tenant=single_tenant))
    assert_same(short, the_long_way(text, to, single_tenant=single_tenant))


routed = some.routed_events().flatmap(lambda pair: st.tuples(st.just(pair), st.booleans(), st.booleans()))


@given(st.lists(routed, min_size=1, max_size=4))
def test_whatever_an_event_holds_the_short_way_gives_the_same_document_or_none(
    drawn: Sequence[tuple[tuple[Event, Route], bool, bool]],
) -> None:
    for (event, to), single_tenant, plain in drawn:
        kinds = fill.Kinds()
        kinds.learn(event.source, event.detail_type, to, single_tenant=single_tenant)
        text = json.dumps(
            {
                "id": event.id, "source": event.source, "detail-type": event.detail_type,
                "time": instant.iso(event.time), "detail": event.detail,
            },
            ensure_ascii=not plain,
        )  # fmt: skip
        short = the_short_way(text, kinds)
        if short is not None:
            assert_same(short, the_long_way(text, to, single_tenant=single_tenant))


values = st.sampled_from([*DETAIL.values(), "x", 5, 5.0, 0.25, None, False, [], {}, 2**64, -0.0, 1e16, ""])


@given(st.lists(st.dictionaries(st.sampled_from(list(DETAIL)), values, max_size=3), max_size=12))
def test_events_of_one_batch_do_not_mix(changes: Sequence[dict[str, Any]]) -> None:
    texts = [body(DETAIL | change, id=f"e-{number}") for number, change in enumerate(changes)]
    for text, filled in zip(texts, fill.documents(texts, learned(), NOW), strict=True):
        if filled:
            envelope, to, document = filled
            assert (envelope.id, to) == (json.loads(text)["id"], ROUTE)
            assert_same(document, the_long_way(text))


# --- none -------------------------------------------------------------------------------------


def deep(levels: int, opening: str, closing: str) -> Callable[[str], str]:
    return lambda text: text.replace('"note":null', f'"note":{opening * levels}1{closing * levels}')


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text.replace("eu-1", "eu\\n1"),
        lambda text: text.replace('"host":', '"host":\n'),
        lambda text: text.replace('"note":null', '"note":NaN'),
        lambda text: text.replace('"note":null', '"note":"\x01"'),
        lambda text: text.replace("184.5", "1e400"),
        lambda text: text.replace("184.5", "18446744073709551616"),
        lambda text: text.replace("184.5", "-0.0"),
        lambda text: text.replace("184.5", "1e16"),
        lambda text: text.replace("184.5", "[1]"),
        lambda text: text.replace('{"brand":"visa"}', '"visa"'),
        lambda text: text.replace('"card":', '"card.brand":"amex","card":'),
        lambda text: text.replace('"attempt":1,', ""),
        lambda text: text.replace('"attempt":1', '"attempt":1.5'),
        lambda text: text.replace('"attempt":1', '"attempt":null'),
        lambda text: text.replace('"id":"acme"', '"id":""'),
        lambda text: text.replace('"id":"acme"', '"id":7'),
        lambda text: text.replace('"id":"acme"', f'"id":"{"a" * 300}"'),
        lambda text: text.replace("2026-11-22T09", "2026-10-22T09"),
        lambda text: text.replace("2026-11-22T09", "2026-11-24T09"),
        lambda text: text.replace("2026-11-22T09", "yesterday"),
        lambda text: text.replace(SENT, "now"),
        lambda text: text.replace('"source":"payments"', '"source":""'),
        lambda text: text.replace('"detail-type":"Paid"', '"detail-type":"Lost"'),
        lambda text: text.replace('"payments","timings"', f'"{"p" * 2_000}","timings"'),
        lambda text: text.replace("eu-1", "e" * 33_000),
        lambda text: text.replace("eu-1", "\ud800"),
        deep(MAX_DEPTH, "[", "]"),
        deep(MAX_DEPTH, '{"":', "}"),
        deep(100_000, "[", "]"),
    ],
)
def test_what_it_is_not_sure_of_it_leaves_to_the_long_way(change: Callable[[str], str]) -> None:
    text = body(DETAIL)
    assert the_short_way(text, learned()) is not None
    assert the_short_way(change(text), learned()) is None


@given(st.text(max_size=60) | st.text(max_size=30).map(lambda inside: body({"a": inside})))
def test_text_that_is_no_event_is_left_to_the_long_way_too(text: str) -> None:
    short = the_short_way(text, learned())
    try:
        assert_same(short, the_long_way(text))
    except (Rejected, AssertionError):
        assert short is None


def test_an_event_beside_others_of_its_form_takes_them_along_and_no_more() -> None:
    late = body(DETAIL | {"occurredAt": "2026-10-22T09:59:58.123Z"})
    other = body(DETAIL | {"note": "of another form"})
    documents = fill.documents([body(DETAIL), late, other], learned(), NOW)
    assert [filled is not None for filled in documents] == [False, False, True]


def test_kinds_and_forms_that_somebody_makes_up_are_not_remembered_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fill, "MOST_KINDS", 2)
    monkeypatch.setattr(fill, "MOST_FORMS", 1)
    kinds = learned()
    for number in range(5):
        kinds.learn("payments", f"Paid{number}", ROUTE, single_tenant=False)
    assert [detail_type for _, detail_type in kinds.known] == ["Paid", "Paid0"]
    assert the_short_way(body(DETAIL), kinds) is not None
    assert the_short_way(body(DETAIL | {"note": "another form"}), kinds) is None


@pytest.mark.parametrize(
    "paths",
    [("lines.0.sku",), ("timings", "timings.totalMs"), ('a"b',), ("a\\b",), ("card.\n",)],
)
def test_paths_that_have_to_be_followed_step_by_step_have_no_kind(paths: tuple[str, ...]) -> None:
    to = replace(ROUTE, attributes=tuple((f"a{number}", path) for number, path in enumerate(paths)))
    assert list(learned(to).known.values()) == [None]
    assert the_short_way(body(DETAIL), learned(to)) is None


def test_a_route_is_chosen_once_for_a_kind() -> None:
    kinds = learned()
    kinds.learn("payments", "Paid", route.CATCH_ALL, single_tenant=False)
    [filled] = fill.documents([body(DETAIL)], kinds, NOW)
    assert filled is not None
    assert filled[1] == ROUTE
