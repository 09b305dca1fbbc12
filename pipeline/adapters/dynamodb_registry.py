"""Each tenant's channels on DynamoDB, and the log of how they came and went.

A change is a row whose sort key is its number, written together with the version, which is the number
of the newest. A transaction's rows need not all be seen at once by those who read them one by one, and
who keeps a version whose change it has not seen misses that channel for good. So a change is only
written by one who has seen the change before it, and a version is only told with its change: whoever
has seen one change then finds every lower one too, by DynamoDB's promise for single rows alone.

A change that a later one made the past gets a ``ttl`` and loses its filter, which nobody reads any more;
the newest never has one. Numbers are dense: where some are gone, the answer is the whole registry instead
of increments. DynamoDB takes days to delete what has ended, and a newcomer reads past it, so the cleaner
does it. With each change goes what all the tenant's channels weigh after it.

Source:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-isolation
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.adapters import dynamodb_rows as rows
from pipeline.adapters.dynamodb_calls import SERVICE, TRIES
from pipeline.adapters.dynamodb_writes import check, delete, put, update
from pipeline.core.audience import Changes
from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.adapters.dynamodb_calls import TableCalls
    from pipeline.adapters.dynamodb_rows import Row
    from pipeline.adapters.dynamodb_writes import Write
    from pipeline.core.audience import Channel
    from pipeline.ports.clock import Clock

CHANGE_LIFE = 3_600
"""Seconds that a past change is kept: who asks for less than an hour's changes gets increments."""

NEW = "attribute_not_exists(pk)"


