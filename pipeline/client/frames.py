"""The words of the protocol, both ways."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

Frame: TypeAlias = "dict[str, Any]"
"""A parsed frame; ``type`` names its kind. Fields get added, so unknown ones are passed over."""

LONGEST = 32 * 1024
"""Bytes; API Gateway closes a connection that sends a longer frame:
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

PING = '{"type":"ping"}'

GATEWAY_ERROR = "gateway-error"
"""The kind given to frames that API Gateway itself sends when the function behind it failed:
``{"message": "Internal server error", "connectionId": …, "requestId": …}``, with no ``type``."""


def subscribe(
    ask: str,
    pattern: Frame,
    *,
    cursor: str | None,
    since: int | None,
    snapshot: int | None,
    conflate: str | None,
    gap: str | None = None,
) -> str:
    """Ask for a subscription.

    Args:
        ask: The id that the server's answers will carry.
        pattern: The filter, in the form of an EventBridge event pattern.
        cursor: Where to go on from.
        since: Where there is no cursor: the time to begin from, in ms since the epoch.
        snapshot: Where there is neither: how many of the newest hits to begin with.
        conflate: An attribute: of the hits with equal values only the latest is of interest.
        gap: The ``since`` of the gap that this answers; the server then forgets that frames were missed.
    """
    frame: Frame = {"type": "subscribe", "id": ask, "filter": pattern}
    if cursor is not None:
        frame["cursor"] = cursor
    elif since is not None:
        frame["since"] = since
    elif snapshot is not None:
        frame["snapshot"] = snapshot
    if conflate is not None:
        frame["conflate"] = conflate
    if gap is not None:
        frame["gap"] = gap
    return write(frame)


def more(ask: str, channel: str | None, cursor: str | None) -> str:
    """Ask for the next page of the catch-up that ``ask`` began."""
    return write({"type": "more", "id": ask, "channel": channel, "cursor": cursor})


def unsubscribe(ask: str, channel: str) -> str:
    """Leave a channel."""
    return write({"type": "unsubscribe", "id": ask, "channel": channel})


def write(frame: Frame) -> str:
    """Any frame, as it travels."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))


def parse(text: str | bytes) -> Frame:
    """Read a server frame; what is no JSON object, or has no kind, comes back with ``type`` empty."""
    try:
        frame = json.loads(text)
    except ValueError:
        return {"type": ""}
    if not isinstance(frame, dict):
        return {"type": ""}
    kind = frame.get("type")
    if isinstance(kind, str):
        return frame
    return {**frame, "type": GATEWAY_ERROR if "message" in frame else ""}


def hits(frame: Frame) -> list[Frame]:
    """The hits of a frame, or of an answer over HTTP, that have an id."""
    found = frame.get("hits")
    hits = found if isinstance(found, list) else []
    return [hit for hit in hits if isinstance(hit, dict) and isinstance(hit.get("id"), str)]


def number_of(frame: Frame, key: str) -> int | None:
    """The field where it is a whole number, else None."""
    value = frame.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text_of(frame: Frame, key: str) -> str | None:
    """The field where it is a text, else None."""
    value = frame.get(key)
    return value if isinstance(value, str) else None
