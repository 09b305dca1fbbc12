"""A filter in parsed form: EventBridge's event patterns over flat attributes.

A filter such as ``{"service":["payments"],"latencyMs":[{"numeric":[">",500]}]}`` names attributes;
each has a list, of which one condition must hold on one of the event's values, and every
attribute named must have one that does. ``"$or"`` beside them names alternatives, of which one must
hold as well. The language's meaning is AWS's own:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html

The parsed form says what is asked; ``match`` decides it, ``query`` asks OpenSearch for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import operators
from pipeline.core.bad_filter import bad, shown
from pipeline.core.canonical import written
from pipeline.core.condition import Condition, Exact, met
from pipeline.core.noun import noun
from pipeline.core.operators import known
from pipeline.core.terms import Scalar, literal

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_DEPTH = 8
"""Levels of "$or" inside "$or". Each is two levels of a query, and OpenSearch takes 20.

https://docs.opensearch.org/latest/install-and-configure/configuring-opensearch/search-settings/
(``indices.query.bool.max_nested_depth``)
"""

_OR = "$or"

RESERVED = frozenset(
    {
        "exactly",
        "equals-ignore-case",
        "prefix",
        "suffix",
        "anything-but",
        "exists",
        "wildcard",
        "numeric",
        "cidr",
        "=",
        "<",
        "<=",
        ">",
        ">=",
        "regex",
        "not-wildcard",
        "not-equals-ignore-case",
        "date-after",
        "date-on-or-after",
        "date-before",
        "date-on-or-before",
        "in-date-range",
        "ip-address-in-range",
        "ip-address-not-in-range",
    }
)
"""What no attribute inside "$or" may be called, or AWS takes the whole "$or" for an attribute.

https://github.com/aws/event-ruler/blob/main/src/main/software/amazon/event/ruler/Constants.java
"""


@noun
class Clause:
    """One attribute and its conditions: any of them on any of the attribute's values is enough."""

    key: str
    conditions: tuple[Condition, ...]

    def met(self, values: Collection[Scalar]) -> bool:
        """Tell whether the attribute with these scalars (none: it is missing) has what is asked."""
        return met(self.conditions, values)


@noun
class Pattern:
    """A filter: every clause must hold, and of each group of alternatives one. Neither: everything matches.

    Equal meanings that differ only in the order of keys, conditions or alternatives, in a repeated
    condition, in how a number or a network is written, or in case where it does not count, are equal
    patterns.

    Attributes:
        clauses: By key, each key once.
        alternatives: Groups; in JSON there is at most one group beside the clauses, ``"$or"``.
    """

    clauses: tuple[Clause, ...]
    alternatives: tuple[tuple[Pattern, ...], ...] = ()

    def keys(self) -> frozenset[str]:
        """The attributes that the filter names, in its alternatives too."""
        inner = (pattern.keys() for group in self.alternatives for pattern in group)
        return frozenset(clause.key for clause in self.clauses).union(*inner)


def parse(asked: object) -> Pattern:
    """Read a filter, which JSON has already been parsed from.

    Raises:
        Refused: ``bad-filter``; the text names the attribute, what is wrong there and what may be.
    """
    if not isinstance(asked, dict):
        raise bad(f'A filter is a JSON object, such as {{"service":["payments"]}}; this is {shown(asked)}.')
    return _pattern(asked, depth=0)


def canonical(pattern: Pattern) -> str:
    """Write a pattern as JSON with sorted keys and conditions and no spaces: equal patterns, equal text.

    ``parse`` reads the same pattern from it.
    """
    parts = [
        f"{literal(clause.key)}:[{','.join(map(written, clause.conditions))}]" for clause in pattern.clauses
    ]
    parts[:0] = [f'"{_OR}":[{",".join(map(canonical, group))}]' for group in pattern.alternatives]
    return "{" + ",".join(parts) + "}"


def _pattern(asked: dict[str, object], depth: int) -> Pattern:
    clauses = tuple(_clause(key, asked[key]) for key in sorted(asked) if key != _OR)
    return Pattern(clauses, (_group(asked[_OR], depth),) if _OR in asked else ())


def _group(asked: object, depth: int) -> tuple[Pattern, ...]:
    if depth == MAX_DEPTH:
        raise bad(f'"{_OR}" may be nested {MAX_DEPTH} deep, and here it is deeper.')
    if not isinstance(asked, list) or len(asked) < 2:  # noqa: PLR2004 - one is no alternative
        raise bad(f'"{_OR}" takes a list of two filters or more, such as [{{"a":[1]}},{{"b":[2]}}].')
    read = [_alternative(each, depth + 1) for each in asked]
    found = sorted(set(read), key=canonical)
    return tuple(found) if len(found) > 1 else (found[0], found[0])


def _alternative(asked: object, depth: int) -> Pattern:
    if not isinstance(asked, dict) or not asked:
        raise bad(f'An alternative in "{_OR}" is an object with one attribute or more, not {shown(asked)}.')
    if reserved := min(RESERVED & asked.keys(), default=None):
        raise bad(f'No attribute inside "{_OR}" may be called {shown(reserved)}: AWS reserves the word.')
    return _pattern(asked, depth)


def _clause(key: str, asked: object) -> Clause:
    if key.startswith("$"):
        raise bad(f"The operator {shown(key)} is not known here; {known()}, and {shown(_OR)}.")
    if isinstance(asked, dict):
        raise bad(
            f"The filter on {shown(key)} is a list with one condition or more, not an object: attributes "
            "are flat; name the attribute that the value inside is declared as."
        )
    if not isinstance(asked, list) or not asked:
        raise bad(f"The filter on {shown(key)} is a list with one condition or more, not {shown(asked)}.")
    conditions = [operators.read(key, item) for item in asked]
    literals = [condition.literals for condition in conditions if isinstance(condition, Exact)]
    exact = [Exact(frozenset().union(*literals))] if literals else []
    others: set[Condition] = {condition for condition in conditions if not isinstance(condition, Exact)}
    return Clause(key, (*exact, *sorted(others, key=written)))
