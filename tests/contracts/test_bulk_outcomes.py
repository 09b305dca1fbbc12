"""Everything that a real OpenSearch and the way to it can do to a batch, and what the story makes of it.

What the node can do by itself, it does: blocks, closed indices, limits, missing templates, bad documents.
What only load or a network does, the proxy does, between the story and the node.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
import urllib3

from pipeline.adapters import opensearch
from pipeline.adapters.memory import MemoryDeltaBus, MemoryQueues
from pipeline.adapters.system_clock import SYSTEM_CLOCK
from pipeline.core import instant, route
from pipeline.core.fill import Kinds
from pipeline.indexing import End, Indexed, index
from pipeline.local.chaos import ChaosProxy
from pipeline.local.faults import Chances, Fate
from pipeline.settings import read
from tests.examples import delivery, envelope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.model import Delivery

DAY = 86_400_000
READ_ONLY_AGE = 2 * DAY

FIELDS = {
    "plain": {"type": "long"},
    "term": {"type": "keyword"},
    "unsearched": {"type": "keyword", "index": False},
}
"""Attributes whose fields refuse what does not fit, as ours never do."""

PROPERTIES = {
    "@timestamp": {"type": "date"},
    "@ingested": {"type": "long"},
    "id": {"type": "keyword"},
    "tokens": {"type": "keyword", "ignore_above": 8191},
    "detail": {"type": "object", "enabled": False},
    **FIELDS,
}


@dataclass
class World:
    """The story before a real node, with hands on the node and on the way to it."""

    url: str
    family: str
    proxy: ChaosProxy
    store: opensearch.DocumentStore
    http: urllib3.PoolManager
    bus: MemoryDeltaBus = field(default_factory=MemoryDeltaBus)
    now: int = field(default_factory=SYSTEM_CLOCK.now)
    kinds: Kinds = field(default_factory=Kinds)

    def __post_init__(self) -> None:
        self.queue = MemoryQueues(SYSTEM_CLOCK)
        attributes = ", ".join(f'{name} = "{name}"' for name in FIELDS)
        self.routes = route.routes(
            f'[[route]]\nsource = "payments"\nfamily = "{self.family}"\nidentity = ["eventId"]\n'
            f'occurred = "occurredAt"\ntenant = "tenant"\nattributes = {{ {attributes} }}'
        )

    def event(self, fact: str = "fact-1", *, days: int = 0, **detail: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
        made = envelope(fact, occurredAt=instant.iso(self.now - days * DAY), **detail)
        return {**made, "time": instant.iso(self.now)}

    def first(self, *args: Any, **detail: Any) -> Delivery:  # noqa: ANN401 - as ``event`` has them
        """An event received for the first time."""
        return delivery(self.event(*args, **detail), sent=self.now)

    def index(self, *deliveries: Delivery, seconds: float = 20) -> Indexed:
        return index(
            deliveries,
            routes=self.routes,
            store=self.store,
            bus=self.bus,
            queue=self.queue,
            clock=SYSTEM_CLOCK,
            deadline=SYSTEM_CLOCK.now() + round(seconds * 1_000),
            single_tenant=False,
            read_only_ages={self.family: READ_ONLY_AGE},
            kinds=self.kinds,
        )

    def name(self, *, days: int = 0) -> str:
        """The index of so many days ago."""
        return f"{self.family}-{instant.day(self.now - days * DAY)}"

    def stored(self) -> list[dict[str, Any]]:
        """What the node has, asked directly."""
        store = opensearch.connect(settings(self.url))
        store.refresh(f"{self.family}-*")
        hits = store.search(f"{self.family}-*", {"size": 1_000, "query": {"match_all": {}}})
        store.close()
        return [hit["_source"] for hit in hits]

    def announced(self) -> list[dict[str, Any]]:
        return [delta for entry in self.bus.entries for delta in orjson.loads(entry.detail)["deltas"]]

    def letters(self) -> list[tuple[str, str]]:
        return [(letter.delivery.id, letter.reason) for letter in self.queue.letters]

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask the node directly."""
        sent = None if body is None else orjson.dumps(body)
        answer = self.http.request(
            method, f"{self.url}/{path}", body=sent, headers={"content-type": "application/json"}
        )
        assert answer.status == 200, answer.data
        told: dict[str, Any] = answer.json()
        return told

    @contextmanager
    def cluster_setting(self, name: str, value: object) -> Iterator[None]:
        """The whole node so, and then as it was."""
        self.call("PUT", "_cluster/settings", {"transient": {name: value}})
        try:
            yield
        finally:
            self.call("PUT", "_cluster/settings", {"transient": {name: None}})


