"""OpenSearch: the documents, and the cluster's own set-up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from pipeline.adapters.opensearch_wire import CONNECTIONS, OK, Reply, Wire, wire
from pipeline.core.errors import Refused, Unavailable
from pipeline.ports import BulkAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.core.model import JsonObject
    from pipeline.settings import Settings

BULK_TIMEOUT = 25.0
"""Seconds without a byte of the answer to a bulk; more than ``BULK_WAIT``."""

BULK_WAIT = "20s"
"""How long OpenSearch waits for a shard before it answers an item with 503.

https://docs.opensearch.org/latest/api-reference/document-apis/bulk/#query-parameters
"""

BULK_FIELDS = "items.create._index,items.create._id,items.create.status,items.create.error"
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

BAD_REQUEST, NOT_FOUND = 400, 404


def connect(settings: Settings) -> DocumentStore:
    """Make ready to store and search documents. Nothing is sent yet.

    Raises:
        SettingsError: The settings lack an address, or what the cluster's signature needs.
    """
    return DocumentStore(wire(settings))


def connect_cluster(settings: Settings) -> Cluster:
    """Make ready to read and change templates and policies. Nothing is sent yet.

    Raises:
        SettingsError: The settings lack an address, or what the cluster's signature needs.
    """
    return Cluster(wire(settings))


class DocumentStore:
    """See ``ports.DocumentStore`` for the promises."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="bulk")

    def bulk(self, bodies: Sequence[bytes]) -> Sequence[BulkAnswer]:
        """Send each body on whichever of the two connections is free."""
        if len(bodies) == 1:
            return [self._bulk(bodies[0])]
        return list(self._threads.map(self._bulk, bodies))

    def _bulk(self, body: bytes) -> BulkAnswer:
        params = {"filter_path": BULK_FIELDS, "timeout": BULK_WAIT}
        reply = self._wire.ask("POST", "/_bulk", body, params, timeout=BULK_TIMEOUT)
        items: list[JsonObject] = reply.body.get("items", [])
        documents = body.count(b"\n") // 2  # two lines each, since JSON has no newline of its own
        if reply.status == OK and len(items) != documents:
            return BulkAnswer(0, [], f"the answer has {len(items)} items for {documents} documents")
        return BulkAnswer(reply.status, items, reply.error)

    def ingested(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """Look up by id, which finds documents that are not searchable yet."""
        if not keys:
            return {}
        wanted = {"docs": [{"_index": index, "_id": document_id} for index, document_id in keys]}
        params = {"_source_includes": "@ingested", "preference": "_primary"}
        documents = _answered(self._wire.ask("POST", "/_mget", wanted, params), "docs")
        return {
            (document["_index"], document["_id"]): _ingested(document)
            for document in documents
            if _is_there(document)
        }

    def refresh(self, indices: str) -> None:
        """Refresh every shard, or raise."""
        shards = _answered(self._wire.ask("POST", _path(indices, "_refresh"), None, NONE_IS_FINE), "_shards")
        if shards["failed"]:
            raise Unavailable("opensearch", f"not every shard was refreshed: {shards}")

    def search(self, indices: str, body: JsonObject) -> Sequence[JsonObject]:
        """Search every shard, or raise."""
        reply = self._wire.ask("POST", _path(indices, "_search"), body, SEARCH_PARAMS)
        shards = _answered(reply, "_shards")
        if reply.body.get("timed_out", True) or shards["failed"] or shards["successful"] != shards["total"]:
            raise Unavailable("opensearch", f"not every shard was searched in time: {shards}")
        hits: list[JsonObject] = reply.body.get("hits", {}).get("hits", [])
        return hits

    def close(self) -> None:
        """End the threads and close the connections."""
        self._threads.shutdown()
        self._wire.close()


class Cluster:
    """See ``ports.Cluster`` for the promises.

    A policy goes in and comes out as ``{"policy": {...}}``, the form in which its file has it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def component_template(self, name: str) -> JsonObject | None:
        """Read a component template."""
        return self._template("component_template", name)

    def put_component_template(self, name: str, body: JsonObject) -> None:
        """Create it or replace it."""
        self._put(_path("_component_template", name), body)

    def index_template(self, name: str) -> JsonObject | None:
        """Read an index template."""
        return self._template("index_template", name)

    def put_index_template(self, name: str, body: JsonObject) -> None:
        """Create it or replace it."""
        self._put(_path("_index_template", name), body)

    def has_ism(self) -> bool:
        """Ask for policies: without the plugin no one answers there."""
        reply = self._wire.ask("GET", "/_plugins/_ism/policies", None, {"size": 1})
        if reply.status == NOT_FOUND or (reply.status == BAD_REQUEST and "no handler found" in reply.error):
            return False
        _answered(reply, "policies")
        return True

    def policy(self, name: str) -> tuple[JsonObject, int, int] | None:
        """Read a policy."""
        reply = self._wire.ask("GET", _path("_plugins/_ism/policies", name))
        if reply.status == NOT_FOUND:
            return None
        policy = _answered(reply, "policy")
        return {"policy": policy}, reply.body["_seq_no"], reply.body["_primary_term"]

    def put_policy(self, name: str, body: JsonObject, version: tuple[int, int] | None) -> None:
        """Create it, or replace the version given."""
        params = {"if_seq_no": version[0], "if_primary_term": version[1]} if version else {}
        self._put(_path("_plugins/_ism/policies", name), body, params)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _template(self, kind: str, name: str) -> JsonObject | None:
        reply = self._wire.ask("GET", _path(f"_{kind}", name))
        if reply.status == NOT_FOUND:
            return None
        body: JsonObject = _answered(reply, f"{kind}s")[0][kind]
        return body

    def _put(self, path: str, body: JsonObject, params: Mapping[str, int] | None = None) -> None:
        reply = self._wire.ask("PUT", path, body, params)
        if reply.status == BAD_REQUEST:
            raise Refused("refused-by-opensearch", f"OpenSearch refuses {path}: {reply.error}")
        if reply.status != OK:
            _unavailable(reply)


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


def _path(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe=",*/") for part in parts)


def _answered(reply: Reply, key: str) -> Any:  # noqa: ANN401 - any JSON
    if key not in reply.body:
        _unavailable(reply)
    return reply.body[key]


def _unavailable(reply: Reply) -> NoReturn:
    raise Unavailable(
        "opensearch", f"status {reply.status}: {reply.error or 'the answer is not as documented'}"
    )
