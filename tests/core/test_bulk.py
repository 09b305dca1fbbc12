from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import bulk
from pipeline.core.attempt import BulkAnswer, Request
from pipeline.core.document import Document, Outcome, Verdict
from tests import strategies as some

NOW = some.NOW


def a_document(number: int = 0, size: int = 0) -> Document:
    document_id = f"{number:064x}"
    index = "metrics-2026.11.22"
    lines = some.lines_of(index, document_id, {"id": document_id, "detail": {"text": "x" * size}})
    return Document(
        index, document_id, "metrics", "acme", "payments", "Paid", NOW, None, lines, b"", ({}, {})
    )


def request_of(count: int) -> Request:
    [request] = bulk.requests([a_document(number) for number in range(count)], NOW)
    return request


def item(
    status: int, kind: str = "", reason: str = "", cause: dict[str, str] | None = None
) -> dict[str, Any]:
    error = {"type": kind, "reason": reason} | ({"caused_by": cause} if cause else {})
    return {
        "create": {"_index": "metrics-2026.11.22", "_id": "0", "status": status}
        | ({"error": error} if kind else {})
    }


def judged(answer: dict[str, Any]) -> Outcome:
    [outcome] = bulk.outcomes(request_of(1), BulkAnswer(200, [answer]))
    return outcome


# --- requests ---------------------------------------------------------------------------------


@given(st.lists(some.documents(), max_size=5), some.instants)
def test_a_body_creates_each_document_under_its_id_with_the_stamp_behind(
    documents: list[Document], ingested: int
) -> None:
    requests = bulk.requests(documents, ingested)
    assert [document for request in requests for document in request.documents] == documents
    lines = [line for request in requests for line in request.body.decode().split("\n")[:-1]]
    assert len(lines) == 2 * len(documents)
    for action, source, document in zip(lines[::2], lines[1::2], documents, strict=True):
        assert json.loads(action) == {"create": {"_index": document.index, "_id": document.id}}
        assert source.endswith(f',"@ingested":{ingested}}}')
        assert json.loads(source) == {"@ingested": ingested} | json.loads(document.body)


def test_every_body_ends_its_last_line() -> None:
    assert request_of(3).body.endswith(b"}\n")


def test_no_documents_make_no_request() -> None:
    assert bulk.requests([], NOW) == []


def test_a_body_has_at_most_5000_documents() -> None:
    requests = bulk.requests([a_document(number) for number in range(10_001)], NOW)
    assert [len(request.documents) for request in requests] == [5_000, 5_000, 1]


def test_the_halves_of_a_large_request_are_two() -> None:
    request = bulk.requests([a_document(number) for number in range(4_001)], NOW)[0]
    assert [len(half.documents) for half in bulk.halves(request, NOW + 5)] == [2_000, 2_001]


def test_a_body_is_as_large_as_the_limit_allows_and_never_larger() -> None:
    million = 1_000_000
    documents = [a_document(number, million) for number in range(25)]
    requests = bulk.requests(documents, NOW)
    assert [len(request.documents) for request in requests] == [10, 10, 5]
    assert all(len(request.body) <= bulk.LARGEST_BODY for request in requests)
    spare = bulk.LARGEST_BODY - len(requests[0].body)
    grown = [a_document(0, million + spare), *documents[1:10]]
    [full] = bulk.requests(grown, NOW)
    assert len(full.body) == bulk.LARGEST_BODY < 10 * 1024 * 1024
    over = [a_document(0, million + spare + 1), *documents[1:10]]
    assert [len(request.documents) for request in bulk.requests(over, NOW)] == [9, 1]


def test_a_document_larger_than_any_body_stands_alone() -> None:
    documents = [a_document(0), a_document(1, bulk.LARGEST_BODY), a_document(2)]
    assert [request.documents for request in bulk.requests(documents, NOW)] == [
        (document,) for document in documents
    ]


