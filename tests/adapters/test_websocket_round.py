from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.websocket_round import PAUSES, Round
from pipeline.adapters.websocket_wires import Answer
from pipeline.core.audience import Post, Receipt

HERE, THERE = "https://here/prod", "https://there/prod"

ANSWERS = [
    Answer(200),
    Answer(204),
    Answer(400, "BadRequestException"),
    Answer(403, "ForbiddenException"),
    Answer(403, "AccessDeniedException", "not authorized"),
    Answer(410, "GoneException"),
    Answer(413),
    Answer(429, "LimitExceededException"),
    Answer(500),
    Answer(0, text="timed out"),
    Answer(0, text="nobody there", reached=False),
    Answer(0, text="not trusted", reached=False, hopeless=True),
]

DENIED = Answer(403, "AccessDeniedException", "not authorized")
FORBIDDEN = Answer(403, "ForbiddenException")
NOBODY = Answer(0, text="nobody there", reached=False)


def posts(*connections: str, endpoint: str = HERE) -> list[Post]:
    return [Post(each, endpoint, b"frame") for each in connections]


def started(todo: Round, now: int) -> list[int]:
    """What is due now and has room, sent."""
    numbers = []
    while (number := todo.due(now)) is not None:
        todo.start(number)
        numbers.append(number)
    return numbers


def met(todo: Round, answer: Answer) -> int:
    """How many attempts it takes until all is settled, when each of them meets the same."""
    now = attempts = 0
    while not todo.over:
        numbers = started(todo, now)
        attempts += len(numbers)
        for number in numbers:
            todo.answered(number, answer, now, 0.5)
        now = todo.wakes() or now
    return attempts


@given(
    targets=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([HERE, THERE])), max_size=20),
    room=st.integers(1, 8),
    data=st.data(),
)
def test_whatever_comes_back_each_connection_gets_its_frames_in_order_up_to_its_first_failure(
    targets: list[tuple[str, str]], room: int, data: st.DataObject
) -> None:
    shortly = data.draw(st.sets(st.sampled_from("abcd")))
    asked = [Post(connection, endpoint, b"", connection in shortly) for connection, endpoint in targets]
    todo = Round(asked, room)
    now = 0
    under_way: set[int] = set()
    while not todo.over:
        while (number := todo.due(now)) is not None:
            todo.start(number)
            under_way.add(number)
        assert len({targets[number] for number in under_way}) == len(under_way)
        assert Counter(targets[number][1] for number in under_way).total() <= max(room, 2)
        if under_way:
            number = data.draw(st.sampled_from(sorted(under_way)))
            under_way.remove(number)
            todo.answered(number, data.draw(st.sampled_from(ANSWERS)), now, 0.5)
        else:
            now = todo.wakes() or now
    assert all(count <= 1 + len(PAUSES) for count in todo.attempts)
    by_connection = defaultdict(list)
    for target, receipt in zip(targets, todo.receipts, strict=True):
        by_connection[target].append(receipt)
    for receipts in by_connection.values():
        failed = [receipt for receipt in receipts if receipt is not Receipt.POSTED]
        assert receipts == [Receipt.POSTED] * (len(receipts) - len(failed)) + failed
        assert len(set(failed)) <= 1
    if todo.trouble():
        assert Receipt.POSTED not in todo.receipts
        assert Receipt.GONE not in todo.receipts


def test_an_endpoint_that_nobody_answers_at_takes_no_more_than_its_part_of_the_room() -> None:
    todo = Round(posts("a", "b", "c", "d", endpoint=HERE) + posts("e", "f", "g", "h", endpoint=THERE), 4)
    assert started(todo, 0) == [0, 1, 4, 5]


def test_a_pause_is_half_to_one_and_a_half_of_its_length_by_chance() -> None:
    for jitter, again in ((0, 100), (0.5, 200), (0.999, 299)):
        todo = Round(posts("a"), 1)
        todo.start(0)
        todo.answered(0, Answer(500), 0, jitter)
        assert todo.wakes() == again


@pytest.mark.parametrize("answer", [Answer(429), Answer(500), Answer(0, text="timed out")])
def test_a_brief_post_is_tried_once_and_those_behind_it_not_at_all(answer: Answer) -> None:
    todo = Round([Post("a", HERE, b"", brief=True)] * 2 + posts("b"), 4)
    assert met(todo, answer) == 1 + 3
    assert todo.receipts == [Receipt.LAGGED] * 3


def test_a_brief_post_has_all_its_tries_where_nobody_was_there_since_that_is_not_its_connections() -> None:
    assert met(Round([Post("a", HERE, b"", brief=True)], 4), NOBODY) == 1 + len(PAUSES)


def test_what_is_tried_again_comes_behind_what_was_not_tried_yet() -> None:
    todo = Round(posts("a", "b", "c"), 1)
    todo.start(0)
    todo.answered(0, Answer(500), 0, 0)
    assert started(todo, 1_000) == [1]


