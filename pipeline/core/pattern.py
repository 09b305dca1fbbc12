"""The filter language: EventBridge's event patterns over flat attributes, in parsed form.

A filter such as ``{"service":["payments"],"latencyMs":[{"numeric":[">",500]}]}`` names attributes;
each has a list, of which one condition must hold on one of the event's values, and every
attribute named must have one that does. The language's meaning is AWS's own:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html

The parsed form says what is asked and nothing about how it is answered: ``match`` decides it,
``query`` asks OpenSearch for it. A new operator is one more kind of ``Condition`` and one more
line in ``_OPERATORS``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, cast

import orjson

from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Number: TypeAlias = "int | float"
Scalar: TypeAlias = "str | int | float | bool | None"
"""A JSON value that is neither array nor object."""

MAX_TOKEN = 8_000
"""Bytes of UTF-8 that a token keeps. Lucene refuses a document with a term over 32,766 bytes.

https://docs.opensearch.org/latest/field-types/supported-field-types/keyword/
"""

_WIDEST = 4
"""Bytes of UTF-8 that a character takes at most."""

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1
"""What orjson reads as an integer; all beyond becomes a float. https://github.com/ijl/orjson#int"""

_SHOWN = 80
"""Characters of a client's own text that an error repeats."""


# --- values -----------------------------------------------------------------------------------


def literal(value: Scalar) -> str:
    """Write a value as canonical JSON: two values match exactly if and only if their literals are equal.

    Numbers are equal by value, as in EventBridge: 300, 300.0 and 3e2 have one literal, and none of them
    is ``"300"``. Nothing but a number equals a number: True is not 1.
    """
    if isinstance(value, str):
        return orjson.dumps(value).decode()
    if isinstance(value, float) and value % 1:  # a fraction: the most usual number, and never an integer
        return repr(value)
    if isinstance(value, bool) or value is None:
        return _NAMES[value]
    whole = isinstance(value, int) or value.is_integer()
    if whole and MIN_INTEGER <= value <= MAX_INTEGER:
        return str(int(value))
    return repr(float(value))


_NAMES = {True: "true", False: "false", None: "null"}


def scalars(value: object) -> Iterator[Scalar]:
    """Give the values that a filter sees in an attribute: itself, or each element of an array.

    Arrays in arrays are opened too; objects are passed over, since a filter names leaves only.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(reversed(item))
        elif not isinstance(item, dict):
            yield cast("Scalar", item)


def token(key: str, value: Scalar) -> str:
    """Write one value of an attribute as the term that is indexed in ``tokens`` and searched for.

    Returns:
        ``key=`` and the value's literal, cut as ``cut`` does.
    """
    text = f"{key}={literal(value)}"
    return text if len(text) * _WIDEST <= MAX_TOKEN else cut(text)


def tokens(key: str, value: object) -> list[str]:
    """Write all values of an attribute as tokens, in order; none for an object or an empty array."""
    return [token(key, scalar) for scalar in scalars(value)]


def cut(text: str) -> str:
    """Keep the first ``MAX_TOKEN`` bytes of a token, ending between two characters.

    What begins with another text still does when both are cut, so a search for a cut term finds
    every value that the whole one would have.
    """
    if len(text) * _WIDEST <= MAX_TOKEN:
        return text
    return text.encode()[:MAX_TOKEN].decode(errors="ignore")


# --- the parsed form --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exact:
    """The value's literal is one of these."""

    literals: frozenset[str]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The value is a string that starts with this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Numeric:
    """The value is a number between two bounds, of which one may be missing (None).

    Attributes:
        above: Whether the low bound itself is outside.
        below: Whether the high bound itself is outside.
    """

    low: Number | None
    high: Number | None
    above: bool = False
    below: bool = False


Condition: TypeAlias = "Exact | Prefix | Numeric"