def settings(url: str) -> Any:  # noqa: ANN401 - Settings
    return read({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "LIVEDEX_OPENSEARCH_URL": url})


@pytest.fixture
def world(opensearch_url: str) -> Iterator[World]:
    family = f"outcome_{uuid4().hex[:12]}"
    with ChaosProxy(opensearch_url, Chances(), seed=1) as proxy, urllib3.PoolManager() as http:
        store = opensearch.connect(settings(proxy.url))
        made = World(opensearch_url, family, proxy, store, http)
        mappings = {"dynamic": False, "properties": PROPERTIES}
        template = {"index_patterns": [f"{family}-*"], "template": {"mappings": mappings}}
        made.call("PUT", f"_index_template/{family}", template)
        yield made
        store.close()
        made.call("DELETE", f"{family}-*")
        made.call("DELETE", f"_index_template/{family}")


# --- 201 and 409 ------------------------------------------------------------------------------


def test_a_document_that_is_created_is_announced_with_the_stamp_it_is_stored_with(world: World) -> None:
    report = world.index(world.first())

    (document,), (delta,) = world.stored(), world.announced()
    assert report.ends == {End.STORED: 1}
    assert (delta["id"], delta["ingested"]) == (document["id"], document["@ingested"])


def test_a_conflict_at_the_first_attempt_is_a_plain_duplicate_and_stays_quiet(world: World) -> None:
    world.index(world.first())

    report = world.index(world.first())

    assert report.ends == {End.ALREADY_THERE: 1}
    assert len(world.stored()) == len(world.announced()) == 1


@pytest.mark.parametrize("lost", [Fate.TIMEOUT, Fate.CUT])
def test_an_answer_that_is_lost_after_the_write_ends_in_a_conflict_and_is_announced(
    world: World, lost: Fate
) -> None:
    world.proxy.script.append(lost)

    report = world.index(world.first("a"), world.first("b"), seconds=3)

    assert report.ends == {End.ALREADY_THERE: 2}
    assert report.reasons == {"no-answer": 2}
    stamps = {document["id"]: document["@ingested"] for document in world.stored()}
    assert {delta["id"]: delta["ingested"] for delta in world.announced()} == stamps
    assert len(stamps) == 2


# --- what passes ------------------------------------------------------------------------------


def test_only_the_items_that_were_refused_are_sent_again_and_only_those_are_returned(world: World) -> None:
    world.proxy.chances = Chances(item_429=0.5)
    batch = [world.first(f"fact-{number}") for number in range(200)]

    report = world.index(*batch)

    assert report.ends.keys() == {End.STORED, End.RETURNED}
    stored = {document["detail"]["eventId"] for document in world.stored()}
    assert report.ends == {End.STORED: len(stored), End.RETURNED: 200 - len(stored)}
    assert set(report.returned) == {each.id for each in batch if each.id.rpartition("of-")[2] not in stored}
    assert len(world.announced()) == len(stored)
    assert world.proxy.met["ordinary"] == 4
    assert report.reasons == {"rejected_execution_exception": world.proxy.met["item_429"]}


@pytest.mark.parametrize("trouble", [429, 500, 502, 503, 504, 408, 400, 401, 403, 404])
def test_a_request_that_fails_as_a_whole_is_sent_again(world: World, trouble: int) -> None:
    world.proxy.script += [trouble, trouble]

    report = world.index(world.first())

    assert (report.ends, report.reasons) == ({End.STORED: 1}, {f"http-{trouble}": 2})


@pytest.mark.parametrize("trouble", [429, 503, 401, 403, 404, Fate.CUT])
def test_trouble_that_lasts_returns_the_batch_and_dead_letters_nobody(
    world: World, trouble: Fate | int
) -> None:
    world.proxy.script += [trouble] * 10

    report = world.index(world.first("a"), world.first("b"), seconds=20)

    assert report.ends == {End.RETURNED: 2}
    assert (world.letters(), world.announced()) == ([], [])
    assert len(world.proxy.script) == 6, "four attempts, and no more"


def test_no_answer_is_waited_for_longer_than_the_invocation_has(world: World) -> None:
    world.proxy.script += [Fate.TIMEOUT] * 10

    report = world.index(world.first(), seconds=1)

    assert report.ends == {End.RETURNED: 1}
    assert 8 <= len(world.proxy.script) <= 9, "an attempt or two fit into a second, each with its pause"
    world.proxy.script.clear()
    again = replace(world.first(), receives=2)
    assert world.index(again).ends == {End.ALREADY_THERE: 1}
    assert len(world.announced()) == 1


