"""Stage: find a delta's channels among very many, without holding it against each.

A channel has a row for each way in which its filter can be met (``ways``), mostly one. Rows that name the
same attributes stand together, since clients' filters are mostly of a few forms, and all other rows in one
group more. What the groups find is the answer that ``match.matches`` gives for each channel, which the
tests hold it to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from pyroaring import BitMap

from pipeline.core import match, pattern
from pipeline.core.row_group import RowGroup
from pipeline.core.ways import ways

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.core.audience import Channel
    from pipeline.core.model import Delta
    from pipeline.core.pattern import Clause, Pattern

MOST_GROUPS = 6
"""Sets of attributes whose rows stand together; each costs a few microseconds a delta."""

_MIXED = ("",)


class ChannelIndex:
    """Channels, and which of them a delta belongs to.

    Attributes:
        weight: Of all channels: what memory grows with.
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, ...]] = {}
        self._channels: list[Channel] = []  # by row
        self._homes: list[tuple[str, ...]] = []  # of which group a row is
        self._holes: list[int] = []  # rows of nobody
        self._groups: dict[tuple[str, ...], RowGroup] = {}
        self._tenants: dict[str, BitMap] = {}
        self._checked: dict[str, Pattern] = {}
        self._several = 0
        self.weight = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    @property
    def rows(self) -> int:
        """Rows ever made, those that are free again included: what memory grows with."""
        return len(self._channels)

    def add(self, channel: Channel) -> None:
        """Take a channel in; one that is there already stays as it is.

        Raises:
            Refused: ``bad-filter``: the channel's filter is none, and the index stays as it is.
        """
        if channel.id in self._rows:
            return
        asked = pattern.parse(orjson.loads(channel.filter))
        found, exact = ways(asked)
        rows = tuple(self._settle(channel, way) for way in found)
        if channel.tenant not in self._tenants:
            self._tenants[channel.tenant] = BitMap()
        self._tenants[channel.tenant].update(rows)
        if not exact:
            self._checked[channel.id] = asked
        self._rows[channel.id] = rows
        self._several += len(rows) > 1
        self.weight += channel.weight

    def remove(self, channel_id: str) -> None:
        """Let a channel go; one that is not there is no error."""
        rows = self._rows.pop(channel_id, None)
        if rows is None:
            return
        channel = self._channels[rows[0]]
        found, _ = ways(pattern.parse(orjson.loads(channel.filter)))
        for row, way in zip(rows, found, strict=True):
            home = self._homes[row]
            self._groups[home].remove(row, way)
            if not self._groups[home]:
                del self._groups[home]
        self._tenants[channel.tenant] -= BitMap(rows)
        if not self._tenants[channel.tenant]:
            del self._tenants[channel.tenant]
        self._checked.pop(channel_id, None)
        self._several -= len(rows) > 1
        self._holes += rows
        self.weight -= channel.weight

    def matching(self, delta: Delta) -> list[Channel]:
        """Give the channels that a delta belongs to, each once, in no order that means anything.

        A channel of another tenant never matches, nor does any match a delta without a tenant.
        """
        if delta.tenant is None or delta.tenant not in self._tenants:
            return []
        found = match.fields(delta)
        channels = [*map(self._channels.__getitem__, self._content(delta.tenant, found))]
        if self._several:
            channels = list({channel.id: channel for channel in channels}.values())
        if self._checked:
            channels = [channel for channel in channels if self._holds(channel, found)]
        return channels

    def _content(self, tenant: str, found: Mapping[str, Any]) -> list[int]:
        """The tenant's rows whose clauses are met."""
        shape = tuple(found)
        own = self._tenants[tenant] if len(self._tenants) > 1 else None
        content: list[int] = []
        for group in self._groups.values():
            if rows := group.content(found, shape):
                content += (rows if own is None else rows & own).to_array()
        return content

    def _settle(self, channel: Channel, way: Sequence[Clause]) -> int:
        """Give a way of a channel a row, and the row a group."""
        home = tuple(sorted(clause.key for clause in way))
        if home not in self._groups:
            home = home if len(self._groups) < MOST_GROUPS else _MIXED
            self._groups.setdefault(home, RowGroup())
        if self._holes:
            row = self._holes.pop()
            self._channels[row], self._homes[row] = channel, home
        else:
            row = len(self._channels)
            self._channels.append(channel)
            self._homes.append(home)
        self._groups[home].add(row, way)
        return row

    def _holds(self, channel: Channel, found: Mapping[str, Any]) -> bool:
        asked = self._checked.get(channel.id)
        return asked is None or match.matches(asked, found)
