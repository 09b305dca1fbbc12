"""How a broadcast finds what each channel wants of its deltas, tenant by tenant, as long as there is time.

A tenant with many channels, or many deltas, costs the others of its batch a part of the time and never all
of it: it is left off between two of its deliveries, and the next round begins elsewhere.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pipeline.core import cursor, ledger, pack
from pipeline.core.errors import Unavailable
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.core import thin
    from pipeline.core.audience import Channel
    from pipeline.core.model import Delivery, Delta
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable
    from pipeline.registry import Registry

Waiting: TypeAlias = "dict[str, deque[tuple[Delivery, Sequence[Delta]]]]"
"""The deliveries of each tenant that no round has taken yet."""

GROUP = 100
"""Tenants whose rows are written and whose versions are read together: a call of BatchGetItem, and four of
BatchWriteItem side by side, where none of them has more than one late minute."""

MOST_BYTES = 200_000_000
"""Bytes of hits, each counted for every channel that wants it, behind which a round takes no more: its frames
are all in memory at once, and a broadcast function has 1,769 MB."""


@dataclass(slots=True, repr=False, eq=False)
class Lot:
    """What a round does for one tenant.

    Attributes:
        deliveries: Those it has taken.
        late: Rows written to the late ledger for all that waited.
        wanted: The hits of each channel, in the order of the deltas.
        unreadable: Channels of which nobody can tell what they want.
        bytes: Of all hits, as often as they are wanted.
        trouble: Why the deliveries are to be handed over again; empty where they are not.
    """

    tenant: str
    deliveries: list[Delivery] = field(default_factory=list)
    late: int = 0
    wanted: dict[Channel, list[thin.Hit]] = field(default_factory=dict)
    unreadable: Sequence[Channel] = ()
    bytes: int = 0
    trouble: str = ""


@noun
class Look:
    """What looking takes.

    Attributes:
        stamp: Clock of the broadcaster at announcing.
        until: When no further delivery is taken, in ms since the epoch.
        ledger_life: Milliseconds that a row of the late ledger is kept.
    """

    registry: Registry
    table: ConnectionTable
    clock: Clock
    stamp: int
    until: int
    ledger_life: int

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.clock.now() >= self.until


def take(waiting: Waiting, look: Look) -> list[Lot]:
    """Take as many deliveries as there is time for, and find who wants them; what is taken waits no longer.

    The late ledger is written before the versions are read. What fails for some tenants is those tenants'
    trouble.
    """
    lots: list[Lot] = []
    tenants, size = list(waiting), 0
    for start in range(0, len(tenants), GROUP):
        group = tenants[start : start + GROUP]
        if look.over:
            break
        late, failed = _note_late(group, waiting, look)
        versions = _versions([tenant for tenant in group if tenant not in failed], look, failed)
        for place, tenant in enumerate(group, start + 1):
            if tenant in failed:
                lots.append(_taken_whole(tenant, waiting, failed[tenant]))
            elif look.over or size >= MOST_BYTES:
                return lots
            elif lot := _taken(tenant, versions[tenant], waiting, look, alone=place == len(tenants)):
                lots.append(lot)
                lot.late = late[tenant]
                size += lot.bytes
    return lots


def _note_late(tenants: Sequence[str], waiting: Waiting, look: Look) -> tuple[Counter[str], dict[str, str]]:
    """Write the late ledger for all that waits of some tenants: how many rows each has.

    And those of whom it may lack some, and why.
    """
    deltas = [delta for tenant in tenants for _, of_one in waiting[tenant] for delta in of_one]
    notes = ledger.late(deltas, look.stamp - cursor.OVERLAP)
    if notes:
        try:
            look.table.put_all_late(notes, look.stamp, look.stamp + look.ledger_life)
        except Unavailable as unavailable:
            return Counter(), {tenant: str(unavailable) for tenant, _ in notes}
    return Counter(tenant for tenant, _ in notes), {}


def _versions(tenants: Sequence[str], look: Look, failed: dict[str, str]) -> Mapping[str, int]:
    """Read the versions of some tenants, or note that it failed."""
    try:
        return look.table.versions(tenants) if tenants else {}
    except Unavailable as unavailable:
        failed.update(dict.fromkeys(tenants, str(unavailable)))
        return {}


def _taken_whole(tenant: str, waiting: Waiting, trouble: str) -> Lot:
    return Lot(tenant, [delivery for delivery, _ in waiting.pop(tenant)], trouble=trouble)


def _taken(tenant: str, version: int, waiting: Waiting, look: Look, *, alone: bool) -> Lot | None:
    """Take a tenant's deliveries, for half of the time that is left if others wait for theirs.

    None where its channels alone took all of the time to read: they are known to the next round.
    """
    try:
        index = look.registry.index(tenant, look.table, version)
    except Unavailable as unavailable:
        return _taken_whole(tenant, waiting, str(unavailable))
    now = look.clock.now()
    if now >= look.until:
        return None
    until = look.until if alone else (now + look.until) // 2
    lot = Lot(tenant, unreadable=look.registry.unreadable(tenant))
    while True:
        delivery, deltas = waiting[tenant].popleft()
        lot.deliveries.append(delivery)
        for delta in deltas:
            if channels := index.matching(delta):
                encoded = pack.hit(delta)
                lot.bytes += len(encoded) * len(channels)
                for channel in channels:
                    lot.wanted.setdefault(channel, []).append((delta, encoded))
        if not waiting[tenant]:
            del waiting[tenant]
            return lot
        if look.clock.now() >= until or lot.bytes >= MOST_BYTES:
            return lot
