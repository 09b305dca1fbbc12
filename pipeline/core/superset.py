"""A filter as an OpenSearch query that finds all it accepts, and rather more than less.

Texts and exact values are looked for among ``tokens``, where each value stands as ``key=`` and its
literal; ranges on fields that are mapped as numbers. What keeps a query from being the filter itself:
a mapping coerces, refuses and drops values; a token is cut at ``MAX_TOKEN`` bytes, so what it ends with is
unknown; OpenSearch folds the case of ASCII only; and an automaton may not grow without end.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from pipeline.core.condition import (
    AnythingBut,
    Cidr,
    EqualsIgnoreCase,
    Exact,
    Exists,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
)
from pipeline.core.terms import cut, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.condition import Condition, Excluded
    from pipeline.core.model import JsonObject
    from pipeline.core.pattern import Clause, Pattern

MIN_LONG, MAX_LONG = -(2**63), 2**63 - 1
"""What a ``long`` holds; OpenSearch refuses a range with a bound beyond it.

https://docs.opensearch.org/latest/field-types/supported-field-types/numeric/
"""

MAX_FORM = 64
"""Characters behind the first star of a wildcard that OpenSearch is asked for.

Lucene refuses a form whose automaton takes more than 10,000 steps to make; it takes the square of these.
https://lucene.apache.org/core/10_3_1/core/org/apache/lucene/util/automaton/Operations.html#DEFAULT_DETERMINIZE_WORK_LIMIT
"""

MAX_GAPS = 32
"""Excluded values around which a query looks one by one; a query may have 1,024 clauses in all.

