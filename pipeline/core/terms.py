"""An attribute's values as filters and the index see them: scalars, their literals, their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

Number: TypeAlias = "int | float"
Scalar: TypeAlias = "str | int | float | bool | None"
"""A JSON value that is neither array nor object."""

MAX_TOKEN = 8_000
"""Bytes of UTF-8 that a token keeps. Lucene refuses a document with a term over 32,766 bytes.

https://docs.opensearch.org/latest/field-types/supported-field-types/keyword/
"""

WIDEST = 4
"""Bytes of UTF-8 that a character takes at most."""

MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1
"""What orjson reads as an integer; all beyond becomes a float. https://github.com/ijl/orjson#int"""


def literal(value: Scalar) -> str:
    """Write a value as canonical JSON: two values match exactly if and only if their literals are equal.

    Numbers are equal by value, as in EventBridge: 300, 300.0 and 3e2 have one literal, and none of them
    is ``"300"``. Nothing but a number equals a number: True is not 1.
    """
    if isinstance(value, str):
        return orjson.dumps(value).decode()
    if isinstance(value, float) and value % 1:  # a fraction: the most usual number, and never an integer
        return repr(value)
    if isinstance(value, bool) or value is None:
        return _NAMES[value]
    whole = isinstance(value, int) or value.is_integer()
    if whole and MIN_INTEGER <= value <= MAX_INTEGER:
        return str(int(value))
    return repr(float(value))


_NAMES = {True: "true", False: "false", None: "null"}


def is_number(value: Scalar) -> bool:
    """Tell a JSON number from all else; Python's True is none."""
    return type(value) in _NUMBERS


_NUMBERS = frozenset({int, float})


def scalars(value: object) -> Iterator[Scalar]:
    """Give the values that a filter sees in an attribute: itself, or each element of an array.

    Arrays in arrays are opened too; objects are passed over, since a filter names leaves only.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(reversed(item))
        elif not isinstance(item, dict):
            yield cast("Scalar", item)


def token(key: str, value: Scalar) -> str:
    """Write one value of an attribute as the term that is indexed in ``tokens`` and searched for.

    Returns:
        ``key=`` and the value's literal, cut as ``cut`` does.
    """
    text = f"{key}={literal(value)}"
    return text if len(text) * WIDEST <= MAX_TOKEN else cut(text)


def tokens(key: str, value: object) -> list[str]:
    """Write all values of an attribute as tokens, in order; none for an object or an empty array."""
    return [token(key, scalar) for scalar in scalars(value)]


def cut(text: str) -> str:
    """Keep the first ``MAX_TOKEN`` bytes of a token, ending between two characters.

    What begins with another text still does when both are cut, so a search for a cut term finds
    every value that the whole one would have.
    """
    if len(text) * WIDEST <= MAX_TOKEN:
        return text
    return text.encode()[:MAX_TOKEN].decode(errors="ignore")
