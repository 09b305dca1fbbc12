"""What a filter may ask of one value: a kind for each operator of EventBridge's event patterns.

Each is held against the scalars of an attribute one by one (``holds``); ``met`` says whether an
attribute as a whole has what is asked. The meaning is that of AWS's own matcher,
https://github.com/aws/event-ruler, and of the page
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html;
where the two are wrong about each other, or the matcher about itself, docs/filters.md says so.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from pipeline.core.address import address
from pipeline.core.noun import noun
from pipeline.core.terms import is_number, literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from ipaddress import IPv4Network, IPv6Network

    from pipeline.core.terms import Number, Scalar


_LONGEST_CASE = 3
"""Characters that one becomes in another case at most.

https://www.unicode.org/Public/UCD/latest/ucd/SpecialCasing.txt
"""


@noun
class Exact:
    """The value's literal is one of these. ``{"numeric": ["=", 3]}`` is one of them too."""

    literals: frozenset[str]

    def holds(self, value: Scalar) -> bool:
        """Compare by type and value."""
        return literal(value) in self.literals


@noun
class Prefix:
    """The value is a string that starts with this text; ``folded``: in whatever case."""

    text: str
    folded: bool = False

    def holds(self, value: Scalar) -> bool:
        """Compare the beginning."""
        if not isinstance(value, str):
            return False
        return bool(_ends(self.text, value)) if self.folded else value.startswith(self.text)


@noun
class Suffix:
    """The value is a string that ends with this text; ``folded``: in whatever case."""

    text: str
    folded: bool = False

    def holds(self, value: Scalar) -> bool:
        """Compare the end."""
        if not isinstance(value, str):
            return False
        if self.folded:
            tail = value[max(0, len(value) - _LONGEST_CASE * len(self.text)) :]
            return bool(_ends(self.text, tail[::-1], backwards=True))
        return value.endswith(self.text)


@noun
class EqualsIgnoreCase:
    """The value is a string that is this text in whatever case."""

    text: str

    def holds(self, value: Scalar) -> bool:
        """Compare character by character, each with its lower and its upper case."""
        return isinstance(value, str) and len(value) in _ends(self.text, value)


@noun
class Wildcard:
    r"""The value is a string of this form: ``*`` stands for any text, ``\*`` and ``\\`` for themselves.

    Attributes:
        parts: The texts around the stars, without escapes; a single one is the whole value.
    """

    parts: tuple[str, ...]

    def holds(self, value: Scalar) -> bool:
        """Find each part after the one before it: the first place is always the best, so one pass does."""
        if not isinstance(value, str):
            return False
        first, *inner = self.parts
        if not inner:
            return value == first
        last = inner.pop()
        place, end = len(first), len(value) - len(last)
        if not (place <= end and value.startswith(first) and value.endswith(last)):
            return False
        for part in inner:
            found = value.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return True


@noun
class Numeric:
    """The value is a number between two bounds, of which one may be missing (None).

    Attributes:
        above: Whether the low bound itself is outside.
        below: Whether the high bound itself is outside.
    """

    low: Number | None
    high: Number | None
    above: bool = False
    below: bool = False

    def holds(self, value: Scalar) -> bool:
        """Compare as numbers, whole ones exactly at any size."""
        if not isinstance(value, int | float) or not is_number(value):
            return False
        over = self.low is None or (value > self.low if self.above else value >= self.low)
        under = self.high is None or (value < self.high if self.below else value <= self.high)
        return over and under


@noun
class Cidr:
    """The value is a string with an IP address of this network."""

    network: IPv4Network | IPv6Network

    def holds(self, value: Scalar) -> bool:
        """Compare as addresses; one of the other family is in no network of this one."""
        found = address(value) if isinstance(value, str) else None
        return found is not None and found in self.network


@noun
class Exists:
    """The attribute has a value, whichever (null is one); not ``wanted``: it has none.

    An empty array, and an object, are no value.
    """

    wanted: bool

    def holds(self, _value: Scalar) -> bool:
        """Any value will do; that there is none is seen by ``met``."""
        return self.wanted


Excluded: TypeAlias = "Prefix | Suffix | EqualsIgnoreCase | Wildcard"
"""What ``anything-but`` may exclude beside exact values."""


@noun
class AnythingBut:
    """The attribute has a value, of whatever type, for which none of these holds.

    Of an array one such element is enough, as everywhere.

    Attributes:
        excluded: An ``Exact`` alone, or else one kind of the others, as often as it was written.
    """

    excluded: tuple[Exact | Excluded, ...]

    def holds(self, value: Scalar) -> bool:
        """Compare with all that is excluded."""
        return not any(condition.holds(value) for condition in self.excluded)


Condition: TypeAlias = (
    "Exact | Prefix | Suffix | EqualsIgnoreCase | Wildcard | Numeric | Cidr | Exists | AnythingBut"
)


def met(conditions: Iterable[Condition], values: Collection[Scalar]) -> bool:
    """Tell whether an attribute with these scalars has what one of the conditions asks.

    Args:
        conditions: Any of them is enough.
        values: ``terms.scalars`` of the attribute; empty where it is missing.
    """
    if not values:
        return any(isinstance(condition, Exists) and not condition.wanted for condition in conditions)
    return any(condition.holds(value) for condition in conditions for value in values)


# --- case -------------------------------------------------------------------------------------


def _ends(text: str, value: str, *, backwards: bool = False) -> Collection[int]:
    """Find where in a value a text ends that begins it, when case does not count.

    A case may have more characters than another ("ß" is "SS"), hence several ends, or none.
    """
    if text.isascii():  # of what is ASCII both cases are
        end = len(text)
        start = value[:end]
        wanted = text[::-1] if backwards else text
        return (end,) if start.isascii() and start.lower() == wanted.lower() else ()
    places = {0}
    for cases in reversed(_cases(text)) if backwards else _cases(text):
        forms = [form[::-1] for form in cases] if backwards else cases
        places = {place + len(form) for place in places for form in forms if value.startswith(form, place)}
    return places


@lru_cache(maxsize=1_024)
def _cases(text: str) -> tuple[frozenset[str], ...]:
    return tuple(cases(character) for character in text)


def cases(character: str) -> frozenset[str]:
    """Give the forms that a character of a filter stands for when case does not count.

    Not those of one case alike: "k" is "K" and "k", and the sign for Kelvin, whose lower case is "k" too,
    is another character, as it is for AWS.
    """
    return frozenset({character, character.lower(), character.upper()})