@pytest.mark.parametrize(("count", "split"), [(2, [1, 1]), (3, [1, 2]), (100, [50, 50])])
def test_a_request_that_was_too_large_is_sent_in_halves_with_a_fresh_stamp(
    count: int, split: list[int]
) -> None:
    request = request_of(count)
    halves = bulk.halves(request, NOW + 5)
    assert [len(half.documents) for half in halves] == split
    assert sum((half.documents for half in halves), ()) == request.documents
    assert {half.ingested for half in halves} == {NOW + 5}
    assert all(b',"@ingested":%d}' % (NOW + 5) in half.body for half in halves)


# --- outcomes: the error bodies are those of OpenSearch 3.4 --------------------------------------


def test_created_is_stored_and_carries_the_attempts_stamp() -> None:
    outcome = judged(item(201))
    assert (outcome.verdict, outcome.ingested, outcome.reason) == (Verdict.STORED, NOW, "")


def test_a_conflict_is_already_there() -> None:
    reason = "[1]: version conflict, document already exists (current version [1])"
    assert judged(item(409, "version_conflict_engine_exception", reason)).verdict is Verdict.ALREADY_THERE


IMMENSE = 'Document contains at least one immense term in field="tokens" (whose UTF8 encoding is longer than'


@pytest.mark.parametrize(
    ("kind", "reason", "cause"),
    [
        (
            "mapper_parsing_exception",
            "failed to parse field [service] of type [keyword] in document with id '27'.",
            {"type": "illegal_state_exception", "reason": "Can't get text on a START_OBJECT at 1:66"},
        ),
        (
            "mapper_parsing_exception",
            "failed to parse field [detail] of type [flat_object]",
            {"type": "stream_constraints_exception", "reason": "Document nesting depth (1001) exceeds"},
        ),
        ("strict_dynamic_mapping_exception", "mapping set to strict, dynamic introduction of [x]", None),
        (
            "illegal_argument_exception",
            IMMENSE,
            {"type": "max_bytes_length_exceeded_exception", "reason": "bytes can be at most 32766 in length"},
        ),
        (
            "illegal_argument_exception",
            'DocValuesField "detail._valueAndPath" is too large, must be <= 32766',
            None,
        ),
    ],
)
def test_a_documents_own_fault_rejects_it_with_opensearchs_words(
    kind: str, reason: str, cause: dict[str, str] | None
) -> None:
    outcome = judged(item(400, kind, reason, cause))
    assert (outcome.verdict, outcome.reason) == (Verdict.REJECTED, kind)
    assert outcome.error == (f"{reason}: {cause['reason']}" if cause else reason)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (403, "cluster_block_exception", "index [m] blocked by: [FORBIDDEN/8/index write (api)];"),
        (403, "cluster_block_exception", "index [m] blocked by: [FORBIDDEN/5/index read-only (api)];"),
        (400, "index_closed_exception", "closed"),
    ],
)
def test_an_index_that_refuses_writes_blocks(status: int, kind: str, reason: str) -> None:
    outcome = judged(item(status, kind, reason))
    assert (outcome.verdict, outcome.reason, outcome.error) == (Verdict.BLOCKED, kind, reason)


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (429, "rejected_execution_exception", "rejected execution of coordinating operation"),
        (429, "cluster_block_exception", "blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage"),
        (400, "validation_exception", "Validation Failed: 1: this action would add [1] total shards, but"),
        (404, "index_not_found_exception", "no such index [metrics-2026.11.24]"),
        (400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded"),
        (503, "unavailable_shards_exception", "[m][0] primary shard is not active Timeout: [1m]"),
        (500, "circuit_breaking_exception", "[parent] Data too large"),
        (403, "security_exception", "no permissions for [indices:data/write/bulk[s]]"),
        (400, "an_exception_that_nobody_thought_of", ""),
    ],
)
def test_what_is_not_known_to_be_the_documents_fault_is_tried_again(
    status: int, kind: str, reason: str
) -> None:
    outcome = judged(item(status, kind, reason))
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, kind)


def test_an_error_without_a_body_is_named_by_its_status() -> None:
    assert judged(item(500)).reason == "http-500"


