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
"""Answers that are kept for an attribute until the next change: enough for all values of most.

Of an attribute of which more is asked, none, if an answer costs no more than looking a value up: its values
seldom come again while answers are kept.
"""

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
        self._everybody = self._whatever = self._missing = BitMap()
        self._count = 0
        self._repeats = self._named = True
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
        self._everybody, self._count = everybody, len(everybody)
        self._missing = free | self._exists[False]
        self._whatever = free | self._exists[True] | self._anything
        self._kept.clear()
        known = len(self._places) + len(self._excluded) + len(self._intervals)
        looked_for = self._others or self._places.has_looks or self._excluded.has_looks
        self._repeats = known <= MOST_ANSWERS or bool(looked_for)
        self._named = self._places.has_others or self._excluded.has_others or bool(self._others)

    def usual(self) -> float:
        """Guess how many rows are content with a value."""
        return len(self._whatever) + len(self.rows) / (len(self._places) + 1)

    def missing(self) -> BitMap:
        """Give the rows that are content when the attribute has no value; not to be changed."""
        return self._missing

    def content(self, value: object, rows: BitMap) -> BitMap:
        """Give those of some rows that are content with a value of the attribute; not to be changed."""
        if isinstance(value, str):
            if self._repeats and len(value) <= LONGEST_NAME:
                known = self._kept.get(value) or self._keep(value, self._with_text(value, self._everybody))
                return self._common(rows, known)
            return self._with_text(value, rows)
        if isinstance(value, (list, dict)):
            each = [self.content(scalar, rows) for scalar in scalars(value)]
            return _union(each[0], each[1:]) if each else rows & self._missing
        return self._content_with_other(cast("Scalar", value), rows)

    def _keep(self, name: Hashable, rows: BitMap) -> BitMap:
        if len(self._kept) == MOST_ANSWERS:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = rows
        return rows

    def _with_text(self, text: str, rows: BitMap) -> BitMap:
        met = self._places.at_text(text)
        if self._others:
            met += self._holding(text)
        return self._besides(met, self._excluded.at_text(text) if self._anything else (), rows)

    def _content_with_other(self, value: Scalar, rows: BitMap) -> BitMap:
        """Find by name: numbers between the same two cuts have one, unless a filter names one of them."""
        place = self._intervals.place(cast("Number", value)) if is_number(value) else None
        text = literal(value) if self._named or not place else ""
        if not self._repeats:
            return self._with_other(value, text, place, rows)
        name = place if place and not (self._named and self._is_named(text)) else (text,)
        known = self._kept.get(name)
        if not known:
            known = self._keep(name, self._with_other(value, text, place, self._everybody))
        return self._common(rows, known)

    def _is_named(self, text: str) -> bool:
        return bool(self._others or self._places.at_other(text) or self._excluded.at_other(text))

    def _with_other(self, value: Scalar, text: str, place: tuple[int, int] | None, rows: BitMap) -> BitMap:
        met = self._places.at_other(text)
        if place:
            met.append(self._intervals.covering(place))
        if self._others:
            met += self._holding(value)
        return self._besides(met, self._excluded.at_other(text) if self._anything else (), rows)

    def _holding(self, value: Scalar) -> list[BitMap]:
        return [rows for condition, rows in self._others.items() if condition.holds(value)]

    def _besides(self, met: list[BitMap], excluded: Sequence[BitMap], rows: BitMap) -> BitMap:
        """Of some rows those that any value contents but what they exclude, and those met.

        The fewer the rows, the less there is to write.
        """
        if excluded:
            free = self._common(rows.difference(*excluded), self._whatever)
            met = [*met, self._exists[True]]
        else:
            free = self._common(rows, self._whatever)
            if free is rows:
                return rows
        if len(rows) < self._count:
            met = [rows & each for each in met]
        return _union(free, met)

    def _common(self, rows: BitMap, others: BitMap) -> BitMap:
        """What is in both; to be all rows, or none, costs nothing."""
        if len(rows) == self._count or not others:
            return others
        if len(others) == self._count:
            return rows
        return rows & others


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
