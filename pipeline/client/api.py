"""The HTTP API: tickets, and hits without a socket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import urllib3

from pipeline.client.news import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.client.client import Dial
    from pipeline.client.news import Hit

TIMEOUT = 30.0
"""Seconds; an HTTP API's integration ends within 30:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

SUCCESS = range(200, 300)
MISTAKE = range(400, 500)
AGAIN = frozenset({408, 425, 429})
"""Of the 4xx, those after which the same request may succeed."""


def dialler(http_url: str, token: Callable[[], str]) -> Dial:
    """Addresses to connect to, with a fresh ticket each.

    Args:
        http_url: The HTTP API's address, ``https://host`` or ``http://127.0.0.1:port/…``.
        token: Gives the bearer token; asked each time, since tokens expire.
    """

    async def dial() -> str:
        return await asyncio.to_thread(address, http_url, token())

    return dial


def address(http_url: str, token: str) -> str:
    """Trade the token for a ticket; the WebSocket address that uses it, within 30 seconds and once.

    Raises:
        Refused: The server will not give this token a ticket.
        OSError: It could not be asked, or could not answer.
    """
    answer = _ask("POST", f"{http_url.rstrip('/')}/v1/tickets", token)
    url, ticket = answer.get("url"), answer.get("ticket")
    if not isinstance(url, str) or not isinstance(ticket, str):
        raise ConnectionError(f"{http_url} answered without a ticket")
    return f"{url}?ticket={quote(ticket, safe='')}"


def hits(http_url: str, token: str, pattern: dict[str, Any], limit: int) -> list[Hit]:
    """The newest stored hits that match, oldest first.

    Raises:
        Refused: The server will not answer this token, or this filter.
        OSError: It could not be asked, or could not answer.
    """
    query = urlencode({"filter": json.dumps(pattern), "limit": limit})
    found = _ask("GET", f"{http_url.rstrip('/')}/v1/hits?{query}", token).get("hits")
    return found if isinstance(found, list) else []


def _ask(method: str, url: str, token: str) -> dict[str, Any]:
    where = url.partition("?")[0]
    headers = {"Authorization": f"Bearer {token}"}
    try:
        answer = urllib3.request(method, url, headers=headers, timeout=TIMEOUT, retries=False)
    except urllib3.exceptions.HTTPError as trouble:
        raise ConnectionError(f"{where} cannot be reached ({type(trouble).__name__})") from trouble
    body = _object(answer.data)
    if answer.status in SUCCESS:
        return body
    error = body.get("error")
    said = error if isinstance(error, dict) else {}
    text = str(said.get("text") or f"{where} answered HTTP {answer.status}")
    if answer.status in MISTAKE and answer.status not in AGAIN:
        raise Refused(str(said.get("code") or f"http-{answer.status}"), text)
    raise ConnectionError(text)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