@pytest.mark.parametrize(
    ("answer", "attempts", "receipts"),
    [
        (Answer(200), 2, [Receipt.POSTED] * 2),
        (Answer(410), 1, [Receipt.GONE] * 2),
        (Answer(413), 1, [Receipt.REFUSED] * 2),
        (FORBIDDEN, 1, [Receipt.REFUSED] * 2),
        (Answer(429), 3, [Receipt.LAGGED] * 2),
        (Answer(401), 3, [Receipt.LAGGED] * 2),
        (Answer(0, text="timed out"), 3, [Receipt.LAGGED] * 2),
    ],
)
def test_what_an_answer_means_for_two_frames_of_a_connection(
    answer: Answer, attempts: int, receipts: list[Receipt]
) -> None:
    todo = Round(posts("a", "a"), 4)
    assert met(todo, answer) == attempts
    assert (todo.receipts, todo.trouble()) == (receipts, "")


@pytest.mark.parametrize(
    ("answer", "attempts", "said"),
    [
        (DENIED, 1, "AccessDeniedException: not authorized"),
        (Answer(0, text="not trusted", reached=False, hopeless=True), 1, "not trusted"),
        (NOBODY, 3, "nobody there"),
    ],
)
def test_what_is_everybodys_is_said_with_its_endpoint(answer: Answer, attempts: int, said: str) -> None:
    todo = Round(posts("a"), 4)
    assert met(todo, answer) == attempts
    assert todo.trouble() == f"{HERE}: {said}"


def test_several_connections_that_are_all_forbidden_are_at_the_wrong_stage() -> None:
    todo = Round(posts("a", "b"), 4)
    met(todo, FORBIDDEN)
    assert "stage" in todo.trouble()


@pytest.mark.parametrize("works", [Answer(200), Answer(400), Answer(410), Answer(413)])
@pytest.mark.parametrize("trouble", [DENIED, NOBODY, FORBIDDEN])
def test_an_endpoint_where_anything_worked_has_no_trouble_and_goes_on(trouble: Answer, works: Answer) -> None:
    todo = Round(posts("a", "b", "c"), 2)
    todo.start(0)
    todo.start(1)
    todo.answered(0, works, 0, 0)
    todo.answered(1, trouble, 0, 0)
    assert 2 in started(todo, 0)
    assert todo.trouble() == ""


def test_a_working_answer_that_comes_late_takes_the_trouble_back() -> None:
    todo = Round(posts("a", "b", "c"), 2)
    todo.start(0)
    todo.start(1)
    todo.answered(0, DENIED, 0, 0)
    todo.answered(1, Answer(200), 0, 0)
    assert (todo.receipts, todo.trouble()) == ([Receipt.LAGGED, Receipt.POSTED, Receipt.LAGGED], "")


def test_an_endpoint_that_was_given_up_gets_no_second_attempts_either() -> None:
    todo = Round(posts("a", "b"), 2)
    todo.start(0)
    todo.start(1)
    todo.answered(0, DENIED, 0, 0)
    todo.answered(1, Answer(500), 0, 0)
    assert todo.over


def test_one_endpoint_in_trouble_leaves_the_other_its_posts() -> None:
    todo = Round(posts("a", endpoint=HERE) + posts("a", endpoint=THERE), 2)
    todo.start(0)
    todo.start(1)
    todo.answered(0, DENIED, 0, 0)
    todo.answered(1, Answer(200), 0, 0)
    assert (todo.receipts, todo.trouble()) == ([Receipt.LAGGED, Receipt.POSTED], "")


def test_an_endpoint_where_nobody_is_costs_no_more_than_the_attempts_of_those_who_had_room() -> None:
    todo = Round(posts(*map(str, range(1_000))), 8)
    assert met(todo, NOBODY) <= 3 * 8
    assert todo.trouble() == f"{HERE}: nobody there"


def test_an_endpoint_where_nobody_was_is_not_tried_before_its_pause_and_then_gets_everything() -> None:
    todo = Round(posts("a", "b", "c"), 1)
    todo.start(0)
    todo.answered(0, NOBODY, 0, 0.5)
    assert (todo.due(199), todo.wakes(), todo.due(200)) == (None, 200, 0)
    todo.start(0)
    todo.answered(0, Answer(200), 200, 0)
    assert met(todo, Answer(200)) == 2
    assert todo.receipts == [Receipt.POSTED] * 3


def test_a_time_out_is_no_sign_that_nobody_is_there() -> None:
    todo = Round(posts("a", "b"), 1)
    todo.start(0)
    todo.answered(0, Answer(0, text="timed out"), 0, 0)
    assert started(todo, 0) == [1]


def test_no_posts_are_over_at_once_and_no_trouble() -> None:
    todo = Round([], 4)
    assert (todo.over, todo.due(0), todo.wakes(), todo.trouble(), todo.receipts) == (True, None, None, "", [])
