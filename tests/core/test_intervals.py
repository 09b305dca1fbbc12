from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import intervals
from pipeline.core.condition import Numeric
from pipeline.core.intervals import Intervals

if TYPE_CHECKING:
    import pytest

NUMBER = st.sampled_from([0, -0.0, 1, 3, 3.0, 3.5, 12.9, -1, 2**53, 2**53 + 1, 2**63, 1e300, -1e300])
RANGE = st.one_of(
    st.builds(Numeric, NUMBER, st.none(), above=st.booleans()),
    st.builds(Numeric, st.none(), NUMBER, below=st.booleans()),
    st.tuples(NUMBER, NUMBER, st.booleans(), st.booleans())
    .filter(lambda made: made[0] < made[1])
    .map(lambda made: Numeric(made[0], made[1], above=made[2], below=made[3])),
)
RANGES = st.lists(RANGE, min_size=1, max_size=3)


def covering(found: Intervals, number: float) -> set[int]:
    return set(found.covering(found.place(number)))


@given(st.lists(RANGES, max_size=12), st.sets(st.integers(0, 11)), st.lists(NUMBER, min_size=1, max_size=6))
def test_a_number_has_the_rows_of_which_one_range_holds(
    rows: list[list[Numeric]], gone: set[int], numbers: list[float]
) -> None:
    found = Intervals()
    for row, ranges in enumerate(rows):
        found.add(row, ranges)
    for row in gone & set(range(len(rows))):
        found.remove(row, rows[row])
    for number in numbers:
        expected = {row for row, ranges in enumerate(rows) if any(each.holds(number) for each in ranges)}
        assert covering(found, number) == expected - gone


def test_very_many_ranges_are_found_as_few_are_while_they_come_and_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intervals, "MOST_CUTS", 8)
    monkeypatch.setattr(intervals, "STEP", 3)
    monkeypatch.setattr(intervals, "MOST_KEPT", 5)
    found, here = Intervals(), dict[int, Numeric]()
    for turn in range(400):
        low = turn * 37 % 101
        row = turn % 90
        if row in here:
            found.remove(row, [here.pop(row)])
        here[row] = Numeric(low, low + turn % 40 + 1, above=turn % 2 == 0, below=turn % 3 == 0)
        found.add(row, [here[row]])
        for number in (low, low + 0.5, turn % 150):
            assert covering(found, number) == {at for at, each in here.items() if each.holds(number)}
    for number in range(200):
        assert covering(found, number) == {at for at, each in here.items() if each.holds(number)}
    for row, asked in here.items():
        found.remove(row, [asked])
    assert all(not covering(found, number) for number in range(-1, 200))


def test_numbers_between_the_same_two_cuts_have_one_place() -> None:
    found = Intervals()
    found.add(0, [Numeric(1, 5)])
    assert found.place(2) == found.place(4.9)
    assert len({found.place(number) for number in (0, 1, 5.1)}) == 3
