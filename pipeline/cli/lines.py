"""Read events as people keep them in files: a JSON object a line, or one JSON document. Pure.

Two forms are understood, since both are lying about everywhere: the envelope as EventBridge
delivers it (``source``, ``detail-type``, ``detail``) and the entry as PutEvents takes it
(``Source``, ``DetailType``, ``Detail``).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ENTRY_FIELDS = {
    "Source": "source",
    "DetailType": "detail-type",
    "Detail": "detail",
    "Time": "time",
    "Resources": "resources",
}
"""PutEvents' names and the envelope's."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the input, or what is wrong with it.

    Attributes:
        place: Where it stands, for people: ``line 3``, or ``event 3`` of a JSON document.
        envelope: Empty when it cannot be read.
        fault: Why it cannot be read; empty when it can.
    """

    place: str
    envelope: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


def read(texts: Iterable[bytes]) -> Iterator[Line]:
    """Read lines as they come; one JSON document over several lines is read once it has ended.

    Empty lines are passed over, but counted. What cannot be read is named and the rest goes on.
    """
    numbered = ((number, text) for number, text in enumerate(texts, start=1) if text.strip())
    for number, text in numbered:
        value = _parse(text)
        if isinstance(value, list):
            yield from _document(value)
        elif _is_open(text, value):
            yield from _rest([(number, text), *numbered])
        else:
            yield _line(f"line {number}", value)
        break
    yield from (_line(f"line {number}", _parse(text)) for number, text in numbered)


def _rest(numbered: list[tuple[int, bytes]]) -> Iterator[Line]:
    """Lines of which the first is no JSON by itself: one document together, or broken lines."""
    whole = _parse(b"".join(text for _, text in numbered))
    if isinstance(whole, dict | list):
        return _document(whole if isinstance(whole, list) else [whole])
    return (_line(f"line {number}", _parse(text)) for number, text in numbered)


def _is_open(text: bytes, value: object) -> bool:
    """Whether the text is the beginning of a JSON value that ends on a later line."""
    return isinstance(value, json.JSONDecodeError) and value.pos >= len(text.decode().rstrip())


def _document(values: list[Any]) -> Iterator[Line]:
    return (_line(f"event {number}", value) for number, value in enumerate(values, start=1))


def _line(place: str, value: object) -> Line:
    if isinstance(value, ValueError):
        return Line(place, fault=f"not JSON: {_reason(value)}")
    if not isinstance(value, dict):
        return Line(place, fault="not a JSON object")
    if "Detail" not in value and "Source" not in value:
        return Line(place, value)
    envelope = {ours: value[theirs] for theirs, ours in ENTRY_FIELDS.items() if theirs in value}
    if isinstance(envelope.get("detail"), str):
        detail = _parse(envelope["detail"].encode())
        if not isinstance(detail, dict):
            return Line(place, fault="Detail is not the text of a JSON object")
        envelope["detail"] = detail
    return Line(place, envelope)


def _parse(text: bytes) -> Any:  # noqa: ANN401 - any JSON value, or what was wrong
    try:
        return json.loads(text, parse_constant=_constant, parse_float=_number)
    except ValueError as error:
        return error
    except RecursionError:
        return ValueError("nested too deep")


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is beyond what a number can hold")
    return number


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at character {error.pos + 1}"
    return str(error)
