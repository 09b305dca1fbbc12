"""Stage: ask OpenSearch for what a filter means, and rather for more than for less.

A mapping coerces (12.9 is indexed as 12 in a ``long``), refuses or cuts values, so the index cannot
decide. Each query here finds a superset of what ``match`` accepts (``superset`` says how), and every hit
is held against ``match`` afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core import superset

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.core.model import JsonObject
    from pipeline.core.pattern import Pattern


DATES = "20*.*.*"
"""How the names of our indices end: in a day, as in ``metrics-2026.11.22``."""


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
    also: Sequence[tuple[int, int]] = (),
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
        also: Spans of ``@ingested`` before ``ingested_from`` that are wanted too: each from its first time up
            to before its second.

    Returns:
        The body of a ``_search``.
    """
    order = "desc" if newest else "asc"
    bounds = {"gte": ingested_from, "lte": ingested_to}
    ingested = {name: bound for name, bound in bounds.items() if bound is not None}
    spans = [ingested] if ingested else []
    spans += [{"gte": first, "lt": end} for first, end in also]
    body: JsonObject = {
        "size": size,
        "track_total_hits": False,
        "_source": True,
        "query": {
            "bool": {
                "filter": [
                    {"term": {"tenant": tenant}},
                    *_within(spans),
                    *superset.queries(asked, ranged),
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


def _within(spans: Sequence[JsonObject]) -> list[JsonObject]:
    ranges = [{"range": {"@ingested": span}} for span in spans]
    return ranges if len(ranges) < 2 else [{"bool": {"should": ranges, "minimum_should_match": 1}}]  # noqa: PLR2004 - several


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
        Such as ``metrics-20*.*.*``, or several with commas between; never empty, since that would mean every
        index. A bare ``metrics-*`` would be somebody's ``metrics-apm`` too, whose mapping is none of ours.
    """
    known = sorted(families)
    chosen = [family for family in known if _may_have(asked, family)]
    return ",".join(f"{family}-{DATES}" for family in chosen or known)


def _may_have(asked: Pattern, family: str) -> bool:
    """Tell whether a document of a family can meet a filter, by what the filter says of families."""
    return all(clause.met([family]) for clause in asked.clauses if clause.key == "family") and all(
        any(_may_have(alternative, family) for alternative in group) for group in asked.alternatives
    )
