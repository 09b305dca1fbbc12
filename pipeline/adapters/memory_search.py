"""A search's body -> the documents that it finds, as OpenSearch answers it.

Only what our searches say is understood; anything else is refused loudly, so that no test passes on
a query that was not looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline.core.condition import Wildcard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.adapters.memory_mapping import Term, Terms
    from pipeline.core.model import JsonObject

    SortValue: TypeAlias = "Term | None"

MAX_RESULT_WINDOW = 10_000
"""Hits that one search may ask for.

https://docs.opensearch.org/latest/install-and-configure/configuring-opensearch/index-settings/
"""


class QueryError(Exception):
    """A search that OpenSearch refuses with 400."""


@dataclass(frozen=True, slots=True)
class Found:
    """A document that a search may find."""

    index: str
    id: str
    source: JsonObject
    terms: Terms


def search(documents: Sequence[Found], body: JsonObject) -> list[JsonObject]:
    """Give ``hits.hits``.

    Raises:
        QueryError: The size or the sort is refused.
        NotImplementedError: The query has something that our searches do not.
    """
    size = body.get("size", 10)
    if size > MAX_RESULT_WINDOW:
        raise QueryError(
            f"Result window is too large, size must be less than or equal to {MAX_RESULT_WINDOW}"
        )
    order = [_sort_key(sort) for sort in body.get("sort", ())]
    hits: list[tuple[Sequence[SortValue], Found]] = [
        (_sort_values(document, order), document)
        for document in documents
        if matches(document, body.get("query", {"match_all": {}}))
    ]
    descending = [given.get("order", "asc") == "desc" for _, given in order]
    if "search_after" in body:
        hits = [hit for hit in hits if _is_after(hit[0], body["search_after"], descending)]
    for place, down in reversed(list(enumerate(descending))):
        hits.sort(key=lambda hit: _rank(hit[0][place], down=down), reverse=down)
    shown = body.get("_source", True)
    return [
        {"_index": found.index, "_id": found.id, "_score": None, "_source": _source(found.source, shown)}
        | ({"_ignored": sorted(found.terms.ignored)} if found.terms.ignored else {})
        | ({"sort": values} if order else {})
        for values, found in hits[:size]
    ]


def _source(source: JsonObject, wanted: Any) -> JsonObject:  # noqa: ANN401 - true, or the patterns
    """What is asked for of a document: all, fields by their names, and members of objects one step inside."""
    if wanted is True:
        return source
    names = wanted["includes"]
    shown = {name: value for name, value in source.items() if name in names}
    for outer, _, inner in (name.partition(".") for name in names if "." in name):
        if isinstance(source.get(outer), dict):
            members = {key: value for key, value in source[outer].items() if key.partition(".")[0] == inner}
            shown[outer] = {**shown.get(outer, {}), **members}
    return shown


# --- queries ----------------------------------------------------------------------------------


def matches(document: Found, query: JsonObject) -> bool:
    """Tell whether a document is what a query asks for."""
    ((kind, asked),) = query.items()
    try:
        return _KINDS[kind](document, asked)
    except KeyError:
        raise NotImplementedError(f"the memory store does not know the query {kind!r}") from None


def _bool(document: Found, asked: JsonObject) -> bool:
    parts = {kind: _list(asked.get(kind)) for kind in ("must", "filter", "should", "must_not")}
    least = asked.get(
        "minimum_should_match", 0 if parts["must"] or parts["filter"] else bool(parts["should"])
    )
    return (
        all(matches(document, query) for query in parts["must"] + parts["filter"])
        and not any(matches(document, query) for query in parts["must_not"])
        and sum(matches(document, query) for query in parts["should"]) >= least
    )


def _term(document: Found, asked: JsonObject) -> bool:
    name, value = _only(asked, "value")
    if _folds(asked):
        return any(_fold(term) == _fold(value) for term in _texts(document, name))
    return _has(document, name, value)


def _terms(document: Found, asked: JsonObject) -> bool:
    ((name, values),) = asked.items()
    return any(_has(document, name, value) for value in values)


def _has(document: Found, name: str, value: Term) -> bool:
    return any(term == (str(value) if isinstance(term, str) else value) for term in _of(document, name))


def _prefix(document: Found, asked: JsonObject) -> bool:
    name, value = _only(asked, "value")
    fold = _fold if _folds(asked) else str
    return any(fold(term).startswith(fold(value)) for term in _texts(document, name))


def _wildcard(document: Found, asked: JsonObject) -> bool:
    name, value = _only(asked, "value")
    fold = _fold if _folds(asked) else str
    parts = [""]
    for escaped, star, plain in re.findall(r"\\(.)|(\*)|(.)", fold(value), re.DOTALL):
        if plain == "?":
            raise NotImplementedError("the memory store does not know ? in a wildcard")
        parts[-1] += escaped or plain
        if star:
            parts.append("")
    form = Wildcard(tuple(parts))
    return any(form.holds(fold(term)) for term in _texts(document, name))


def _regexp(document: Found, asked: JsonObject) -> bool:
    """Lucene's expressions are Python's as far as ours go: characters, classes, groups, ``|`` and ``*``."""
    name, value = _only(asked, "value")
    return any(re.fullmatch(value, term, re.DOTALL) for term in _texts(document, name))


def _texts(document: Found, name: str) -> list[str]:
    return [term for term in _of(document, name) if isinstance(term, str)]


def _folds(asked: JsonObject) -> bool:
    (given,) = asked.values()
    return isinstance(given, dict) and given.get("case_insensitive", False)


def _fold(text: str) -> str:
    """Lower the case of ASCII alone, as OpenSearch does."""
    return re.sub(r"[A-Z]+", lambda found: found[0].lower(), text)


def _range(document: Found, asked: JsonObject) -> bool:
    ((name, bounds),) = asked.items()
    return any(
        all(_BOUNDS[bound](term, value) for bound, value in bounds.items()) for term in _of(document, name)
    )


def _of(document: Found, name: str) -> Sequence[Term]:
    return document.terms.ignored if name == "_ignored" else document.terms.fields.get(name, ())


_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda term, bound: bool(term > bound),
    "gte": lambda term, bound: bool(term >= bound),
    "lt": lambda term, bound: bool(term < bound),
    "lte": lambda term, bound: bool(term <= bound),
}

_KINDS: dict[str, Callable[[Found, JsonObject], bool]] = {
    "bool": _bool,
    "exists": lambda document, asked: bool(_of(document, asked["field"])),
    "ids": lambda document, asked: document.id in asked["values"],
    "match_all": lambda _document, _asked: True,
    "prefix": _prefix,
    "range": _range,
    "regexp": _regexp,
    "term": _term,
    "terms": _terms,
    "wildcard": _wildcard,
}


def _only(asked: JsonObject, key: str) -> tuple[str, Any]:
    """A query's field and value, in its short or its long form."""
    ((name, given),) = asked.items()
    return name, given[key] if isinstance(given, dict) else given


