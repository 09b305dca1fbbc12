from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import pack, thin
from tests.examples import delta

SINCE = "L0.before"
PLENTY = 10**9


def hit(name: str, at: int = 0, *, occurred: int = 0, **attributes: Any) -> thin.Hit:  # noqa: ANN401 - JSON values
    made = replace(delta(name, **attributes), ingested=at, timestamp=occurred)
    return made, pack.hit(made)


def names(hits: Any) -> list[str]:  # noqa: ANN401 - any sequence of hits
    return [each.id for each, _ in hits]


HITS = st.lists(
    st.builds(
        lambda value, at, occurred, note: hit("", at, occurred=occurred, order=value, note=note),
        st.sampled_from([None, True, 1, "1", [1, "1"], ["1", 1], {"a": 1, "b": 2}, "é漢😀"]),
        st.integers(0, 9),
        st.integers(0, 9),
        st.text("a漢", max_size=200),
    ),
    max_size=12,
).map(lambda hits: [(replace(one, id=f"{place:03}"), text) for place, (one, text) in enumerate(hits)])


# --- conflation -------------------------------------------------------------------------------


def test_of_an_equal_value_only_what_occurred_last_is_kept_whatever_order_it_came_in() -> None:
    hits = [
        hit("new", occurred=9, order="a"),
        hit("old", occurred=5, order="a"),
        hit("other", occurred=1, order="b"),
    ]
    assert names(thin.latest(hits, "order")) == ["new", "other"]


def test_of_the_same_time_what_was_stored_later_is_the_latest_and_then_what_comes_later() -> None:
    stored = [hit("later", 7, occurred=5, order="a"), hit("sooner", 6, occurred=5, order="a")]
    assert names(thin.latest(stored, "order")) == ["later"]
    same = [hit("first", 6, occurred=5, order="a"), hit("second", 6, occurred=5, order="a")]
    assert names(thin.latest(same, "order")) == ["second"]


def test_values_of_different_types_are_different_and_a_list_is_one_value() -> None:
    values: list[Any] = [3, "3", True, None, ["3"], [3, "3"]]
    hits = [hit(str(place), order=value) for place, value in enumerate(values)]
    assert thin.latest(hits, "order") == hits


def test_hits_without_the_attribute_have_nothing_in_common() -> None:
    hits = [hit("one"), hit("two"), hit("three", order="a")]
    assert thin.latest(hits, "order") == hits


@pytest.mark.parametrize("key", ["family", "source", "eventType"])
def test_what_every_delta_has_can_be_conflated_by_and_no_attribute_hides_it(key: str) -> None:
    hits = [hit("one", occurred=1, **{key: "x"}), hit("two", occurred=2, **{key: "y"})]
    assert names(thin.latest(hits, key)) == ["two"]


# --- sampling ---------------------------------------------------------------------------------


def test_within_the_budget_everything_is_kept() -> None:
    hits = [hit("one"), hit("two")]
    exactly = sum(len(text) for _, text in hits)
    assert thin.newest(hits, exactly) == hits
    assert names(thin.newest(hits, exactly - 1)) == ["two"]


def test_the_newest_by_when_they_were_stored_are_kept_in_their_order() -> None:
    hits = [hit("c", 3), hit("a", 1), hit("d", 4), hit("b", 2)]
    assert names(thin.newest(hits, 2 * len(hits[0][1]))) == ["c", "d"]


def test_the_newest_of_many_are_in_their_order_too() -> None:
    hits = [hit(str(place), 100 if place in {1, 8} else place) for place in range(9)]
    assert names(thin.newest(hits, len(hits[1][1]) + len(hits[8][1]))) == ["1", "8"]


def test_one_hit_is_kept_even_where_the_budget_has_no_room_for_it() -> None:
    assert names(thin.newest([hit("old", 1), hit("new", 2)], 1)) == ["new"]


# --- both -------------------------------------------------------------------------------------


def test_what_is_left_out_is_said_with_the_cursor_before_the_batch() -> None:
    hits = [hit(f"{number}", number, occurred=number, order=number // 2) for number in range(8)]
    found = thin.thin(hits, conflate="order", budget=2 * len(hits[0][1]), since=SINCE)
    assert names(found.hits) == ["5", "7"]
    assert found.notes == {
        "conflated": {"kept": 4, "of": 8},
        "sampled": {"kept": 2, "of": 4, "since": SINCE},
    }
    assert (found.conflated, found.sampled) == (4, 2)


def test_what_is_whole_says_nothing() -> None:
    hits = [hit("one", order=1), hit("two", order=1)]
    whole = thin.thin(hits, conflate="", budget=PLENTY, since=SINCE)
    assert (whole.hits, whole.notes, whole.conflated, whole.sampled) == (hits, {}, 0, 0)


@given(HITS, st.sampled_from(["", "order", "note", "family"]), st.integers(1, 4_000))
def test_every_hit_is_kept_or_counted_and_those_kept_are_in_order(
    hits: list[thin.Hit], conflate: str, budget: int
) -> None:
    found = thin.thin(hits, conflate=conflate, budget=budget, since=SINCE)
    assert len(found.hits) + found.conflated + found.sampled == len(hits)
    kept = names(found.hits)
    assert kept == sorted(kept)
    assert set(kept) <= set(names(hits))
    sizes = sum(len(text) for _, text in found.hits)
    assert sizes <= budget or len(kept) == 1
    assert bool(hits) == bool(kept)
    assert ("sampled" in found.notes) == (found.sampled > 0)
    assert ("conflated" in found.notes) == (found.conflated > 0)
    if not found.sampled and conflate == "order":
        values = Counter(orjson.dumps(one.attributes["order"]) for one, _ in hits)
        assert len(kept) == len(values)
