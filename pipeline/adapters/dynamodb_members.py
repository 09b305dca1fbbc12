"""The members of channels on DynamoDB: each under its channel, and once more under its connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from pipeline.adapters import dynamodb_rows as rows
from pipeline.adapters import dynamodb_shards as shards
from pipeline.adapters.dynamodb_calls import SERVICE, TRIES
from pipeline.adapters.dynamodb_writes import check, delete, fill, update
from pipeline.core.audience import in_part
from pipeline.core.errors import Gone, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.adapters.dynamodb_calls import TableCalls
    from pipeline.adapters.dynamodb_rows import Row
    from pipeline.adapters.dynamodb_writes import Write
    from pipeline.core.audience import Channel, Connection, Member
    from pipeline.ports.clock import Clock

TRANSACTION = 100
"""Writes a transaction.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""

THREADS = 8
"""That read or mark a big channel at once."""

LOOK = 25
"""Members that are read at once by who only asks for one: about a read unit."""

READERS = 16
"""Channels whose members are read at once."""

MARK_IF = "attribute_exists(pk) AND (attribute_not_exists(lagged) OR lagged > :since)"


class DynamoMembers:
    """The members' part of ``ports.connections.ConnectionTable``; see ``dynamodb``."""

    _table: TableCalls
    _clock: Clock

    def join(self, connection: Connection, channel: Channel) -> None:
        """Make the connection a member of the channel. Who is one stays marked, and so since when it is one.

        The two rows of a membership are written together, so that no member is left which a
        disconnect cannot find; and with them goes the row that the same member may have had in another
        shard. They are written only while the connection's own row is there: who was dismissed while it
        asked, since its key was revoked, does not come back.

        Raises:
            Gone: The table has forgotten the connection since it gave it.
        """
        now = self._clock.now()
        note = self._table.get(rows.spread_key(channel))
        if shards.counts(connection.id) and (note or self._is_crowded(channel)):
            note = rows.spread_key(channel) | rows.numbers(ttl=now // 1_000 + shards.NOTE_LIFE)
            self._table.put(note)
        shard, other = rows.FIRST_SHARD, shards.spread_shard(connection.id)
        if shards.spreads(note, now):
            shard, other = other, shard
        ends = rows.numbers(ttl=now // 1_000 + rows.LIFE)
        known = rows.texts(tenant=channel.tenant, shard=shard) | rows.channel_values(channel)
        member = rows.texts(endpoint=connection.endpoint) | rows.numbers(expires=connection.principal.expires)
        writes = [
            fill(rows.subscription_key(connection.id, channel.id), known | ends, rows.numbers(since=now)),
            fill(rows.member_key(channel, shard, connection.id), member | ends),
        ]
        if note:
            writes.append(delete(rows.member_key(channel, other, connection.id)))
        if connection.since:
            same = rows.numbers(**{":since": connection.since})
            writes.append(check(rows.connection_key(connection.id), "since = :since", same))
        self._write(writes)

    def unsubscribe(self, connection_id: str, channel: Channel) -> None:
        """Take the connection out of the channel."""
        key = rows.subscription_key(connection_id, channel.id)
        row = self._table.get(key)
        if row:
            member = rows.member_key(channel, rows.text(row, "shard"), connection_id)
            self._write([delete(key), delete(member)])

    def subscriptions(self, connection_id: str) -> Sequence[Channel]:
        """The channels of a connection."""
        return [rows.subscription(row) for row in self._subscriptions(connection_id)]

    def joined(self, connection_id: str) -> Sequence[tuple[Channel, int]]:
        """The channels of a connection, each with the clock before its membership was written."""
        return [
            (rows.subscription(row), rows.number(row, "since")) for row in self._subscriptions(connection_id)
        ]

    def members(
        self, channel: Channel, now: int, *, part: tuple[int, int] = (0, 1), ended: bool = False
    ) -> Sequence[Member]:
        """The channel's members of a part whose row has not ended, nor their token unless ``ended``.

        A member that moves to another shard while they are read may be met in both, and is given once.
        """
        found = list(self._shard(channel, rows.FIRST_SHARD, now))
        if found and rows.key_of(found[0]) == rows.spread_key(channel):
            del found[0]
            others = shards.of_part(part)
            with ThreadPoolExecutor(min(THREADS, len(others))) as threads:
                found += chain.from_iterable(
                    threads.map(lambda shard: list(self._shard(channel, shard, now)), others)
                )
        members = {member.connection_id: member for member in map(rows.member, found)}
        alive = [member for member in members.values() if ended or member.expires > now]
        return [member for member in alive if in_part(member.connection_id, part)]

    def has_members(self, channel: Channel, now: int) -> bool:
        """Whether the channel has a member whose row and whose token have not ended, read up to the first.

        A member that moves to the first shard behind our back has touched its channel by then.
        """
        spread = False
        for row in self._shard(channel, rows.FIRST_SHARD, now, page=LOOK):
            if rows.key_of(row) == rows.spread_key(channel):
                spread = True
            elif rows.member(row).expires > now:
                return True
        return spread and any(
            rows.member(row).expires > now
            for shard in shards.of_part((0, 1))
            for row in self._shard(channel, shard, now, page=LOOK)
        )

    def audiences(self, channels: Sequence[Channel], now: int) -> Sequence[Sequence[Member]]:
        """The members of each channel, in order, those whose token has ended too.

        One after another, 5 ms each, would take the time that a batch has for 2,000 channels before the
        first post.
        """
        if len(channels) <= 1:
            return [self.members(channel, now, ended=True) for channel in channels]
        with ThreadPoolExecutor(min(READERS, len(channels))) as threads:
            return list(threads.map(lambda channel: self.members(channel, now, ended=True), channels))

    def mark_lagged(self, members: Sequence[tuple[Channel, str]], since: int) -> None:
        """Note of each (channel, connection id) that frames from a time on may be missing.

        Both rows of a membership are marked, together: the broadcaster reads one and the answer to a
        client's own frame reads the other.
        """
        known = {(channel.id, name): (channel, name) for channel, name in members}
        pairs = list(known.values())
        most = TRANSACTION // 2
        chunks = [pairs[start : start + most] for start in range(0, len(pairs), most)]
        with ThreadPoolExecutor(max(1, min(THREADS, len(chunks)))) as threads:
            for _ in threads.map(lambda chunk: self._mark(chunk, since), chunks):
                pass

    def lagged(self, connection_id: str) -> Sequence[tuple[Channel, int]]:
        """The connection's channels that are marked, each with its time."""
        return [
            (rows.subscription(row), rows.number(row, "lagged"))
            for row in self._subscriptions(connection_id)
            if "lagged" in row
        ]

    def unmark(self, connection_id: str, channel: Channel, told: int) -> None:
        """Take back the mark of a membership, where it is still the one that the client was told of.

        Raises:
            Unavailable: Others held its rows all the while.
        """
        key = rows.subscription_key(connection_id, channel.id)
        for attempt in range(TRIES):
            row = self._table.get(key)
            if row is None or "lagged" not in row or rows.number(row, "lagged") != told:
                return
            member = rows.member_key(channel, rows.text(row, "shard"), connection_id)
            same = rows.numbers(**{":told": told})
            own = update(key, "REMOVE lagged", same, "lagged = :told")
            if not self._table.together(own, update(member, "REMOVE lagged", {}, "attribute_exists(pk)")):
                return
            self._table.pause(attempt)
        raise Unavailable(SERVICE, "others kept writing to the same membership")

    def _is_crowded(self, channel: Channel) -> bool:
        return self._table.has(rows.members_pk(channel), rows.CONNECTIONS, shards.CROWD)

    def _subscriptions(self, connection_id: str) -> Iterator[Row]:
        pk = rows.connection_pk(connection_id)
        return self._table.query(pk, prefix=rows.SUBSCRIPTIONS, alive_at=self._clock.now())

    def _shard(self, channel: Channel, shard: str, now: int, page: int | None = None) -> Iterator[Row]:
        return self._table.query(rows.members_pk(channel, shard), alive_at=now, page=page)

    def _mark(self, members: Sequence[tuple[Channel, str]], since: int) -> None:
        """Mark up to ``TRANSACTION`` / 2 memberships; those that are gone, or marked lower, are left out."""
        channels = {channel.id: channel for channel, _ in members}
        known = self._table.get_all([rows.subscription_key(name, channel.id) for channel, name in members])
        marks = [_mark(channels[rows.named(row["sk"])], row, since) for row in known]
        for attempt in range(TRIES):
            codes = self._table.together(*chain.from_iterable(marks)) if marks else ()
            if not codes:
                return
            refused = ["ConditionalCheckFailed" in pair for pair in zip_longest(codes[::2], codes[1::2])]
            marks = [mark for mark, no in zip(marks, refused, strict=True) if not no]
            self._table.pause(attempt)
        raise Unavailable(SERVICE, f"{len(marks)} members could not be marked: others held their rows")

    def _write(self, writes: Sequence[Write]) -> None:
        """Write all together, however often others hold one of the rows.

        Raises:
            Gone: What was checked of the connection does not hold.
            Unavailable: Others held them all the while.
        """
        for attempt in range(TRIES):
            codes = self._table.together(*writes)
            if not codes:
                return
            for write, code in zip(writes, codes, strict=True):
                if write.kind == "ConditionCheck" and code == "ConditionalCheckFailed":
                    raise Gone(rows.named(write.row["pk"]))
            self._table.pause(attempt)
        raise Unavailable(SERVICE, "others kept writing to the same membership")


def _mark(channel: Channel, row: Row, since: int) -> tuple[Write, Write]:
    """The two writes that mark the membership of a ``SUB#`` row."""
    member = rows.member_key(channel, rows.text(row, "shard"), rows.named(row["pk"]))
    change, values = "SET lagged = :since", rows.numbers(**{":since": since})
    return update(rows.key_of(row), change, values, MARK_IF), update(member, change, values, MARK_IF)
