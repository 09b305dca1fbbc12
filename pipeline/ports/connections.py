"""Who is connected and what they want, and the way to them: DynamoDB and API Gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


class ConnectionTable(Protocol):
    """DynamoDB: connections, channels, members, tickets, keys and the late ledger.

    All reads but a count are strongly consistent, and none is a Scan. Every call may raise ``Unavailable``.
    """

    # --- connections --------------------------------------------------------------------------

    def connect(self, connection: Connection) -> None:
        """Remember an open connection."""

    def connection(self, connection_id: str) -> Connection | None:
        """The connection, or None."""

    def connections(self, tenant: str, now: int) -> Iterator[Connection]:
        """The tenant's connections that have not ended, read as they are asked for."""

    def headcount(self, tenant: str, now: int, most: int) -> int:
        """How many ``connections`` there are, counted no further than to ``most``.

        It holds a limit, so it may be about a second behind; no row is read out for it.
        """

    def disconnect(self, connection_id: str) -> None:
        """Forget a connection and its memberships. Forgetting an unknown one is no error."""

    def disconnect_all(self, connection_ids: Sequence[str], until: int) -> None:
        """Forget these connections, many at once, until a time; those that are left then are let be."""

    # --- channels and members -----------------------------------------------------------------

    def subscribe(
        self, connection: Connection, channel: Channel, touch: int, told: int | None = None
    ) -> None:
        """Write the membership, then the channel with a fresh ``touch``, in this order.

        Whoever reads the tenant's version after this returns finds the channel. Who is a member already stays
        so, and so does its ``lagged``, unless the client has been told of it.

        Args:
            connection: As ``connection`` gave it. One that was never there (its ``since`` is 0) is taken as
                it is.
            channel: What it wants.
            touch: The time.
            told: The ``lagged`` that the client says it was told of. Any other stays: the connection may
                have a second subscription of the same filter, and that one has to be told first.

        Raises:
            Gone: The connection has been forgotten since; nothing is written.
        """

    def unsubscribe(self, connection_id: str, channel: Channel) -> None:
        """Take the connection out of the channel."""

    def subscriptions(self, connection_id: str) -> Sequence[Channel]:
        """The channels of a connection."""

    def joined(self, connection_id: str) -> Sequence[tuple[Channel, int]]:
        """The channels of a connection, each with a time from before its membership was written."""

    def version(self, tenant: str) -> int:
        """A number that grows with each change of the tenant's channels; 0 at first."""

    def versions(self, tenants: Sequence[str]) -> Mapping[str, int]:
        """The ``version`` of each of these tenants; many are read at once."""

    def weight(self, tenant: str) -> int:
        """What all the tenant's channels weigh together."""

    def is_registered(self, channel: Channel) -> bool:
        """Whether the channel is one of its tenant's: whether somebody has subscribed to it."""

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

    def has_members(self, channel: Channel, now: int) -> bool:
        """Whether the channel has a member that has not ended; reads no further than the first."""

    def audiences(self, channels: Sequence[Channel], now: int) -> Sequence[Sequence[Member]]:
        """The members of each channel, in order, those whose token has ended too; many are read at once."""

    # --- the cleaner --------------------------------------------------------------------------

    def tenants(self) -> Iterator[str]:
        """Every tenant that has channels, or had some until lately."""

    def touched(self, tenant: str) -> Iterator[tuple[Channel, int]]:
        """The tenant's channels, each with its ``touch``."""

    def remove_channel(self, channel: Channel, touch: int) -> bool:
        """Take a channel out of its tenant's registry, with a new version; False where ``touch`` changed."""

    def settle(self, tenant: str) -> None:
        """Forget what of the tenant's past nobody reads, and the tenant itself where it has no channels."""

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

    def put_all_late(self, notes: Sequence[tuple[str, int]], announced: int, ends: int) -> None:
        """The same of many (tenant, ingested); many are written at once.

        Args:
            notes: No two of one tenant and one minute.
        """

    def open_late(self, tenant: str, job: str, ingested: int, ends: int) -> None:
        """Note that what was ingested from this time on is still being posted by a job."""

    def close_late(self, tenant: str, job: str) -> None:
        """Take back what ``open_late`` noted; taking back what is not there is no error."""

    def open_all_late(self, jobs: Sequence[tuple[str, str, int]], ends: int) -> None:
        """The same of many (tenant, job, ingested), each job named once; many are written at once."""

    def close_all_late(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Take back what was noted of many (tenant, job), each named once."""

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

    def close_all(self, connections: Sequence[tuple[str, str]], deadline: int) -> Sequence[bool]:
        """Close each (connection id, endpoint), many at once; for each, whether it is, by the deadline.

        Raises:
            Unavailable: No endpoint of these closed one.
        """
