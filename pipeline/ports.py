"""What the stories need from the world.

Each port has a live adapter and a ``memory`` one; one contract suite in ``tests/contracts``
holds both to the promises written here. Adapters raise ``core.errors`` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pipeline.core.model import BulkAnswer as BulkAnswer  # noqa: PLC0414, TC001 - given on to adapters
from pipeline.core.model import Managed as Managed  # noqa: PLC0414, TC001 - the same

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.core.audience import (
        ApiKey,
        Changes,
        Channel,
        Connection,
        Late,
        Member,
        Post,
        Principal,
        Receipt,
    )
    from pipeline.core.letters import Letter
    from pipeline.core.model import DeadLetter, Entry, JsonObject


class Clock(Protocol):
    """Time and chance, so that a story can be replayed exactly."""

    def now(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def jitter(self) -> float:
        """A random share, 0 ≤ x < 1."""


BULK_PATIENCE = 25.0
"""Seconds that nobody waits longer for the answers to a call of ``bulk``."""

LOOKUP_PATIENCE = 10.0
"""Seconds that nobody waits longer for the answer to a lookup."""


class DocumentStore(Protocol):
    """OpenSearch, as far as the stories need it."""

    def bulk(self, bodies: Iterable[bytes], patience: float = BULK_PATIENCE) -> Sequence[BulkAnswer]:
        """Send each NDJSON body as one ``_bulk`` request, two at a time; an answer for each, in order.

        A body is on its way while the next one is asked for, so that it can be made meanwhile.

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


class DeltaBus(Protocol):
    """EventBridge: the bus on which deltas travel."""

    def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """One PutEvents call of at most 10 entries; for each, in order, whether it was accepted.

        A call that failed as a whole accepts none. Never raises for what the service did.
        """


