"""OpenSearch: its documents, and its set-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.core.attempt import BulkAnswer
    from pipeline.core.model import JsonObject, Managed

BULK_PATIENCE = 25.0
"""Seconds that nobody waits longer for the answers to a call of ``bulk``."""

LOOKUP_PATIENCE = 10.0
"""Seconds that nobody waits longer for the answer to a lookup."""


class DocumentStore(Protocol):
    """OpenSearch, as far as the stories need it."""

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Iterable[BulkAnswer]:
        """Send each NDJSON body as one ``_bulk`` request, two at a time; an answer for each, in order.

        A body is on its way while the next one is asked for, so that it can be made meanwhile. All have been
        asked for when this returns; the answers are given as they arrive.

        Never raises for what the cluster or the network did: that is in the answer. No hidden retry.

        Args:
            patience: Seconds until all must have been answered. What then has no answer has status 0, and
                what was not sent yet is not sent any more.
        """

    def ingested(
        self, keys: Sequence[tuple[str, str]], patience: float = LOOKUP_PATIENCE
    ) -> Mapping[tuple[str, str], int]:
        """The stored ``@ingested`` of each (index, id) that exists.

        Args:
            patience: Seconds to wait for the answer.

        Raises:
            Unavailable: Not all could be looked up.
        """

    def refresh(self, indices: str) -> None:
        """Make all that was stored before this call visible to ``search``, on every shard.

        Raises:
            Unavailable: Any shard did not refresh.
        """

    def search(self, indices: str, body: JsonObject) -> Sequence[JsonObject]:
        """The ``hits.hits`` of a search over whole, healthy shards only.

        Raises:
            Unavailable: Any shard failed or timed out; never a partial answer.
        """


class Cluster(Protocol):
    """OpenSearch's own set-up: templates, policies, and the indices that they are for.

    Every call may raise ``Unavailable``.
    """

    def component_template(self, name: str) -> JsonObject | None:
        """The body stored under this name, or None."""

    def put_component_template(self, name: str, body: JsonObject) -> None:
        """Store the body."""

    def index_template(self, name: str) -> JsonObject | None:
        """The body stored under this name, or None."""

    def put_index_template(self, name: str, body: JsonObject) -> None:
        """Store the body."""

    def fields(self, patterns: Sequence[str]) -> Mapping[str, JsonObject]:
        """Each index, open or closed, that one of the patterns matches, with its mapped fields by name."""

    def delete_index(self, name: str) -> bool:
        """Delete one index, never more than one; False where it is gone already."""

    def has_ism(self) -> bool:
        """Whether the cluster runs Index State Management."""

    def policy(self, name: str) -> tuple[JsonObject, int, int] | None:
        """The policy with its ``_seq_no`` and ``_primary_term``, or None."""

    def put_policy(self, name: str, body: JsonObject, version: tuple[int, int] | None) -> None:
        """Create the policy, or update the version read before."""

    def managed(self, indices: Sequence[str]) -> Mapping[str, Managed]:
        """Each of these indices that has a policy, with it."""

    def attach(self, index: str, policy: str) -> str:
        """Give a policy to an index that has none. Returns why not; empty when it was done."""

    def change_policy(self, index: str, policy: str) -> str:
        """Give a managed index the policy as it is now, from its state on.

        ISM takes it over in its next run. Returns why not; empty when it was done.
        """
