"""Dead letters: why each lies there, and the groups of those that lie there for one reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

GIVEN_UP = "received-too-often"
"""SQS itself moved it, after ``maxReceiveCount`` receives; it may be stored and not yet announced."""

UNDELIVERED = "undelivered"
"""EventBridge could not put it into the queue, so no function has seen it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

UNSAID = "unsaid"
"""Its body left no room for an attribute, or somebody else put it there."""


@noun
class Letter:
    """A dead letter as it lies in its queue.

    Attributes:
        id: What the dead-letter queue calls it.
        body: The envelope's JSON text, whole.
        receipt: What the queue wants back to drop it or to show it to others again.
        sent: When it was rejected; for one that SQS gave up, when it first reached its queue.
        attributes: What was written on it, by name.
        given_up: Whether SQS moved it here.
    """

    id: str
    body: str
    receipt: str
    sent: int
    attributes: Mapping[str, str]
    given_up: bool = False

    @property
    def reason(self) -> str:
        """The words to group by: ours, or what the attributes show."""
        if self.given_up:
            return GIVEN_UP
        if "reason" in self.attributes:
            return self.attributes["reason"]
        return UNDELIVERED if "ERROR_CODE" in self.attributes else UNSAID

    @property
    def error(self) -> str:
        """A sentence for a person, or OpenSearch's words; empty where nobody said anything."""
        told = [self.attributes.get(name, "") for name in ("error", "ERROR_CODE", "ERROR_MESSAGE")]
        return ": ".join(text for text in told if text)


@noun
class Wanted:
    """Which letters are meant: those of a reason, those of some ids, or all.

    Attributes:
        reason: Only letters of this reason; None for any.
        ids: Only letters of these ids; empty for any.
    """

    reason: str | None = None
    ids: Collection[str] = ()

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        return self.reason in (None, letter.reason) and (not self.ids or letter.id in self.ids)


@noun
class Group:
    """The letters of one reason.

    Attributes:
        oldest: When the first of them was sent.
        newest: When the last was.
        example: The id of the newest.
        error: What is written on that one.
    """

    reason: str
    count: int
    oldest: int
    newest: int
    example: str
    error: str


def group(letters: Iterable[Letter]) -> list[Group]:
    """Count letters by their reason, the most frequent first.

    Keeps none of them, so that any number can be counted.
    """
    groups: dict[str, Group] = {}
    for letter in letters:
        alone = Group(letter.reason, 1, letter.sent, letter.sent, letter.id, letter.error)
        known = groups.get(letter.reason, replace(alone, count=0))
        newer = alone if letter.sent >= known.newest else known
        groups[letter.reason] = replace(newer, count=known.count + 1, oldest=min(known.oldest, letter.sent))
    return sorted(groups.values(), key=lambda each: (-each.count, each.reason))
