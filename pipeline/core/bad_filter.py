"""How a filter that cannot be taken is refused, in words that repeat what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pipeline.core.errors import Refused
from pipeline.core.terms import literal

if TYPE_CHECKING:
    from pipeline.core.terms import Scalar

SHOWN = 80
"""Characters of a client's own text that an error repeats."""


def shown(value: object) -> str:
    """Repeat as much of what a client wrote as a sentence takes."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = literal(cast("Scalar", value))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def bad(text: str) -> Refused:
    """A filter that cannot be taken as it is."""
    return Refused("bad-filter", text)
