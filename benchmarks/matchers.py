"""Ways to find the filters that a delta matches: ours, those it was chosen from, and AWS's own."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from pipeline.core import channel_index, match, pattern
from pipeline.core.condition import AnythingBut, Exact, Numeric, Prefix
from pipeline.core.terms import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline.core.audience import Channel
    from pipeline.core.condition import Condition
    from pipeline.core.model import Delta


class Matcher(Protocol):
    """Filters, and which of them an event matches."""

    def build(self, channels: Sequence[Channel]) -> None:
        """Take in all filters."""

    def event(self, delta: Delta) -> Any:  # noqa: ANN401 - whatever suits the matcher best
        """Give a delta the form that the matcher takes, which is not measured."""

    def matching(self, event: Any) -> Iterable[Any]:  # noqa: ANN401 - the same
        """Find the matching filters."""

    def names(self, found: Iterable[Any]) -> list[str]:
        """The channels' ids of what was found, sorted."""


class Ours:
    """``ChannelIndex``."""

    def build(self, channels: Sequence[Channel]) -> None:
        self.index = channel_index.ChannelIndex()
        for channel in channels:
            self.index.add(channel)

    def event(self, delta: Delta) -> Delta:
        return delta

    def matching(self, event: Delta) -> Iterable[Channel]:
        return self.index.matching(event)

    def names(self, found: Iterable[Channel]) -> list[str]:
        return sorted(channel.id for channel in found)


class Loop:
    """Every filter, parsed once, held against every delta."""

    def build(self, channels: Sequence[Channel]) -> None:
        self.asked = [(channel, pattern.parse(orjson.loads(channel.filter))) for channel in channels]

    def event(self, delta: Delta) -> Delta:
        return delta

    def matching(self, event: Delta) -> Iterable[Channel]:
        found = match.fields(event)
        return [channel for channel, asked in self.asked if match.matches(asked, found)]

    def names(self, found: Iterable[Channel]) -> list[str]:
        return sorted(channel.id for channel in found)


class Bitmaps:
    """Bitmaps as Python's integers: the variant that was not chosen.

    An integer is as long as its highest row, so a value of one filter costs as much as one of all. To add
    or remove a filter is to write all its bitmaps anew.
    """

    def build(self, channels: Sequence[Channel]) -> None:
        self.channels = list(channels)
        self.keys: dict[str, _Key] = {}
        for row, channel in enumerate(self.channels):
            for clause in pattern.parse(orjson.loads(channel.filter)).clauses:
                self.keys.setdefault(clause.key, _Key()).add(row, clause.conditions)
        everybody = (1 << len(self.channels)) - 1
        for key in self.keys.values():
            key.seal(everybody)

    def event(self, delta: Delta) -> Delta:
        return delta

    def matching(self, event: Delta) -> Iterable[Channel]:
        found: Mapping[str, Any] = match.fields(event)
        rows = (1 << len(self.channels)) - 1
        for name, key in self.keys.items():
            rows &= key.content(found[name]) if name in found else key.free
        channels = []
        while rows:
            row = rows.bit_length() - 1
            channels.append(self.channels[row])
            rows ^= 1 << row
        return channels

    def names(self, found: Iterable[Channel]) -> list[str]:
        return sorted(channel.id for channel in found)


class _Key:
    """An attribute's bitmaps; conditions of the kinds that are measured, and single values."""

    def __init__(self) -> None:
        self.rows: dict[Condition, list[int]] = {}
        self.kept: dict[Any, int] = {}

    def add(self, row: int, conditions: Iterable[Condition]) -> None:
        for condition in conditions:
            self.rows.setdefault(condition, []).append(row)

    def seal(self, everybody: int) -> None:
        """Make the bitmaps, each in one go."""
        size = everybody.bit_length() // 8 + 1
        exact: dict[str, list[int]] = {}
        excluded: dict[str, list[int]] = {}
        anything: list[int] = []
        constrained: list[int] = []
        self.prefixes: dict[str, int] = {}
        self.ranges: list[tuple[Numeric, int]] = []
        for condition, rows in self.rows.items():
            constrained += rows
            match condition:
                case Exact(literals):
                    for text in literals:
                        exact.setdefault(text, []).extend(rows)
                case AnythingBut((Exact(literals),)):
                    anything += rows
                    for text in literals:
                        excluded.setdefault(text, []).extend(rows)
                case Prefix(text):
                    self.prefixes[text] = _bits(rows, size)
                case Numeric():
                    self.ranges.append((condition, _bits(rows, size)))
        self.exact = {text: _bits(rows, size) for text, rows in exact.items()}
        self.excluded = {text: _bits(rows, size) for text, rows in excluded.items()}
        self.anything = _bits(anything, size)
        self.free = everybody & ~_bits(constrained, size)
        self.bounds = sorted(
            {b for asked, _ in self.ranges for b in (asked.low, asked.high) if b is not None}
        )
        self.rows = {}

    def content(self, value: Any) -> int:  # noqa: ANN401 - a JSON scalar
        text = literal(value)
        rows = self.free | self.exact.get(text, 0)
        if self.anything:
            rows |= self.anything & ~self.excluded.get(text, 0)
        if self.prefixes and isinstance(value, str):
            for size in range(len(value) + 1):
                rows |= self.prefixes.get(value[:size], 0)
        if self.ranges and isinstance(value, int | float):
            place = bisect_left(self.bounds, value) + bisect_right(self.bounds, value)
            if place not in self.kept:
                self.kept[place] = 0
                for asked, holding in self.ranges:
                    if asked.holds(value):
                        self.kept[place] |= holding
            rows |= self.kept[place]
        return rows


def _bits(rows: Iterable[int], size: int) -> int:
    bits = bytearray(size)
    for row in rows:
        bits[row >> 3] |= 1 << (row & 7)
    return int.from_bytes(bits, "little")


class EventRuler:
    """AWS's own matcher, by its Java API; the event is JSON that has been parsed already.

    Args:
        jars: Its class path.
    """

    MEMORY = "3g"

    def __init__(self, jars: Sequence[str]) -> None:
        import jpype  # noqa: PLC0415 - only where a JVM is wanted

        from pipeline.local import event_ruler  # noqa: PLC0415 - the same

        self.machine = event_ruler.start(jars, self.MEMORY)()
        self.read = jpype.JClass("com.fasterxml.jackson.databind.ObjectMapper")().readTree

    def build(self, channels: Sequence[Channel]) -> None:
        for channel in channels:
            self.machine.addRule(channel.id, channel.filter)

    def event(self, delta: Delta) -> Any:  # noqa: ANN401 - an object of Java's
        return self.read(orjson.dumps(match.fields(delta)).decode())

    def matching(self, event: Any) -> Iterable[Any]:  # noqa: ANN401 - objects of Java's
        found: Iterable[Any] = self.machine.rulesForJSONEvent(event)
        return found

    def names(self, found: Iterable[Any]) -> list[str]:
        return sorted(map(str, found))


def make(name: str) -> Matcher:
    """The matcher of this name; ``event-ruler`` takes its jars from the command line."""
    if name == "event-ruler":
        return EventRuler(sys.argv[4:])
    return _MATCHERS[name]()


_MATCHERS: Mapping[str, Callable[[], Matcher]] = {"ours": Ours, "loop": Loop, "int bitmaps": Bitmaps}
