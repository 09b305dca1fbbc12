"""Stage: decide whether a delta belongs to a channel. What is decided here is final.

The meaning of every condition is AWS's own matcher's, event-ruler, with values compared by type
and value: ``"3"`` is not 3, a missing attribute is not null, an array matches if any element does.
https://github.com/aws/event-ruler
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.terms import scalars

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.core.model import Delta
    from pipeline.core.pattern import Pattern


def fields(delta: Delta) -> dict[str, Any]:
    """Give what a filter may name in a delta: its attributes, and ``family``, ``source``, ``eventType``."""
    return {
        **delta.attributes,
        "family": delta.family,
        "source": delta.source,
        "eventType": delta.event_type,
    }


def matches(asked: Pattern, found: Mapping[str, Any]) -> bool:
    """Tell whether a delta's fields meet every clause of a filter, and one of each group of alternatives."""
    return all(clause.met([*scalars(found.get(clause.key, []))]) for clause in asked.clauses) and all(
        any(matches(alternative, found) for alternative in group) for group in asked.alternatives
    )
