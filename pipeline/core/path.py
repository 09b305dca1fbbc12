"""Dotted paths into an event's ``detail``: ``timings.totalMs``, ``lines.0.sku``."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.model import JsonObject


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING
"""What stands at a path that leads nowhere; JSON's null is a value, so None cannot say this."""


def value_at(detail: JsonObject, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds there
    """Find the value at a path, or ``MISSING``.

    A key that has dots in its own name is found by that name first. A number picks an array's
    element, counted from 0.
    """
    value = detail.get(path, MISSING)
    return value if value is not MISSING else _within(detail, path)


def values_at(detail: JsonObject, paths: Iterable[str]) -> JsonObject:
    """Pick the values at some paths, each under its path; those that are missing are left out."""
    get = detail.get  # most paths are one key, and need no call of ours
    return {
        path: value
        for path in paths
        if (value := get(path, MISSING)) is not MISSING or (value := _within(detail, path)) is not MISSING
    }


def _within(detail: JsonObject, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds there
    """Follow a path step by step."""
    if "." not in path:
        return MISSING
    value: Any = detail
    for step in _steps(path):
        if isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


@lru_cache(maxsize=4_096)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))
