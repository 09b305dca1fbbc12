"""Which columns of a sample look like an identity, a time, a tenant, a message, an attribute.

Nothing here is certain: names are held against what people usually call such things, and values against
what such things must be.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.core import table
from pipeline.core.columns import Column, columns
from pipeline.core.terms import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.core.model import Event

MOST_ATTRIBUTES, MOST_EXCERPTS = 20, 5
"""In a proposal; whoever wants more adds a line."""

MOST_VALUES, LONGEST_VALUE = 50, 100
"""Different texts, and characters of each, that people still pick from in a filter."""

MOST_TRIED = 10
"""Keys of each kind that are tried together, since every pair costs a look at the whole sample."""

KINDS = frozenset({"text", "number", "boolean"})
"""What attributes are proposed to be. A time is filtered by ``@timestamp``."""

_IDS = frozenset({"id", "uuid", "guid", "key", "ref", "reference", "arn", "no"})
_OF_THE_CALL = frozenset(
    {"trace", "span", "request", "correlation", "causation", "session", "message", "batch"}
)
_STEPS = frozenset(
    {"attempt", "try", "version", "revision", "sequence", "seq", "number", "index", "step"}
    | {"status", "state", "type", "action", "operation", "phase"}
)
_TENANTS = ("tenant", "organization", "organisation", "org", "workspace", "merchant", "company", "account")
_OCCURRED = frozenset({"occurred", "occurrence", "happened"})
_OF_THE_SENDING = frozenset(
    {"sent", "received", "published", "processed", "updated", "modified", "ingested", "delivered"}
    | {"expires", "expiry", "expiration", "due", "until", "scheduled", "valid", "end", "ends"}
)
_MESSAGES = ("summary", "message", "msg", "title", "description", "text", "reason")


def identities(events: Sequence[Event]) -> list[tuple[str, ...]]:
    """Find the paths whose values are in every event and tell all of them apart, the likeliest first.

    One path alone; or two, of which one names a thing and the other counts or says what was done to it
    (``paymentId`` and ``attempt``). What names a call rather than a fact (``requestId``) comes last, since
    a call that is made again has another.
    """
    kinds = [(event.source, event.detail_type) for event in events]
    found = [
        column
        for column in columns([event.detail for event in events]).values()
        if len(column.values) == len(events) and all(map(_identifies, column.values.values()))
    ]
    by_path = {column.path: column for column in found}
    names = sorted(
        (column for column in found if _is_name(column)),
        key=lambda column: (column.words[0] != "event", column.depth, len(column.words), column.path),
    )
    facts = [column.path for column in names if _OF_THE_CALL.isdisjoint(column.words)]
    calls = [column.path for column in names if column.path not in facts]
    seconds = [*(column.path for column in found if not _STEPS.isdisjoint(column.words)), *facts]
    alone = [(path,) for path in facts if _unique((path,), by_path, kinds)]
    open_ = [path for path in facts if (path,) not in alone]
    pairs = [
        (first, second)
        for first in open_[:MOST_TRIED]
        for second in list(dict.fromkeys(seconds))[:MOST_TRIED]
        if first != second and (second,) not in alone and _unique((first, second), by_path, kinds)
    ]
    return [*alone, *pairs, *((path,) for path in calls if _unique((path,), by_path, kinds))]


def _identifies(value: object) -> bool:
    return (isinstance(value, str) and value != "") or (
        isinstance(value, int) and not isinstance(value, bool)
    )


def _is_name(column: Column) -> bool:
    return bool(column.words) and column.words[-1] in _IDS and column.kind != "time"


def _unique(paths: tuple[str, ...], found: Mapping[str, Column], kinds: Sequence[tuple[str, str]]) -> bool:
    seen = {
        (kind, *(literal(found[path].values[number]) for path in paths)) for number, kind in enumerate(kinds)
    }
    return len(seen) == len(kinds)


def times(found: Iterable[Column], count: int) -> list[str]:
    """Find the times that all events have, the likeliest first; none of sending, which a re-send changes."""
    candidates = [
        column
        for column in found
        if column.kind == "time"
        and len(column.scalars) == len(column.values) == count
        and not any(isinstance(value, list) for value in column.values.values())
        and _OF_THE_SENDING.isdisjoint(column.words)
    ]
    candidates.sort(key=lambda column: (_OCCURRED.isdisjoint(column.words), column.depth, len(column.words)))
    return [column.path for column in candidates]


def tenant(found: Iterable[Column]) -> str | None:
    """Find the path of the tenant, by its name."""
    named = [
        (_TENANTS.index(column.words[0]), column.depth, column.path)
        for column in found
        if column.words
        and column.words[0] in _TENANTS
        and column.words[1:] in ((), ("id",), ("name",), ("key",))
        and all(map(_identifies, column.values.values()))
    ]
    return min(named)[2] if named else None


def message(found: Iterable[Column], attributes: Mapping[str, tuple[str, str]]) -> str | None:
    """Find the line that people read, or make one of the first attributes."""
    named = [
        (_MESSAGES.index(column.words[-1]), column.depth, column.path)
        for column in found
        if column.kind == "text" and column.words and column.words[-1] in _MESSAGES and _is_plain(column.path)
    ]
    if named:
        return min(named)[2]
    texts = [path for path, kind in attributes.values() if kind == "text" and _is_plain(path)]
    return " ".join(f"{{{path}}}" for path in texts[:3]) or None


def _is_plain(path: str) -> bool:
    return "{" not in path and "}" not in path


def excerpts(found: Iterable[Column], taken: Iterable[str]) -> list[str]:
    """Find what a hit may carry beside its attributes: the names of things."""
    names = (column.path for column in found if _is_name(column))
    return [path for path in names if path not in set(taken)][:MOST_EXCERPTS]


def attributes(found: Mapping[str, Column], count: int) -> dict[str, tuple[str, str]]:
    """Name the columns that people filter on: name to path and kind."""
    chosen: dict[str, tuple[str, str]] = {}
    whose = tenant(found.values())
    for column in found.values():
        kind = column.kind
        if kind is None or column.path == whose or not _is_filtered_on(column, kind, count):
            continue
        if name := _free_name(column.path, chosen):
            chosen[name] = (column.path, kind)
        if len(chosen) == MOST_ATTRIBUTES:
            break
    return chosen


def _is_filtered_on(column: Column, kind: str, count: int) -> bool:
    if kind not in KINDS or _is_name(column) or (column.words and column.words[-1] in _MESSAGES):
        return False
    if kind != "text":
        return True
    few = column.distinct <= min(MOST_VALUES, max(2, count // 3))
    return few and all(len(str(value)) <= LONGEST_VALUE for value in column.scalars)


def _free_name(path: str, taken: Mapping[str, object]) -> str | None:
    """The last key, or with it those before it, that no other attribute and no common field has.

    A word alone says little below the top (``host.name``), so it is never taken alone.
    """
    steps = path.split(".")
    alone = 1 if len(steps) == 1 or not steps[-1].islower() else 2
    for count in range(alone, len(steps) + 1):
        name = re.sub(r"\W+", "_", "_".join(steps[-count:]), flags=re.ASCII).strip("_")
        try:
            if table.attribute_name(name) not in taken:
                return name
        except ValueError:
            continue
    return None
