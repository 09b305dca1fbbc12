"""Texts with paths in braces, such as ``{operation} took {timings.totalMs} ms``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import terms
from pipeline.core.path import MISSING, value_at

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

UNKNOWN = "?"
"""What stands in a line for a value that is missing or null: the line stays one that people can read."""

LONGEST_LIST = 200
"""Characters of an object or a list that a line shows."""

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def is_template(text: str) -> bool:
    """Whether a text is more than a path alone."""
    return "{" in text or "}" in text


@lru_cache(maxsize=1_024)
def parts(text: str) -> tuple[str, ...]:
    """Take a template apart: text, path, text, path, …, text.

    A brace itself is written twice: ``{{`` and ``}}``.

    Raises:
        ValueError: One sentence: which brace is wrong and how it is written.
    """
    found: list[str] = []
    plain, end = "", 0
    for piece in _PIECE.finditer(text):
        plain += text[end : piece.start()]
        end = piece.end()
        if (path := piece[1]) is not None:
            if not all(path.split(".")):
                raise ValueError(f"'{{{path}}}' holds no path: write one, such as {{timings.totalMs}}")
            found += (plain, path)
            plain = ""
        elif len(piece[0]) > 1:
            plain += piece[0][0]
        else:
            raise ValueError(f"a lone '{piece[0]}': write {{path}}, or the brace twice for the brace itself")
    return (*found, plain + text[end:])


def fill(text: str, detail: JsonObject) -> str:
    """Write the line that a template makes of an event; whatever the event holds, it makes one."""
    pieces = list(parts(text))
    for place in range(1, len(pieces), 2):
        pieces[place] = _shown(value_at(detail, pieces[place]))
    return "".join(pieces)


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON, or MISSING
    if isinstance(value, str):
        return value
    if value is MISSING or value is None:
        return UNKNOWN
    if not isinstance(value, dict | list):
        return terms.literal(value)
    scalars = isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)
    shown = ", ".join(map(_shown, value)) if scalars else orjson.dumps(value).decode()
    return shown if len(shown) <= LONGEST_LIST else f"{shown[:LONGEST_LIST]}…"
