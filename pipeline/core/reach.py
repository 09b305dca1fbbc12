"""Stage: say which times of ``@ingested`` a resume reads: all from a horizon on, and the ledger's minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.audience import Late

MAX_SPANS = 200
"""Spans of one query; those with the least between them are read as one, which finds more and never less.

OpenSearch takes 1,024 clauses in a query, and the filter's own are among them.
https://docs.opensearch.org/latest/install-and-configure/configuring-opensearch/search-settings/
(``indices.query.bool.max_clause_count``)
"""


@noun
class Reach:
    """Times of ``@ingested``, in milliseconds since the epoch.

    Attributes:
        start: From here on everything is read.
        spans: What is read before it: from each first time up to before the second; apart, and in order.
    """

    start: int
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def lowest(self) -> int:
        """The first time that is read."""
        return self.spans[0][0] if self.spans else self.start

    def has(self, ingested: int) -> bool:
        """Tell whether what was ingested at a time is read."""
        return ingested >= self.start or any(first <= ingested < end for first, end in self.spans)


def reach(start: int, late: Sequence[Late]) -> Reach:
    """Join what lies behind a cursor's horizon with what the late ledger names.

    Args:
        start: The horizon: everything from here on is read.
        late: Rows of the ledger. What an open one names is still being announced, so nobody knows yet how
            far it goes: everything from its time on is read.
    """
    still = [row.ingested_from for row in late if row.ingested_to is None]
    minutes = [(row.ingested_from, row.ingested_to) for row in late if row.ingested_to is not None]
    return _joined(min([start, *still]), minutes)


def both(one: Reach, other: Reach) -> Reach:
    """Read what either reads."""
    return _joined(min(one.start, other.start), [*one.spans, *other.spans])


def onwards(whole: Reach, position: int) -> Reach:
    """Leave out what lies before a position."""
    left = [(max(first, position), end) for first, end in whole.spans if end > position]
    return Reach(max(whole.start, position), tuple(left))


def _joined(start: int, spans: Sequence[tuple[int, int]]) -> Reach:
    apart: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if apart and first <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((first, end))
    start = min([start, *(first for first, end in apart if end >= start)])
    return Reach(start, _fewer([span for span in apart if span[0] < start]))


def _fewer(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Close the narrowest gaps until there are few enough."""
    gaps = sorted(range(1, len(spans)), key=lambda place: spans[place][0] - spans[place - 1][1])
    closed = set(gaps[: max(0, len(spans) - MAX_SPANS)])
    found: list[tuple[int, int]] = []
    for place, span in enumerate(spans):
        if place in closed:
            found[-1] = (found[-1][0], span[1])
        else:
            found.append(span)
    return tuple(found)
