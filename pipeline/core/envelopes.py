"""What a producer wrote, or a source parsed, becomes the text of an EventBridge envelope.

Text stays text wherever it can: reading it and writing it again would change its numbers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.model import JsonObject


def completed(text: str, otherwise: str, sent: int | None) -> str:
    """Make an envelope of what its producer wrote.

    An envelope stays as it is, but for an ``id`` and a ``time`` where it has none; an entry in the form
    of PutEvents (``Source``, ``DetailType``, ``Detail``) becomes one. All else stays, to be rejected.

    Args:
        text: What the producer wrote.
        otherwise: The ``id`` of what has none: the same whenever the source hands it over.
        sent: The ``time`` of what has none.

    Source:
        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(value, dict):
        return text
    if "Source" in value and "DetailType" in value:
        known = {"id": otherwise, "time": value.get("Time", sent), "source": value["Source"]}
        return envelope({**known, "detail-type": value["DetailType"]}, value.get("Detail"))
    known = {"id": otherwise, "time": sent}
    missing = {key: it for key, it in known.items() if it is not None and key not in value}
    return f"{json.dumps(missing)[:-1]}, {text.lstrip()[1:]}" if value and missing else text


def envelope(members: JsonObject, detail: Any) -> str:  # noqa: ANN401 - an object, or the text of one
    """Write an envelope; a detail that comes as JSON text goes in as that text."""
    given = [
        f"{json.dumps(name)}: {written(member)}" for name, member in members.items() if member is not None
    ]
    inner = detail if isinstance(detail, str) and _is_json(detail) else written(detail)
    return "{" + ", ".join([*given, f'"detail": {inner}']) + "}"


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def written(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Write JSON of any depth, with integers of any size as they were read."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "".join(_pieces(value))


def _pieces(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Write piece by piece, so that the depth of the value is never the depth of the stack."""
    waiting: list[Any] = [value]  # what is written already waits as bytes, which JSON has none of
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, bytes):
            yield inner.decode()
        elif isinstance(inner, dict) and inner:
            members = [(b", ", json.dumps(key).encode(), b": ", it) for key, it in inner.items()]
            waiting += [b"}", *reversed([piece for member in members for piece in member][1:]), b"{"]
        elif isinstance(inner, list) and inner:
            items = [(b", ", it) for it in inner]
            waiting += [b"]", *reversed([piece for item in items for piece in item][1:]), b"["]
        else:
            yield json.dumps(inner)
