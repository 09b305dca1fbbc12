"""One attribute's half of matching: which rows have all they ask of it met by a value.

A row asks for any of some conditions. What it asks is found by the value's places, by intervals of
numbers, or, for the few kinds of conditions that have neither, by holding each different condition
against the value once, however many rows ask it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pyroaring import BitMap

from pipeline.core.condition import AnythingBut, Exists, Numeric
from pipeline.core.intervals import Intervals
from pipeline.core.places import Place, Places, places
from pipeline.core.terms import is_number, literal, scalars

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from pipeline.core.condition import Condition
    from pipeline.core.terms import Number, Scalar

MOST_ANSWERS = 256
"""Answers that are kept for an attribute until the next change: enough for all values of most."""

LONGEST_NAME = 256
"""Characters of a text whose answer is kept: what is remembered must not be what somebody's events weigh."""


@dataclass(slots=True, repr=False, eq=False)
class _Asked:
    """A row's conditions, by how they are found.

    Attributes:
        excluded: Places of its one ``AnythingBut``; None if it has none.
        others: What is held against the value itself.
    """

    places: set[Place] = field(default_factory=set)
    excluded: set[Place] | None = None
    ranges: list[Numeric] = field(default_factory=list)
    exists: list[bool] = field(default_factory=list)
    others: list[Condition] = field(default_factory=list)


class AttributeIndex:
    """The rows that ask something of one attribute.

    Attributes:
        rows: All of them.
    """

    def __init__(self) -> None:
        self.rows = BitMap()
        self._places = Places()
        self._intervals = Intervals()
        self._exists = {True: BitMap(), False: BitMap()}
        self._anything = BitMap()  # that has an AnythingBut which waits in _excluded
        self._excluded = Places()
        self._others: dict[Condition, BitMap] = {}
        self._whatever = self._missing = BitMap()
        self._kept: dict[Hashable, BitMap] = {}

    def add(self, row: int, conditions: Iterable[Condition]) -> None:
        """Take in a row that asks nothing here yet; ``renew`` before the next answer."""
        asked = _asked(conditions)
        self.rows.add(row)
        self._places.add(row, asked.places)
        if asked.ranges:
            self._intervals.add(row, asked.ranges)
        for wanted in asked.exists:
            self._exists[wanted].add(row)
        if asked.excluded is not None:
            self._anything.add(row)
            self._excluded.add(row, asked.excluded)
        for other in asked.others:
            self._others.setdefault(other, BitMap()).add(row)

    def remove(self, row: int, conditions: Iterable[Condition]) -> None:
        """Let a row go that came with these conditions; ``renew`` before the next answer."""
        asked = _asked(conditions)
        self.rows.discard(row)
        self._places.remove(row, asked.places)
        if asked.ranges:
            self._intervals.remove(row, asked.ranges)
        for wanted in asked.exists:
            self._exists[wanted].discard(row)
        if asked.excluded is not None:
            self._anything.discard(row)
            self._excluded.remove(row, asked.excluded)
        for other in asked.others:
            self._others[other].discard(row)
            if not self._others[other]:
                del self._others[other]

    def renew(self, everybody: BitMap) -> None:
        """Learn of all rows there are, since those that ask nothing here are content with any value."""
        free = everybody - self.rows
        self._missing = free | self._exists[False]
        self._whatever = free | self._exists[True] | self._anything
        self._kept.clear()

    def usual(self) -> float:
        """Guess how many rows are content with a value."""
        return len(self._whatever) + len(self.rows) / (len(self._places) + 1)

    def missing(self) -> BitMap:
        """Give the rows that are content when the attribute has no value; not to be changed."""
        return self._missing

    def content(self, value: object) -> BitMap:
        """Give the rows that are content with a value of the attribute; not to be changed."""
        if isinstance(value, str):
            if len(value) > LONGEST_NAME:
                return self._content_with_text(value)
            return self._kept.get(value) or self._keep(value, self._content_with_text(value))
        if isinstance(value, list | dict):
            each = [self.content(scalar) for scalar in scalars(value)]
            return _union(each[0], each[1:]) if each else self._missing
        return self._content_with_other(cast("Scalar", value))

    def _keep(self, name: Hashable, rows: BitMap) -> BitMap:
        if len(self._kept) == MOST_ANSWERS:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = rows
        return rows

    def _content_with_text(self, text: str) -> BitMap:
        met = self._places.at_text(text)
        if self._others:
            met += self._holding(text)
        return self._besides(met, self._excluded.at_text(text) if self._anything else ())

    def _content_with_other(self, value: Scalar) -> BitMap:
        """Find by name: numbers between the same two cuts have one, unless a filter names one of them."""
        text = literal(value)
        met = self._places.at_other(text)
        excluded = self._excluded.at_other(text) if self._anything else ()
        name: Hashable = (text,)
        place = self._intervals.place(cast("Number", value)) if is_number(value) else None
        if place and not (met or excluded or self._others):
            name = place
        if kept := self._kept.get(name):
            return kept
        if place:
            met.append(self._intervals.covering(place))
        if self._others:
            met += self._holding(value)
        return self._keep(name, self._besides(met, excluded))

    def _holding(self, value: Scalar) -> list[BitMap]:
        return [rows for condition, rows in self._others.items() if condition.holds(value)]

    def _besides(self, met: Iterable[BitMap], excluded: Sequence[BitMap]) -> BitMap:
        """The rows that any value contents but what they exclude, and those met."""
        if excluded:
            return _union(self._whatever.difference(*excluded), [*met, self._exists[True]])
        return _union(self._whatever, met)


def _asked(conditions: Iterable[Condition]) -> _Asked:
    asked = _Asked()
    for condition in conditions:
        match condition:
            case Numeric():
                asked.ranges.append(condition)
            case Exists(wanted):
                asked.exists.append(wanted)
            case AnythingBut(excluded) if asked.excluded is None and None not in map(places, excluded):
                asked.excluded = {place for each in excluded for place in places(each) or ()}
            case _ if (waiting := places(condition)) is not None:
                asked.places.update(waiting)
            case _:
                asked.others.append(condition)
    return asked


def _union(first: BitMap, more: Iterable[BitMap]) -> BitMap:
    """Put together; what nothing is added to stays that very bitmap, which is somebody's."""
    union, ours = first, False
    for rows in more:
        if not rows:
            continue
        if ours:
            union |= rows
        elif union:
            union, ours = union | rows, True
        else:
            union = rows
    return union
