"""What sampled events have at each path: one column a path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.core import instant, terms
from pipeline.core.path import value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.core.model import JsonObject

DEEPEST = 4
"""Keys in a path; what lies deeper is seldom what people filter on."""

MOST_COLUMNS = 500
"""Paths that are looked at, so that keys which are values themselves cannot make an endless table."""

_FIRST_YEAR, _LAST_YEAR = instant.read("1990-01-01T00:00:00Z"), instant.read("2100-01-01T00:00:00Z")
_TIME_WORDS = frozenset({"at", "time", "timestamp", "ts", "date", "datetime", "when", "occurred", "on"})


@dataclass(slots=True)
class Column:
    """The values at one path.

    Attributes:
        path: Dotted, into ``detail``.
        values: By the number of the event that has it; each a scalar or a list of scalars.
    """

    path: str
    values: dict[int, Any] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the last key (``orderId`` is ``order``, ``id``); one alone with those before it."""
        *before, last = self.path.split(".")
        words = _words(last)
        return words if len(words) > 1 or not before else (*_words(before[-1]), *words)

    @property
    def depth(self) -> int:
        """Keys in the path."""
        return self.path.count(".") + 1

    @property
    def scalars(self) -> list[terms.Scalar]:
        """Every value but null, those in lists included."""
        return [each for value in self.values.values() for each in terms.scalars(value) if each is not None]

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len({terms.literal(value) for value in self.scalars})

    @property
    def kind(self) -> str | None:
        """What all values are, as ``Route.kinds`` names it; None where they differ or there is none."""
        kinds = {_kind(value) for value in self.scalars}
        if len(kinds) != 1:
            return None
        (kind,) = kinds
        return "time" if self._is_time(kind) else kind

    def _is_time(self, kind: str) -> bool:
        if kind == "boolean" or (kind == "number" and not _TIME_WORDS.intersection(self.words)):
            return False
        return all(map(_is_moment, self.scalars))


def columns(details: Sequence[JsonObject]) -> Mapping[str, Column]:
    """Lay out what some events have at each path, in the order in which paths are first met."""
    found: dict[str, Column] = {}
    for number, detail in enumerate(details):
        for path, value in _leaves(detail, "", DEEPEST):
            if path not in found and len(found) == MOST_COLUMNS:
                continue
            # A key with a dot in it may be hidden by another way to the same path.
            if value_at(detail, path) is value:
                found.setdefault(path, Column(path)).values[number] = value
    return found


def _leaves(detail: JsonObject, before: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, value in detail.items():
        path = f"{before}{key}"
        if not all(path.split(".")):
            continue
        if isinstance(value, dict):
            if depth > 1:
                yield from _leaves(value, f"{path}.", depth - 1)
        elif not isinstance(value, list) or not any(isinstance(item, dict | list) for item in value):
            yield path, value


def _words(key: str) -> tuple[str, ...]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", key)
    return tuple(word.lower() for word in re.findall(r"[^\W_]+", spaced))


def _kind(value: terms.Scalar) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def _is_moment(value: object) -> bool:
    try:
        return _FIRST_YEAR <= instant.read(value) < _LAST_YEAR
    except ValueError:
        return False
