"""Stage: names of indices, and what the time is -> those whose date is past their family's retention.

ISM counts an index's age from its creation, so that one which was made again by old events is kept as
long as a new one; and some clusters have no ISM. The date in the name tells the age of what is inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.indices import parse
from pipeline.core.instant import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Expired:
    """An index that is past its time.

    Attributes:
        age: Whole days since the beginning of its own day, UTC.
        retention: Days after which it was to go.
    """

    index: str
    family: str
    age: int
    retention: int


def expired(indices: Iterable[str], retentions: Mapping[str, int], now: int) -> tuple[Expired, ...]:
    """Choose what is to be deleted, the oldest first.

    Args:
        indices: Names, of whatever the cluster has.
        retentions: For each family of ours its retention in days; no other family's index is chosen.
        now: Milliseconds since the epoch.

    Returns:
        Indices named ``{family}-{YYYY.MM.DD}`` whose day began at least the retention ago. An index that
        a policy deletes on time is not among them for longer than a day.
    """
    today = now // DAY
    found = []
    for index in indices:
        named = parse(index)
        if named and named[0] in retentions:
            family, day = named
            if today - day >= retentions[family]:
                found.append(Expired(index, family, today - day, retentions[family]))
    return tuple(sorted(found, key=lambda each: (-each.age, each.index)))