def test_a_body_whose_turn_comes_when_the_time_is_up_is_not_sent(world: World) -> None:
    world.proxy.script += [Fate.TIMEOUT] * 10
    line = orjson.dumps({"create": {"_index": world.name(), "_id": "1"}}) + b"\n{}\n"

    answers = list(world.store.bulk([line] * 5, 0.5))

    assert [answer.status for answer in answers] == [0] * 5
    assert [answer.error.startswith("not sent") for answer in answers] == [False] * 2 + [True] * 3
    assert len(world.proxy.script) == 8


# --- 413 --------------------------------------------------------------------------------------


def test_a_body_that_is_too_large_is_sent_in_halves_and_a_document_too_large_alone_is_rejected(
    world: World,
) -> None:
    world.proxy.chances = Chances(largest=4_000)
    batch = [world.first(f"fact-{number}") for number in range(20)]

    report = world.index(*batch, world.first("vast", text="x" * 5_000))

    assert report.ends == {End.STORED: 20, End.REJECTED: 1}
    assert world.letters() == [("delivery-of-envelope-of-vast", "too-large")]
    assert len(world.announced()) == 20


# --- the document's own fault -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("detail", "reason", "words"),
    [
        ({"plain": "12ms"}, "mapper_parsing_exception", "failed to parse field [plain] of type [long]"),
        ({"plain": 2**63}, "mapper_parsing_exception", "out of range"),
        ({"term": "x" * 40_000}, "illegal_argument_exception", "immense term"),
        ({"unsearched": "x" * 40_000}, "illegal_argument_exception", "32766"),
    ],
    ids=["no number", "too large a number", "an immense term", "an immense value"],
)
def test_a_documents_own_fault_dead_letters_it_with_opensearchs_words_and_spares_the_others(
    world: World, detail: dict[str, Any], reason: str, words: str
) -> None:
    report = world.index(world.first("a"), world.first("bad", **detail), world.first("b"))

    assert report.ends == {End.STORED: 2, End.REJECTED: 1}
    (letter,) = world.queue.letters
    assert (letter.delivery.id, letter.reason, letter.index) == (
        "delivery-of-envelope-of-bad",
        reason,
        world.name(),
    )
    assert words in letter.error
    assert len(letter.document_id) == 64
    assert len(world.announced()) == 2


def test_a_mapping_that_takes_no_new_field_dead_letters_what_has_one(world: World) -> None:
    mappings = {"dynamic": "strict", "properties": PROPERTIES}
    template = {"index_patterns": [f"{world.family}-*"], "template": {"mappings": mappings}}
    world.call("PUT", f"_index_template/{world.family}", template)

    report = world.index(world.first())

    assert report.ends == {End.REJECTED: 1}
    assert world.letters() == [("delivery-of-envelope-of-fact-1", "strict_dynamic_mapping_exception")]


# --- indices that refuse writes ---------------------------------------------------------------

BLOCKS = ["index.blocks.write", "index.blocks.read_only"]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_on_a_young_index_is_waited_out(world: World, block: str) -> None:
    """For want of disk or memory, a cluster blocks indices just as a policy does."""
    world.index(world.first("there"))
    world.call("PUT", f"{world.name()}/_settings", {block: True})

    report = world.index(replace(world.first("there"), receives=2), world.first("not there"))

    assert report.returned == ("delivery-of-envelope-of-not there",)
    assert world.letters() == []
    world.call("PUT", f"{world.name()}/_settings", {block: None})
    assert world.index(replace(world.first("not there"), receives=2)).ends == {End.STORED: 1}


def test_the_block_of_a_disk_that_is_full_is_waited_out(world: World) -> None:
    """OpenSearch sets this one itself, and answers 429 to tell that it passes."""
    world.index(world.first("there"))
    world.call("PUT", f"{world.name()}/_settings", {"index.blocks.read_only_allow_delete": True})
    batch = [replace(world.first(fact), receives=2) for fact in ("there", "not there")]

    report = world.index(*batch)

    assert (report.ends, world.letters()) == ({End.RETURNED: 2}, [])
    world.call("PUT", f"{world.name()}/_settings", {"index.blocks.read_only_allow_delete": None})
    assert world.index(*batch).ends == {End.ALREADY_THERE: 1, End.STORED: 1}


