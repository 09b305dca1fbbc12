"""A bus that keeps what was put on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.model import Entry

MAX_ENTRIES = 10
"""Entries a call, as PutEvents has it."""


class MemoryDeltaBus:
    """``ports.queues.DeltaBus`` in memory.

    Attributes:
        entries: What was accepted, in order.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._refusals: list[frozenset[int]] = []

    def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """One call; which entries were accepted, in order.

        Raises:
            ValueError: More than 10 entries.
        """
        if len(entries) > MAX_ENTRIES:
            raise ValueError(f"{len(entries)} entries in one call; PutEvents takes {MAX_ENTRIES}")
        refused = self._refusals.pop(0) if self._refusals and entries else frozenset[int]()
        accepted = [place not in refused for place in range(len(entries))]
        self.entries += [entry for entry, good in zip(entries, accepted, strict=True) if good]
        return accepted

    def refuse(self, *places: int) -> None:
        """Refuse the entries at these places of a call, or all; each use of this speaks for one more call."""
        self._refusals.append(frozenset(places or range(MAX_ENTRIES)))