def _list(queries: Any) -> list[JsonObject]:  # noqa: ANN401 - one query or several
    return queries if isinstance(queries, list) else [queries] if queries else []


# --- order ------------------------------------------------------------------------------------


def _sort_key(sort: Any) -> tuple[str, JsonObject]:  # noqa: ANN401 - a name, or an object in its short or long form
    if isinstance(sort, str):
        return sort, {}
    ((name, given),) = sort.items()
    return name, given if isinstance(given, dict) else {"order": given}


def _sort_values(document: Found, order: Sequence[tuple[str, JsonObject]]) -> list[SortValue]:
    values: list[SortValue] = []
    for name, given in order:
        if name not in document.terms.fields and "unmapped_type" not in given:
            raise QueryError(f"No mapping found for [{name}] in order to sort on")
        terms: Sequence[Any] = document.terms.fields.get(name, ())
        choose = max if given.get("order") == "desc" else min
        values.append(choose(terms, default=None))
    return values


def _rank(value: SortValue, *, down: bool) -> tuple[bool, Any]:
    """Documents without a value come last, in either direction."""
    return (value is None) is not down, 0 if value is None else value


def _is_after(values: Sequence[SortValue], last: Sequence[SortValue], descending: Sequence[bool]) -> bool:
    for value, before, down in zip(values, last, descending, strict=True):
        one, other = _rank(value, down=down), _rank(before, down=down)
        if one != other:
            return (one > other) is not down
    return False
