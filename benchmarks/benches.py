"""A node with our mapping under a name of this run's own, and the documents to store there."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from opensearchpy import OpenSearch

from benchmarks import facts
from pipeline import arriving
from pipeline.core import fill, normalise, parse, route
from pipeline.wiring import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.document import Document
    from pipeline.core.model import Delivery
    from pipeline.core.route import Routes

CONNECTIONS = 2
"""Kept alive by each client."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A node that has our mapping under a name of this run's own, and what is to be stored there.

    Attributes:
        family: The name; its indices and templates go when the run is over.
        routes: Ours, with that family.
        documents: What the deliveries become.
    """

    url: str
    family: str
    client: OpenSearch
    routes: Routes
    deliveries: Sequence[Delivery]
    documents: Sequence[Document]


@contextmanager
def prepared(url: str, count: int) -> Iterator[Bench]:
    """Our templates under a new name; they and their indices are deleted afterwards."""
    family = f"benchmark_{uuid4().hex[:8]}"
    known = route.routes(routes_text(family))
    deliveries = facts.deliveries(count)
    documents = [document(delivery, known) for delivery in deliveries]
    with client(url) as node:
        bench = Bench(url, family, node, known, deliveries, documents)
        try:
            _put_templates(bench)
            yield bench
        finally:
            node.indices.delete(index=f"{family}-*")
            node.indices.delete_index_template(name=family)
            node.cluster.delete_component_template(name=family)


def routes_text(family: str) -> str:
    """Our routes file with another family."""
    text = (shipped.ROOT / "routes.toml").read_text(encoding="utf-8")
    return text.replace('family = "metrics"', f'family = "{family}"')


def document(delivery: Delivery, known: Routes) -> Document:
    """What a delivery becomes, by the long way alone."""
    event = parse.event(delivery.body)
    return normalise.normalise(event, route.choose(event, known), single_tenant=False, now=event.time)


def documents(deliveries: Sequence[Delivery], known: Routes, kinds: fill.Kinds) -> list[Document]:
    """What deliveries become, as the story makes it: by the short way, and by the long one where it must."""
    made: list[Document] = []
    now = int(time.time() * 1000)
    for start in range(0, len(deliveries), arriving.TOGETHER):
        part = deliveries[start : start + arriving.TOGETHER]
        filled = fill.documents([delivery.body for delivery in part], kinds, now)
        for delivery, each in zip(part, filled, strict=True):
            made.append(each[2] if each else _learned(delivery, known, kinds))
    return made


def _learned(delivery: Delivery, known: Routes, kinds: fill.Kinds) -> Document:
    made = document(delivery, known)
    chosen = route.find(made.source, made.event_type, known)
    kinds.learn(made.source, made.event_type, chosen, single_tenant=False)
    return made


def _put_templates(bench: Bench) -> None:
    """The templates of ``metrics`` under the bench's own name."""
    files = shipped.template_files()
    common = json.loads(files["index_templates/livedex-common.json"])
    metrics = json.loads(files["index_templates/livedex-metrics.json"])
    metrics |= {"index_patterns": [f"{bench.family}-*"], "composed_of": [bench.family]}
    bench.client.cluster.put_component_template(name=bench.family, body=common)
    bench.client.indices.put_index_template(name=bench.family, body=metrics)


def empty(bench: Bench) -> None:
    """Make the indices anew, so that no way pays for their making."""
    bench.client.indices.delete(index=f"{bench.family}-*")
    for index in {each.index for each in bench.documents}:
        bench.client.indices.create(index=index)


def client(url: str) -> OpenSearch:
    """opensearch-py as its users make it."""
    return OpenSearch(hosts=[url], pool_maxsize=CONNECTIONS, timeout=60)
