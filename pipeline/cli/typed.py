"""What ``tail`` and ``query`` are given: a filter, and where to begin. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from pipeline.core import instant
from pipeline.local.errors import Mistyped

EXAMPLE = """'{"service": ["payments"]}'"""

UNITS = {"s": instant.SECOND, "m": instant.MINUTE, "h": instant.HOUR, "d": instant.DAY}
"""Milliseconds of a duration's unit."""

_DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)


def filter_of(argument: str | None, option: str | None) -> dict[str, Any]:
    """The filter as typed, in either of its two places; everything where there is none.

    Raises:
        Mistyped: It is no JSON object, or there are two.
    """
    if argument is not None and option is not None:
        raise Mistyped("The filter is there twice: leave --filter out.")
    text = argument if argument is not None else option if option is not None else "{}"
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Mistyped(f"The filter is not JSON ({error}); for example: {EXAMPLE}") from error
    if not isinstance(asked, dict):
        raise Mistyped(f"The filter is no JSON object; for example: {EXAMPLE}")
    return asked


def since(text: str, now: int) -> int:
    """The moment that a duration or a time names, in ms since the epoch.

    Args:
        text: ``90s``, ``15m``, ``2h`` or ``7d`` ago, or an ISO time; one without an offset is UTC.
        now: In ms since the epoch.

    Raises:
        Mistyped: It is neither, or lies in the future.
    """
    if duration := _DURATION.fullmatch(text):
        return max(0, now - int(duration[1]) * UNITS[duration[2]])
    try:
        moment = instant.read(text)
    except ValueError:
        raise Mistyped(
            f"--since {text} is neither a duration (90s, 15m, 2h, 7d) nor a time (2026-11-22T10:00Z)."
        ) from None
    if moment > now:
        raise Mistyped(f"--since {text} lies in the future: now it is {instant.iso(now)}.")
    return max(0, moment)


def one_of(**options: object) -> None:
    """Refuse options that each say where to begin, where more than one is given.

    Raises:
        Mistyped: There are two.
    """
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if len(given) > 1:
        raise Mistyped(f"{given[0]} and {given[1]} both say where to begin: leave one out.")
