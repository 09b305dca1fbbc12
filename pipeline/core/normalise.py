"""An event becomes the one document of its fact."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core import instant, lines, template, terms
from pipeline.core.document import Document
from pipeline.core.errors import Rejected
from pipeline.core.model import DEFAULT_TENANT
from pipeline.core.oversize import fitted
from pipeline.core.path import MISSING, value_at, values_at
from pipeline.core.tenant import fits

if TYPE_CHECKING:
    from pipeline.core.model import Event, JsonObject, Route

DEEPEST_LIST = 20
"""Lists in lists that a mapped field takes; one more refuses the document.

https://docs.opensearch.org/latest/install-and-configure/configuring-opensearch/index-settings/
(``index.mapping.depth.limit``)
"""

EXACT = 2**53
"""From here on a float stands for several whole numbers. https://www.rfc-editor.org/rfc/rfc8259#section-6"""


def normalise(event: Event, route: Route, *, single_tenant: bool, now: int) -> Document:
    """Make the one document an event becomes.

    Equal facts give equal documents: the id hashes (source, detail-type, tenant, identity) and the
    index is dated by ``detail``, never by clock or envelope where the route names both. So a
    retry, a re-send past midnight or a replay a week late finds the same document.

    Args:
        event: A checked envelope.
        route: The route chosen for it.
        single_tenant: Whether all share one tenant; else it is read where the route says.
        now: Decides only whether the event is too old or too new to be taken.

    Returns:
        Document with ``index`` ``{family}-{YYYY.MM.DD}``, UTC, and ``id`` 64 lower-case hex
        characters (OpenSearch allows 512 bytes).

    Raises:
        Rejected: ``no-identity``, ``bad-identity``, ``bad-time``, ``too-old``, ``from-the-future``.
            Nothing else in an event keeps it from being stored.

    Source:
        https://docs.opensearch.org/latest/api-reference/document-apis/bulk/
    """
    detail = event.detail
    timestamp, written, day = _occurred(event, route.occurred)
    _check_age(timestamp, route, now)
    tenant = DEFAULT_TENANT if single_tenant else _tenant(detail, route.tenant)
    document_id = _id(event, route, tenant)
    ignored: list[str] = []
    message = _message(detail, route.message, ignored)
    attributes, members, tokens = _attributes(event, route, ignored)
    fields: JsonObject = {"tenant": tenant, "message": message, "detail": detail}
    if ignored:
        fields["ignored"] = ignored
    index = f"{route.family}-{day}"
    opening = lines.opening(index, document_id, written).encode()
    return Document(
        index,
        document_id,
        route.family,
        tenant,
        event.source,
        event.detail_type,
        timestamp,
        message,
        fitted(b"".join((opening, *members, b'"tokens":[', b",".join(tokens), b"],")), fields),
        b"",
        (attributes, values_at(detail, route.delta)),
    )


# --- what can reject --------------------------------------------------------------------------


def _occurred(event: Event, path: str | None) -> tuple[int, str, str]:
    if path is None:
        return event.time, instant.iso(event.time), instant.day(event.time)
    value = value_at(event.detail, path)
    if value is MISSING:
        raise Rejected("bad-time", f"detail lacks {path}, which says when it happened.")
    try:
        return instant.dated(value)
    except ValueError as error:
        raise Rejected("bad-time", f"{path} in detail: {error}") from None


def _check_age(timestamp: int, route: Route, now: int) -> None:
    """Refuse what would re-create an index that is about to be, or has been, deleted.

    A policy counts age from the index's creation, which may be a day before its date; hence a route's
    lateness is a day less than the retention, if it does not say less.
    """
    opened = timestamp - timestamp % instant.DAY
    if opened + route.lateness * instant.DAY <= now:
        raise Rejected(
            "too-old",
            f"it happened at {instant.iso(timestamp)}; {route.family} takes events for {route.lateness} days "
            f"and keeps them {route.retention_days}.",
        )
    if timestamp > now + instant.DAY:
        raise Rejected(
            "from-the-future", f"it says it happens at {instant.iso(timestamp)}, more than a day from now."
        )


def _id(event: Event, route: Route, tenant: str | None) -> str:
    """Hash a JSON list, so that "1" differs from 1 and no two values run together."""
    identity: list[Any] = [event.source, event.detail_type, tenant]
    for path in route.identity:
        value = event.detail.get(path)
        identity.append(value if isinstance(value, str) else _identity(event.detail, path))
    if not route.identity:
        identity.append(event.id)
    digest = _NOTHING_HASHED.copy()
    digest.update(orjson.dumps(identity))
    return digest.hexdigest()


