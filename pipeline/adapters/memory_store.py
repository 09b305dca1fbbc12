"""OpenSearch without a cluster: keeps the promises of ``ports`` and OpenSearch's own rules.

An index takes its mapping from the templates of a ``Cluster`` when its first document comes. Where
no template matches, fields are mapped by the values that come.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import orjson

from pipeline.adapters.memory_cluster import Cluster
from pipeline.adapters.memory_mapping import MappingError, indexed
from pipeline.adapters.memory_search import Found, QueryError, search
from pipeline.core.attempt import BulkAnswer
from pipeline.core.errors import Unavailable
from pipeline.ports.index import BULK_PATIENCE, LOOKUP_PATIENCE

__all__ = ["Cluster", "DocumentStore", "Fault"]

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.core.model import JsonObject


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one bulk request instead of an answer.

    Attributes:
        status: As in ``BulkAnswer``; 0 for no answer.
        stored: Whether the cluster had done its work, and only the answer was lost.
    """

    status: int
    stored: bool = False


@dataclass(slots=True)
class _Index:
    mapping: JsonObject | None
    documents: dict[str, Found] = field(default_factory=dict)
    visible: tuple[Found, ...] = ()


class DocumentStore:
    """Documents; see ``ports.index.DocumentStore``.

    Args:
        cluster: Whose templates new indices follow.

    Attributes:
        down: Whether nothing answers.
        faults: What becomes of the next bulk requests, one each.
        closed: Names of indices that are closed.
        read_only: Names of indices that have a write block.
    """

    def __init__(self, cluster: Cluster | None = None) -> None:
        self.down = False
        self.faults: list[Fault] = []
        self.closed: set[str] = set()
        self.read_only: set[str] = set()
        self._cluster = cluster or Cluster()
        self._indices: dict[str, _Index] = {}

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Sequence[BulkAnswer]:  # noqa: ARG002 - nobody waits here
        """Carry out each body's ``create`` lines."""
        return [self._bulk(body) for body in bodies]

    def _bulk(self, body: bytes) -> BulkAnswer:
        fault = self.faults.pop(0) if self.faults else Fault(0) if self.down else None
        if fault and not fault.stored:
            return BulkAnswer(fault.status, [], "a fault was asked for")
        if not body.endswith(b"\n"):
            return BulkAnswer(
                400, [], "illegal_argument_exception: The bulk request must be terminated by a newline"
            )
        lines = [orjson.loads(line) for line in body.splitlines()]
        items = [
            {"create": self._create(line["create"], source)}
            for line, source in zip(*[iter(lines)] * 2, strict=True)
        ]
        return BulkAnswer(fault.status, [], "a fault was asked for") if fault else BulkAnswer(200, items)

    def _create(self, line: JsonObject, source: JsonObject) -> JsonObject:
        name, document_id = line["_index"], line["_id"]
        if name != name.lower():
            return _error(
                400, "invalid_index_name_exception", f"Invalid index name [{name}], must be lowercase"
            )
        if name in self.closed:
            return _error(400, "index_closed_exception", "closed")
        if name in self.read_only:
            reason = f"index [{name}] blocked by: [FORBIDDEN/8/index write (api)];"
            return _error(403, "cluster_block_exception", reason)
        index = self._indices.setdefault(name, _Index(self._cluster.mapping(name)))
        try:
            terms = indexed(source, index.mapping, document_id)
        except MappingError as problem:
            return _error(400, problem.type, str(problem))
        if document_id in index.documents:
            reason = f"[{document_id}]: version conflict, document already exists (current version [1])"
            return _error(409, "version_conflict_engine_exception", reason)
        index.documents[document_id] = Found(name, document_id, source, terms)
        return {"status": 201}

    def ingested(
        self,
        keys: Sequence[tuple[str, str]],
        patience: float = LOOKUP_PATIENCE,  # noqa: ARG002 - nobody waits here
    ) -> Mapping[tuple[str, str], int]:
        """Look up what is stored, visible or not."""
        self._check()
        closed = [name for name, _ in keys if name in self.closed]
        if closed:
            raise Unavailable("opensearch", f"index_closed_exception: closed: {closed[0]}")
        return {
            (name, document_id): self._indices[name].documents[document_id].source["@ingested"]
            for name, document_id in keys
            if name in self._indices and document_id in self._indices[name].documents
        }

    def refresh(self, indices: str) -> None:
        """Show ``search`` what is stored."""
        self._check()
        for index in self._chosen(indices):
            index.visible = tuple(index.documents.values())

    def search(self, indices: str, body: JsonObject) -> Sequence[JsonObject]:
        """Search what was refreshed."""
        self._check()
        documents = [document for index in self._chosen(indices) for document in index.visible]
        try:
            return deepcopy(search(documents, body))
        except QueryError as problem:
            raise Unavailable("opensearch", f"status 400: {problem}") from None

    def close(self) -> None:
        """Nothing is open."""

    def _chosen(self, indices: str) -> list[_Index]:
        patterns = indices.split(",")
        return [
            index
            for name, index in sorted(self._indices.items())
            if name not in self.closed and any(fnmatchcase(name, pattern) for pattern in patterns)
        ]

    def _check(self) -> None:
        if self.down:
            raise Unavailable("opensearch", "status 0: a fault was asked for")


def _error(status: int, type_: str, reason: str) -> JsonObject:
    return {"status": status, "error": {"type": type_, "reason": reason}}
