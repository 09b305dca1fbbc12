"""A filter as the EventBridge pattern of a rule on the deltas bus, and as people read it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import entries, pattern
from pipeline.core.condition import (
    AnythingBut,
    Cidr,
    EqualsIgnoreCase,
    Exists,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
)
from pipeline.core.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.condition import Condition
    from pipeline.core.model import JsonObject
    from pipeline.core.pattern import Clause

MAX_PATTERN = 2_048
"""Characters of a rule's pattern, by default.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
"""

MAX_NUMBER = 5_000_000_000
"""The numbers that EventBridge promises to compare lie between this and its negative.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

_OF_A_DELTA = {"source", "eventType"}


def rule(asked: Pattern, tenant: str) -> JsonObject:
    """Write the pattern of a rule that gets every entry in which a delta of a tenant meets a filter.

    An entry carries several deltas, and a rule takes it whole or not at all. EventBridge holds all that a
    pattern says of ``deltas`` against one of them, but "it does not exist" against all of them together:
    so that is left out.
    """
    return {
        "source": [entries.SOURCE],
        "detail-type": [entries.DETAIL_TYPE],
        "detail": {"tenant": [tenant], **_inside(asked)},
    }


def _inside(asked: Pattern) -> JsonObject:
    detail: JsonObject = {}
    for clause in asked.clauses:
        place = detail
        if clause.key != "family":
            if _may_be_missing(clause):
                continue
            place = detail.setdefault("deltas", {})
            if clause.key not in _OF_A_DELTA:
                place = place.setdefault("attributes", {})
        place[clause.key] = [*_items(clause)]
    for group in asked.alternatives:
        inner = [_inside(alternative) for alternative in group]
        if all(inner):
            detail["$or"] = inner  # last: where it names an attribute again, EventBridge keeps this one
    return detail


def _may_be_missing(clause: Clause) -> bool:
    return any(isinstance(condition, Exists) and not condition.wanted for condition in clause.conditions)


def _items(clause: Clause) -> Iterator[Any]:
    """Write the conditions; EventBridge takes an exact address for a network of one, and no such network."""
    for item in orjson.loads(pattern.canonical(Pattern((clause,))))[clause.key]:
        network = item.get("cidr", "") if isinstance(item, dict) else ""
        alone = network.endswith("/128") or (network.endswith("/32") and ":" not in network)
        yield network.partition("/")[0] if alone else item


def rule_notes(asked: Pattern, written: JsonObject) -> Iterator[str]:
    """Say where the rule gets more, or is refused."""
    yield "an entry carries several deltas: the rule gets each entry in which one matches, with its others"
    if any(map(_may_be_missing, _clauses(asked))):
        yield '{"exists":false} on an attribute is left out: EventBridge wants it of all deltas of an entry'
    if any(_is_large(condition) for clause in _clauses(asked) for condition in clause.conditions):
        yield f"EventBridge promises numbers from -{MAX_NUMBER} to {MAX_NUMBER} only, with 15 digits"
    if (length := len(orjson.dumps(written).decode())) > MAX_PATTERN:
        yield f"it has {length} characters, and a rule takes {MAX_PATTERN} unless the quota is raised"


def search_notes(asked: Pattern, ranged: frozenset[str]) -> Iterator[str]:
    """Say where the query finds more than the filter takes."""
    for clause in _clauses(asked):
        for condition in clause.conditions:
            if why := _wider(condition, typed=clause.key in ranged):
                yield f"{clause.key}: {why}"


def _clauses(asked: Pattern) -> Iterator[Clause]:
    yield from asked.clauses
    for group in asked.alternatives:
        for alternative in group:
            yield from _clauses(alternative)


_CUT = "texts that were cut at 8,000 bytes are found too"


def _wider(condition: Condition, *, typed: bool) -> str:  # noqa: PLR0911 - a line for each kind
    match condition:
        case Numeric() if typed:
            return (
                "the range is widened to whole numbers, since mappings round; what they refuse is found too"
            )
        case Numeric():
            return "no template maps it as a number, so every value is found"
        case Cidr():
            return "every text is found, since the index has no addresses"
        case Suffix():
            return _CUT
        case Wildcard(parts=(_, *rest)) if any(rest):
            return f"{_CUT}; of a long one only a part is asked for"
        case EqualsIgnoreCase(text) | Prefix(text, folded=True) if not text.isascii():
            return "OpenSearch folds the case of ASCII alone, so other characters stand for any text"
        case AnythingBut(excluded) if any(not isinstance(each, Prefix) for each in excluded):
            return "texts are excluded by what they begin with; of other exclusions every value is found"
    return ""


def _is_large(condition: Condition) -> bool:
    if not isinstance(condition, Numeric):
        return False
    return any(bound is not None and abs(bound) > MAX_NUMBER for bound in (condition.low, condition.high))
