"""Stage: say of a filter what the index keeps of what it finds, and so how far back a cursor may reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.instant import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.model import Route
    from pipeline.core.pattern import Clause, Pattern

EARLY = 2
"""Days by which an index may be deleted before its retention seems to end: its age counts from its creation,
which may be a day before its date, and a document may come at the first moment of that date's day."""

EXPECTED_LATENESS = 2
"""Days by which events are late, where a route does not say ``lateness-days``.

Such a route takes events until their index is about to be deleted. What comes that late is kept for hours:
were cursors to end as soon as it does, there would be no resume at all.
"""

LEAST = 1
"""Days that every cursor is valid: nobody shall be told of a gap after a short absence."""


def valid_for(asked: Pattern, routes: Iterable[Route]) -> int:
    """Give the milliseconds that a cursor of a filter is valid.

    That is the shortest retention of all routes whose events the filter can find, less their allowed
    lateness, less ``EARLY``: what was stored since the cursor is then still there.

    Args:
        asked: The filter.
        routes: All there are.
    """
    days = [_days(route) for route in routes if route.index and can_meet(asked, route)]
    return min(days, default=LEAST) * DAY


def unkept(asked: Pattern, routes: Iterable[Route]) -> bool:
    """Tell whether a filter can find events that are announced and not stored."""
    return any(not route.index and can_meet(asked, route) for route in routes)


def can_meet(asked: Pattern, route: Route) -> bool:
    """Tell whether an event of a route can meet a filter, by what the route says of all its events."""
    return all(_can_meet(clause, route) for clause in asked.clauses) and all(
        any(can_meet(alternative, route) for alternative in group) for group in asked.alternatives
    )


def _can_meet(clause: Clause, route: Route) -> bool:
    if clause.key == "family":
        return clause.met([route.family])
    if clause.key == "source":
        return route.source.endswith("*") or clause.met([route.source])
    if clause.key == "eventType":
        return not route.detail_types or any(clause.met([each]) for each in route.detail_types)
    return clause.key in dict(route.attributes) or clause.met([])


def _days(route: Route) -> int:
    lateness = EXPECTED_LATENESS if route.lateness_days is None else route.lateness_days
    return max(LEAST, route.retention_days - lateness - EARLY)
