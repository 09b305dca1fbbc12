"""The story of cleaning: channels in which nobody is left -> out of their tenant's registry.

Nobody takes a channel out when its last member goes, for another may just be coming. So a channel is
looked at later: its ``touch`` is read, then whether it has members; it goes only if it has none and
``touch`` is still the same. Whoever subscribes writes the membership first and ``touch`` after it: either the
membership is seen here, or ``touch`` has changed, or the channel is gone before and is brought back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.audience import Channel
    from pipeline.ports.clock import Clock
    from pipeline.ports.connections import ConnectionTable

T = TypeVar("T")

GRACE = 600_000
"""Milliseconds that a channel is left alone after somebody has come: who was cut off may be back.

Longer than any function runs, so that a channel which was removed and has come back has another ``touch``.
"""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of the channels that nobody has come to for a while.

    Attributes:
        kept: Those that have members.
        removed: Those that are gone now.
        taken: Those without members to which somebody came meanwhile.
        left: Tenants for which there was no time, or not enough; the next run begins at another.
    """

    kept: int = 0
    removed: int = 0
    taken: int = 0
    left: int = 0

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {
            "kept": self.kept,
            "removed": self.removed,
            "taken": self.taken,
            "left": self.left,
        }


def clean(*, table: ConnectionTable, clock: Clock, deadline: int, grace: int = GRACE) -> Cleaned:
    """Take channels without members out of the registry, and tenants without channels off the list.

    One tenant after another, so that no more is held in memory than the channels of one.

    Args:
        deadline: When the invocation ends, in ms since the epoch; no channel is read or begun after it.
        grace: Milliseconds since ``touch`` before which a channel is left alone.

    Raises:
        Unavailable: The table does not answer; what is done is done, and the next run does the rest.
    """
    kept = removed = taken = left = 0
    for tenant in _from_anywhere(list(table.tenants()), clock):
        for channel, touch in _from_anywhere(list(_due(tenant, table, clock, deadline, grace)), clock):
            if clock.now() >= deadline:
                break
            if table.has_members(channel, clock.now()):
                kept += 1
            elif table.remove_channel(channel, touch):
                removed += 1
            else:
                taken += 1
        if clock.now() >= deadline:
            left += 1
        else:
            table.settle(tenant)
    return Cleaned(kept, removed, taken, left)


def _from_anywhere(all_there_are: Sequence[T], clock: Clock) -> Sequence[T]:
    """Begin somewhere else each time, so that nobody is always the one for whom there is no time."""
    begin = int(clock.jitter() * len(all_there_are))
    return [*all_there_are[begin:], *all_there_are[:begin]]


def _due(
    tenant: str, table: ConnectionTable, clock: Clock, deadline: int, grace: int
) -> Iterator[tuple[Channel, int]]:
    """The tenant's channels to which nobody came lately, as far as the time goes."""
    if clock.now() < deadline:
        for channel, touch in table.touched(tenant):
            if clock.now() >= deadline:
                return
            if touch <= clock.now() - grace:
                yield channel, touch
