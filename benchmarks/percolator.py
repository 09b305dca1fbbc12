"""Which filters a delta matches, asked of OpenSearch's percolator: what is there already, and was not taken.

Filters lie in an index as the queries that a search for their hits would be, and a delta's document is held
against them. What it finds is narrowed by ``match``, as with every search of ours. Both are measured by the
clock on the wall, since the percolator's work is done by the node; a delta is asked about by itself, over a
connection that is kept, on the node's own machine.
https://docs.opensearch.org/latest/query-dsl/specialized/percolate/
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import orjson
import urllib3

from benchmarks import channels
from benchmarks.figure import Figure
from pipeline.core import match, pattern, superset, terms
from pipeline.core.channel_index import ChannelIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.audience import Channel
    from pipeline.core.model import Delta

SIZES = (1_000, 10_000)

DELTAS = 50
"""Asked about at each size."""

AT_ONCE = 1_000
"""Filters a request of ``_bulk``."""

MOST = 10_000
"""Hits of a search, the most that an index gives: ``index.max_result_window``.
https://docs.opensearch.org/latest/install-and-configure/configuring-opensearch/index-settings/"""

RANGED = frozenset({"latencyMs", "amount"})
"""The attributes that are numbers, mapped as ``double``."""

INDEX = "benchmark-percolator"


def figures(opensearch: str) -> Iterator[Figure]:
    """Per shape and size: µs a delta, ours beside the percolator."""
    for shape in ("few", "many"):
        for count in SIZES:
            yield _at(opensearch, shape, count)


def _at(opensearch: str, shape: str, count: int) -> Figure:
    wanted, deltas = channels.channels(shape, count), channels.deltas(shape, count)[:DELTAS]
    index = ChannelIndex()
    for channel in wanted:
        index.add(channel)
    percolator = Percolator(opensearch, wanted)
    try:
        for delta in deltas:  # so that the node's compiler has seen them
            percolator.matching(delta)
        ours, theirs = [], []
        for delta in deltas:
            began = time.perf_counter()
            found = percolator.matching(delta)
            middle = time.perf_counter()
            expected = {channel.id for channel in index.matching(delta)}
            theirs.append(middle - began)
            ours.append(time.perf_counter() - middle)
            if found != expected:
                raise RuntimeError(f"the percolator disagrees about {delta.id}: {found ^ expected}")
    finally:
        percolator.drop()
    spent, rival = median(ours) * 1e6, median(theirs) * 1e6
    name = f"matching: one delta, {count:,} channels, {shape} values a key, on the wall"
    return Figure(name, spent, "us", {"percolator": rival}, rival / spent)


class Percolator:
    """An index of filters."""

    def __init__(self, opensearch: str, wanted: Sequence[Channel]) -> None:
        self._url = f"{opensearch}/{INDEX}"
        self._http = urllib3.PoolManager(retries=False)
        self._filters = {one.id: pattern.parse(orjson.loads(one.filter)) for one in wanted}
        fields = {"filter": "percolator", "tokens": "keyword", **dict.fromkeys(RANGED, "double")}
        fields |= dict.fromkeys(("tenant", "ignored"), "keyword")
        mappings = {"dynamic": False, "properties": {name: {"type": kind} for name, kind in fields.items()}}
        self._ask("PUT", "", {"mappings": mappings, "settings": {"number_of_shards": 1}})
        for start in range(0, len(wanted), AT_ONCE):
            lines = [line for one in wanted[start : start + AT_ONCE] for line in self._lines(one)]
            answer = self._ask("POST", "/_bulk", b"\n".join([*map(orjson.dumps, lines), b""]))
            if answer["errors"]:
                raise RuntimeError(f"the percolator took not every filter: {answer['items'][0]}")
        self._ask("POST", "/_refresh")
        self._ask("POST", "/_forcemerge?max_num_segments=1")

    def matching(self, delta: Delta) -> set[str]:
        """The channels' ids that a delta belongs to."""
        found = match.fields(delta)
        tokens = [token for key, value in found.items() for token in terms.tokens(key, value)]
        document = {
            "tenant": delta.tenant,
            "tokens": tokens,
            **{k: v for k, v in found.items() if k in RANGED},
        }
        asked = {"percolate": {"field": "filter", "document": document}}
        body = {"query": {"constant_score": {"filter": asked}}, "size": MOST, "_source": False}
        hits = self._ask("POST", "/_search", body)["hits"]["hits"]
        return {hit["_id"] for hit in hits if match.matches(self._filters[hit["_id"]], found)}

    def drop(self) -> None:
        """Delete the index."""
        self._ask("DELETE", "")

    def _lines(self, channel: Channel) -> Iterator[dict[str, Any]]:
        queries = [{"term": {"tenant": channel.tenant}}, *superset.queries(self._filters[channel.id], RANGED)]
        yield {"index": {"_id": channel.id}}
        yield {"filter": {"bool": {"filter": queries}}}

    def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        content = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        headers = {"content-type": "application/json"}
        answer = self._http.request(method, self._url + path, body=content, headers=headers)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data[:500]!r}")
        return answer.json()