_NOTHING_HASHED = sha256()
"""Copied for each id: making one anew takes OpenSSL longer than the hashing."""


def _identity(detail: JsonObject, path: str) -> Any:  # noqa: ANN401 - a scalar, as it came
    value = value_at(detail, path)
    if value is MISSING or value is None:
        raise Rejected("no-identity", f"detail lacks {path}, by which the same fact is known again.")
    if isinstance(value, _CONTAINERS):
        raise Rejected("bad-identity", f"{path} in detail is an object or a list: name the values inside it.")
    if isinstance(value, float):
        if abs(value) >= EXACT:
            # An integer beyond 64 bits, which orjson has read as the nearest float, or the like: two
            # facts would become one.
            raise Rejected(
                "bad-identity", f"{path} in detail is a number that no float holds exactly: send it as text."
            )
        if value.is_integer():  # 1.0 and 1 are one number, and a fact that is sent on may change its form
            return int(value)
    return value


# --- what cannot ------------------------------------------------------------------------------


def _tenant(detail: JsonObject, path: str | None) -> str | None:
    if path is None:
        return None
    value = detail.get(path)
    if not isinstance(value, str):
        value = value_at(detail, path)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
    return value if isinstance(value, str) and value and fits(value) else None


def _message(detail: JsonObject, path: str | None, ignored: list[str]) -> str | None:
    if path is None:
        return None
    if template.is_template(path):
        return template.fill(path, detail)
    value = detail.get(path)
    if isinstance(value, str):
        return value
    value = value_at(detail, path)
    if value is MISSING or value is None or isinstance(value, str):
        return value if value is not MISSING else None
    if isinstance(value, _CONTAINERS):
        ignored.append("message")
        return None
    return terms.literal(value)


def _attributes(
    event: Event, route: Route, ignored: list[str]
) -> tuple[JsonObject, list[bytes], list[bytes]]:
    """Pick the attributes, as they came, and write the tokens by which they are found.

    A mapped field takes no object and no list in a list in a list without end, so an attribute that has
    one is left out and named in ``ignored``.

    Returns:
        The attributes, the members of the document that hold them, and the tokens, both as JSON.
    """
    detail, get = event.detail, event.detail.get
    attributes: JsonObject = {}
    named, common = lines.common(route.family, event.source, event.detail_type)
    members, tokens = [named], [common]
    for name, path in route.attributes:
        value = get(path, MISSING)
        if value is MISSING and (value := value_at(detail, path)) is MISSING:
            continue
        if isinstance(value, str):
            member, token = _known[name].get(value) or _text(name, value)
        elif isinstance(value, float) and value % 1:
            member, token = _fraction(name, value)
        elif isinstance(value, _CONTAINERS) and _is_unmappable(value):
            ignored.append(name)
            continue
        else:
            member, token = _member(name, value), _tokens(name, value)
        attributes[name] = value
        members.append(member)
        if token:
            tokens.append(token)
    return attributes, members, tokens


def _is_unmappable(value: object, levels: int = DEEPEST_LIST) -> bool:
    if isinstance(value, list):
        return not levels or any(_is_unmappable(item, levels - 1) for item in value)
    return isinstance(value, dict)


_CONTAINERS = (dict, list)
_SHORT, _MOST_KNOWN = 100, 1_000
"""Characters of a text, and texts an attribute, whose JSON is remembered: most texts are one of a few (a
service, a status), and an attribute of which each event has another soon costs only the look."""

_known: defaultdict[str, dict[str, tuple[bytes, bytes]]] = defaultdict(dict)
"""Attribute to text to its member and its token."""


def _text(name: str, text: str) -> tuple[bytes, bytes]:
    written, known = (_member(name, text), _tokens(name, text)), _known[name]
    if len(text) <= _SHORT and len(known) < _MOST_KNOWN:
        known[text] = written
    return written


def _fraction(name: str, value: float) -> tuple[bytes, bytes]:
    """Write a number with a fraction, whose literal is what orjson would write."""
    text = repr(value)
    return f'"{name}":{text},'.encode(), f'"{name}={text}"'.encode()


def _member(name: str, value: object) -> bytes:
    return orjson.dumps({name: value})[1:-1] + b","


def _tokens(name: str, value: object) -> bytes:
    return orjson.dumps(terms.tokens(name, value))[1:-1]
