"""A delivery becomes an event, or the deltas that it announces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import instant
from pipeline.core.errors import Rejected
from pipeline.core.model import LONGEST_NAME, MAX_DEPTH, Delta, Event
from pipeline.core.tenant import fits

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject


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
    get = envelope.get
    replay = get("replay-name")
    return Event(
        _name(get("id"), "id"),
        _name(get("source"), "source"),
        _name(get("detail-type"), "detail-type"),
        _time(get("time")),
        _detail(get("detail")),
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
        tenant = entry["tenant"]
        if tenant is not None and not (isinstance(tenant, str) and fits(tenant)):
            raise Rejected("malformed", "the entry's tenant is no text, or too long for anybody's name.")
        return [_delta(fields, tenant, entry["family"]) for fields in entry["deltas"]]
    except KeyError as error:
        raise Rejected("malformed", f"the entry lacks {error}.") from None
    except (TypeError, ValueError) as error:
        raise Rejected("malformed", f"the entry cannot be read: {error}.") from None


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


def _name(name: object, key: str) -> str:
    if isinstance(name, str) and 0 < len(name) <= LONGEST_NAME:
        return name
    raise Rejected(f"no-{key}", f"the envelope's {key} is no text of 1 to {LONGEST_NAME} characters.")


def _time(value: object) -> int:
    try:
        return instant.read(value)
    except ValueError as error:
        raise Rejected("bad-time", f"the envelope's time: {error}") from None


def _detail(detail: object) -> JsonObject:
    if isinstance(detail, dict):
        return detail
    raise Rejected("no-detail", "the envelope's detail is no JSON object: send one, even an empty one.")


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
