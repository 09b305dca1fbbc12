"""The story of retiring: indices whose date is past their family's retention -> deleted.

Only indices of our families go, with a well-formed date in the name and the fields that only ours have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.core.errors import Unavailable
from pipeline.core.indices import is_ours
from pipeline.core.retire import expired

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.model import Route
    from pipeline.core.retire import Expired
    from pipeline.ports.clock import Clock
    from pipeline.ports.index import Cluster


@dataclass(frozen=True, slots=True)
class Retired:
    """What became of indices that are past their time.

    Attributes:
        expired: All of them, the oldest first.
        deleted: Those that are deleted now; none in a dry run.
        failed: Those that could not be deleted, with the reason; the next run tries again.
    """

    expired: tuple[Expired, ...]
    deleted: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    def counts(self) -> dict[str, int]:
        """The figures of the invocation's line."""
        return {"expired": len(self.expired), "deleted": len(self.deleted), "failed": len(self.failed)}


def retire(routes: Iterable[Route], *, cluster: Cluster, clock: Clock, dry_run: bool) -> Retired:
    """Delete what is past its time, or only say what that is.

    Raises:
        Unavailable: The cluster does not say which indices it has.
    """
    retentions = {route.family: route.retention_days for route in routes}
    found = cluster.fields([f"{family}-*" for family in sorted(retentions)])
    ours = [index for index, fields in found.items() if is_ours(index, fields)]
    past = expired(ours, retentions, clock.now())
    if dry_run:
        return Retired(past)
    deleted: list[str] = []
    failed: list[tuple[str, str]] = []
    for each in past:
        try:
            if cluster.delete_index(each.index):
                deleted.append(each.index)
        except Unavailable as trouble:
            failed.append((each.index, trouble.text))
    return Retired(past, tuple(deleted), tuple(failed))
