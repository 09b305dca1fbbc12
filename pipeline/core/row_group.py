"""Rows that are found together: each attribute says who is content with its value, and all must agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyroaring import BitMap

from pipeline.core.attribute_index import AttributeIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.core.pattern import Clause

MOST_SHAPES = 64
"""Sets of attributes that deltas come with, of which is remembered who is content without the others."""


class RowGroup:
    """Rows, each with its clauses, which name an attribute once."""

    def __init__(self) -> None:
        self._rows = BitMap()
        self._attributes: dict[str, AttributeIndex] = {}
        self._order: list[tuple[str, AttributeIndex]] = []
        self._shapes: dict[tuple[str, ...], BitMap] = {}
        self._renewed = True

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: int, clauses: Iterable[Clause]) -> None:
        """Take in a row that is not there."""
        self._rows.add(row)
        for clause in clauses:
            if clause.key not in self._attributes:
                self._attributes[clause.key] = AttributeIndex()
            self._attributes[clause.key].add(row, clause.conditions)
        self._renewed = False

    def remove(self, row: int, clauses: Iterable[Clause]) -> None:
        """Let a row go that came with these clauses."""
        self._rows.discard(row)
        for clause in clauses:
            self._attributes[clause.key].remove(row, clause.conditions)
            if not self._attributes[clause.key].rows:
                del self._attributes[clause.key]
        self._renewed = False

    def content(self, found: Mapping[str, Any], shape: tuple[str, ...]) -> BitMap:
        """Give the rows of which every clause is met; not to be changed.

        Args:
            found: A delta's fields.
            shape: Their names.
        """
        if not self._renewed:
            self._renew()
        rows = self._shapes.get(shape)
        if rows is None:
            rows = self._content_without_others(shape)
        if not rows:
            return rows
        for key, attribute in self._order:
            if key in found:
                rows = attribute.content(found[key], rows)
                if not rows:
                    return rows
        return rows

    def _content_without_others(self, shape: tuple[str, ...]) -> BitMap:
        rows = self._rows
        for key, attribute in self._order:
            if key not in shape:
                rows = rows & attribute.missing()
        if len(self._shapes) == MOST_SHAPES:
            self._shapes.clear()
        self._shapes[shape] = rows
        return rows

    def _renew(self) -> None:
        for attribute in self._attributes.values():
            attribute.renew(self._rows)
        # Who says no to most comes first: what is few costs little to compare with.
        self._order = sorted(self._attributes.items(), key=lambda each: each[1].usual())
        self._shapes.clear()
        self._renewed = True
