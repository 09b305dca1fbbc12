"""Which rows have a number in one of their ranges, answered without looking at each range.

The line of numbers is cut where a range begins or ends. Neighbouring cuts stand together in a block that
knows which rows cover its left edge, so an answer applies the few cuts between that edge and the number.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from pyroaring import BitMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.condition import Numeric
    from pipeline.core.terms import Number

Cut: TypeAlias = "tuple[Number, int]"
"""A number, and whether the line is cut before it (0) or after it (1)."""

_START: Cut = (-inf, 0)
_END: Cut = (inf, 1)

MOST_CUTS = 128
"""Cuts of a block. Each block costs a bitmap, and a row as many steps as it reaches blocks."""

STEP = 4
"""Cuts between two places of a block whose answers are kept, so that fewer than that are applied."""

MOST_KEPT = 16_384
"""Answers that are kept until the next change: as many as 64,000 cuts have."""

MOST_KEPT_ROWS = 20_000_000
"""Rows of all answers that are kept, two bytes each at most."""


class _Block:
    """Neighbouring cuts.

    Attributes:
        before: Rows that cover the place just below the block's first cut.
        turns: Rows that begin or end at a cut, which is a row's only turn there.
    """

    __slots__ = ("before", "cuts", "turns")

    def __init__(self, before: BitMap, cuts: list[Cut], turns: dict[Cut, BitMap]) -> None:
        self.before = before
        self.cuts = cuts
        self.turns = turns

    def turned(self, rows: BitMap, start: int, end: int) -> BitMap:
        """What becomes of the rows that cover the place above so many cuts, above so many."""
        if start == end:
            return rows
        turned = rows ^ self.turns[self.cuts[start]]
        for cut in self.cuts[start + 1 : end]:
            turned ^= self.turns[cut]
        return turned

    def split(self) -> _Block:
        """Give the upper half of the cuts to a new block."""
        half = len(self.cuts) // 2
        cuts = self.cuts[half:]
        upper = _Block(self.turned(self.before, 0, half), cuts, {cut: self.turns.pop(cut) for cut in cuts})
        del self.cuts[half:]
        return upper


class Intervals:
    """Rows and their ranges of numbers."""

    def __init__(self) -> None:
        self._blocks = [_Block(BitMap(), [], {})]
        self._firsts = [_START]
        self._kept: dict[tuple[int, int], BitMap] = {}
        self._kept_rows = 0

    def __len__(self) -> int:
        """Cuts there are."""
        return sum(len(block.cuts) for block in self._blocks)

    def add(self, row: int, ranges: Iterable[Numeric]) -> None:
        """Take in a row that has none here yet, with all its ranges."""
        for start, end in _spans(ranges):
            for turns in (self._turns(start), self._turns(end)):  # both, before a row stands at either
                turns.add(row)
            for block in self._reaching(start, end):
                block.before.add(row)
        self._forget()

    def remove(self, row: int, ranges: Iterable[Numeric]) -> None:
        """Let a row go that came with these ranges."""
        for start, end in _spans(ranges):
            for block in self._reaching(start, end):
                block.before.discard(row)
            for cut in (start, end):
                self._turns(cut).discard(row)
                self._mend(cut)
        self._forget()

    def place(self, number: Number) -> tuple[int, int]:
        """Name the place of a number between the cuts: the same until the next change."""
        point = (number, 0)
        block = bisect_right(self._firsts, point) - 1
        return block, bisect_right(self._blocks[block].cuts, point)

    def covering(self, place: tuple[int, int]) -> BitMap:
        """Give the rows that have a place in one of their ranges; not to be changed."""
        number, cuts = place
        step = cuts // STEP
        return self._blocks[number].turned(self._at(number, step), step * STEP, cuts)

    def _at(self, number: int, step: int) -> BitMap:
        """The rows that cover the place above so many steps of a block's cuts."""
        if not step:
            return self._blocks[number].before
        rows = self._kept.get((number, step))
        if rows is None:
            below = self._at(number, step - 1)
            rows = self._blocks[number].turned(below, (step - 1) * STEP, step * STEP)
            self._kept_rows += len(rows)
            if len(self._kept) == MOST_KEPT or self._kept_rows > MOST_KEPT_ROWS:
                self._kept.clear()
                self._kept_rows = len(rows)
            self._kept[number, step] = rows
        return rows

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_rows = 0

    def _turns(self, cut: Cut) -> BitMap:
        """The rows that begin or end at a cut, which is made if it is not there."""
        number = bisect_right(self._firsts, cut) - 1
        block = self._blocks[number]
        if cut not in block.turns:
            if len(block.cuts) == MOST_CUTS:
                self._blocks.insert(number + 1, block.split())
                self._firsts.insert(number + 1, self._blocks[number + 1].cuts[0])
                return self._turns(cut)
            insort(block.cuts, cut)
            block.turns[cut] = BitMap()
        return block.turns[cut]

    def _mend(self, cut: Cut) -> None:
        """Take away a cut at which no row turns, and a block that has no cut."""
        number = bisect_right(self._firsts, cut) - 1
        block = self._blocks[number]
        if block.turns[cut]:
            return
        del block.cuts[bisect_right(block.cuts, cut) - 1], block.turns[cut]
        if number and not block.cuts:  # the block below ends as this one began
            del self._blocks[number], self._firsts[number]

    def _reaching(self, start: Cut, end: Cut) -> Sequence[_Block]:
        """The blocks whose left edge lies inside, or at the end."""
        return self._blocks[bisect_right(self._firsts, start) : bisect_right(self._firsts, end)]


def _spans(ranges: Iterable[Numeric]) -> list[tuple[Cut, Cut]]:
    """A row's ranges, apart from each other: those that overlap become one."""
    spans: list[tuple[Cut, Cut]] = []
    for start, end in sorted(map(_span, ranges)):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _span(asked: Numeric) -> tuple[Cut, Cut]:
    start = _START if asked.low is None else (asked.low, int(asked.above))
    end = _END if asked.high is None else (asked.high, int(not asked.below))
    return start, end
