"""The account of a crowd: what was put, who was told what, and what is wrong with that."""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.soak.plan import LONG, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pytest

    from tests.soak.plan import Seat


@dataclass(frozen=True)
class Figures:
    """What is printed.

    Attributes:
        expected: Hits that all who were not killed should be told, each once.
        delivered: Of those, how many they were.
        missed: How many they were not.
        duplicates: Hits that somebody was told again, after dropping those whose id was known.
        raw_duplicates: Hits that arrived again and were dropped.
        foreign: Hits that somebody was told who had not asked for them, or whose tenant's they are not.
        gaps: How often a client was told that frames were missing, and fetched what they had.
        unmended: How often it was told that they cannot be had any more.
        p50: Milliseconds from putting an event to the client that it reached live, of those left in peace.
    """

    clients: int
    events: int
    expected: int
    delivered: int
    missed: int
    duplicates: int
    raw_duplicates: int
    foreign: int
    gaps: int
    unmended: int
    p50: int | None
    p99: int | None

    def wrong(self) -> dict[str, int]:
        """What must be nothing."""
        return {name: value for name, value in self.fields().items() if name in NOTHING_WRONG}

    def fields(self) -> dict[str, Any]:
        return asdict(self)


NOTHING_WRONG = {"missed": 0, "duplicates": 0, "foreign": 0, "unmended": 0}


class Account:
    """Kept while events flow. Each client is told things by one thread at a time."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self.seats = seats
        self.raw_duplicates = 0
        self._gaps: Counter[bool] = Counter()
        self._put: dict[str, tuple[str, str]] = {}
        self._since: dict[str, float] = {}
        self._told: dict[str, Counter[str]] = {seat.name: Counter() for seat in seats}
        self._waits: list[float] = []

    def put(self, fact: str, tenant: str, topic: str, now: float, *, timed: bool = True) -> None:
        """An event is on its way; ``timed``, where it counts how long it takes."""
        self._put[fact] = (tenant, topic)
        if timed:
            self._since[fact] = now

    def told(self, seat: Seat, facts: Iterable[str], now: float, *, live: bool) -> None:
        """A client was told of events."""
        for fact in facts:
            self._told[seat.name][fact] += 1
            if live and seat.fate is Fate.STEADY and fact in self._since:
                self._waits.append(now - self._since[fact])

    def gap(self, *, mended: bool) -> None:
        """A client was told of a gap."""
        self._gaps[mended] += 1

    def lacking(self) -> int:
        """How many hits somebody still waits for."""
        wanted = self._wanted()
        return sum(
            len(wanted.get((seat.tenant, seat.topic), set()) - self._told[seat.name].keys())
            for seat in self._staying()
        )

    def figures(self) -> Figures:
        wanted = self._wanted()
        expected = sum(len(wanted.get((seat.tenant, seat.topic), ())) for seat in self._staying())
        missed = self.lacking()
        waits = statistics.quantiles(self._waits, n=100) if len(self._waits) > 1 else []
        return Figures(
            clients=len(self.seats),
            events=len(self._put),
            expected=expected,
            delivered=expected - missed,
            missed=missed,
            duplicates=sum(told.total() - len(told) for told in self._told.values()),
            raw_duplicates=self.raw_duplicates,
            foreign=sum(self._foreign(seat) for seat in self.seats),
            gaps=self._gaps[True],
            unmended=self._gaps[False],
            p50=round(waits[49] * 1_000) if waits else None,
            p99=round(waits[98] * 1_000) if waits else None,
        )

    def _staying(self) -> list[Seat]:
        return [seat for seat in self.seats if seat.fate is not Fate.KILLED]

    def _wanted(self) -> dict[tuple[str, str], set[str]]:
        wanted: dict[tuple[str, str], set[str]] = {}
        for fact, channel in list(self._put.items()):
            wanted.setdefault(channel, set()).add(fact)
        return wanted

    def _foreign(self, seat: Seat) -> int:
        return sum(self._put.get(fact) != (seat.tenant, seat.topic) for fact in self._told[seat.name])


def tell(line: Mapping[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Print one line; at the small size only where the test fails."""
    with capsys.disabled() if LONG else nullcontext():
        sys.stdout.write(json.dumps(line) + "\n")