https://docs.opensearch.org/latest/query-dsl/compound/bool/
"""


def queries(asked: Pattern, ranged: frozenset[str]) -> list[JsonObject]:
    """Write the queries that every document has to meet; none for a filter that accepts everything.

    Args:
        asked: The filter.
        ranged: The attributes mapped as ``long`` or ``double`` in every index searched.
    """
    groups = ([_all(queries(pattern, ranged)) for pattern in group] for group in asked.alternatives)
    return [*(_clause(clause, ranged) for clause in asked.clauses), *map(_any, groups)]


def _all(found: list[JsonObject]) -> JsonObject:
    return found[0] if len(found) == 1 else {"bool": {"filter": found}}


def _any(found: Sequence[JsonObject]) -> JsonObject:
    return found[0] if len(found) == 1 else {"bool": {"should": found, "minimum_should_match": 1}}


def _clause(clause: Clause, ranged: frozenset[str]) -> JsonObject:
    key = clause.key
    return _any([query for condition in clause.conditions for query in _condition(key, condition, ranged)])


def _condition(  # noqa: PLR0911 - a line for each kind
    key: str, condition: Condition, ranged: frozenset[str]
) -> Sequence[JsonObject]:
    match condition:
        case Exact(literals):
            return [{"terms": {"tokens": sorted(cut(f"{key}={literal}") for literal in literals)}}]
        case Numeric() if key in ranged:
            # A value that its mapping refused is in no range; both lists of such values are asked too.
            refused = [{"term": {"_ignored": key}}, {"term": {"ignored": key}}]
            return [{"range": {key: _outward(condition)}}, *refused]
        case Numeric():
            return [_starts(f"{key}=")]
        case Cidr():
            return [_starts(f'{key}="')]
        case Exists(wanted):
            found = _starts(f"{key}=")
            return [found if wanted else {"bool": {"must_not": [found]}}]
        case AnythingBut(excluded):
            return _gaps(key, excluded)
        case _:
            return _text(key, condition)


# --- texts ------------------------------------------------------------------------------------


def _text(key: str, condition: Excluded) -> Sequence[JsonObject]:  # noqa: PLR0911 - a line for each kind
    match condition:
        case Prefix(text, folded=False):
            return [_starts(f'{key}="{_escaped(text)}')]
        case Prefix(text):
            return [_starts(f'{key}="{_escaped(_NOT_ASCII.split(text)[0])}', fold=True)]
        case Suffix(text, folded=False):
            return _formed(key, ["", text])
        case Suffix(text):
            return _formed(key, ["", _NOT_ASCII.split(text)[-1]], fold=True)
        case EqualsIgnoreCase(text) if text.isascii():
            return [{"term": {"tokens": {"value": f"{key}={literal(text)}", "case_insensitive": True}}}]
        case EqualsIgnoreCase(text):
            return _formed(key, _NOT_ASCII.split(text), fold=True)
        case Wildcard(parts):  # pragma: no branch - mypy knows of no other kind
            return _formed(key, parts)


_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def _escaped(text: str) -> str:
    """Write a text as it stands inside the quotes of its literal."""
    return literal(text)[1:-1]


def _starts(text: str, *, fold: bool = False) -> JsonObject:
    folding = {"case_insensitive": True} if fold else {}
    return {"prefix": {"tokens": {"value": cut(text), **folding}}}


def _formed(key: str, parts: Sequence[str], *, fold: bool = False) -> Sequence[JsonObject]:
    """Ask for texts that have these parts with anything between them."""
    first, *rest = map(_escaped, parts)
    start = f'{key}="{first}'
    if not rest:
        return [{"terms": {"tokens": [cut(start + '"')]}}]
    if not any(rest) or cut(start) != start:
        return [_starts(start, fold=fold)]
    if len("*".join(rest)) >= MAX_FORM:
        rest = [rest[-1][1 - MAX_FORM :]]
    form = "*".join(map(_literally, [start, *rest])) + '"'
    folding = {"case_insensitive": True} if fold else {}
    return [{"wildcard": {"tokens": {"value": form, **folding}}}, _unfinished(key)]


def _literally(text: str) -> str:
    return re.sub(r"([*?\\])", r"\\\1", text)


def _unfinished(key: str) -> JsonObject:
    """Ask for texts that were cut: whole ones end with a quote that has no backslash before it."""
    quoted = re.sub(r"([^0-9A-Za-z])", r"\\\1", f'{key}="')
    return {"regexp": {"tokens": {"value": quoted + r".*([^\"]|\\\")", "flags": "NONE"}}}


# --- all but some -----------------------------------------------------------------------------


def _gaps(key: str, excluded: Sequence[Exact | Excluded]) -> Sequence[JsonObject]:
    """Ask for a token of this key that is none of the excluded ones and begins as none of them."""
    spans: list[
        tuple[str, bool, str]
    ] = []  # first token, whether the next bound is still excluded, that bound
    for condition in excluded:
        match condition:
            case Exact(literals):
                tokens = (f"{key}={literal}" for literal in literals)
                spans += [(token, True, token) for token in tokens if cut(token) == token]
            case Prefix(text):
                start = f'{key}="{_escaped(text)}'
                spans += [(start, False, _after(start))] if cut(start) == start else []
            case _:
                return [_starts(f"{key}=")]
    if len(spans) > MAX_GAPS:
        return [_starts(f"{key}=")]
    return _between(f"{key}=", sorted(spans))


def _between(start: str, spans: Sequence[tuple[str, bool, str]]) -> Sequence[JsonObject]:
    found: list[JsonObject] = []
    low, beyond = start, False
    for first, including, bound in spans:
        if first > low:
            found.append(_span(low, first, beyond=beyond))
        if bound >= low:
            low, beyond = bound, including
    return [*found, _span(low, _after(start), beyond=beyond)]


def _span(low: str, high: str, *, beyond: bool) -> JsonObject:
    return {"range": {"tokens": {"gt" if beyond else "gte": low, "lt": high}}}


_LAST, _BEFORE_SURROGATES, _AFTER_SURROGATES = 0x10FFFF, 0xD7FF, 0xE000


def _after(start: str) -> str:
    """Find the least text that is more than all that begin with this one, in the order of code points."""
    kept = start.rstrip(chr(_LAST))
    last = ord(kept[-1])
    return kept[:-1] + chr(_AFTER_SURROGATES if last == _BEFORE_SURROGATES else last + 1)


# --- numbers ----------------------------------------------------------------------------------


def _outward(bounds: Numeric) -> JsonObject:
    """Widen a range to whole numbers, bounds included, within what a ``long`` can be compared with.

    Coercion to ``long`` drops the fraction, towards zero, and ``double`` rounds large integers; neither
    moves a value across a whole bound that includes itself.
    """
    wide: JsonObject = {}
    if bounds.low is not None and bounds.low >= MIN_LONG:
        wide["gte"] = min(math.floor(bounds.low), MAX_LONG)
    if bounds.high is not None and bounds.high <= MAX_LONG:
        wide["lte"] = max(math.ceil(bounds.high), MIN_LONG)
    return wide
