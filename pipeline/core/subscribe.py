"""Stage: read what a client asks for, in a frame or in a query string."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from pipeline.core.errors import Refused
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.core.model import JsonObject

MAX_REQUEST = 32 * 1024
"""Bytes of a client's frame: API Gateway closes the connection above it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

MAX_SNAPSHOT = 2_000
"""Hits of a snapshot: one page of a search."""

DEFAULT_LIMIT = 50
"""Hits of an answer to ``GET /v1/hits`` whose size the client leaves to us: a screenful."""

MAX_WAIT = 20
"""Seconds that ``GET /v1/hits`` waits for news at most: an HTTP API answers within 30.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

MAX_ID = 64
"""Characters of the id with which a client tells its requests apart."""

_MAX_CURSOR = 1_024  # characters: no cursor of any version is longer, and a frame repeats none of it
_LIMIT = re.compile(r"[0-9]{1,6}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{1,15}", re.ASCII)
_MOMENT_FORM = "a whole number of milliseconds since the epoch, of at most 15 digits"
_DOCUMENT_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CHANNEL_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


@noun
class Request:
    """A client's frame, checked in form; its filter is checked by ``channels``.

    Attributes:
        type: ``subscribe``, ``more``, ``unsubscribe`` or ``ping``.
        id: The client's own name for this request; None only for a ping.
        filter: What to subscribe to, still unchecked.
        cursor: Where to go on from; None starts with a snapshot.
        snapshot: How many of the newest hits to begin with; None leaves it to the server.
        channel: What to unsubscribe from.
        conflate: The attribute of which only the latest hit for each value is wanted, still unchecked.
        since: Where there is no cursor, the time to go on from instead of a snapshot, in ms since the epoch.
        gap: The ``since`` of the gap that this answers.
    """

    type: str
    id: str | None = None
    filter: JsonObject | None = None
    cursor: str | None = None
    snapshot: int | None = None
    channel: str | None = None
    conflate: str | None = None
    since: int | None = None
    gap: str | None = None


@noun
class Search:
    """The parameters of ``GET /v1/hits``, checked in form; its filter is checked by ``channels``.

    Attributes:
        filter: Which hits, still unchecked.
        cursor: Where to go on from; None begins with the newest.
        limit: How many hits at most.
        id: The one document asked for, as a pointer's ``href`` names it; None for whatever the filter finds.
        conflate: Of which channel of the filter the cursor is: the one that this names, still unchecked.
        wait: Seconds to wait for what the client has not seen.
        since: Where there is no cursor, the time to go on from instead of the newest, in ms since the epoch.
    """

    filter: JsonObject
    cursor: str | None
    limit: int
    id: str | None
    conflate: str | None = None
    wait: int = 0
    since: int | None = None


def request(text: str | bytes) -> Request:
    """Read a client's frame. Fields that are not known are passed over.

    Raises:
        Refused: ``bad-frame``, ``bad-filter`` or ``unknown-type``; the text names the field and the way out.
    """
    frame = _frame(text)
    kind = frame.get("type")
    if not isinstance(kind, str) or kind not in _READERS:
        known = " or ".join(f'"{name}"' for name in _READERS)
        raise Refused("unknown-type", f'"type" is {known}.')
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
    wait = asked.get("wait") or "0"
    if not _LIMIT.fullmatch(wait) or int(wait) > MAX_WAIT:
        raise Refused("bad-query", f'"wait" is a whole number of seconds from 0 to {MAX_WAIT}.')
    conflate = asked.get("conflate") or None
    since = asked.get("since") or None
    if since is not None and not _MOMENT.fullmatch(since):
        raise Refused("bad-query", f'"since" is {_MOMENT_FORM}.')
    return Search(
        wanted,
        asked.get("cursor") or None,
        int(limit),
        document,
        conflate,
        int(wait),
        None if since is None else int(since),
    )


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
        since=_since(frame.get("since")),
        gap=_gap(frame.get("gap")),
    )


def _more(frame: Mapping[str, object]) -> Request:
    cursor = _cursor(frame.get("cursor"))
    if not cursor:
        raise _bad_frame('"cursor" is the text that the last frame of the page gave.')
    return Request("more", _id(frame), cursor=cursor)


def _unsubscribe(frame: Mapping[str, object]) -> Request:
    named = frame.get("channel")
    if not isinstance(named, str) or not _CHANNEL_ID.fullmatch(named):
        raise _bad_frame('"channel" is the text that the "subscribed" frame gave.')
    return Request("unsubscribe", _id(frame), channel=named)


def _ping(_frame: Mapping[str, object]) -> Request:
    return Request("ping")


_READERS: Mapping[str, Callable[[Mapping[str, object]], Request]] = {
    "subscribe": _subscribe,
    "more": _more,
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


def _gap(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and len(value) <= _MAX_CURSOR):
        raise _bad_frame(
            '"gap" is the "since" of the gap that this answers; leave it out if it answers none.'
        )
    return value


def _snapshot(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SNAPSHOT:
        raise _bad_frame(f'"snapshot" is a whole number from 0 to {MAX_SNAPSHOT}.')
    return value


def _since(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not _MOMENT.fullmatch(str(value)):
        raise _bad_frame(f'"since" is {_MOMENT_FORM}; leave it out to begin with a snapshot.')
    return value


def _conflate(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and value):
        raise _bad_frame('"conflate" is the name of an attribute; leave it out to get every hit.')
    return value


def _bad_frame(text: str) -> Refused:
    return Refused("bad-frame", text)
