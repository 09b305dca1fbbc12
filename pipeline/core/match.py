"""Stage: decide which channels a delta belongs to. What is decided here is final.

The meaning of every condition is AWS's own matcher's, event-ruler, with values compared by type
and value: ``"3"`` is not 3, a missing attribute is not null, an array matches if any element does.
https://github.com/aws/event-ruler
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import pattern
from pipeline.core.pattern import Clause, Exact, Numeric, Pattern, Prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.core.audience import Channel
    from pipeline.core.model import Delta


def fields(delta: Delta) -> dict[str, Any]:
    """Give what a filter may name in a delta: its attributes, and ``family``, ``source``, ``eventType``."""
    return {
        **delta.attributes,
        "family": delta.family,
        "source": delta.source,
        "eventType": delta.event_type,
    }


def matches(asked: Pattern, found: Mapping[str, Any]) -> bool:
    """Tell whether a delta's fields meet every clause of a filter."""
    return all(clause.key in found and _meets(clause, found[clause.key]) for clause in asked.clauses)


def _meets(clause: Clause, value: object) -> bool:
    return any(
        _holds(condition, scalar) for scalar in pattern.scalars(value) for condition in clause.conditions
    )


def _holds(condition: pattern.Condition, value: pattern.Scalar) -> bool:
    match condition:
        case Exact(literals):
            return pattern.literal(value) in literals
        case Prefix(text):
            return isinstance(value, str) and value.startswith(text)
        case Numeric():  # pragma: no branch - mypy knows of no other kind
            return (
                isinstance(value, int | float) and not isinstance(value, bool) and _within(condition, value)
            )


def _within(bounds: Numeric, value: pattern.Number) -> bool:
    low, high = bounds.low, bounds.high
    over = low is None or (value > low if bounds.above else value >= low)
    under = high is None or (value < high if bounds.below else value <= high)
    return over and under


class ChannelIndex:
    """One tenant's channels, arranged so that a delta is held against few of them.

    A channel with an exact clause waits under that clause's values, and only a delta that has one of
    them meets it; the others meet every delta.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, tuple[Channel, Pattern]]] = {}
        self._places: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, channel: Channel) -> None:
        """Take a channel in; one that is there already stays as it is."""
        asked = pattern.parse(orjson.loads(channel.filter))
        self._places[channel.id] = _places(asked)
        for place in self._places[channel.id]:
            self._waiting.setdefault(place, {})[channel.id] = (channel, asked)

    def remove(self, channel: Channel) -> None:
        """Let a channel go; one that is not there is no error."""
        for place in self._places.pop(channel.id, ()):
            del self._waiting[place][channel.id]
            if not self._waiting[place]:
                del self._waiting[place]

    def matching(self, delta: Delta) -> list[Channel]:
        """Give the channels that a delta belongs to, each once, in the order of their ids.

        A channel of another tenant never matches, nor does any match a delta without a tenant.
        """
        found = fields(delta)
        met = {
            channel.id: channel
            for place in _visited(found)
            for channel, asked in self._waiting.get(place, {}).values()
            if channel.tenant == delta.tenant and matches(asked, found)
        }
        return [met[channel_id] for channel_id in sorted(met)]


_EVERYWHERE = ""  # a place that no token can have: tokens contain "="


def _places(asked: Pattern) -> tuple[str, ...]:
    exact = [tokens for clause in asked.clauses if (tokens := _exact_tokens(clause))]
    return min(exact, key=len, default=(_EVERYWHERE,))


def _exact_tokens(clause: Clause) -> tuple[str, ...]:
    match clause.conditions:
        case (Exact(literals),):
            return tuple(f"{clause.key}={literal}" for literal in sorted(literals))
    return ()


def _visited(found: Mapping[str, Any]) -> Iterator[str]:
    yield _EVERYWHERE
    for key, value in found.items():
        for scalar in pattern.scalars(value):
            yield f"{key}={pattern.literal(scalar)}"
