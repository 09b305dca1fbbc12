from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import letters
from pipeline.core.letters import GIVEN_UP, UNDELIVERED, UNSAID, Letter, Wanted

NOW = 1_795_341_601_000


def letter(name: str = "1", sent: int = NOW, *, given_up: bool = False, **attributes: str) -> Letter:
    return Letter(name, "{}", f"receipt-of-{name}", sent, attributes, given_up)


@pytest.mark.parametrize(
    ("found", "reason", "error"),
    [
        (
            letter(reason="no-identity", error="detail lacks paymentId"),
            "no-identity",
            "detail lacks paymentId",
        ),
        (letter(given_up=True), GIVEN_UP, ""),
        (letter(given_up=True, reason="no-identity"), GIVEN_UP, ""),  # ours, redriven, then given up
        (letter(ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="no"), UNDELIVERED, "NO_PERMISSIONS: no"),
        (letter(), UNSAID, ""),
    ],
    ids=["ours", "given up by SQS", "given up after a redrive", "by EventBridge", "nothing on it"],
)
def test_a_letter_says_why_it_lies_there(found: Letter, reason: str, error: str) -> None:
    assert (found.reason, found.error) == (reason, error)


def test_a_group_tells_when_it_began_and_what_its_newest_says() -> None:
    found = [
        letter("new", NOW + 5, reason="bad-time", error="soon"),
        letter("old", NOW, reason="bad-time", error="late"),
        letter("other", NOW + 9, reason="malformed"),
    ]
    assert letters.group(found) == [
        letters.Group("bad-time", 2, NOW, NOW + 5, "new", "soon"),
        letters.Group("malformed", 1, NOW + 9, NOW + 9, "other", ""),
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 99))))
def test_the_groups_count_every_letter_once(pairs: list[tuple[str, int]]) -> None:
    found = [letter(str(number), sent, reason=reason) for number, (reason, sent) in enumerate(pairs)]
    groups = letters.group(found)
    assert sum(each.count for each in groups) == len(found)
    assert [each.count for each in groups] == sorted((each.count for each in groups), reverse=True)
    for each in groups:
        times = [sent for reason, sent in pairs if reason == each.reason]
        assert (each.oldest, each.newest) == (min(times), max(times))


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (Wanted(), True),
        (Wanted("bad-time"), True),
        (Wanted("malformed"), False),
        (Wanted(ids={"1", "2"}), True),
        (Wanted(ids={"2"}), False),
        (Wanted("malformed", {"1"}), False),
    ],
)
def test_letters_are_meant_by_reason_by_id_or_all(wanted: Wanted, taken: bool) -> None:  # noqa: FBT001
    assert wanted.takes(letter("1", reason="bad-time")) is taken