@dataclass(frozen=True, slots=True)
class Clause:
    """One attribute and its conditions: any of them on any of the attribute's values is enough."""

    key: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A filter: every clause must hold. No clauses: everything matches.

    Equal meanings that differ only in the order of keys or of conditions, in a repeated condition
    or in how a number is written are equal patterns.
    """

    clauses: tuple[Clause, ...]

    def keys(self) -> frozenset[str]:
        """The attributes that the filter names."""
        return frozenset(clause.key for clause in self.clauses)


# --- from and to JSON -------------------------------------------------------------------------


def parse(asked: object) -> Pattern:
    """Read a filter, which JSON has already been parsed from.

    Raises:
        Refused: ``bad-filter``; the text names the attribute, what is wrong there and what may be.
    """
    if not isinstance(asked, dict):
        raise _bad(f'A filter is a JSON object, such as {{"service":["payments"]}}; this is {_shown(asked)}.')
    return Pattern(tuple(_clause(key, asked[key]) for key in sorted(asked)))


def canonical(pattern: Pattern) -> str:
    """Write a pattern as JSON with sorted keys and conditions and no spaces: equal patterns, equal text.

    ``parse`` reads the same pattern from it.
    """
    written = (
        f"{literal(clause.key)}:[{','.join(map(_written, clause.conditions))}]" for clause in pattern.clauses
    )
    return "{" + ",".join(written) + "}"


def _written(condition: Condition) -> str:
    match condition:
        case Exact(literals):
            return ",".join(sorted(literals))
        case Prefix(text):
            return f'{{"prefix":{literal(text)}}}'
        case Numeric(low, high, above, below):  # pragma: no branch - mypy knows of no other kind
            lower = [] if low is None else [">" if above else ">=", low]
            upper = [] if high is None else ["<" if below else "<=", high]
            return '{"numeric":[' + ",".join(literal(term) for term in [*lower, *upper]) + "]}"


def _clause(key: str, asked: object) -> Clause:
    if key.startswith("$"):
        raise _bad(f"The operator {_shown(key)} is not known here; {_known()}.")
    if not isinstance(asked, list) or not asked:
        raise _bad(f"The filter on {_shown(key)} is a list with one condition or more, not {_shown(asked)}.")
    conditions = [_condition(key, item) for item in asked]
    literals = [condition.literals for condition in conditions if isinstance(condition, Exact)]
    exact = [Exact(frozenset().union(*literals))] if literals else []
    others: set[Condition] = {condition for condition in conditions if not isinstance(condition, Exact)}
    return Clause(key, (*exact, *sorted(others, key=_written)))


def _condition(key: str, asked: object) -> Condition:
    if isinstance(asked, list):
        raise _bad(f"The filter on {_shown(key)} has a list inside its list: write the values side by side.")
    if not isinstance(asked, dict):
        return Exact(frozenset({literal(cast("Scalar", asked))}))
    if len(asked) != 1:
        raise _bad(f"A condition on {_shown(key)} is an object with one operator; {_known()}.")
    operator, operand = next(iter(asked.items()))
    if operator not in _OPERATORS:
        raise _bad(f"The filter on {_shown(key)} uses the operator {_shown(operator)}; {_known()}.")
    return _OPERATORS[operator](key, operand)


def _prefix(key: str, operand: object) -> Prefix:
    if not isinstance(operand, str):
        raise _bad(f'"prefix" on {_shown(key)} takes a string, not {_shown(operand)}.')
    return Prefix(operand)


def _numeric(key: str, operand: object) -> Condition:
    match operand:
        case ["=", number] if _is_number(number):
            return Exact(frozenset({literal(number)}))
        case [(">" | ">=") as over, low] if _is_number(low):
            return Numeric(low, None, above=over == ">")
        case [("<" | "<=") as under, high] if _is_number(high):
            return Numeric(None, high, below=under == "<")
        case [(">" | ">=") as over, low, ("<" | "<=") as under, high] if _is_number(low) and _is_number(high):
            if low >= high:
                raise _bad(
                    f'"numeric" on {_shown(key)}: its low bound {low} is not under its high one {high}.'
                )
            return Numeric(low, high, above=over == ">", below=under == "<")
    raise _bad(
        f'"numeric" on {_shown(key)} takes ["=", n], one of > >= < <= with a number, '
        f'or a low bound before a high one as in [">", 0, "<=", 5].'
    )


_OPERATORS: Mapping[str, Callable[[str, object], Condition]] = {"prefix": _prefix, "numeric": _numeric}


def _is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _known() -> str:
    return "known are exact values, " + ", ".join(f'{{"{operator}":…}}' for operator in _OPERATORS)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = literal(cast("Scalar", value))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _bad(text: str) -> Refused:
    return Refused("bad-filter", text)
