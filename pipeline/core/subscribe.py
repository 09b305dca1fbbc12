"""Stage: read what a client asks for, and name the channel it will share.

All checking is done here, so matching can never fail later.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from pipeline.core import pattern
from pipeline.core.audience import Channel
from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.core.model import JsonObject

COMMON_KEYS = frozenset({"family", "source", "eventType"})
"""What every filter may name beside its events' attributes."""

MAX_FILTER = 2_048
"""Characters of a filter in canonical form, as for an EventBridge pattern.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
"""

MAX_REQUEST = 32 * 1024
"""Bytes of a client's frame: API Gateway closes the connection above it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

MAX_SNAPSHOT = 2_000
"""Hits of a snapshot: one page of a search."""

DEFAULT_LIMIT = 50
"""Hits of an answer to ``GET /v1/hits`` whose size the client leaves to us: a screenful."""

MAX_ID = 64
"""Characters of the id with which a client tells its requests apart."""

_MAX_CURSOR = 1_024  # characters: no cursor of any version is longer, and a frame repeats none of it
_LIMIT = re.compile(r"[0-9]{1,6}", re.ASCII)
_DOCUMENT_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CHANNEL_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Request:
    """A client's frame, checked in form; its filter is checked by ``channel``.

    Attributes:
        type: ``subscribe``, ``unsubscribe`` or ``ping``.
        id: The client's own name for this request; None only for a ping.
        filter: What to subscribe to, still unchecked.
        cursor: Where to go on from; None starts with a snapshot.
        snapshot: How many of the newest hits to begin with; None leaves it to the server.
        channel: What to unsubscribe from.
        conflate: The attribute of which only the latest hit for each value is wanted, still unchecked.
    """

    type: str
    id: str | None = None
    filter: JsonObject | None = None
    cursor: str | None = None
    snapshot: int | None = None
    channel: str | None = None
    conflate: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """The parameters of ``GET /v1/hits``, checked in form; its filter is checked by ``channel``.

    Attributes:
        filter: Which hits, still unchecked.
        cursor: Where to go on from; None begins with the newest.
        limit: How many hits at most.
        id: The one document asked for, as a pointer's ``href`` names it; None for whatever the filter finds.
        conflate: Of which channel of the filter the cursor is: the one that this names, still unchecked.
    """

    filter: JsonObject
    cursor: str | None
    limit: int
    id: str | None
    conflate: str | None = None


def channel(tenant: str, asked: object, attributes: frozenset[str] | None) -> Channel:
    """Name the channel of a tenant's filter: equal filters, however written, share one.

    An empty filter means everything that the tenant has.

    Args:
        tenant: From the client's token, never from its frame.
        asked: The filter, parsed from JSON.
        attributes: The attributes that routes declare; None where they are not known.

    Raises:
        Refused: ``bad-filter``; the text names what is wrong and what may be instead.
    """
    parsed = pattern.parse(asked)
    undeclared = parsed.keys() - COMMON_KEYS - attributes if attributes is not None else ()
    if undeclared:
        known = ", ".join(sorted(COMMON_KEYS | (attributes or frozenset())))
        raise Refused(
            "bad-filter", f"No event has the attribute {_quoted(min(undeclared))}; a filter may name {known}."
        )
    text = pattern.canonical(parsed)
    if len(text) > MAX_FILTER:
        raise Refused("bad-filter", f"The filter has {len(text)} characters; it may have {MAX_FILTER}.")
    return Channel(tenant, text, hashlib.sha256(orjson.dumps([tenant, text])).hexdigest()[:32])


def conflated(plain: Channel, key: str | None, attributes: frozenset[str] | None) -> Channel:
    """Name the channel of those who want but the latest hit for each value of an attribute.

    They share no frames with those who want every hit, so theirs is another channel of the same filter.

    Args:
        plain: The filter's channel.
        key: What the client asked for; None for every hit.
        attributes: See ``channel``.

    Raises:
        Refused: ``bad-conflate``; no event has the attribute.
    """
    if key is None:
        return plain
    if attributes is not None and key not in COMMON_KEYS | attributes:
        known = ", ".join(sorted(COMMON_KEYS | attributes))
        raise Refused(
            "bad-conflate", f'No event has the attribute {_quoted(key)}; "conflate" may name {known}.'
        )
    named = orjson.dumps([plain.tenant, plain.filter, key])
    return replace(plain, id=hashlib.sha256(named).hexdigest()[:32], conflate=key)


def request(text: str | bytes) -> Request:
    """Read a client's frame. Fields that are not known are passed over.

    Raises:
        Refused: ``bad-frame``, ``bad-filter`` or ``unknown-type``; the text names the field and the way out.
    """
    frame = _frame(text)
    kind = frame.get("type")
    if not isinstance(kind, str) or kind not in _READERS:
        raise Refused("unknown-type", f'"type" is {" or ".join(map(_quoted, _READERS))}.')
    return _READERS[kind](frame)


def query(asked: Mapping[str, str]) -> Search:
    """Read the query string of ``GET /v1/hits``; each parameter may be missing or empty.

    Raises:
        Refused: ``bad-filter`` or ``bad-query``; the text names the parameter and the way out.
    """
    limit = asked.get("limit") or str(DEFAULT_LIMIT)
    if not _LIMIT.fullmatch(limit) or not 0 < int(limit) <= MAX_SNAPSHOT:
        raise Refused("bad-query", f'"limit" is a whole number from 1 to {MAX_SNAPSHOT}.')
    document = asked.get("id") or None
    if document is not None and not _DOCUMENT_ID.fullmatch(document):
        raise Refused("bad-query", '"id" is the id of a hit: 64 characters from 0 to f.')
    try:
        wanted = orjson.loads(asked.get("filter") or "{}")
    except orjson.JSONDecodeError as error:
        raise Refused(
            "bad-filter", 'The parameter "filter" is not JSON; leave it out to ask for everything.'
        ) from error
    conflate = asked.get("conflate") or None
    return Search(wanted, asked.get("cursor") or None, int(limit), document, conflate)


def request_id(text: str | bytes) -> str | None:
    """Find the id that an error answers, even in a frame that ``request`` refuses; None where none is."""
    try:
        return _id(_frame(text))
    except Refused:
        return None


def _frame(text: str | bytes) -> Mapping[str, object]:
    encoded = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    if len(encoded) > MAX_REQUEST:
        raise _bad_frame(f"The frame has {len(encoded)} bytes; it may have {MAX_REQUEST}.")
    try:
        frame = orjson.loads(encoded)
    except orjson.JSONDecodeError as error:
        raise _bad_frame('The frame is not JSON; send for example {"type":"ping"}.') from error
    if not isinstance(frame, dict):
        raise _bad_frame('The frame is not a JSON object; send for example {"type":"ping"}.')
    return frame


def _subscribe(frame: Mapping[str, object]) -> Request:
    asked = frame.get("filter")
    if not isinstance(asked, dict):
        raise Refused("bad-filter", '"filter" is missing or no object; {} asks for everything.')
    return Request(
        "subscribe",
        _id(frame),
        filter=asked,
        cursor=_cursor(frame.get("cursor")),
        snapshot=_snapshot(frame.get("snapshot")),
        conflate=_conflate(frame.get("conflate")),
    )


def _unsubscribe(frame: Mapping[str, object]) -> Request:
    named = frame.get("channel")
    if not isinstance(named, str) or not _CHANNEL_ID.fullmatch(named):
        raise _bad_frame('"channel" is the text that the "subscribed" frame gave.')
    return Request("unsubscribe", _id(frame), channel=named)


def _ping(_frame: Mapping[str, object]) -> Request:
    return Request("ping")


_READERS: Mapping[str, Callable[[Mapping[str, object]], Request]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "ping": _ping,
}


def _id(frame: Mapping[str, object]) -> str:
    value = frame.get("id")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise _bad_frame(f'"id" is a text of 1 to {MAX_ID} characters of your choice; the answers repeat it.')
    return value


def _cursor(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and len(value) <= _MAX_CURSOR):
        raise _bad_frame('"cursor" is the text that a frame gave; leave it out to begin with a snapshot.')
    return value


def _snapshot(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SNAPSHOT:
        raise _bad_frame(f'"snapshot" is a whole number from 0 to {MAX_SNAPSHOT}.')
    return value


def _conflate(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and value):
        raise _bad_frame('"conflate" is the name of an attribute; leave it out to get every hit.')
    return value


def _quoted(text: str) -> str:
    return orjson.dumps(text if len(text) <= MAX_ID else text[:MAX_ID] + "…").decode()


def _bad_frame(text: str) -> Refused:
    return Refused("bad-frame", text)
