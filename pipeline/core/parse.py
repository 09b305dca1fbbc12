"""Invocations become deliveries; deliveries become events, or deltas.

Whatever the source, an event looks the same from here on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import instant
from pipeline.core.errors import Refused, Rejected
from pipeline.core.model import Delivery, Delta, Event

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

MAX_DEPTH = 200
"""Levels of nesting. orjson does not write what is nested 255 deep, and a document adds a level.

https://github.com/ijl/orjson#serialize
"""

LONGEST_NAME = 1_000
"""Characters of ``id``, ``source`` and ``detail-type``; EventBridge itself takes fewer."""


def deliveries(invocation: JsonObject) -> list[Delivery]:
    """Unwrap what Lambda was invoked with.

    Understands an SQS batch; a single event that EventBridge sends to the function itself; and
    ``{"events": [envelope, …]}`` from whoever invokes the function directly. Only SQS tells how
    often and since when.

    Raises:
        Refused: The invocation has another shape (``unknown-source``).
        Rejected: An event that came without a queue is nested too deep to be written down.

    Source:
        https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    match invocation:
        case {"Records": list(records)} if all(_is_sqs(record) for record in records):
            return [_from_sqs(record) for record in records]
        case {"events": list(envelopes)}:
            return [_from_envelope(envelope, str(number)) for number, envelope in enumerate(envelopes)]
        case {"detail-type": _, "detail": _}:
            return [_from_envelope(invocation, "0")]
        case _:
            raise Refused(
                "unknown-source",
                "the invocation is neither an SQS batch nor an EventBridge event; invoke directly with "
                '{"events": [envelope, …]}.',
            )


def event(body: str) -> Event:
    """Check an envelope.

    Returns:
        The event; its ``detail`` is an object nested no deeper than ``MAX_DEPTH``.

    Raises:
        Rejected: Not a JSON object (``malformed``), nested too deep (``too-deep``), or without a
            readable ``source``, ``detail-type``, ``detail``, ``id`` or ``time`` (``no-source``,
            ``no-detail-type``, ``no-detail``, ``no-id``, ``bad-time``).

    Source:
        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    envelope = _envelope(body)
    for key in ("id", "source", "detail-type"):
        name = envelope.get(key)
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            text = f"the envelope's {key} is no text of 1 to {LONGEST_NAME} characters."
            raise Rejected(f"no-{key}", text)
    detail = envelope.get("detail")
    if not isinstance(detail, dict):
        raise Rejected("no-detail", "the envelope's detail is no JSON object: send one, even an empty one.")
    try:
        time = instant.read(envelope.get("time"))
    except ValueError as error:
        raise Rejected("bad-time", f"the envelope's time: {error}") from None
    replay = envelope.get("replay-name")
    return Event(
        envelope["id"],
        envelope["source"],
        envelope["detail-type"],
        time,
        detail,
        replay if isinstance(replay, str) else None,
    )


def deltas(body: str) -> list[Delta]:
    """Read an entry of the deltas bus back into the deltas it was made of.

    Raises:
        Rejected: The body is no such entry (``malformed``); it names what is missing.
    """
    entry: Any = _envelope(body).get("detail")
    try:
        if entry["v"] != 1:
            raise Rejected("malformed", f"the entry has version {entry['v']!r}; this release reads 1.")
        return [_delta(fields, entry["tenant"], entry["family"]) for fields in entry["deltas"]]
    except KeyError as error:
        raise Rejected("malformed", f"the entry lacks {error}.") from None
    except (TypeError, ValueError) as error:
        raise Rejected("malformed", f"the entry cannot be read: {error}.") from None


# --- deliveries -------------------------------------------------------------------------------


def _is_sqs(record: object) -> bool:
    match record:
        case {"eventSource": "aws:sqs", "messageId": str(), "body": str()}:
            return True
        case _:
            return False


def _from_sqs(record: JsonObject) -> Delivery:
    attributes = record.get("attributes", {})
    return Delivery(
        record["messageId"],
        record["body"],
        _count(attributes.get("ApproximateReceiveCount")),
        _count(attributes.get("SentTimestamp")),
        record.get("receiptHandle"),
    )


def _count(text: str | None) -> int | None:
    return int(text) if text is not None else None


def _from_envelope(envelope: Any, otherwise: str) -> Delivery:  # noqa: ANN401 - whatever the caller sent
    named = envelope.get("id") if isinstance(envelope, dict) else None
    try:
        # The standard library, because Lambda has parsed the integers with it: beyond 64 bits, too.
        body = json.dumps(envelope)
    except RecursionError:
        raise _too_deep() from None
    return Delivery(named if isinstance(named, str) else otherwise, body)


# --- events -----------------------------------------------------------------------------------


def _envelope(body: str) -> JsonObject:
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if str(error).startswith("depth limit exceeded"):
            raise _too_deep() from None
        raise Rejected("malformed", f"the event is not JSON: {error}.") from None
    if not isinstance(envelope, dict):
        raise Rejected("malformed", "the event is JSON, but not an object.")
    # Nothing is nested deeper than it has opening brackets: most events need no walk.
    if body.count("{") + body.count("[") > MAX_DEPTH and _is_deeper(envelope, MAX_DEPTH):
        raise _too_deep()
    return envelope


def _is_deeper(value: Any, limit: int) -> bool:  # noqa: ANN401 - any JSON
    """Look level by level, so that the depth of the value is never the depth of the stack."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _too_deep() -> Rejected:
    return Rejected("too-deep", f"the event is nested more than {MAX_DEPTH} levels deep: flatten its detail.")


# --- deltas -----------------------------------------------------------------------------------


def _delta(fields: JsonObject, tenant: str | None, family: str) -> Delta:
    return Delta(
        fields["id"],
        fields["index"],
        family,
        tenant,
        fields["source"],
        fields["eventType"],
        instant.read(fields["timestamp"]),
        fields["ingested"],
        fields["message"],
        fields["attributes"],
        fields["excerpt"],
    )
