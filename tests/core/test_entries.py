from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import entries, parse
from pipeline.core.model import Delta, Entry
from tests import strategies as some

NOW = some.NOW


def a_delta(number: int = 0, text: str = "", **attributes: object) -> Delta:
    return Delta(
        id=f"{number:064x}",
        index="metrics-2026.11.22",
        family="metrics",
        tenant="acme",
        source="payments",
        event_type="PaymentFailed",
        timestamp=NOW,
        ingested=NOW,
        message=None,
        attributes={"service": "payments", **attributes},
        excerpt={"text": text} if text else {},
    )


def opened(entry: Entry) -> list[Delta]:
    return parse.deltas('{"detail":' + entry.detail + "}")


def size(entry: Entry) -> int:
    return len(entry.detail.encode())


# --- entries ----------------------------------------------------------------------------------


@given(st.lists(some.deltas, max_size=8))
def test_every_delta_is_in_one_entry_of_its_tenant_and_family_in_order(deltas: list[Delta]) -> None:
    made = entries.entries(deltas)
    assert sorted(id_ for entry in made for id_ in entry.ids) == sorted(delta.id for delta in deltas)
    for entry in made:
        belonging = [
            delta for delta in deltas if (delta.tenant, delta.family) == (entry.tenant, entry.family)
        ]
        assert opened(entry) == belonging
        assert entry.ids == tuple(delta.id for delta in belonging)
    assert len({(entry.tenant, entry.family) for entry in made}) == len(made)


def test_an_entry_says_version_tenant_and_family_once() -> None:
    [entry] = entries.entries([a_delta(1), a_delta(2)])
    detail = json.loads(entry.detail)
    assert {key: detail[key] for key in ("v", "tenant", "family")} == {
        "v": 1,
        "tenant": "acme",
        "family": "metrics",
    }
    assert detail["deltas"] == [a_delta(1).fields(), a_delta(2).fields()]
    order = "id index family source eventType timestamp ingested message attributes excerpt"
    assert list(detail["deltas"][0]) == order.split()


def test_no_deltas_make_no_entries_and_no_calls() -> None:
    assert entries.entries([]) == []
    assert entries.calls([]) == []


def test_entries_are_filled_to_200_kb_of_bytes_not_characters() -> None:
    deltas = [a_delta(number, "€" * 10_000) for number in range(20)]  # 10,000 characters, 30,000 bytes
    made = entries.entries(deltas)
    assert [len(entry.ids) for entry in made] == [6, 6, 6, 2]
    assert all(size(entry) <= entries.LARGEST_ENTRY for entry in made)
    assert [delta for entry in made for delta in opened(entry)] == deltas


def test_an_entry_is_full_to_the_last_byte() -> None:
    [pair] = entries.entries([a_delta(1, "x"), a_delta(2)])
    room = entries.LARGEST_ENTRY - size(pair)
    [full] = entries.entries([a_delta(1, "x" * (1 + room)), a_delta(2)])
    assert size(full) == entries.LARGEST_ENTRY
    assert len(entries.entries([a_delta(1, "x" * (2 + room)), a_delta(2)])) == 2


def test_a_delta_larger_than_an_entry_stands_alone() -> None:
    made = entries.entries([a_delta(1), a_delta(2, "x" * 500_000), a_delta(3)])
    assert [entry.ids for entry in made] == [(a_delta(number).id,) for number in (1, 2, 3)]
    assert opened(made[1])[0].excerpt == {"text": "x" * 500_000}


def test_a_delta_too_large_for_the_bus_is_announced_without_its_excerpt() -> None:
    [entry] = entries.entries([a_delta(1, "x" * 950_000, latencyMs=5)])
    [delta] = opened(entry)
    assert (delta.excerpt, delta.attributes) == ({}, {"service": "payments", "latencyMs": 5})


def test_and_then_without_its_largest_attributes() -> None:
    [entry] = entries.entries([a_delta(1, small="x" * 1_000, large="x" * 500_000, larger="x" * 600_000)])
    assert list(opened(entry)[0].attributes) == ["service", "small", "large"]
    assert size(entry) < 1_000_000


def test_whatever_a_delta_holds_its_entry_fits_a_call() -> None:
    attributes = {f"a{number}": "€" * 200_000 for number in range(5)}
    [entry] = entries.entries([a_delta(1, "x" * 1_000_000, **attributes)])
    assert entries.calls([entry]) == [[entry]]
    assert size(entry) < 1_000_000


# --- calls ------------------------------------------------------------------------------------


def an_entry(text: str) -> Entry:
    return Entry("acme", "metrics", text, ())


def call_size(call: list[Entry]) -> int:
    """EventBridge's own sum: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html."""
    return sum(len(b"livedex") + len(b"Deltas") + size(entry) for entry in call)


@given(st.lists(st.tuples(st.sampled_from("xé€🎈"), st.integers(0, 250_000)), max_size=30))
def test_a_call_has_at_most_10_entries_and_less_than_1_mb(texts: list[tuple[str, int]]) -> None:
    made = [an_entry(letter * (bytes_ // len(letter.encode()))) for letter, bytes_ in texts]
    calls = entries.calls(made)
    assert [entry for call in calls for entry in call] == made
    assert all(1 <= len(call) <= 10 and call_size(call) < 1_000_000 for call in calls)
    for call, following in pairwise(calls):
        assert len(call) == 10 or call_size([*call, following[0]]) >= 1_000_000


def test_a_call_stays_under_1_mb_to_the_byte() -> None:
    names = 2 * len("livedexDeltas")
    assert len(entries.calls([an_entry("x" * 500_000), an_entry("x" * (499_999 - names))])) == 1
    assert len(entries.calls([an_entry("x" * 500_000), an_entry("x" * (500_000 - names))])) == 2


def test_multi_byte_text_is_counted_in_bytes() -> None:
    made = [an_entry("€" * 60_000)] * 10  # 600,000 characters, 1.8 million bytes
    assert [len(call) for call in entries.calls(made)] == [5, 5]