class DynamoRegistry:
    """The registry's part of ``ports.connections.ConnectionTable``; see ``dynamodb``."""

    _table: TableCalls
    _clock: Clock

    def version(self, tenant: str) -> int:
        """A number that grows with each change of the tenant's channels; 0 at first."""
        row = self._table.get(rows.version_key(tenant))
        return 0 if row is None else rows.number(row, "version")

    def versions(self, tenants: Sequence[str]) -> Mapping[str, int]:
        """The ``version`` of each of these tenants."""
        found = self._table.get_all([rows.version_key(tenant) for tenant in tenants])
        known = {row["pk"]["S"]: rows.number(row, "version") for row in found}
        return {tenant: known.get(rows.tenant_pk(tenant), 0) for tenant in tenants}

    def weight(self, tenant: str) -> int:
        """What all the tenant's channels weigh together."""
        return _weight(self._table.get(rows.version_key(tenant)))

    def is_registered(self, channel: Channel) -> bool:
        """Whether the channel is in its tenant's registry."""
        return self._table.get(rows.registered_key(channel)) is not None

    def changes(self, tenant: str, after: int) -> Changes:
        """What came to the tenant's channels and what left them after a version; after 0: all there are."""
        version = self.version(tenant)
        if after:
            since = self._log(tenant, after, version)
            if len(since) == version - after:
                return _told(tenant, since, version, whole=False)
        for attempt in range(TRIES):
            log = self._log(tenant, 0, version)
            if not version or (log and _version(log[-1]) == version):
                return _told(tenant, log, version, whole=True)
            self._table.pause(attempt)
        raise _not_seen(tenant, version)

    def tenants(self) -> Iterator[str]:
        """Every tenant that has channels, or had some until lately."""
        return (rows.named(row["sk"]) for row in self._table.query(rows.TENANTS))

    def touched(self, tenant: str) -> Iterator[tuple[Channel, int]]:
        """The tenant's channels, each with its ``touch``."""
        for row in self._table.query(rows.tenant_pk(tenant), prefix=rows.CHANNELS):
            yield rows.channel(tenant, rows.named(row["sk"]), row), rows.number(row, "touch")

    def remove_channel(self, channel: Channel, touch: int) -> bool:
        """Take a channel out of its tenant's registry, with a new version; False where ``touch`` changed.

        Raises:
            Unavailable: Others changed the registry all the while.
        """
        key = rows.registered_key(channel)
        for attempt in range(TRIES):
            row = self._table.get(key)
            if row is None or rows.number(row, "touch") != touch:
                return False
            newest = self._newest(channel.tenant)
            came = rows.change_key(channel.tenant, rows.number(row, "version"))
            change = rows.texts(left=channel.id)
            left = max(0, _weight(newest) - rows.channel(channel.tenant, channel.id, row).weight)
            untouched = delete(key, "#touch = :touch", rows.numbers(**{":touch": touch}), {"#touch": "touch"})
            writes = [*self._next(channel.tenant, newest, change, left), untouched, self._past(came)]
            if not self._table.together(*writes):
                return True
            self._table.pause(attempt)
        raise _in_the_way(channel.tenant)

    def settle(self, tenant: str) -> None:
        """Forget the tenant's past, and that there is a tenant where it has no channels.

        Its version stays, and with it who comes next is the next change. Whoever comes while nothing
        weighs anything puts the tenant back, so it may go only while that is so.
        """
        pk, now = rows.tenant_pk(tenant), self._clock.now()
        past = self._table.query(pk, prefix=rows.CHANGES, ended_at=now)
        self._table.write(deletes=[rows.key_of(row) for row in past])
        row = self._table.get(rows.version_key(tenant))
        if row and "held" in row and not _weight(row) and not self._table.has(pk, rows.CHANNELS, 1):
            same = rows.numbers(**{":version": rows.number(row, "version")})
            nobody_came = check(rows.version_key(tenant), "version = :version", same)
            self._table.together(nobody_came, delete(_listed(tenant)))

    def register(self, channel: Channel, touch: int) -> None:
        """Bring the channel into its tenant's registry, or refresh its ``touch`` there.

        A channel that is there needs no new version: whoever holds the version that brought it has
        it. So the many who share a filter never meet at the tenant's newest change.

        Raises:
            Unavailable: Others brought new channels all the while.
        """
        for attempt in range(TRIES):
            if self._touch(channel, touch) or self._add(channel, touch):
                return
            self._table.pause(attempt)
        raise _in_the_way(channel.tenant)

    def _touch(self, channel: Channel, touch: int) -> bool:
        """Refresh the ``touch`` of a channel that is there; it always becomes another.

        So a cleaner that has read it before cannot take it for the same, not even within a millisecond.
        """
        key, newer = rows.registered_key(channel), "attribute_exists(pk) AND #name < :value"
        done, found = self._table.change_if(newer, key, "touch", ":value", touch)
        if found:
            done, _ = self._table.change_if("attribute_exists(pk)", key, "touch", "#name + :value", 1)
        return done

    def _add(self, channel: Channel, touch: int) -> bool:
        """Add the channel as the next change; whether nobody was in the way."""
        newest = self._newest(channel.tenant)
        values = rows.channel_values(channel) | rows.numbers(weight=channel.weight)
        place = rows.numbers(touch=touch, version=_version(newest) + 1)
        change, before = rows.texts(came=channel.id) | values, _weight(newest)
        writes = self._next(channel.tenant, newest, change, before + channel.weight)
        writes.append(put(rows.registered_key(channel) | values | place, NEW))
        if not before:
            writes.append(put(_listed(channel.tenant)))
        return not self._table.together(*writes)

    def _newest(self, tenant: str) -> Row | None:
        """The newest change, once it is seen."""
        version = self.version(tenant)
        for attempt in range(TRIES if version else 0):
            if found := self._table.get(rows.change_key(tenant, version)):
                return found
            self._table.pause(attempt)
        if version:
            raise _not_seen(tenant, version)
        return None

    def _log(self, tenant: str, after: int, version: int) -> list[Row]:
        if after >= version:
            return []
        between = (rows.change_sk(after + 1), rows.change_sk(version))
        return list(self._table.query(rows.tenant_pk(tenant), between=between, alive_at=self._clock.now()))

    def _next(self, tenant: str, newest: Row | None, change: rows.Values, weight: int) -> list[Write]:
        """Write the change after the newest, unless somebody else has done that.

        A channel's leaving is past as soon as it is not the newest change; its coming when it left.
        """
        version = _version(newest)
        held = rows.numbers(held=weight)
        counter = rows.version_key(tenant) | rows.numbers(version=version + 1) | held
        written = put(rows.change_key(tenant, version + 1) | change | held)
        if newest is None:
            return [put(counter, NEW), written]
        guarded = put(counter, "version = :version", rows.numbers(**{":version": version}))
        outdated = [self._past(rows.key_of(newest))] if "left" in newest else []
        return [guarded, written, *outdated]

    def _past(self, change: Row) -> Write:
        ttl = rows.numbers(**{":ttl": self._clock.now() // 1_000 + CHANGE_LIFE})
        forgetting = "SET #ttl = :ttl REMOVE #filter, conflate, weight"
        return update(change, forgetting, ttl, names={"#ttl": "ttl", "#filter": "filter"})


def _listed(tenant: str) -> rows.Values:
    return rows.key(rows.TENANTS, rows.tenant_pk(tenant))


def _weight(row: Row | None) -> int:
    """What all channels weigh, as the version or a change says it."""
    return rows.number(row, "held") if row and "held" in row else 0


def _version(newest: Row | None) -> int:
    return 0 if newest is None else int(rows.named(newest["sk"]))


def _told(tenant: str, log: Iterable[Row], version: int, *, whole: bool) -> Changes:
    """Tell what a log comes to. A coming with a ``ttl`` is of a channel that left later on."""
    added: dict[str, Channel] = {}
    removed: dict[str, None] = {}
    for row in log:
        if left := rows.text(row, "left"):
            added.pop(left, None)
            removed[left] = None
        elif "ttl" not in row:
            channel = rows.channel(tenant, rows.text(row, "came"), row)
            added[channel.id] = channel
            removed.pop(channel.id, None)
    return Changes(list(added.values()), [] if whole else list(removed), version, whole=whole)


def _not_seen(tenant: str, version: int) -> Unavailable:
    return Unavailable(SERVICE, f"change {version} of the channels of tenant {tenant!r} is not to be seen")


def _in_the_way(tenant: str) -> Unavailable:
    return Unavailable(SERVICE, f"others kept changing the channels of tenant {tenant!r}")
