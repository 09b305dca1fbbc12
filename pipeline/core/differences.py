"""Where AWS reads a filter otherwise than we do: each known difference, by name, with its reason.

There is no other: a test holds every operator against every kind of value, ours beside AWS's own
matcher (https://github.com/aws/event-ruler 2.1.0), and lets nothing differ but what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from pipeline.core.address import address
from pipeline.core.condition import (
    AnythingBut,
    Cidr,
    EqualsIgnoreCase,
    Exact,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
    cases,
)
from pipeline.core.terms import is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pipeline.core.condition import Condition
    from pipeline.core.pattern import Pattern
    from pipeline.core.terms import Scalar

MAX_EXACT = 2**53
"""The whole numbers that AWS compares; a double holds no larger one without doubt.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html promises less:
from -5.0e9 to 5.0e9, with 15 digits.
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which AWS's matcher and ours disagree.

    Attributes:
        asks: Whether a condition can be read in two ways.
        meets: Whether a value is one of those on which the two then may differ.
        text: What happens there and why we do otherwise, for people.
    """

    name: str
    asks: Callable[[Condition], bool]
    meets: Callable[[Scalar], bool]
    text: str


def found(asked: Pattern) -> Iterator[tuple[str, Difference]]:
    """Give the attributes of a filter on which AWS may decide otherwise, and why."""
    for key, conditions in sorted(_by_key(asked).items()):
        for difference in DIFFERENCES:
            if any(difference.asks(condition) for condition in conditions):
                yield key, difference
        if len(conditions) > 1 and any(map(_branches, conditions)):
            yield key, MIXED
    yield from _alternatives(asked)


def _by_key(asked: Pattern) -> dict[str, set[Condition]]:
    """Gather what a filter asks of each attribute anywhere in it."""
    found: dict[str, set[Condition]] = {}
    for key, condition in _asked(asked):
        found.setdefault(key, set()).add(condition)
    return found


def _branches(condition: Condition) -> bool:
    return any(isinstance(each, Wildcard) for each in _texts(condition)) or bool([*_folded(condition)])


def _alternatives(asked: Pattern) -> Iterator[tuple[str, Difference]]:
    for group in asked.alternatives:
        outside = {clause.key for clause in asked.clauses}
        for alternative in group:
            yield from ((key, TWICE) for key in sorted(outside & alternative.keys()))
            yield from _alternatives(alternative)
        yield from ((key, SHARED) for key in sorted(_shared(group)))


def _shared(group: Iterable[Pattern]) -> set[str]:
    """Find the attributes of which two alternatives ask for the same value."""
    asked = [set(_asked(alternative)) for alternative in group]
    return {key for one, other in combinations(asked, 2) for key, _ in one & other}


def _asked(asked: Pattern) -> Iterator[tuple[str, Condition]]:
    """Give each attribute with each condition on it, exact values one by one."""
    for clause in asked.clauses:
        for condition in clause.conditions:
            if isinstance(condition, Exact):
                yield from ((clause.key, Exact(frozenset({literal}))) for literal in condition.literals)
            else:
                yield clause.key, condition
    for group in asked.alternatives:
        for alternative in group:
            yield from _asked(alternative)


def _texts(condition: Condition) -> Iterator[Condition]:
    """Give a condition, or those that it excludes."""
    yield from condition.excluded if isinstance(condition, AnythingBut) else (condition,)


def _quoted(condition: Condition) -> bool:
    return any(
        (isinstance(each, Prefix) and each.text.endswith('"'))
        or (isinstance(each, Suffix) and each.text.startswith('"'))
        for each in _texts(condition)
    )


def _folded(condition: Condition) -> Iterator[str]:
    for each in _texts(condition):
        if isinstance(each, EqualsIgnoreCase) or (isinstance(each, Prefix | Suffix) and each.folded):
            yield from each.text


_LAST_OF_ONE_UNIT = "\uffff"


def _beyond(condition: Condition) -> bool:
    return any(character > _LAST_OF_ONE_UNIT for character in _folded(condition))


def _third_case(condition: Condition) -> bool:
    return any(len(cases(character)) > 2 for character in _folded(condition))  # noqa: PLR2004 - upper, lower


def _spelt(condition: Condition) -> bool:
    if not isinstance(condition, Exact):
        return False
    return any(address(text[1:-1]) for text in condition.literals if text.startswith('"'))


def _is_address(value: Scalar) -> bool:
    return isinstance(value, str) and address(value) is not None


def _large(value: Scalar) -> bool:
    return is_number(value) and abs(float(value or 0)) >= MAX_EXACT


def _compares_large(condition: Condition) -> bool:
    if isinstance(condition, AnythingBut):
        return any(_compares_large(each) for each in condition.excluded)
    if isinstance(condition, Numeric):
        return True
    if isinstance(condition, Exact):
        numbers = (text for text in condition.literals if text[0] in "-0123456789")
        return any(abs(float(text)) >= MAX_EXACT for text in numbers)
    return False


DIFFERENCES = (
    Difference(
        "quotes",
        _quoted,
        lambda value: isinstance(value, str),
        'AWS compares a text together with the quotes around it, so there the text a begins with a" and ends '
        'with "a. Here it does not.',
    ),
    Difference(
        "case-beyond-ffff",
        _beyond,
        lambda value: isinstance(value, str),
        "AWS ignores case by halves of a character where it is beyond U+FFFF: \U0001f600 is never found, and "
        "?? is in its place. Here such characters have the cases that Unicode gives them.",
    ),
    Difference(
        "third-case",
        _third_case,
        lambda value: isinstance(value, str),
        "Of a character with a case between lower and upper, such as \u01c5, AWS knows the other two alone, "
        "so that a text may not equal itself. Here it does.",
    ),
    Difference(
        "spelling-of-addresses",
        _spelt,
        _is_address,
        "AWS takes an exact value that looks like an IP address for the address: ::1 is 0:0:0:0:0:0:0:1 "
        "there. Here an exact value is that text; cidr compares addresses.",
    ),
    Difference(
        "families-of-addresses",
        lambda condition: isinstance(condition, Cidr),
        lambda value: is_number(value) or _is_address(value),
        "AWS compares the digits of addresses and numbers from the left: there 10.0.0.0/8 has a00::1 in it, "
        "and 0.0.0.0/0 the number 10. Here a network has addresses of its own family alone.",
    ),
    Difference(
        "large-numbers",
        _compares_large,
        _large,
        "AWS compares numbers as doubles and leaves aside what has more digits. Here whole numbers are "
        "compared exactly, from -2^63 to 2^64, and the rest as doubles.",
    ),
)
"""On what a condition holds."""

TWICE = Difference(
    "key-beside-or",
    lambda _: False,
    lambda _: False,
    'Where an attribute is named beside "$or" and inside it, AWS forgets what it read first. Here both must '
    "hold.",
)
SHARED = Difference(
    "values-shared-in-or",
    lambda _: False,
    lambda _: False,
    'Where two alternatives of "$or" ask for the same value of an attribute, AWS may forget what else the '
    "second asks for there. Here each alternative is held by itself.",
)
MIXED = Difference(
    "wildcards-and-case-beside-others",
    lambda _: False,
    lambda _: False,
    "Where a wildcard, or a text whose case is ignored, stands beside other conditions on one attribute, "
    "AWS's automaton may take one for the other. Here each condition is held by itself.",
)
"""On what a whole filter means."""
