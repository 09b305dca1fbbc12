"""Which requests break, and how: the chances, the dice, and a bulk of which some items are refused. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

OVERLOADED: dict[str, str] = {
    "type": "rejected_execution_exception",
    "reason": "rejected execution of coordinating operation: the proxy that breaks things was asked to",
}
"""What OpenSearch says of an item, and of a request, when its queues are full.

https://docs.opensearch.org/latest/tuning-your-cluster/availability-and-recovery/shard-indexing-backpressure/
"""


class Fate(Enum):
    """What a request meets."""

    ORDINARY = "ordinary"
    BUSY = "busy"
    """Answered 429, and not sent on."""
    UNAVAILABLE = "unavailable"
    """Answered 503, and not sent on."""
    TIMEOUT = "timeout"
    """Carried out, and never answered."""
    CUT = "cut"
    """Carried out, and its answer cut in the middle."""
    TOO_LARGE = "too_large"
    """Answered 413, and not sent on."""


STATUSES = {Fate.BUSY: 429, Fate.UNAVAILABLE: 503, Fate.TOO_LARGE: 413}
"""The answer to what is not sent on."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How much breaks. Chances are shares, 0 to 1.

    Attributes:
        item_429: That an item of a bulk is answered 429 and not sent on.
        busy: That a whole request is answered 429.
        unavailable: That a whole request is answered 503.
        timeout: That a request is carried out and never answered.
        cut: That a request is carried out and its answer cut in the middle.
        latency: Milliseconds that a request waits at most before anything else.
        largest: Bytes of the largest body that is taken; None for any.
    """

    item_429: float = 0
    busy: float = 0
    unavailable: float = 0
    timeout: float = 0
    cut: float = 0
    latency: float = 0
    largest: int | None = None

    def __post_init__(self) -> None:
        whole = self.whole.values()
        if not 0 <= self.item_429 <= 1 or min(whole) < 0 or sum(whole) > 1 or self.latency < 0:
            raise StackError(
                "Chances are shares from 0 to 1, those of whole requests together at most 1, and no latency "
                f"is negative; these are {self}."
            )

    @property
    def whole(self) -> dict[Fate, float]:
        """The chance of each fate of a whole request."""
        return {
            Fate.BUSY: self.busy,
            Fate.UNAVAILABLE: self.unavailable,
            Fate.TIMEOUT: self.timeout,
            Fate.CUT: self.cut,
        }

    def fate(self, size: int, dice: Random) -> Fate:
        """Say what a request with a body of this many bytes meets."""
        if self.largest is not None and size > self.largest:
            return Fate.TOO_LARGE
        thrown = dice.random()
        for fate, chance in self.whole.items():
            if thrown < chance:
                return fate
            thrown -= chance
        return Fate.ORDINARY


@dataclass(frozen=True, slots=True)
class Parted:
    """A bulk of which some items are refused.

    Attributes:
        sent_on: The NDJSON of the others.
        refused: For each item, in order, its answer where it is refused.
    """

    sent_on: bytes
    refused: tuple[dict[str, Any] | None, ...]

    def joined(self, answer: bytes) -> bytes:
        """Put the refusals between the items of the answer to what was sent on, where they belong."""
        told = orjson.loads(answer)
        answered = iter(told.get("items", ()))
        told["items"] = [refusal or next(answered, {}) for refusal in self.refused]
        told["errors"] = True
        return orjson.dumps(told)


def part(body: bytes, chance: float, dice: Random) -> Parted:
    """Refuse each item of a bulk with this chance."""
    sent_on: list[bytes] = []
    refused: list[dict[str, Any] | None] = []
    for action, lines in _items(body):
        if dice.random() < chance:
            ((operation, target),) = action.items()
            refused.append({operation: {**target, "status": 429, "error": OVERLOADED}})
        else:
            refused.append(None)
            sent_on += lines
    return Parted(b"".join(line + b"\n" for line in sent_on), tuple(refused))


def _items(body: bytes) -> Iterator[tuple[dict[str, dict[str, Any]], list[bytes]]]:
    """Each item's action, and the lines that it has: every operation but ``delete`` has a second one."""
    lines = iter(body.splitlines())
    for line in lines:
        action: dict[str, dict[str, Any]] = orjson.loads(line)
        yield action, [line] if "delete" in action else [line, next(lines, b"")]
