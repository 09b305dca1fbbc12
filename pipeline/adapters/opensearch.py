"""OpenSearch: the documents."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pipeline.adapters.opensearch_wire import CONNECTIONS, Wire, answered, path_of, wire
from pipeline.core.attempt import BulkAnswer
from pipeline.core.errors import Unavailable
from pipeline.ports.index import BULK_PATIENCE, LOOKUP_PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.core.model import JsonObject
    from pipeline.settings import Settings

BULK_WAIT = 0.8
"""Share of our patience that OpenSearch waits for a shard before it answers an item with 503.

https://docs.opensearch.org/latest/api-reference/document-apis/bulk/#query-parameters
"""

BULK_FIELDS = "items.create.status,items.create.error"
"""What is read of the answer; the rest would take us as long to parse as all else that we do for a bulk.

Named without wildcards, which cost the node a tenth of its documents a second.
https://docs.opensearch.org/latest/api-reference/common-parameters/#response-filtering
"""

NONE_IS_FINE = {"ignore_unavailable": "true", "allow_no_indices": "true"}
"""A family whose first event has not come yet has no index, and that is an empty answer."""

SEARCH_PARAMS = {
    **NONE_IS_FINE,
    "allow_partial_search_results": "false",
    # Where segments are replicated, a refresh reaches primaries only:
    # https://docs.opensearch.org/latest/tuning-your-cluster/availability-and-recovery/segment-replication/index/
    "preference": "_primary",
    "filter_path": "_shards,timed_out,hits.hits",
}


def connect(settings: Settings) -> DocumentStore:
    """Make ready to store and search documents. Nothing is sent yet.

    Raises:
        SettingsError: The settings lack an address, or what the cluster's signature needs.
    """
    return DocumentStore(wire(settings))


class DocumentStore:
    """See ``ports.index.DocumentStore`` for the promises."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="bulk")

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Iterator[BulkAnswer]:
        """Send each body, as soon as it is made, on whichever of the two connections is free."""
        end = time.monotonic() + min(patience, BULK_PATIENCE)
        return self._threads.map(lambda body: self._bulk(body, end), bodies)

    def _bulk(self, body: bytes, end: float) -> BulkAnswer:
        left = end - time.monotonic()
        if left <= 0:
            return BulkAnswer(0, [], "not sent: the time was up before its turn came")
        params = {"filter_path": BULK_FIELDS, "timeout": f"{left * BULK_WAIT * 1_000:.0f}ms"}
        reply = self._wire.ask("POST", "/_bulk", body, params, timeout=left)
        return BulkAnswer(reply.status, reply.body.get("items", []), reply.error)

    def ingested(
        self, keys: Sequence[tuple[str, str]], patience: float = LOOKUP_PATIENCE
    ) -> Mapping[tuple[str, str], int]:
        """Look up by id, which finds documents that are not searchable yet."""
        if not keys:
            return {}
        wanted = {"docs": [{"_index": index, "_id": document_id} for index, document_id in keys]}
        params = {"_source_includes": "@ingested", "preference": "_primary"}
        documents = answered(self._wire.ask("POST", "/_mget", wanted, params, timeout=patience), "docs")
        return {
            (document["_index"], document["_id"]): _ingested(document)
            for document in documents
            if _is_there(document)
        }

    def refresh(self, indices: str) -> None:
        """Refresh every shard, or raise."""
        shards = answered(self._wire.ask("POST", path_of(indices, "_refresh"), None, NONE_IS_FINE), "_shards")
        if shards["failed"]:
            raise Unavailable("opensearch", f"not every shard was refreshed: {shards}")

    def search(self, indices: str, body: JsonObject) -> Sequence[JsonObject]:
        """Search every shard, or raise."""
        reply = self._wire.ask("POST", path_of(indices, "_search"), body, SEARCH_PARAMS)
        shards = answered(reply, "_shards")
        if reply.body.get("timed_out", True) or shards["failed"] or shards["successful"] != shards["total"]:
            raise Unavailable("opensearch", f"not every shard was searched in time: {shards}")
        hits: list[JsonObject] = reply.body.get("hits", {}).get("hits", [])
        return hits

    def close(self) -> None:
        """End the threads and close the connections."""
        self._threads.shutdown()
        self._wire.close()


def _is_there(document: JsonObject) -> bool:
    error = document.get("error")
    if error and error["type"] != "index_not_found_exception":
        raise Unavailable("opensearch", f"{error['type']}: {error['reason']}")
    return bool(document.get("found"))


def _ingested(document: JsonObject) -> int:
    stamp = document.get("_source", {}).get("@ingested")
    if not isinstance(stamp, int):
        raise Unavailable("opensearch", f"{document['_index']}/{document['_id']} has no @ingested: not ours")
    return stamp
