"""The story of cleaning: channels in which nobody is left -> out of their tenant's registry.

Nobody takes a channel out when its last member goes, for another may just be coming. So a channel is
looked at later: its ``touch`` is read, then its members; it goes only if there are none and ``touch`` is
still the same. Whoever subscribes writes the membership first and ``touch`` after it: either the
membership is seen here, or ``touch`` has changed, or the channel is gone before and is brought back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.audience import Channel
    from pipeline.ports import Clock, ConnectionTable

GRACE = 600_000
"""Milliseconds that a channel is left alone after somebody has come: who was cut off may be back.

Longer than any function runs, so that a channel which was removed and has come back has another ``touch``.
"""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of the channels that nobody has come to for a while.

    Attributes:
        looked_at: How many there were.
        kept: Those that have members.
        removed: Those that are gone now.
        taken: Those without members to which somebody came meanwhile.
        left: Those for which there was no time; the next run begins somewhere else.
    """

    looked_at: int = 0
    kept: int = 0
    removed: int = 0
    taken: int = 0
    left: int = 0

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {
            "looked_at": self.looked_at,
            "kept": self.kept,
            "removed": self.removed,
            "taken": self.taken,
            "left": self.left,
        }


def clean(*, table: ConnectionTable, clock: Clock, deadline: int, grace: int = GRACE) -> Cleaned:
    """Take channels without members out of the registry.

    Args:
        deadline: When the invocation ends, in ms since the epoch; no channel is begun after it.
        grace: Milliseconds since ``touch`` before which a channel is left alone.

    Raises:
        Unavailable: The table does not answer; what is done is done, and the next run does the rest.
    """
    due = list(_due(table, clock.now() - grace))
    begin = int(clock.jitter() * len(due))  # so that no channel is always the one without time
    kept = removed = taken = 0
    for channel, touch in due[begin:] + due[:begin]:
        if clock.now() >= deadline:
            break
        if table.members(channel, clock.now()):
            kept += 1
        elif table.remove_channel(channel, touch):
            removed += 1
        else:
            taken += 1
    left = len(due) - kept - removed - taken
    return Cleaned(len(due), kept, removed, taken, left)


def _due(table: ConnectionTable, touched_until: int) -> Iterator[tuple[Channel, int]]:
    for tenant in table.tenants():
        for channel, touch in table.touched(tenant):
            if touch <= touched_until:
                yield channel, touch
