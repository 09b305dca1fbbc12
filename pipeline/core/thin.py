"""Stage: leave out of a channel's hits what its members do not want, or could not take in time.

Both are said to suspend "each delta". What is left out is counted, and the counts travel with the first
frame of the batch, so that nothing is ever left out in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import orjson

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.core.model import Delta, JsonObject

Hit: TypeAlias = "tuple[Delta, bytes]"
"""A delta, and what ``pack.hit`` made of it."""


@noun
class Thinned:
    """What is sent of a batch's hits.

    Attributes:
        hits: The kept ones, in their order.
        notes: What the first frame says about the others: ``conflated`` and ``sampled``, each with how many
            were ``kept`` ``of`` how many; empty where all were kept.
        conflated: How many were left out for a later one of the same value.
        sampled: How many were left out for want of room.
    """

    hits: Sequence[Hit]
    notes: JsonObject
    conflated: int = 0
    sampled: int = 0


def thin(hits: Sequence[Hit], *, conflate: str, budget: int, since: str) -> Thinned:
    """Keep the latest hit for each value, then the newest that the budget has room for.

    Args:
        hits: Those of one channel and batch.
        conflate: See ``latest``; empty keeps each hit.
        budget: Bytes of encoded hits for one channel and batch.
        since: The cursor before the batch: from there a client can fetch what was left out.
    """
    current = latest(hits, conflate) if conflate else hits
    kept = newest(current, budget)
    notes: JsonObject = {}
    if len(current) < len(hits):
        notes["conflated"] = {"kept": len(current), "of": len(hits)}
    if len(kept) < len(current):
        notes["sampled"] = {"kept": len(kept), "of": len(current), "since": since}
    return Thinned(kept, notes, len(hits) - len(current), len(current) - len(kept))


def latest(hits: Sequence[Hit], key: str) -> Sequence[Hit]:
    """Keep of all hits with an equal value only the one that occurred last, all in their order.

    Of two that occurred at the same time the one stored later counts, then the one that comes later. Hits
    without the attribute have nothing in common, so each of them is kept.

    Args:
        key: An attribute, or ``family``, ``source`` or ``eventType``. Values are equal as JSON is: ``"3"``
            is not 3, and a list is one value.
    """
    best: dict[bytes, int] = {}
    alone = set()
    for place, (delta, _) in enumerate(hits):
        found = _fields(delta, key)
        if key not in found:
            alone.add(place)
            continue
        value = orjson.dumps(found[key], option=orjson.OPT_SORT_KEYS)
        other = best.get(value)
        if other is None or _occurred(hits[other][0]) <= _occurred(delta):
            best[value] = place
    return [hits[place] for place in sorted(alone.union(best.values()))]


def newest(hits: Sequence[Hit], budget: int) -> Sequence[Hit]:
    """Keep the newest, by when they were stored, that have at most so many bytes together; at least one."""
    if sum(len(encoded) for _, encoded in hits) <= budget:
        return hits
    by_age = sorted(range(len(hits)), key=lambda place: (hits[place][0].ingested, place), reverse=True)
    kept: set[int] = set()
    left = budget
    for place in by_age:
        left -= len(hits[place][1])
        if left < 0 and kept:
            break
        kept.add(place)
    return [hits[place] for place in sorted(kept)]


def _occurred(delta: Delta) -> tuple[int, int]:
    return delta.timestamp, delta.ingested


def _fields(delta: Delta, key: str) -> Mapping[str, object]:
    """Where the key is looked up; an attribute never hides what every delta has."""
    common: dict[str, object] = {
        "family": delta.family,
        "source": delta.source,
        "eventType": delta.event_type,
    }
    return common if key in common else delta.attributes
