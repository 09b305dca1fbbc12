"""The ids a subscription has already told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

REMEMBERED = 100_000
"""Ids. A resume overlaps what was seen by half a minute or so: 3,000 hits a second before one comes twice."""


class Seen:
    """Remembers the newest ids it was asked about.

    An id that has just been met again counts as new, so that what keeps coming back is never forgotten.
    """

    def __init__(self, room: int = REMEMBERED, ids: Iterable[str] = ()) -> None:
        self._room = room
        self._ids: dict[str, None] = {}  # a dict keeps the order of arrival; a set does not
        for hit_id in ids:
            self.is_new(hit_id)

    def __len__(self) -> int:
        return len(self._ids)

    def newest(self, most: int) -> list[str]:
        """The ids met last, the oldest of them first."""
        return [*self._ids][-most:]

    def is_new(self, hit_id: str) -> bool:
        """Whether this id was not met before, among the newest; remembers it."""
        new = hit_id not in self._ids
        if not new:
            del self._ids[hit_id]
        self._ids[hit_id] = None
        if len(self._ids) > self._room:
            del self._ids[next(iter(self._ids))]
        return new
