"""What does not fit, when files are held against each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit.

    Attributes:
        place: The file, or the family.
        text: What does not fit, what comes of it, and the way out.
        grave: Whether documents or hits are lost by it, or a deploy fails; else it is only to be known.
    """

    place: str
    text: str
    grave: bool = True


def note(place: str, text: str) -> Finding:
    """A finding that is only to be known."""
    return Finding(place, text, grave=False)
