"""Which of very many filters an event matches: our index beside a loop, a rejected variant and AWS's matcher.

Each has a process of its own with the same filters and events (``channels``), and must find the same. They
take turns, and say what their thread used of the processor, so that a busy machine meets all of them. What
they are told is parsed beforehand: ours a delta, AWS's a tree of JSON.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import IO, TYPE_CHECKING

from benchmarks import channels
from benchmarks.figure import Figure
from pipeline.core.channel_index import ChannelIndex
from pipeline.local import event_ruler
from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SIZES = (1_000, 10_000, 100_000)

TURNS = 5

BASE, EACH = 20.0, 1.2
"""µs of the bar: for an event, and for each match."""

CHANGES = 50
"""Filters that are taken out of the largest index and put back."""

LOOP_UP_TO = 10_000
"""Filters that a loop is asked to hold against every event; with more it is only slower."""


@dataclass(frozen=True, slots=True)
class _Running:
    """A matcher's process, built.

    Attributes:
        answer: What it said of building and of what it found.
    """

    process: subprocess.Popen[str]
    answer: Mapping[str, float]

    def turn(self) -> float:
        """µs an event."""
        _lines(self.process.stdin).write("\n")
        _lines(self.process.stdin).flush()
        return float(_lines(self.process.stdout).readline())


def figures() -> Iterator[Figure]:
    """Per shape and size: µs an event, seconds and megabytes of building; then what a change costs."""
    jars = _jars()
    for shape in ("few", "many"):
        for count in SIZES:
            yield from _at(shape, count, jars)
    yield from _changes()


def _jars() -> Sequence[str]:
    try:
        return [str(jar) for jar in event_ruler.classpath()]
    except StackError as error:
        sys.stderr.write(f"AWS's event-ruler is out of reach, so we are not measured beside it: {error}\n")
        return []


def _at(shape: str, count: int, jars: Sequence[str]) -> Iterator[Figure]:
    rivals = ["event-ruler"] if jars else []
    rivals += ["int bitmaps"] + (["loop"] if count <= LOOP_UP_TO else [])
    with ExitStack() as running:
        matchers = {
            name: running.enter_context(_running(name, shape, count, jars)) for name in ("ours", *rivals)
        }
        _agree(matchers)
        costs: dict[str, list[float]] = {name: [] for name in matchers}
        for _ in range(TURNS):
            for name, matcher in matchers.items():
                costs[name].append(matcher.turn())
    medians = {name: median(found) for name, found in costs.items()}
    ours, matches = medians.pop("ours"), matchers["ours"].answer["matches"]
    named = f"{count:,} channels, {shape} values a key"
    allowed = BASE + EACH * matches
    first = medians.get("event-ruler")
    yield Figure(
        f"matching: one delta, {named}, {matches:.3g} matches",
        ours,
        "us",
        medians,
        None if first is None else first / ours,
        f"ahead of event-ruler, at most {allowed:.3g} us",
        ours <= allowed and (first is None or ours < first),
    )
    for what, unit in (("seconds", "s"), ("megabytes", "MB")):
        values = {name: matcher.answer[what] for name, matcher in matchers.items()}
        yield Figure(f"matching: build, {named}", values.pop("ours"), unit, values)


@contextmanager
def _running(name: str, shape: str, count: int, jars: Sequence[str]) -> Iterator[_Running]:
    command = [sys.executable, "-m", "benchmarks.matcher_process", name, shape, str(count)]
    if name == "event-ruler":
        command += jars
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield _Running(process, json.loads(_lines(process.stdout).readline()))
        _lines(process.stdin).close()


def _lines(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _agree(matchers: Mapping[str, _Running]) -> None:
    """Hold that all find the same, or nothing is worth comparing."""
    found = {name: matcher.answer["fingerprint"] for name, matcher in matchers.items()}
    if len(set(found.values())) > 1:
        raise RuntimeError(f"the matchers disagree: {found}")


def _changes() -> Iterator[Figure]:
    """One channel comes or goes at the largest size; and the delta after it, when nothing is remembered."""
    wanted, deltas = channels.channels("few", SIZES[-1]), channels.deltas("few", SIZES[-1])
    index = ChannelIndex()
    for channel in wanted:
        index.add(channel)
    index.matching(deltas[0])
    gc.collect()
    costs: dict[str, list[float]] = {"remove": [], "add": [], "the delta after a change": []}
    for channel, delta in zip(wanted[:CHANGES], deltas, strict=False):
        costs["remove"].append(_microseconds(partial(index.remove, channel.id)))
        costs["the delta after a change"].append(_microseconds(partial(index.matching, delta)))
        costs["add"].append(_microseconds(partial(index.add, channel)))
    for name, found in costs.items():
        yield Figure(f"matching: {name}, {SIZES[-1]:,} channels", median(found), "us")


def _microseconds(act: Callable[[], object]) -> float:
    began = time.process_time_ns()
    act()
    return (time.process_time_ns() - began) / 1_000
