"""A filter's query, on the real node with the project's templates: whatever ``match`` takes is found."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import orjson
import pytest
import urllib3

from pipeline.adapters import opensearch, opensearch_cluster
from pipeline.core import bulk, derive, instant, match, normalise, pattern, query
from pipeline.core.model import Event, Route
from pipeline.settings import read
from tests import filter_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.document import Document
    from pipeline.core.model import Delta

TEMPLATES = Path(__file__).parents[2] / "index_templates"
NOW = instant.read("2026-11-22T10:00:00.000Z")
SERVICE, LATENCY, COUNT, UNMAPPED = "service", "latencyMs", "count", "é"
KEYS = [SERVICE, LATENCY, COUNT, UNMAPPED]
LONG = ["x" * 9_000 + "end", "漢" * 3_000, '"' * 5_000, "\\" * 5_000 + "x", "é" * 3_990 + "Straße", "a*" * 40]
COERCED = ["12", "12ms", " 7 ", 12.9, -12.9, 2**53 + 1, 2**63, 1e300, -1e300, "NaN"]
VALUES = [*filter_cases.VALUES, *filter_cases.LARGE, *LONG, *COERCED, [12.9, "12ms"], [*LONG[:2], "a"]]
DRAWN = 100
"""Filters; a search each."""


class Library:
    """Documents on the node, and the deltas that announced them."""

    def __init__(self, url: str, prefix: str, documents: list[Document]) -> None:
        self.prefix, self.deltas = prefix, [derive.delta(each, NOW) for each in documents]
        settings = read({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "LIVEDEX_OPENSEARCH_URL": url})
        self.store, self._cluster = opensearch.connect(settings), opensearch_cluster.connect(settings)
        common, metrics = (
            orjson.loads((TEMPLATES / f"livedex-{name}.json").read_bytes()) for name in ("common", "metrics")
        )
        metrics["template"]["mappings"]["properties"][COUNT] = {"type": "long", "ignore_malformed": True}
        self._cluster.put_component_template(prefix, common)
        self._cluster.put_index_template(
            prefix, {**metrics, "index_patterns": [f"{prefix}-*"], "composed_of": [prefix]}
        )
        requests = bulk.requests(documents, NOW)
        for request, answer in zip(requests, self.store.bulk([each.body for each in requests]), strict=True):
            assert {item["create"]["status"] for item in answer.items} == {201}, (request, answer)
        self.store.refresh(f"{prefix}-*")

    def found(self, asked: pattern.Pattern, tenant: str = "acme") -> list[Delta]:
        body = query.search(
            asked,
            tenant=tenant,
            ranged=frozenset({LATENCY, COUNT}),
            ingested_from=None,
            ingested_to=None,
            after=None,
            size=5_000,
            newest=False,
        )
        return [derive.recalled(hit) for hit in self.store.search(f"{self.prefix}-*", body)]

    def close(self, url: str) -> None:
        self.store.close()
        self._cluster.close()
        with urllib3.PoolManager() as http:
            for path in ("", "_index_template/", "_component_template/"):
                http.request("DELETE", f"{url}/{path}{self.prefix}{'' if path else '-*'}")


def documents(prefix: str) -> list[Document]:
    """Every value in every field alone, and some together."""
    random = Random(1)  # noqa: S311 - cases, not secrets
    alone: list[dict[str, Any]] = [{key: value} for key in KEYS for value in VALUES]
    together = [{key: random.choice(VALUES) for key in KEYS if random.random() < 0.7} for _ in range(200)]
    route = Route(source="*", family=prefix, tenant="tenant", attributes=tuple((key, key) for key in KEYS))
    return [
        normalise.normalise(
            Event(f"e-{number}", "tests", "Tried", NOW, {"tenant": "acme", **detail}, None),
            route,
            single_tenant=False,
            now=NOW,
        )
        for number, detail in enumerate([*alone, *together])
    ]


@pytest.fixture(scope="module")
def library(opensearch_url: str) -> Iterator[Library]:
    prefix = f"contract-{uuid4().hex[:12]}"
    stored = Library(opensearch_url, prefix, documents(prefix))
    yield stored
    stored.close(opensearch_url)


def near(random: Random) -> Any:  # noqa: ANN401 - any condition
    """A condition about a value that some document has."""
    value = random.choice(VALUES)
    if isinstance(value, str) and len(value) > 1:
        place = random.randrange(len(value))
        head, tail, form = value[:place][:300], value[place:][-300:], filter_cases.form
        return random.choice(
            [
                *filter_cases.about(value[:100]),
                {"suffix": tail},
                {"prefix": {"equals-ignore-case": head.swapcase()}},
                {"suffix": {"equals-ignore-case": tail.swapcase()}},
                {"wildcard": f"{form(head)}*{form(tail)}"},
            ]
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return random.choice(filter_cases.around(value))
    return random.choice(filter_cases.CONDITIONS)


def drawn() -> Iterator[dict[str, Any]]:
    random = Random(2)  # noqa: S311 - cases, not secrets
    yield {}
    for place in range(DRAWN):
        if place % 2:
            yield {random.choice(KEYS): [near(random)]}
        else:
            asked: dict[str, Any] = {key: [near(random), near(random)] for key in random.sample(KEYS, 2)}
            other = {key: [near(random)] for key in random.sample(KEYS, 2)}
            yield {"$or": [asked, other, filter_cases.a_filter(random) or {"none": [1]}]}


def test_checked_by_match_a_search_gives_exactly_what_the_filter_takes(library: Library) -> None:
    matched = 0
    for asked in drawn():
        parsed = pattern.parse(asked)
        expected = {delta.id for delta in library.deltas if match.matches(parsed, match.fields(delta))}
        hits = {delta.id for delta in library.found(parsed) if match.matches(parsed, match.fields(delta))}
        assert hits == expected, (asked, [d for d in library.deltas if d.id in hits ^ expected][:3])
        matched += len(hits)
    assert matched > 20 * DRAWN  # or nothing would have been tried


def test_another_tenant_finds_nothing_whatever_it_asks(library: Library) -> None:
    assert library.found(pattern.parse({"service": [{"exists": True}]}), tenant="other") == []


def test_the_node_takes_the_longest_and_deepest_filters_that_we_take(library: Library) -> None:
    deep: dict[str, Any] = {"service": ["none"]}
    for _ in range(pattern.MAX_DEPTH):
        deep = {"$or": [deep, {"latencyMs": [-7]}]}
    many = [{"anything-but": [number, number + 1]} for number in range(60)]
    for asked in (
        deep,
        {"service": [{"wildcard": "*" + "a" * 1_900}]},
        {"service": [{"wildcard": "*aab" * 450}]},
        {"service": [{"suffix": {"equals-ignore-case": "ab" * 900}}]},
        {"service": [{"wildcard": "*" + "*".join("a" * size + "b" for size in range(1, 60))}]},
        {"service": many},
        {"service": [{"anything-but": list(range(500))}]},
        {"service": [{"wildcard": f"*{'aab' * 7}*{'aab' * 7}*{'aab' * 7}"}]},
        {"service": [{"suffix": '"' * 1_000}, {"prefix": "*?\\" * 200}]},
        {UNMAPPED: [{"numeric": [">", -1e300]}], 'strange"key*?\\.[=': [{"suffix": "a"}]},
        {"service": list(range(500))},
    ):
        library.found(pattern.parse(asked))
