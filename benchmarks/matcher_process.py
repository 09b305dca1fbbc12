"""One matcher with many filters, built and measured in a process of its own.

Usage: ``python -m benchmarks.matcher_process MATCHER SHAPE COUNT [JAR…]``. First line out: ``{"seconds",
"megabytes", "matches", "fingerprint"}``, of building, and of what is found. Then, for each line in, a line
with the µs of the processor that an event took.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import channels, matchers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.matchers import Matcher

STATUS = Path("/proc/self/status")
"""Where Linux says a process's resident size."""

PAIRS = 20_000_000
"""Of an event and a filter, that the loop gets to do in a turn: about as long as the others take."""

WARM = 10
"""Rounds over the events before the first turn, so that a JVM has compiled what it will."""


def main(name: str, shape: str, count: int) -> None:
    """Build, tell what that took and what matches, then measure as often as asked."""
    wanted, deltas = channels.channels(shape, count), channels.deltas(shape, count)
    matcher = matchers.make(name)
    before, began = _resident(), time.process_time()
    matcher.build(wanted)
    seconds = time.process_time() - began
    events = [matcher.event(delta) for delta in deltas]
    if name == "loop":
        events = events[: max(PAIRS // count // 20, 10)]
    found = [matcher.names(matcher.matching(event)) for event in events[:10]]
    if name != "loop":
        for _ in range(WARM):
            _round(matcher, events)
    _say(
        {
            "seconds": seconds,
            "megabytes": _resident() - before,
            "matches": sum(len(list(matcher.matching(event))) for event in events) / len(events),
            "fingerprint": hashlib.sha256(json.dumps(found).encode()).hexdigest(),
        }
    )
    for _ in sys.stdin:
        _say(_round(matcher, events))


def _round(matcher: Matcher, events: Sequence[Any]) -> float:
    """µs an event, of this thread alone: a JVM's others are not held against it."""
    began = time.thread_time()
    for event in events:
        matcher.matching(event)
    return (time.thread_time() - began) * 1_000_000 / len(events)


def _resident() -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", STATUS.read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
