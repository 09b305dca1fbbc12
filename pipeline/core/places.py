"""Where a row waits for the values that meet its conditions, and where a value looks for rows.

A condition such as an exact value, a prefix or a network has a few places; a value looks at one for each
way of looking, so that conditions that it does not meet cost it nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import orjson
from pyroaring import BitMap

from pipeline.core.address import address
from pipeline.core.condition import Cidr, EqualsIgnoreCase, Exact, Prefix, Suffix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.core.condition import Condition

Look: TypeAlias = "tuple[str, int]"
"""A way of looking at a value, and at how much of it: characters, or bits of an address."""

Place: TypeAlias = "tuple[Look, str | int]"
"""A look, and what it must find."""

_TEXT: Look = ("whole", 0)
"""At a whole text, as most filters do."""

_OTHER: Look = ("other", 0)
"""At the literal of what is no text."""


def places(condition: Condition) -> Sequence[Place] | None:
    """Give the places of a condition: a value meets it if and only if it looks at one of them.

    Returns:
        None if places cannot tell.
    """
    match condition:
        case Exact(literals):
            return [(_TEXT, orjson.loads(each)) if each[0] == '"' else (_OTHER, each) for each in literals]
        case Cidr(network):
            rest = network.max_prefixlen - network.prefixlen
            look = f"network of {network.version}", network.prefixlen
            return [(look, int(network.network_address) >> rest)]
        case Prefix(text) | Suffix(text) | EqualsIgnoreCase(text):
            way, folded = _WAY[type(condition)], getattr(condition, "folded", True)
            if not folded:
                return [((way, len(text)), text)]
            if text.isascii():
                return [((f"folded {way}", len(text)), text.lower())]
    return None


_WAY = {Prefix: "start", Suffix: "end", EqualsIgnoreCase: "whole"}


class Places:
    """Rows by their places."""

    def __init__(self) -> None:
        self._texts: dict[str | int, BitMap] = {}
        self._others: dict[str | int, BitMap] = {}
        self._waiting: dict[Look, dict[str | int, BitMap]] = {_TEXT: self._texts, _OTHER: self._others}
        self._looks: list[Look] = []  # but those two

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    @property
    def has_others(self) -> bool:
        """Whether anything waits for a value that is no text."""
        return bool(self._others)

    @property
    def has_looks(self) -> bool:
        """Whether a text has to be looked at in another way than as a whole."""
        return bool(self._looks)

    def add(self, row: int, asked: Iterable[Place]) -> None:
        """Let a row wait at some places."""
        for look, sought in asked:
            waiting = self._waiting.get(look)
            if waiting is None:
                waiting = self._waiting[look] = {}
                self._looks.append(look)
            if sought in waiting:
                waiting[sought].add(row)
            else:
                waiting[sought] = BitMap([row])

    def remove(self, row: int, asked: Iterable[Place]) -> None:
        """Let a row wait no more at places where it does."""
        for look, sought in asked:
            waiting = self._waiting[look]
            waiting[sought].discard(row)
            if not waiting[sought]:
                del waiting[sought]
                if not waiting and look in self._looks:
                    self._looks.remove(look)
                    del self._waiting[look]

    def at_text(self, text: str) -> list[BitMap]:
        """Give the rows at each place that a text looks at; they are not to be changed."""
        rows = self._texts.get(text)
        found = [] if rows is None else [rows]
        for look in self._looks:
            seen = _WAYS[look[0]](text, look[1])
            if seen is not None and (rows := self._waiting[look].get(seen)):
                found.append(rows)
        return found

    def at_other(self, literal: str) -> list[BitMap]:
        """Give the rows that wait for a value that is no text, by its literal; they are not to be changed."""
        rows = self._others.get(literal)
        return [] if rows is None else [rows]


# --- ways of looking --------------------------------------------------------------------------


def _end(text: str, size: int) -> str:
    return text[max(len(text) - size, 0) :]


def _folded(text: str) -> str | None:
    return text.lower() if text.isascii() else None


@lru_cache(maxsize=16)
def _address(text: str, version: int) -> tuple[int, int] | None:
    """The address as a number, and its bits; None for what is none of this version."""
    read = address(text)
    return (int(read), read.max_prefixlen) if read and read.version == version else None


def _network(text: str, size: int, version: int) -> int | None:
    read = _address(text, version)
    return read and read[0] >> (read[1] - size)


_WAYS: dict[str, Callable[[str, int], str | int | None]] = {
    "start": lambda text, size: text[:size],
    "end": _end,
    "folded start": lambda text, size: _folded(text[:size]),
    "folded end": lambda text, size: _folded(_end(text, size)),
    "folded whole": lambda text, size: _folded(text) if len(text) == size else None,
    "network of 4": lambda text, size: _network(text, size, 4),
    "network of 6": lambda text, size: _network(text, size, 6),
}
"""What a text shows of itself; shorter than the size where the text is."""
