"""The indices that are ours: their names, and the fields by which they are known."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = re.compile(r"([a-z][a-z0-9_]*)-([0-9]{4})\.([0-9]{2})\.([0-9]{2})")
_EPOCH = date(1970, 1, 1)

FINGERPRINT = frozenset({"@ingested", "tokens", "detail"})
"""Fields that every index of ours has, and hardly another tool's index of the same name."""


def parse(index: str) -> tuple[str, int] | None:
    """Take an index's name apart: its family and its day since the epoch; None for a name unlike ours."""
    match = _NAME.fullmatch(index)
    if not match:
        return None
    try:
        day = date(int(match[2]), int(match[3]), int(match[4]))
    except ValueError:  # such as 2026.02.30
        return None
    return match[1], (day - _EPOCH).days


def is_ours(index: str, fields: Iterable[str]) -> bool:
    """Whether an index has a name and fields as only ours have."""
    return parse(index) is not None and FINGERPRINT.issubset(fields)
