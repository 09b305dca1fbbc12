"""No event is lost to its shape: hostile text through the whole story into the real index."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import indexing
from pipeline.adapters import opensearch
from pipeline.adapters.memory import MemoryDeltaBus, MemoryQueues
from pipeline.adapters.system_clock import SystemClock
from pipeline.core import instant, parse, route
from pipeline.core.errors import Rejected
from pipeline.core.fill import Kinds
from pipeline.core.model import Delivery
from pipeline.indexing import End, Indexed
from pipeline.settings import read
from pipeline.wiring import shipped
from tests.fuzz import hostile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONG = bool(os.environ.get("LIVEDEX_SOAK"))
BATCHES = 5_000 if LONG else 120
"""Of up to 15 events each."""

OURS = {"malformed", "too-deep"}
"""Why an event may be rejected for the text of its detail: no word of the cluster's is among them."""

thoroughly = settings(
    max_examples=BATCHES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,  # hostile text is long
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


@dataclass(repr=False)
class Shelf:
    """The real index with a family of its own, and the story in front of it."""

    url: str
    family: str
    clock: SystemClock = field(default_factory=SystemClock)
    numbers: Iterator[int] = field(default_factory=count)
    kinds: Kinds = field(default_factory=Kinds)

    def __post_init__(self) -> None:
        toml = (shipped.ROOT / "routes.toml").read_text()
        self.routes = route.routes(toml.replace('"metrics"', f'"{self.family}"'))
        self.occurred = instant.iso(self.clock.now())
        self.index_name = f"{self.family}-{instant.day(instant.read(self.occurred))}"
        environ = {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        self.store = opensearch.connect(read(environ | {"LIVEDEX_OPENSEARCH_URL": self.url}))

    def delivery(self, members: Sequence[tuple[str, str]]) -> Delivery:
        """An event of a fact of its own, whose detail has these members."""
        fact = f"fact-{next(self.numbers)}"
        detail = hostile.detail(list(members), fact, self.occurred)
        return Delivery(
            fact,
            f'{{"version":"0","id":"{fact}","source":"payments","detail-type":"Hostile",'
            f'"time":"{self.occurred}","resources":[],"detail":{detail}}}',
        )

    def index(self, *deliveries: Delivery) -> tuple[Indexed, dict[str, str], list[str]]:
        """Index; the report, why each dead letter is one by its delivery's id, and the announced ids."""
        bus, queue = MemoryDeltaBus(), MemoryQueues(self.clock)
        report = indexing.index(
            deliveries,
            routes=self.routes,
            store=self.store,
            bus=bus,
            queue=queue,
            clock=self.clock,
            deadline=self.clock.now() + 60_000,
            single_tenant=False,
            kinds=self.kinds,
        )
        assert all(letter.delivery in deliveries for letter in queue.letters), "bodies are kept whole"
        reasons = {letter.delivery.id: f"{letter.reason}: {letter.error}" for letter in queue.letters}
        return report, reasons, [name for entry in bus.entries for name in entry.ids]

    def details(self, ids: Sequence[str]) -> dict[str, Any]:
        """The events' own details in the stored documents, by their facts."""
        wanted = [{"_index": self.index_name, "_id": document_id} for document_id in ids]
        documents = self.ask("POST", "/_mget", {"docs": wanted})["docs"] if ids else []
        return by_fact(document["_source"] for document in documents)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        answer = urllib3.request(method, self.url + path, json=body, timeout=60)
        assert answer.status < 300, answer.data
        return answer.json()


@pytest.fixture(scope="module")
def shelf(opensearch_url: str) -> Iterator[Shelf]:
    shelf = Shelf(opensearch_url, family := f"hostile_{uuid4().hex[:8]}")
    files = shipped.template_files()
    common, metrics = (
        json.loads(files[f"index_templates/livedex-{name}.json"]) for name in ("common", "metrics")
    )
    shelf.ask("PUT", f"/_component_template/{family}", common)
    ours = {"index_patterns": [f"{family}-*"], "composed_of": [family]}
    shelf.ask("PUT", f"/_index_template/{family}", metrics | ours)
    yield shelf
    shelf.store.close()
    shelf.ask("DELETE", f"/{shelf.index_name}?ignore_unavailable=true")
    shelf.ask("DELETE", f"/_index_template/{family}")
    shelf.ask("DELETE", f"/_component_template/{family}")


def by_fact(sources: Iterator[dict[str, Any]]) -> dict[str, Any]:
    details = [orjson.loads(source["raw"]) if "raw" in source else source["detail"] for source in sources]
    return {detail["eventId"]: detail for detail in details}


def sent(deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """What there is to store, by fact."""
    details = {}
    for delivery in deliveries:
        try:
            details[delivery.id] = parse.event(delivery.body).detail
        except Rejected:
            continue
    return details


def test_each_odd_key_number_and_text_is_stored_whole_and_found(shelf: Shelf) -> None:
    keys = list(map(json.dumps, hostile.ODD_KEYS))
    values = [*hostile.ODD_NUMBERS, *map(json.dumps, hostile.ODD_TEXTS)]
    lists = ["[" * depth + "1" + "]" * depth for depth in (20, 21, 190)]
    deliveries = [
        *(shelf.delivery([(key, "1"), (key, '{"inner":"2"}')]) for key in keys),
        *(shelf.delivery([('"level"', value), ('"timings"', f'{{"totalMs":{value}}}')]) for value in values),
        *(shelf.delivery([('"level"', f"[{value},[{value}]]"), ('"summary"', value)]) for value in values),
        *(shelf.delivery([('"level"', value), ('"timings"', f'{{"totalMs":{value}}}')]) for value in lists),
        *(shelf.delivery([('"deep"', value)]) for value in lists),
    ]

    report, reasons, announced = shelf.index(*deliveries)

    assert report.ends == {End.STORED: len(deliveries)}, reasons
    shelf.store.refresh(shelf.index_name)
    query = {"size": 10_000, "query": {"ids": {"values": announced}}}
    found = [hit["_source"] for hit in shelf.store.search(shelf.index_name, query)]
    assert by_fact(iter(found)) == sent(deliveries)
    assert len(found) == len(deliveries)


@thoroughly
@given(batch=st.lists(hostile.members, min_size=1, max_size=15))
def test_whatever_json_an_event_holds_it_is_stored_whole(
    shelf: Shelf, batch: list[list[tuple[str, str]]]
) -> None:
    deliveries = [shelf.delivery(members) for members in batch]

    report, reasons, announced = shelf.index(*deliveries)

    assert report.ends == {End.STORED: len(batch)}, reasons
    assert len(announced) == len(set(announced)) == len(batch)
    assert shelf.details(announced) == sent(deliveries)


@thoroughly
@given(
    good=st.lists(hostile.members, max_size=5),
    bad=st.lists(hostile.broken_members, min_size=1, max_size=5),
    cut=st.integers(1, 60),
)
def test_what_is_no_event_is_rejected_with_a_reason_and_costs_its_neighbours_nothing(
    shelf: Shelf, good: list[list[tuple[str, str]]], bad: list[list[tuple[str, str]]], cut: int
) -> None:
    shelf.kinds.known.clear()  # the short way leaves some faults of ``detail`` to the cluster
    deliveries = [shelf.delivery(members) for members in (*good, *bad)]
    half = shelf.delivery([('"a"', "1")])
    deliveries.append(Delivery(half.id, half.body[:-cut]))

    report, reasons, announced = shelf.index(*deliveries)

    readable = sent(deliveries)
    assert reasons.keys() == {delivery.id for delivery in deliveries} - readable.keys()
    assert {reason.partition(":")[0] for reason in reasons.values()} <= OURS, reasons
    assert (report.ends[End.STORED], report.ends[End.REJECTED]) == (len(readable), len(reasons))
    assert shelf.details(announced) == readable


def test_a_key_that_stands_twice_is_written_once_where_the_short_way_was_refused(shelf: Shelf) -> None:
    shelf.index(shelf.delivery([('"a"', "1")]))  # from here on such events take the short way
    twice = [shelf.delivery([('"a"', "1"), ('"b"', '{"c":1,"c":2}'), ('"a"', "3")]) for _ in range(3)]

    report, reasons, announced = shelf.index(shelf.delivery([('"a"', "1")]), *twice)

    assert report.ends == {End.STORED: 4}, reasons
    assert shelf.details(announced[1:]) == sent(twice)


def test_a_number_that_no_double_holds_is_stored_as_written_and_breaks_no_page(shelf: Shelf) -> None:
    shelf.index(shelf.delivery([('"a"', "1")]))
    odd = [shelf.delivery([('"a"', number)]) for number in ("1" * 400, "-" + "1" * 400, "1e400")]
    digits = shelf.delivery([('"a"', "1" * 2_000)])

    report, reasons, announced = shelf.index(*odd, digits)

    assert report.ends == {End.STORED: len(odd), End.REJECTED: 1}
    assert reasons[digits.id].startswith("malformed")  # OpenSearch reads no number of so many digits
    shelf.store.refresh(shelf.index_name)
    query = {"size": 10, "query": {"ids": {"values": announced}}}
    found = shelf.store.search(shelf.index_name, query)
    assert {hit["_source"]["detail"]["eventId"] for hit in found} == {delivery.id for delivery in odd}
