"""What ``replay`` and ``backfill`` do with the events of a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.adapters.memory import MemoryDeltaBus, MemoryQueues
from pipeline.cli import lines
from pipeline.cli.lines import Line
from pipeline.core import instant, route
from pipeline.core.arrival import End
from pipeline.core.model import Delivery
from pipeline.core.route import Routes
from pipeline.indexing import Indexed
from pipeline.local.errors import StackError
from pipeline.ports.clock import Clock
from pipeline.ports.queues import Queues

PORTION = 500
"""Events that are stored or sent together."""

TIME_LIMIT = 60_000
"""Milliseconds that a portion is tried for, before its rest has failed."""

ENDS = {End.STORED: "stored", End.ALREADY_THERE: "already_there", End.ANNOUNCED_ONLY: "not_kept"}
"""The ends of the indexing story that are no failures, as they are counted here."""


@dataclass(slots=True)
class Tally:
    """What became of the lines.

    Attributes:
        counts: Lines that did not fail, by how they ended.
        failures: Where a line stands, and what was wrong with it; in order.
    """

    counts: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """How many failed."""
        return len(self.failures)

    def count(self, end: str, number: int) -> None:
        """Add to those that ended so."""
        self.counts[end] = self.counts.get(end, 0) + number


def read(file: Path) -> Iterator[Line]:
    """Read the events of a file, line by line.

    Raises:
        StackError: The file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            yield from lines.read(opened)
    except OSError as error:
        raise StackError(f"{file} cannot be read: {error.strerror}.") from error


def replay(source: Iterator[Line], window: tuple[int, int], queue: Queues, name: str, tally: Tally) -> None:
    """Send the events of a window to the queue, as a replay of this name would bring them.

    Args:
        source: Events; of each its envelope's ``time`` says whether it is meant.
        window: The first and the last moment, in ms since the epoch.
        queue: Of events.
        name: Of the replay.
        tally: Counts ``sent`` and ``outside`` the window.
    """
    tally.counts |= {"sent": 0, "outside": 0}
    while portion := list(islice(source, PORTION)):
        faults = {line.place: line.fault or _misdated(line.envelope) for line in portion}
        meant = [line for line in portion if not faults[line.place] and _inside(line.envelope, window)]
        tally.count("outside", len(portion) - len(meant) - sum(map(bool, faults.values())))
        bodies = [_body(line.envelope, window[1], {"replay-name": name}) for line in meant]
        for line, taken in zip(meant, queue.resend(bodies), strict=True):
            faults[line.place] = "" if taken else "the queue did not take it: try again"
            tally.count("sent", taken)
        _fail(portion, faults, tally)


def backfill(
    source: Iterator[Line],
    index: Callable[..., Indexed],
    clock: Clock,
    routes: Routes,
    tally: Tally,
) -> None:
    """Store events through the indexing story itself, on a bus that nobody hears.

    Args:
        source: Events.
        index: The indexing story with its adapters.
        clock: Says how long a portion may take.
        routes: Say which events need a time of their own.
        tally: Counts ``stored``, ``already_there``, and ``not_kept`` where a route stores nothing.
    """
    tally.counts |= {"stored": 0, "already_there": 0}
    while portion := list(islice(source, PORTION)):
        faults = {line.place: line.fault or _timeless(line.envelope, routes) for line in portion}
        now, letters = clock.now(), MemoryQueues(clock)
        sound = [line for line in portion if not faults[line.place]]
        report = index(
            deliveries=[Delivery(line.place, _body(line.envelope, now)) for line in sound],
            bus=MemoryDeltaBus(),
            queue=letters,
            deadline=now + TIME_LIMIT,
        )
        faults |= _faults(report, letters)
        _fail(portion, faults, tally)
        for end, name in ENDS.items():
            if report.ends[end]:
                tally.count(name, report.ends[end])


def _faults(report: Indexed, letters: MemoryQueues) -> dict[str, str]:
    """Why deliveries were not stored, by their ids."""
    rejected = {letter.delivery.id: f"{letter.reason}: {letter.error}" for letter in letters.letters}
    why = ", ".join(sorted(report.reasons.keys() - {letter.reason for letter in letters.letters}))
    late = f"not stored in time ({why or 'no answer'}): run it again"
    return rejected | dict.fromkeys(report.returned, late)


def _timeless(envelope: Mapping[str, Any], routes: Routes) -> str:
    """What is wrong where nothing says when it happened; the time now would make today of the past."""
    source, kind = envelope.get("source"), envelope.get("detail-type")
    if "time" in envelope or not isinstance(source, str) or not isinstance(kind, str):
        return ""
    if route.find(source, kind, routes).occurred is not None:
        return ""
    return "no time: give the envelope's time, or name `occurred` in its route"


def _fail(portion: Iterable[Line], faults: Mapping[str, str], tally: Tally) -> None:
    tally.failures += [(line.place, faults[line.place]) for line in portion if faults[line.place]]


def _misdated(envelope: Mapping[str, Any]) -> str:
    """What is wrong where nobody can tell whether an event lies in a window."""
    if "time" not in envelope:
        return "no time: a replay goes by the envelope's time"
    try:
        instant.read(envelope["time"])
    except ValueError as error:
        return f"time: {error}"
    return ""


def _inside(envelope: Mapping[str, Any], window: tuple[int, int]) -> bool:
    return window[0] <= instant.read(envelope["time"]) <= window[1]


def _body(envelope: Mapping[str, Any], now: int, more: Mapping[str, str] = MappingProxyType({})) -> str:
    """The envelope's JSON with something more, and with what EventBridge would have added and nobody kept.

    The id is made of the content: equal lines, equal ids.
    """
    content = json.dumps(envelope, sort_keys=True).encode()
    added = {"id": f"content-{sha256(content).hexdigest()}", "time": instant.iso(now)}
    return json.dumps({**added, **envelope, **more})
