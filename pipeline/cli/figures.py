"""What the panel of ``livedex run`` shows, gathered from what happens. No input or output."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.cli.proof import Percentiles, percentiles
from pipeline.core import instant

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW = 10_000
"""Milliseconds over which rates and latencies are taken."""

HITS = 50
"""Last hits that are kept: more than any terminal shows."""

BEATS = 60
"""Seconds of the rate's history."""


COUNTED = {
    "index": ("received", "stored", "already_there", "rejected", "retried", "announced"),
    "broadcast": ("matched", "posted", "gone", "lagged"),
    "fanout": ("posted", "gone", "lagged"),
}
"""Which counts of which function's lines are summed up."""


@dataclass
class Figures:
    """Everything the panel shows.

    Attributes:
        began: When the panel began; all times are in ms since the epoch.
        now: When it was last brought up to date.
        totals: Sums of the functions' counts since then: ``received``, ``stored``, ``matched`` and so on.
        depths: Deliveries in the queues, by hop and kind, such as ``("events", "waiting")``.
        hits: The last hits, newest first.
        status: Where the client stands.
        produced: Events that the sample producer has put; None where there is none.
        remark: The last remark of the client or the producer.
        addresses: What people may want to open, by name.
    """

    began: int
    now: int
    totals: Counter[str] = field(default_factory=Counter)
    depths: dict[tuple[str, str], int] = field(default_factory=dict)
    hits: deque[Mapping[str, Any]] = field(default_factory=lambda: deque(maxlen=HITS))
    status: str = "offline"
    produced: int | None = None
    remark: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    _received: deque[tuple[int, int]] = field(default_factory=deque)
    _posted: deque[tuple[int, int]] = field(default_factory=deque)
    _latencies: deque[tuple[int, int, int]] = field(default_factory=deque)

    def invoked(self, line: str) -> None:
        """Take an invocation's line as the functions write it; what is no such line is passed over."""
        try:
            counts = json.loads(line)
        except ValueError:
            return
        if not isinstance(counts, dict) or not isinstance(counts.get("function"), str):
            return
        function, at = counts["function"], _number(counts, "time") or self.now
        for name in COUNTED.get(function, ()):
            self.totals[name] += _number(counts, name)
        if function == "index":
            self._received.append((at, _number(counts, "received")))
        if function in {"broadcast", "fanout"}:
            self._posted.append((at, _number(counts, "posted")))

    def hit(self, hit: Mapping[str, Any], now: int) -> None:
        """Take a live hit that has just arrived."""
        self.hits.appendleft(hit)
        occurred = instant.read(hit["timestamp"])
        self._latencies.append((now, now - occurred, now - int(hit["ingested"])))

    def snapshot(self, hit: Mapping[str, Any]) -> None:
        """Take a hit of the snapshot; it is old, and says nothing about latency."""
        self.hits.append(hit)

    def tick(self, now: int) -> None:
        """Let time pass: forget what is older than the window, or than the history."""
        self.now = now
        for rates in (self._received, self._posted):
            while rates and rates[0][0] < now - BEATS * 1_000:
                rates.popleft()
        while self._latencies and self._latencies[0][0] < now - WINDOW:
            self._latencies.popleft()

    @property
    def events_per_second(self) -> float:
        """Events that the index function received, over the window."""
        return _rate(self._received, self.now)

    @property
    def frames_per_second(self) -> float:
        """Frames posted, over the window."""
        return _rate(self._posted, self.now)

    @property
    def put_to_client(self) -> Percentiles:
        """From the fact's own time to its arrival here, over the window."""
        return percentiles(put for _, put, _ in self._latencies)

    @property
    def index_to_client(self) -> Percentiles:
        """From ``@ingested`` to its arrival here, over the window."""
        return percentiles(index for _, _, index in self._latencies)

    def beats(self) -> list[int]:
        """Events received in each of the last seconds, oldest first."""
        seconds = Counter({(self.now - at) // 1_000: 0 for at, _ in self._received})
        for at, count in self._received:
            seconds[(self.now - at) // 1_000] += count
        return [seconds[second] for second in range(BEATS - 1, -1, -1)]


def _number(counts: Mapping[str, Any], name: str) -> int:
    count = counts.get(name, 0)
    return count if isinstance(count, int) else 0


def _rate(counts: deque[tuple[int, int]], now: int) -> float:
    return sum(count for at, count in counts if at >= now - WINDOW) / (WINDOW / 1_000)
