"""Stage: put hits into frames, and write every other frame that a client may get.

A delta is encoded once, a channel's frames are packed once, and all its connections get the same
bytes. Every frame is one JSON object with ``v``, the protocol's version, and ``type``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.model import Delta, JsonObject

VERSION = 1
"""Within a version, fields of frames are added and never changed."""

MAX_FRAME = 32_000
"""Bytes of UTF-8 in a frame.

API Gateway's own frame, and the step by which it bills, is 32 KB; this is under both readings of KB.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

MAX_HEAD = 1_000
"""Bytes around the hits of a frame, rounded up: two cursors of at most 144 characters, a request's id of at
most 64, of which each may take six bytes, and what ``thin`` counts."""

MAX_HIT = MAX_FRAME - MAX_HEAD
"""Bytes of a hit that every frame has room for; a larger one is sent as a pointer."""

MAX_NAME = 256
"""Characters of ``source`` and ``eventType`` in a pointer: EventBridge allows 256 and 128.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
"""

MAX_TEXT = 2_000
"""Characters of an error's sentence."""


def hit(delta: Delta) -> bytes:
    """Encode a delta as clients see it, in at most ``MAX_HIT`` bytes.

    A larger one becomes a pointer: where and when it is, without what it says (``message``, ``attributes``
    and ``excerpt`` are null), and with ``href``, the path under the HTTP API where it can be read.
    """
    fields = delta.fields()
    encoded = orjson.dumps(fields)
    return encoded if len(encoded) <= MAX_HIT else orjson.dumps(_pointer(fields))


def hits(
    channel_id: str,
    encoded: Sequence[bytes],
    cursor: str | Sequence[str],
    *,
    subscription_id: str | None = None,
    notes: JsonObject | None = None,
    more: bool = False,
) -> list[bytes]:
    """Pack hits, in order, into as few frames as hold them.

    Args:
        channel_id: 32 hex characters.
        encoded: What ``hit`` made, in the order in which clients shall see them.
        cursor: The one that all frames carry (live), or one for each hit (a page): a frame then carries
            that of its last hit, so that a client which gets only the first frames misses nothing.
        subscription_id: The ``id`` of the subscribe that a snapshot or catch-up answers.
        notes: What ``thin`` left out, for the first frame to say.
        more: Whether the last frame says that the client may ask for the next page with its cursor.

    Returns:
        Frames of at most ``MAX_FRAME`` bytes; none for no hits.
    """
    frames = []
    said = notes or {}
    for start, end in _fitting(encoded):
        if more and end == len(encoded):
            said = {**said, "more": True}
        last = cursor if isinstance(cursor, str) else cursor[end - 1]
        head = _frame("hits", channel=channel_id, cursor=last, **_answering(subscription_id), **said)
        said = {}
        frames.append(head[:-1] + b',"hits":[' + b",".join(encoded[start:end]) + b"]}")
    return frames


def more(channel_id: str, cursor: str, subscription_id: str | None = None) -> bytes:
    """Write the frame of a page without hits that is not the last one: the client asks for the next."""
    return _frame(
        "hits", channel=channel_id, cursor=cursor, **_answering(subscription_id), more=True, hits=[]
    )


def subscribed(channel_id: str, subscription_id: str) -> bytes:
    """Write the frame that answers a subscribe, before any of its hits."""
    return _frame("subscribed", id=subscription_id, channel=channel_id)


def live(channel_id: str, cursor: str, subscription_id: str | None = None) -> bytes:
    """Write the frame that ends a snapshot or catch-up: from here on the client moves its cursor."""
    return _frame("live", channel=channel_id, cursor=cursor, **_answering(subscription_id))


def gap(
    channel_id: str, start: int | None, end: int, reason: str, subscription_id: str | None = None
) -> bytes:
    """Write the frame that says what cannot be sent again.

    Args:
        channel_id: 32 hex characters.
        start: Milliseconds since the epoch from which hits are missing; None where it is not known.
        end: Milliseconds since the epoch up to which they are.
        reason: One stable word group, such as ``expired`` or ``unknown-cursor``.
        subscription_id: The ``id`` of the subscribe that this answers.
    """
    span = {"from": start, "to": end, "reason": reason}
    return _frame("gap", channel=channel_id, **span, **_answering(subscription_id))


def lagged(channel_id: str, since: str) -> bytes:
    """Write the gap of a connection that could not be posted to: it subscribes again with this cursor."""
    return _frame("gap", channel=channel_id, since=since)


def pong() -> bytes:
    """Write the answer to a ping."""
    return _frame("pong")


def error(code: str, text: str, subscription_id: str | None = None) -> bytes:
    """Write the answer to a mistake; ``id`` is null where the client's frame had none."""
    return _frame("error", id=subscription_id, code=code, text=text[:MAX_TEXT])


def bye(reason: str) -> bytes:
    """Write the last frame before the server closes the connection."""
    return _frame("bye", reason=reason)


def _frame(kind: str, **fields: Any) -> bytes:  # noqa: ANN401 - JSON values
    return orjson.dumps({"v": VERSION, "type": kind, **fields})


def _answering(subscription_id: str | None) -> JsonObject:
    return {} if subscription_id is None else {"id": subscription_id}


def _pointer(fields: JsonObject) -> JsonObject:
    return {
        **fields,
        "source": fields["source"][:MAX_NAME],
        "eventType": fields["eventType"][:MAX_NAME],
        "message": None,
        "attributes": None,
        "excerpt": None,
        "href": f"/v1/hits?{urlencode({'id': fields['id']})}",
    }


def _fitting(encoded: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Give the runs, first and one past the last, that fit into a frame together."""
    start = size = 0
    for place, one in enumerate(encoded):
        if place > start and size + len(one) > MAX_HIT:
            yield start, place
            start, size = place, 0
        size += len(one) + 1  # the comma
    if encoded:
        yield start, len(encoded)
