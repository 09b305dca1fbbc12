"""Many calls of the table side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AT_ONCE = 8
"""Calls at once: of one CPU they take the most already, at 2 ms each."""

_Part = TypeVar("_Part")
_Answer = TypeVar("_Answer")


def side_by_side(call: Callable[[_Part], _Answer], parts: Sequence[_Part]) -> list[_Answer]:
    """Do a call for each part, ``AT_ONCE`` at a time; the answers, in order.

    One after another, 5 ms each, those for the 1,000 tenants of a batch would take all the time it has.

    Raises:
        Exception: What the first part that failed has raised, once all have ended.
    """
    if len(parts) <= 1:
        return [call(part) for part in parts]
    with ThreadPoolExecutor(min(AT_ONCE, len(parts))) as threads:
        return list(threads.map(call, parts))