def test_a_cluster_that_is_read_only_is_waited_out(world: World) -> None:
    world.index(world.first("there"))

    with world.cluster_setting("cluster.blocks.read_only", value=True):
        report = world.index(world.first("not there"), world.first("not there either", days=1))

    assert report.ends == {End.RETURNED: 2}
    assert world.letters() == []


@pytest.mark.parametrize("block", BLOCKS)
def test_in_an_index_that_its_policy_made_read_only_what_is_there_is_found_and_else_is_rejected(
    world: World, block: str
) -> None:
    world.index(world.first("there", days=3))
    world.bus.entries.clear()
    world.call("PUT", f"{world.name(days=3)}/_settings", {block: True})

    report = world.index(
        replace(world.first("there", days=3), receives=2), world.first("late", days=3), world.first("today")
    )

    assert report.ends == {End.ALREADY_THERE: 1, End.REJECTED: 1, End.STORED: 1}
    (letter,) = world.queue.letters
    assert (letter.delivery.id, letter.reason, letter.index) == (
        "delivery-of-envelope-of-late",
        "index-closed",
        world.name(days=3),
    )
    assert "read-only" in letter.error
    assert len(world.announced()) == 2
    world.call("PUT", f"{world.name(days=3)}/_settings", {block: None})


def test_what_cannot_be_looked_up_in_a_read_only_index_is_returned_and_never_given_up(world: World) -> None:
    world.index(world.first("there", days=3))
    world.call("PUT", f"{world.name(days=3)}/_settings", {"index.blocks.write": True})
    world.proxy.script += [Fate.ORDINARY, 503] * 10

    report = world.index(world.first("late", days=3))

    assert report.ends == {End.RETURNED: 1}
    assert world.letters() == []


def test_a_closed_index_is_waited_out_while_it_is_young_and_spoils_no_other_lookup(world: World) -> None:
    world.index(world.first("there", days=3), world.first("closed"))
    world.call("PUT", f"{world.name(days=3)}/_settings", {"index.blocks.write": True})
    world.call("POST", f"{world.name()}/_close")

    report = world.index(world.first("new"), replace(world.first("there", days=3), receives=2))

    assert report.ends == {End.RETURNED: 1, End.ALREADY_THERE: 1}
    assert report.returned == ("delivery-of-envelope-of-new",)
    world.call("POST", f"{world.name()}/_open")
    world.call("PUT", f"{world.name(days=3)}/_settings", {"index.blocks.write": None})


def test_in_an_index_that_its_policy_closed_nothing_can_be_seen_and_waiting_would_not_help(
    world: World,
) -> None:
    world.index(world.first("there", days=3))
    world.call("POST", f"{world.name(days=3)}/_close")

    report = world.index(world.first("late", days=3))

    assert report.ends == {End.REJECTED: 1}
    (letter,) = world.queue.letters
    assert letter.reason == "index-closed"
    assert "cannot be seen" in letter.error
    world.call("POST", f"{world.name(days=3)}/_open")


# --- indices that cannot be made --------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("cluster.max_shards_per_node", 1, "validation_exception"),
        ("action.auto_create_index", "false", "index_not_found_exception"),
    ],
)
def test_a_new_day_whose_index_cannot_be_made_waits_until_it_can(
    world: World, setting: str, value: object, reason: str
) -> None:
    world.call("PUT", f"{world.family}-of-another-day")

    with world.cluster_setting(setting, value):
        report = world.index(world.first())

    assert report.ends == {End.RETURNED: 1}
    assert report.reasons.keys() == {reason}
    assert world.letters() == []
    assert world.index(replace(world.first(), receives=2)).ends == {End.STORED: 1}


def test_without_its_template_an_index_takes_the_document_once_and_as_its_values_are(world: World) -> None:
    world.call("PUT", f"_index_template/{world.family}", {"index_patterns": ["nothing-here"]})

    first, again = world.index(world.first()), world.index(world.first())

    assert (first.ends, again.ends) == ({End.STORED: 1}, {End.ALREADY_THERE: 1})
    assert len(world.stored()) == len(world.announced()) == 1


def test_without_its_template_too_many_fields_are_no_fault_of_the_document(world: World) -> None:
    world.call("PUT", f"_index_template/{world.family}", {"index_patterns": ["nothing-here"]})
    world.index(world.first())

    report = world.index(world.first("wide", **{f"key{number}": number for number in range(1_100)}))

    assert report.ends == {End.RETURNED: 1}
    assert world.letters() == []
