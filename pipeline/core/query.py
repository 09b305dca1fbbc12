"""Stage: ask OpenSearch for what a filter means, and rather for more than for less.

A mapping coerces (12.9 is indexed as 12 in a ``long``), refuses or cuts values, so the index cannot
decide. Each query here finds a superset of what ``match`` accepts, and every hit is held against
``match`` afterwards.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline.core import pattern
from pipeline.core.pattern import Clause, Condition, Exact, Numeric, Pattern, Prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.model import JsonObject

MIN_LONG, MAX_LONG = -(2**63), 2**63 - 1
"""What a ``long`` holds; OpenSearch refuses a range with a bound beyond it.

https://docs.opensearch.org/latest/field-types/supported-field-types/numeric/
"""


def search(
    asked: Pattern,
    *,
    tenant: str,
    ranged: frozenset[str],
    ingested_from: int | None,
    ingested_to: int | None,
    after: tuple[int, str] | None,
    size: int,
    newest: bool,
) -> JsonObject:
    """Write the search for one page of a filter's documents.

    Args:
        asked: The filter.
        tenant: Only this tenant's documents are found, whatever the filter says.
        ranged: The attributes mapped as ``long`` or ``double`` in every index searched.
        ingested_from: Lowest ``@ingested``, itself included; None for no bound.
        ingested_to: Highest ``@ingested``, itself included; None for no bound.
        after: (``@ingested``, id) of the page before's last document; None for the first page.
        size: Most documents to find.
        newest: Whether to begin with the highest (``@ingested``, id) instead of the lowest.

    Returns:
        The body of a ``_search``.
    """
    order = "desc" if newest else "asc"
    bounds = {"gte": ingested_from, "lte": ingested_to}
    ingested = {name: bound for name, bound in bounds.items() if bound is not None}
    body: JsonObject = {
        "size": size,
        "track_total_hits": False,
        "_source": True,
        "query": {
            "bool": {
                "filter": [
                    {"term": {"tenant": tenant}},
                    *([{"range": {"@ingested": ingested}}] if ingested else []),
                    *(_clause(clause, ranged) for clause in asked.clauses),
                ]
            }
        },
        # An index without our template must not fail every page: a page is whole or an error.
        "sort": [
            {"@ingested": {"order": order, "unmapped_type": "date"}},
            {"id": {"order": order, "unmapped_type": "keyword"}},
        ],
    }
    if after is not None:
        body["search_after"] = list(after)
    return body


def document(document_id: str, *, tenant: str) -> JsonObject:
    """Write the search for one document, as a pointer names it; another tenant's is not found.

    Returns:
        The body of a ``_search``.
    """
    return {
        "size": 1,
        "track_total_hits": False,
        "_source": True,
        "query": {"bool": {"filter": [{"term": {"tenant": tenant}}, {"term": {"id": document_id}}]}},
    }


def indices(asked: Pattern, families: Iterable[str]) -> str:
    """Name the indices that can hold what a filter asks for.

    The filter only chooses among the families given: no client's text becomes part of the expression.

    Args:
        asked: The filter.
        families: All that our routes name; at least one.

    Returns:
        Such as ``metrics-*`` or ``events-*,metrics-*``; never empty, since that would mean every index.
    """
    known = sorted(families)
    chosen = [family for family in known if all(_may_be(clause, family) for clause in asked.clauses)]
    return ",".join(f"{family}-*" for family in chosen or known)


def _may_be(clause: Clause, family: str) -> bool:
    if clause.key != "family":
        return True
    return any(
        not isinstance(condition, Exact) or pattern.literal(family) in condition.literals
        for condition in clause.conditions
    )


def _clause(clause: Clause, ranged: frozenset[str]) -> JsonObject:
    found = [query for condition in clause.conditions for query in _condition(clause.key, condition, ranged)]
    return found[0] if len(found) == 1 else {"bool": {"should": found, "minimum_should_match": 1}}


def _condition(key: str, condition: Condition, ranged: frozenset[str]) -> Sequence[JsonObject]:
    match condition:
        case Exact(literals):
            return [{"terms": {"tokens": sorted(pattern.cut(f"{key}={literal}") for literal in literals)}}]
        case Prefix(text):
            return [_starts(f"{key}={pattern.literal(text)[:-1]}")]  # without the closing quote
        case Numeric() if key in ranged:
            # A value that its mapping refused is in no range; both lists of such values are asked too.
            refused = [{"term": {"_ignored": key}}, {"term": {"ignored": key}}]
            return [{"range": {key: _outward(condition)}}, *refused]
        case Numeric():  # pragma: no branch - mypy knows of no other kind
            return [_starts(f"{key}=")]


def _starts(text: str) -> JsonObject:
    return {"prefix": {"tokens": {"value": pattern.cut(text)}}}


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
