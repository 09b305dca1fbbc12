"""Refreshing: one refresh of the index serves everybody in this process who asked before it began."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Condition
from typing import TYPE_CHECKING

from pipeline.core.errors import Unavailable

if TYPE_CHECKING:
    from pipeline.ports.index import DocumentStore


@dataclass(slots=True, repr=False, eq=False)
class _Refreshes:
    """Those of one index expression.

    Attributes:
        begun: How many have begun.
        ended: How many have ended.
        waiting: How many wait for the next.
        failure: Why the last one that ended has failed; None where it has not.
    """

    begun: int = 0
    ended: int = 0
    waiting: int = 0
    failure: Unavailable | None = None
    change: Condition = field(default_factory=Condition)


class Refresher:
    """Kept by the caller between invocations; safe to share between threads."""

    def __init__(self) -> None:
        self._of: defaultdict[str, _Refreshes] = defaultdict(_Refreshes)

    def waiting(self, indices: str) -> int:
        """How many wait for the next refresh."""
        return self._of[indices].waiting

    def refresh(self, store: DocumentStore, indices: str) -> None:
        """Make all that was stored before this call visible to searches.

        One that is under way may have passed a shard already, so this waits for the one after it, which all
        share that came meanwhile; what becomes of that one is the answer to them all.

        Raises:
            Unavailable: Any shard did not refresh.
        """
        of = self._of[indices]
        with of.change:
            mine = of.begun + 1
            of.waiting += 1
            while of.begun > of.ended:
                of.change.wait()
            of.waiting -= 1
            if of.ended >= mine:
                if of.failure:
                    raise Unavailable(of.failure.service, of.failure.text)
                return
            of.begun += 1
        failure: Unavailable | None = Unavailable("opensearch", "the refresh that was shared came to no end")
        try:
            store.refresh(indices)
            failure = None
        except Unavailable as unavailable:
            failure = unavailable
            raise
        finally:
            with of.change:
                of.ended, of.failure = of.begun, failure
                of.change.notify_all()
