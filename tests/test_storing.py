"""Storing, over a memory store: what becomes of a document, whatever the index says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryClock
from pipeline.adapters.memory_store import DocumentStore, Fault
from pipeline.core.attempt import BulkAnswer
from pipeline.core.document import Document, Verdict
from pipeline.core.errors import Unavailable
from pipeline.ports.index import BULK_PATIENCE, LOOKUP_PATIENCE
from pipeline.storing import FIRST_WAVE, WAVE, Sending, Writer
from tests.examples import NOW
from tests.strategies import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DAY = 86_400_000
YOUNG, OLD = "metrics-2025.12.31", "metrics-2025.12.29"


def document(name: str, index: str = YOUNG) -> Document:
    days = 1 if index == YOUNG else 3
    lines = lines_of(index, name, {"id": name, "@timestamp": NOW - days * DAY})
    return Document(
        index, name, "metrics", "acme", "payments", "Paid", NOW - days * DAY, None, lines, b"", ({}, {})
    )


def send(store: DocumentStore, *documents: Document, seconds: float = 30) -> list[Sending]:
    clock = MemoryClock()
    writer = Writer(store, clock, clock.now() + round(seconds * 1_000), {"metrics": 2 * DAY})
    return list(writer.write(documents))


def verdicts(sendings: Sequence[Sending]) -> list[Verdict]:
    return [sending.outcomes[-1].verdict for sending in sendings]


class WithoutLookup(DocumentStore):
    def ingested(
        self, keys: Sequence[tuple[str, str]], patience: float = LOOKUP_PATIENCE
    ) -> Mapping[tuple[str, str], int]:
        raise Unavailable("opensearch", f"no answer about {len(keys)} keys within {patience} s")


class Silent(DocumentStore):
    """Never answers, and lets those who wait for it wait."""

    def __init__(self, clock: MemoryClock) -> None:
        super().__init__()
        self.clock = clock

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Sequence[BulkAnswer]:
        self.clock.sleep(patience)
        return [BulkAnswer(0, [], "timed out") for _ in bodies]


def test_documents_are_told_of_in_their_order_each_with_all_its_attempts() -> None:
    store = DocumentStore()
    store.faults = [Fault(429), Fault(503, stored=True)]

    sendings = send(store, document("b"), document("a"), document("b"))

    assert [sending.document.id for sending in sendings] == ["b", "a", "b"]
    assert {tuple(outcome.reason for outcome in sending.outcomes) for sending in sendings} == {
        ("http-429", "http-503", "")
    }
    assert verdicts(sendings) == [Verdict.ALREADY_THERE] * 3


def test_the_first_documents_are_sent_soon_and_more_at_once_while_others_are_still_being_made() -> None:
    made: list[str] = []
    seen: list[int] = []

    class Watched(DocumentStore):
        def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Sequence[BulkAnswer]:
            answers: list[BulkAnswer] = []
            for body in bodies:
                seen.append(len(made))
                answers += super().bulk([body], patience)
            return answers

    def documents() -> Iterator[Document]:
        for number in range(2 * WAVE + 1):
            made.append(str(number))
            yield document(made[-1])

    clock = MemoryClock()
    sendings = list(Writer(Watched(), clock, clock.now() + 30_000, {}).write(documents()))

    assert [sending.document.id for sending in sendings] == made
    assert verdicts(sendings) == [Verdict.STORED] * len(made)
    assert FIRST_WAVE < WAVE
    assert seen == [FIRST_WAVE, FIRST_WAVE + WAVE, 2 * WAVE + 1]


def test_what_came_of_the_first_documents_is_told_while_the_others_are_still_on_their_way() -> None:
    answered: list[bytes] = []

    class Slow(DocumentStore):
        def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Iterator[BulkAnswer]:  # noqa: ARG002 - nobody waits here
            return map(self.answer, list(bodies))

        def answer(self, body: bytes) -> BulkAnswer:
            answered.append(body)
            (answer,) = super().bulk([body])
            return answer

    clock = MemoryClock()
    documents = [document(str(number)) for number in range(2 * WAVE)]
    sendings = Writer(Slow(), clock, clock.now() + 30_000, {}).write(documents)

    assert next(sendings).document.id == "0"
    assert len(answered) == 1
    assert len(list(sendings)) == 2 * WAVE - 1


def test_nothing_to_send_sends_nothing() -> None:
    store = DocumentStore()
    store.faults = [Fault(429)]

    assert send(store) == []
    assert len(store.faults) == 1


@pytest.mark.parametrize(
    ("index", "expected"), [(YOUNG, Verdict.RETRY), (OLD, Verdict.REJECTED)], ids=["young", "old"]
)
def test_what_is_not_in_a_read_only_index_is_given_up_only_at_the_age_of_its_policy(
    index: str, expected: Verdict
) -> None:
    store = DocumentStore()
    send(store, document("there", index))
    store.read_only.add(index)

    sendings = send(store, document("there", index), document("not there", index))

    assert verdicts(sendings) == [Verdict.ALREADY_THERE, expected]


@pytest.mark.parametrize("index", [YOUNG, OLD])
def test_what_cannot_be_looked_up_is_tried_again_at_any_age(index: str) -> None:
    store = WithoutLookup()
    send(store, document("there", index))
    store.read_only.add(index)

    assert verdicts(send(store, document("there", index))) == [Verdict.RETRY]


def test_a_closed_index_spoils_no_lookup_in_another() -> None:
    store = DocumentStore()
    send(store, document("a"), document("b", OLD))
    store.closed.add(OLD)
    store.read_only.add(YOUNG)

    sendings = send(store, document("a"), document("b", OLD))

    assert verdicts(sendings) == [Verdict.ALREADY_THERE, Verdict.REJECTED]
    assert sendings[1].outcomes[-1].reason == "index-closed"


def test_an_age_that_no_policy_names_is_never_read_only() -> None:
    store, clock = DocumentStore(), MemoryClock()
    store.closed.add(OLD)

    assert verdicts(Writer(store, clock, clock.now() + 5_000, {}).write([document("a", OLD)])) == [
        Verdict.RETRY
    ]


@given(st.integers(400, 60_000))
def test_a_store_that_never_answers_is_left_while_there_is_time_to_answer_for_the_batch(left: int) -> None:
    clock = MemoryClock()
    deadline = clock.now() + left

    (sending,) = Writer(Silent(clock), clock, deadline, {}).write([document("a")])

    assert clock.now() <= deadline
    assert {outcome.reason for outcome in sending.outcomes} == {"no-answer"}
    assert len(sending.outcomes) > 1 or left < 2_000
