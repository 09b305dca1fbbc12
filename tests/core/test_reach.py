from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import reach
from pipeline.core.audience import Late
from pipeline.core.reach import MAX_SPANS, Reach

MINUTE = 60_000
TIME = st.integers(0, 300)
SPANS = st.lists(st.tuples(TIME, st.integers(1, 40)).map(lambda span: (span[0], sum(span))), max_size=8)
ROWS = SPANS.map(lambda spans: [Late(first, end) for first, end in spans])


def test_without_a_ledger_everything_from_the_horizon_on_is_read() -> None:
    assert reach.reach(100, []) == Reach(100)
    assert Reach(100).lowest == 100


def test_a_minute_that_touches_the_horizon_lowers_it_and_one_behind_it_says_nothing() -> None:
    assert reach.reach(100, [Late(90, 100), Late(150, 210), Late(10, 20)]) == Reach(90, ((10, 20),))
    assert Reach(90, ((10, 20),)).lowest == 10


def test_minutes_that_touch_each_other_are_one_span() -> None:
    assert reach.reach(100, [Late(30, 40), Late(10, 20), Late(20, 30), Late(10, 20)]).spans == ((10, 40),)


def test_an_open_row_is_read_from_its_time_on() -> None:
    assert reach.reach(100, [Late(30, None), Late(50, None), Late(10, 20), Late(40, 50)]) == Reach(
        30, ((10, 20),)
    )


@given(TIME, ROWS, st.lists(TIME, max_size=2), TIME)
def test_what_is_read_is_what_the_horizon_or_a_row_says(
    start: int, rows: list[Late], still: list[int], time: int
) -> None:
    found = reach.reach(start, [*rows, *(Late(first, None) for first in still)])
    said = any(row.ingested_from <= time < (row.ingested_to or 0) for row in rows)
    assert found.has(time) is (time >= min([start, *still]) or said)


@given(TIME, ROWS, TIME, TIME)
def test_onwards_reads_what_is_left_from_a_place_on(
    start: int, rows: list[Late], place: int, time: int
) -> None:
    whole = reach.reach(start, rows)
    assert reach.onwards(whole, place).has(time) is (whole.has(time) and time >= place)


@given(TIME, ROWS, TIME, ROWS, TIME)
def test_both_read_what_either_reads(
    one_start: int, one_rows: list[Late], other_start: int, other_rows: list[Late], time: int
) -> None:
    one, other = reach.reach(one_start, one_rows), reach.reach(other_start, other_rows)
    assert reach.both(one, other).has(time) is (one.has(time) or other.has(time))


@given(st.sets(st.integers(0, 20_000), max_size=400))
def test_of_many_spans_the_nearest_are_read_as_one(minutes: set[int]) -> None:
    rows = [Late(minute * MINUTE, (minute + 1) * MINUTE) for minute in minutes]
    found = reach.reach(30_000 * MINUTE, rows)
    assert len(found.spans) <= MAX_SPANS
    assert all(found.has(row.ingested_from) for row in rows)
    assert all(one[1] < other[0] for one, other in zip(found.spans, found.spans[1:], strict=False))


def test_the_widest_gaps_stay() -> None:
    rows = [Late(minute * MINUTE, (minute + 1) * MINUTE) for minute in range(0, 2 * (MAX_SPANS + 1), 2)]
    found = reach.reach(10_000 * MINUTE, [*rows, Late(5_000 * MINUTE, 5_001 * MINUTE)])
    assert len(found.spans) == MAX_SPANS
    assert found.spans[-1] == (5_000 * MINUTE, 5_001 * MINUTE)