class Queues(Protocol):
    """SQS: the queue that feeds a function, and its dead-letter queue."""

    def dead_letter(self, letters: Sequence[DeadLetter]) -> Sequence[bool]:
        """Send each body, whole, with its reason, error, index and id as attributes.

        Returns:
            For each, in order, whether the dead-letter queue took it.
        """

    def put_off(self, delays: Sequence[tuple[str, int]]) -> None:
        """Keep each receipt's delivery invisible for so many more seconds; best effort."""

    def depths(self) -> Mapping[str, int]:
        """Approximate number of deliveries: ``waiting``, ``in_flight``, ``dead``."""

    def read_letters(self, most: int) -> Iterator[Letter]:
        """Read up to so many dead letters, each once and whole.

        Whoever reads a letter is its only reader for some minutes, or until ``show_again``.

        Raises:
            Unavailable: The dead-letter queue could not be read.
        """

    def show_again(self, receipts: Sequence[str]) -> None:
        """Let others read these letters at once; best effort, for some minutes do the same."""

    def put(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue, as new.

        Returns:
            For each, in order, whether the queue took it.
        """

    def resend(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue, marked so that its ``Delivery`` is ``redriven``.

        Returns:
            For each, in order, whether the queue took it.
        """

    def drop(self, receipts: Sequence[str]) -> Sequence[bool]:
        """Take letters out of the dead-letter queue for good; for each, in order, whether it is gone."""


class ConnectionTable(Protocol):
    """DynamoDB: connections, channels, members, tickets, keys and the late ledger.

    All reads are strongly consistent, and none is a Scan. Every call may raise ``Unavailable``.
    """

    # --- connections --------------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        """Remember an open connection."""

    def connection(self, connection_id: str) -> Connection | None:
        """The connection, or None."""

    def connections(self, tenant: str, now: int) -> Iterator[Connection]:
        """The tenant's connections that have not ended, read as they are asked for."""

    def disconnect(self, connection_id: str) -> None:
        """Forget a connection and its memberships. Forgetting an unknown one is no error."""

    # --- channels and members -----------------------------------------------------------------

    def subscribe(self, connection: Connection, channel: Channel, touch: int) -> None:
        """Write the membership, then the channel with a fresh ``touch``, in this order.

        Whoever reads the tenant's version after this returns finds the channel. Clears ``lagged``.
        """

    def unsubscribe(self, connection_id: str, channel: Channel) -> None:
        """Take the connection out of the channel."""

    def subscriptions(self, connection_id: str) -> Sequence[Channel]:
        """The channels of a connection."""

    def version(self, tenant: str) -> int:
        """A number that grows with each change of the tenant's channels; 0 at first."""

    def changes(self, tenant: str, after: int) -> Changes:
        """What came to the tenant's channels and what left them after a version; after 0: all there are."""

    def members(
        self, channel: Channel, now: int, *, part: tuple[int, int] = (0, 1), ended: bool = False
    ) -> Sequence[Member]:
        """The channel's members that have not ended.

        Args:
            part: Number and count of disjoint parts that together are all; the count is a power of two.
            ended: Whether to give those too whose token has ended while their row has not: they are told.
        """

    def audiences(self, channels: Sequence[Channel], now: int) -> Sequence[Sequence[Member]]:
        """The members of each channel, in order, those whose token has ended too; many are read at once."""

    # --- the cleaner --------------------------------------------------------------------------

    def tenants(self) -> Iterator[str]:
        """Every tenant that has or had channels."""

    def touched(self, tenant: str) -> Iterator[tuple[Channel, int]]:
        """The tenant's channels, each with its ``touch``."""

    def remove_channel(self, channel: Channel, touch: int) -> bool:
        """Take a channel out of its tenant's registry, with a new version; False where ``touch`` changed."""

    # --- slow members -------------------------------------------------------------------------

    def mark_lagged(self, members: Sequence[tuple[Channel, str]], since: int) -> None:
        """Note of each (channel, connection id) that frames from a time on may be missing.

        The lowest time is kept. A membership that is gone stays gone.
        """

    def lagged(self, connection_id: str) -> Sequence[tuple[Channel, int]]:
        """The connection's channels that are marked, each with its time."""

    # --- the late ledger ----------------------------------------------------------------------

    def put_late(self, tenant: str, announced: int, ingested: int, ends: int) -> None:
        """Note, by the minute, that what was ingested then was announced only then; kept until ``ends``."""

    def open_late(self, tenant: str, job: str, ingested: int, ends: int) -> None:
        """Note that what was ingested from this time on is still being posted by a job."""

    def close_late(self, tenant: str, job: str) -> None:
        """Take back what ``open_late`` noted; taking back what is not there is no error."""

    def late(self, tenant: str, announced_from: int) -> Sequence[Late]:
        """Every note of what was announced at or after this time, and every open one."""

    # --- tickets and keys ---------------------------------------------------------------------

    def put_ticket(self, ticket_hash: str, principal: Principal, expires: int) -> None:
        """Remember a single-use ticket by its hash."""

    def take_ticket(self, ticket_hash: str, now: int) -> Principal | None:
        """Use a ticket up: its principal the first time before it expires, None ever after."""

    def put_key(self, key: ApiKey) -> None:
        """Remember an API key by its hash."""

    def key(self, key_hash: str) -> ApiKey | None:
        """The key, revoked or not, or None."""

    def keys(self) -> Iterator[ApiKey]:
        """Every key, in the order in which they were made."""

    def revoke_key(self, key_hash: str, now: int) -> bool:
        """Mark a key as revoked; False where there is none."""


class Sockets(Protocol):
    """API Gateway's management endpoint: posts to open connections."""

    def post(self, posts: Sequence[Post], deadline: int) -> Sequence[Receipt]:
        """Post all frames, many at once; a receipt for each, in order, by the deadline (ms since the epoch).

        Frames of one connection are posted one after another, in order; after one that was not
        posted, those behind it get the same receipt unposted. One dead or slow connection never
        delays or fails the others.

        Raises:
            Unavailable: No endpoint of these posts took one, for a reason that is none of a connection's.
        """

    def close(self, connection_id: str, endpoint: str) -> None:
        """Close a connection; closing one that is gone is no error."""


class Tokens(Protocol):
    """Bearer tokens (JWT)."""

    def claims(self, token: str) -> Mapping[str, object]:
        """The claims of a token whose signature, issuer, audience and times hold.

        Raises:
            Refused: ``unauthorized``, with what does not hold.
            Unavailable: The issuer's keys cannot be had.
        """