def test_each_item_is_judged_by_itself_and_in_order() -> None:
    request = request_of(3)
    answer = BulkAnswer(200, [item(201), item(409), item(429, "rejected_execution_exception")])
    outcomes = bulk.outcomes(request, answer)
    assert [outcome.document for outcome in outcomes] == list(request.documents)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.STORED, Verdict.ALREADY_THERE, Verdict.RETRY]


def test_an_answer_with_too_few_items_stores_nothing_for_sure() -> None:
    outcomes = bulk.outcomes(request_of(2), BulkAnswer(200, [item(201)]))
    assert [(outcome.verdict, outcome.reason) for outcome in outcomes] == [(Verdict.RETRY, "no-answer")] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 429, 500, 502, 503, 504])
def test_a_request_that_failed_as_a_whole_is_tried_again_and_dead_letters_nobody(status: int) -> None:
    outcomes = bulk.outcomes(request_of(2), BulkAnswer(status, [], "why"))
    assert {(o.verdict, o.reason, o.error) for o in outcomes} == {(Verdict.RETRY, f"http-{status}", "why")}


def test_no_answer_is_tried_again() -> None:
    [outcome] = bulk.outcomes(request_of(1), BulkAnswer(0, [], "connection reset"))
    assert (outcome.verdict, outcome.reason, outcome.error) == (
        Verdict.RETRY,
        "no-answer",
        "connection reset",
    )


def test_a_request_that_is_too_large_is_split_and_a_document_alone_rejected() -> None:
    assert {o.verdict for o in bulk.outcomes(request_of(2), BulkAnswer(413, []))} == {Verdict.SPLIT}
    [outcome] = bulk.outcomes(request_of(1), BulkAnswer(413, [], "Request Entity Too Large"))
    assert (outcome.verdict, outcome.reason) == (Verdict.REJECTED, "too-large")


@given(st.lists(some.documents(), min_size=1, max_size=4), some.bulk_answers)
def test_every_document_has_one_outcome_whatever_the_answer(
    documents: list[Document], answer: BulkAnswer
) -> None:
    [request] = bulk.requests(documents, NOW)
    outcomes = bulk.outcomes(request, replace(answer, items=[]))
    assert [outcome.document for outcome in outcomes] == documents


# --- indices that refuse writes -----------------------------------------------------------------

READ_ONLY = item(403, "cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];")
CLOSED = item(400, "index_closed_exception", "closed")


@pytest.mark.parametrize("answer", [READ_ONLY, CLOSED])
@pytest.mark.parametrize("by_policy", [True, False])
def test_what_is_found_in_an_index_that_refuses_writes_is_already_there(
    answer: dict[str, Any],
    by_policy: bool,  # noqa: FBT001 - a table
) -> None:
    assert bulk.unblocked(judged(answer), found=True, by_policy=by_policy).verdict is Verdict.ALREADY_THERE


@pytest.mark.parametrize("answer", [READ_ONLY, CLOSED])
@pytest.mark.parametrize("found", [False, None])
def test_a_block_that_no_policy_made_passes(answer: dict[str, Any], found: bool | None) -> None:  # noqa: FBT001 - a table
    outcome = bulk.unblocked(judged(answer), found=found, by_policy=False)
    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, judged(answer).reason)


def test_what_could_not_be_looked_up_is_not_given_up() -> None:
    assert bulk.unblocked(judged(READ_ONLY), found=None, by_policy=True).verdict is Verdict.RETRY


@pytest.mark.parametrize(
    ("answer", "found", "words"),
    [(READ_ONLY, False, "it is not there"), (CLOSED, None, "whether it is there cannot be seen")],
)
def test_what_a_policy_closed_is_given_up_and_says_what_is_known(
    answer: dict[str, Any],
    found: bool | None,  # noqa: FBT001 - a table
    words: str,
) -> None:
    outcome = bulk.unblocked(judged(answer), found=found, by_policy=True)
    assert (outcome.verdict, outcome.reason) == (Verdict.REJECTED, "index-closed")
    assert words in outcome.error
