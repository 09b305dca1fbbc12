"""Stage: find what a request shows: a single-use ticket, a token, or an API key.

What is found is unchecked; ``authorize`` and the adapter of tokens judge it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.core.errors import Refused
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROTOCOL = "livedex"
"""The WebSocket subprotocol that a browser offers beside its token, and that is chosen then."""

KEY_HEADER = "x-api-key"

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)

_HTTP_WAY_IN = f"Send a token as 'Authorization: Bearer …', or an API key as '{KEY_HEADER}: …'."

_WAY_IN = (
    "Connect with ?ticket=… (get one with POST /v1/tickets), or send a token as 'Authorization: Bearer …' "
    f"or, from a browser, as a second WebSocket subprotocol beside '{PROTOCOL}', or an API key as "
    f"'{KEY_HEADER}: …'."
)


@noun
class Ticket:
    """A single-use ticket, as it came."""

    text: str


@noun
class Bearer:
    """A token, as it came."""

    token: str


@noun
class Key:
    """An API key, as it came."""

    text: str


def opening(
    headers: Mapping[str, str | None] | None, query: Mapping[str, str | None] | None
) -> Ticket | Bearer | Key:
    """Find what a request to connect shows: a ticket, else a header, else a subprotocol.

    Args:
        headers: Names in any case, as clients and proxies send them.
        query: The query string's parameters.

    Raises:
        Refused: ``unauthorized`` when there is none, or none that can be read; the text says how to send one.
    """
    if ticket := (query or {}).get("ticket"):
        return Ticket(ticket)
    named = _named(headers)
    if shown := _in_headers(named, _WAY_IN):
        return shown
    for protocol in _offered(named):
        if _JWT.fullmatch(protocol):
            return Bearer(protocol)
    raise _unauthorized(f"Nothing tells who you are. {_WAY_IN}")


def asking(headers: Mapping[str, str | None] | None) -> Bearer | Key:
    """Find what a request to the HTTP API shows.

    A ticket is not looked for: it opens one WebSocket and nothing else.

    Raises:
        Refused: ``unauthorized``; the text says how to send one.
    """
    if shown := _in_headers(_named(headers), _HTTP_WAY_IN):
        return shown
    raise _unauthorized(f"Nothing tells who you are. {_HTTP_WAY_IN}")


def subprotocol(headers: Mapping[str, str | None] | None) -> str | None:
    """Choose among the subprotocols that a client offers; a browser closes a socket whose server chose none.

    ``livedex`` before a token, which is chosen only where nothing else is offered beside it: it came from
    this client, so it goes back to nobody else.

    Returns:
        None where none was offered that is known here.

    Source:
        https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
    """
    offered = list(_offered(_named(headers)))
    if PROTOCOL in offered:
        return PROTOCOL
    return next(filter(_JWT.fullmatch, offered), None)


def origin(headers: Mapping[str, str | None] | None) -> str | None:
    """Find the page that a browser speaks for; None where no browser does."""
    for name, value in (headers or {}).items():
        if name.lower() == "origin" and value is not None:
            return value
    return None


def _in_headers(named: Mapping[str, str], way_in: str) -> Bearer | Key | None:
    if KEY_HEADER in named:
        return Key(named[KEY_HEADER].strip())
    if "authorization" not in named:
        return None
    scheme, _, token = named["authorization"].strip().partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized(f"The Authorization header is no 'Bearer …'. {way_in}")
    return Bearer(token)


def _offered(named: Mapping[str, str]) -> Iterable[str]:
    return (protocol.strip() for protocol in named.get("sec-websocket-protocol", "").split(","))


def _named(headers: Mapping[str, str | None] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (headers or {}).items() if value}


def _unauthorized(text: str) -> Refused:
    return Refused("unauthorized", text)
