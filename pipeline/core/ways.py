"""The ways in which a filter can be met, and what it weighs: what it costs those who hold many.

A way names each attribute once. A filter has one way, or one for each combination of ``"$or"``'s
alternatives; those that ask one thing of one attribute are one alternative, as if they had been written so.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from pipeline.core.condition import AnythingBut, EqualsIgnoreCase, Exact, Prefix, Suffix, Wildcard
from pipeline.core.pattern import Clause, Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.core.condition import Condition

MOST_WAYS = 64
"""Ways of a filter. One with more combinations has one way, what is asked beside its ``"$or"``, and is held
against each delta that goes that."""

VALUES = 8
"""Values and ranges that a filter may ask for at the weight of a plain one: up to 4 KB of an index."""

HELD = 128
"""What a filter weighs more that is held against deltas by itself: a long one takes some 200 µs, and one that
is found as the plain ones are 1.2 µs."""


def ways(asked: Pattern) -> tuple[Sequence[Sequence[Clause]], bool]:
    """Give the ways in which a filter can be met, each key once in a way.

    Returns:
        The ways, and whether a delta that goes one of them is surely one that matches.
    """
    if not asked.alternatives:
        return [asked.clauses], True
    asked = _merged(asked)
    if _count(asked) > MOST_WAYS:
        return [asked.clauses], False
    combined = list(dict.fromkeys(_combined(asked)))
    unique = [tuple({clause.key: clause for clause in way}.values()) for way in combined]
    return unique, unique == combined


def weight(asked: Pattern) -> int:
    """Weigh a filter: 1 for a plain one, more for what costs more memory, or more time for each delta."""
    found, exact = ways(asked)
    values = sum(_values(clause) for way in found for clause in way)
    return max(1, -(-values // VALUES)) + (0 if exact else HELD)


def _merged(asked: Pattern) -> Pattern:
    groups = tuple(tuple(_shared(_flat(group))) for group in asked.alternatives)
    return Pattern(asked.clauses, groups)


def _flat(group: Iterable[Pattern]) -> Iterator[Pattern]:
    """The alternatives of a group, and for one that is but a group its own."""
    for each in group:
        if each.clauses or len(each.alternatives) != 1:
            yield _merged(each)
        else:
            yield from _flat(each.alternatives[0])


def _shared(group: Iterable[Pattern]) -> Iterator[Pattern]:
    """The alternatives, as one for each attribute where they ask something of it alone: any is enough."""
    alone: defaultdict[str, dict[Condition, None]] = defaultdict(dict)
    for each in group:
        if each.alternatives or len(each.clauses) != 1:
            yield each
        else:
            alone[each.clauses[0].key].update(dict.fromkeys(each.clauses[0].conditions))
    for key, conditions in alone.items():
        yield Pattern((Clause(key, tuple(conditions)),))


def _count(asked: Pattern) -> int:
    return prod(sum(map(_count, group)) for group in asked.alternatives)


def _combined(asked: Pattern) -> Iterator[tuple[Clause, ...]]:
    groups = [[way for each in group for way in _combined(each)] for group in asked.alternatives]
    for chosen in product(*groups):
        yield asked.clauses + tuple(clause for way in chosen for clause in way)


def _values(clause: Clause) -> int:
    """Count what an index holds for a clause; what it holds against each value by itself counts for many."""
    several = sum(isinstance(condition, AnythingBut) for condition in clause.conditions) - 1
    return sum(map(_of, clause.conditions)) + VALUES * max(0, several)


def _of(condition: Condition) -> int:
    match condition:
        case Exact(literals):
            return len(literals)
        case AnythingBut(excluded):
            return sum(map(_of, excluded))
        case Wildcard():
            return VALUES
        case Prefix(text) | Suffix(text) | EqualsIgnoreCase(text):
            return 1 if text.isascii() or not getattr(condition, "folded", True) else VALUES
        case _:
            return 1
