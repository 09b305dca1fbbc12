from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.client.seen import REMEMBERED, Seen


def test_as_many_ids_are_remembered_as_the_protocol_asks_for() -> None:
    seen = Seen()
    for number in range(REMEMBERED + 1):
        assert seen.is_new(str(number))
    assert len(seen) == REMEMBERED == 100_000
    assert not seen.is_new("1")
    assert seen.is_new("0")


def test_the_newest_ids_begin_another_that_knows_them() -> None:
    seen = Seen()
    for each in "abcab":
        seen.is_new(each)
    assert seen.newest(2) == ["a", "b"]
    assert seen.newest(9) == ["c", "a", "b"]
    again = Seen(2, seen.newest(9))
    assert [again.is_new(each) for each in "abc"] == [False, False, True]


@given(st.lists(st.sampled_from("abcdef")), st.integers(1, 6))
def test_an_id_is_new_unless_it_is_among_the_newest(ids: list[str], room: int) -> None:
    seen, newest = Seen(room), list[str]()
    for each in ids:
        assert seen.is_new(each) is (each not in newest)
        newest = [*(other for other in newest if other != each), each][-room:]
