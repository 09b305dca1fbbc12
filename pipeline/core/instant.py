"""Moments: text and numbers in, milliseconds since the epoch (UTC) out, and back.

The clock is not here: ``now`` comes in as an argument wherever it matters.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000
"""Milliseconds."""
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FIRST = -62_135_596_800_000
"""0001-01-01T00:00:00.000Z"""
_LAST = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z"""

# A number's magnitude tells its unit. In seconds, 10¹¹ is the year 5138; in milliseconds it is
# March 1973, and no event is older than that.
_SECONDS_BELOW = 10**11
_MILLISECONDS_BELOW = 10**14
_MICROSECONDS_BELOW = 10**17

_FRACTIONS = tuple(f".{millisecond:03}Z" for millisecond in range(SECOND))
_MILLISECONDS = {fraction: millisecond for millisecond, fraction in enumerate(_FRACTIONS)}
_SECOND_60 = re.compile(r"(.{8,10}\D\d\d:?\d\d:?)60(?:[.,]\d+)?(\D.*)?", re.ASCII)
_HOUR_24 = re.compile(r"(.{8,10}\D)24((?::?00){0,2}(?:[.,]0+)?(?:[Z+-].*)?)", re.ASCII)
_NUMBERS = (int, float)
_SHORTEST = len("2026-11-22T10")
_TO_THE_SECOND = len("2026-11-22T10:00:00")
_SHOWN = 60
"""Characters of an unreadable value that its error repeats."""


def read(value: object) -> int:
    """Read a moment as events write it, down to the millisecond (what is finer is dropped).

    Args:
        value: ISO 8601 text with a date and a time (no offset means UTC), or a number since the
            epoch in seconds, milliseconds, microseconds or nanoseconds, told apart by magnitude.

    Returns:
        Milliseconds since the epoch, between the years 1 and 9999.

    Raises:
        ValueError: One sentence: what came and what it may be.
    """
    if isinstance(value, str):
        fraction = value[_TO_THE_SECOND:]
        # Few events share a millisecond, many a second: that is what is worth remembering.
        if fraction in _MILLISECONDS and (second := _second(value[:_TO_THE_SECOND])):
            return second[0] + _MILLISECONDS[fraction]
        moment = _from_text(value)
    elif isinstance(value, _NUMBERS) and not isinstance(value, bool):
        moment = _from_number(value)
    else:
        raise ValueError(  # noqa: TRY004 - what an event holds is a value to its readers, never a type
            f"{_shown(value)} is no time: send ISO 8601 text or a number since the epoch."
        )
    if not _FIRST <= moment <= _LAST:
        raise ValueError(f"{_shown(value)} is no time: it is outside the years 1 to 9999.")
    return moment


def dated(value: object) -> tuple[int, str, str]:
    """Read a moment, and write it and its day: what ``read``, ``iso`` and ``day`` give, in half their time.

    Raises:
        ValueError: As ``read`` does.
    """
    if isinstance(value, str):
        fraction = value[_TO_THE_SECOND:]
        if fraction in _MILLISECONDS and (second := _second(value[:_TO_THE_SECOND])):
            moment, text, date = second
            return moment + _MILLISECONDS[fraction], text + fraction, date
    moment = read(value)
    return moment, iso(moment), day(moment)


def iso(moment: int) -> str:
    """Write a moment as ``2026-11-22T10:00:00.123Z``."""
    return _to_the_second(moment // SECOND) + _FRACTIONS[moment % SECOND]


def day(moment: int) -> str:
    """Write a moment's UTC date as index names end: ``2026.11.22``."""
    return _date(moment // DAY)


# The events of a batch share their seconds and their days, and envelopes name no finer time.


@lru_cache(maxsize=4_096)
def _from_text(text: str) -> int:
    if len(text) < _SHORTEST:  # fromisoformat would read a lone date as its midnight
        raise ValueError(f"{_shown(text)} is no time: send a date with a time, such as 2026-11-22T10:00:00Z.")
    try:
        moment = _written(text)
    except (ValueError, OverflowError):  # the latter where 24:00 would end the year 9999
        raise ValueError(f"{_shown(text)} is no time: send ISO 8601, such as 2026-11-22T10:00:00Z.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds // 1_000


@lru_cache(maxsize=4_096)
def _second(text: str) -> tuple[int, str, str] | None:
    """Read what stands before ``.123Z``: its moment, its canonical text and its day.

    None where adding milliseconds would not do, as at a second 60.
    """
    try:
        moment = (datetime.fromisoformat(f"{text}.000Z") - _EPOCH) // _MILLISECOND
    except ValueError:
        return None
    return moment, _to_the_second(moment // SECOND), day(moment)


def _written(text: str) -> datetime:
    """Read what Python reads, and what the standards allow beside: ``z``, 24:00, and a second 60.

    A second 60 is a leap second, or one that was rounded up, and either way it belongs to the minute
    and the day that it names: it is read as the last millisecond of the second 59. So an index is dated
    as the text is, where a number since the epoch would count the same second into the next day.

    Source:
        https://www.rfc-editor.org/rfc/rfc3339#section-5.7
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        upper = text.upper()
        if leap := _SECOND_60.fullmatch(upper):
            return datetime.fromisoformat(f"{leap[1]}59.999{leap[2] or ''}")
        if midnight := _HOUR_24.fullmatch(upper):
            return datetime.fromisoformat(f"{midnight[1]}00{midnight[2]}") + timedelta(days=1)
        return datetime.fromisoformat(upper)


def _from_number(number: float) -> int:
    size = abs(number)
    if size < _SECONDS_BELOW:
        # By way of microseconds: a float of seconds holds them exactly, and 0.123 s must not become 122 ms.
        return round(number * 1_000_000) // 1_000
    if size < _MILLISECONDS_BELOW:
        return int(number // 1)
    if size < _MICROSECONDS_BELOW:
        return int(number // 1_000)
    return int(number // 1_000_000)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@lru_cache(maxsize=4_096)
def _to_the_second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]


@lru_cache(maxsize=1_024)
def _date(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).isoformat()[:10].replace("-", ".")
