"""The HTTP API: tickets, and hits without a socket."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode

import urllib3

from pipeline.client import frames
from pipeline.client.news import Refused
from pipeline.client.polling import Page, PageRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.client.client import Dial
    from pipeline.client.news import Hit
    from pipeline.client.polling import Pages

TIMEOUT = 30.0
"""Seconds; an HTTP API's integration ends within 30:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

SUCCESS = range(200, 300)
NOT_MODIFIED = 304
MISTAKE = range(400, 500)
AGAIN = frozenset({408, 425, 429})
"""Of the 4xx, those after which the same request may succeed."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, which is shown in another header than a token."""

    text: str


Shown: TypeAlias = "str | Key"
"""What tells who asks: a bearer token, or an API key."""


def dialler(http_url: str, token: Callable[[], Shown]) -> Dial:
    """Addresses to connect to, with a fresh ticket each.

    Args:
        http_url: The HTTP API's address, ``https://host`` or ``http://127.0.0.1:port/…``.
        token: Gives the bearer token, or the API key; asked each time, since tokens expire.
    """

    async def dial() -> str:
        return await asyncio.to_thread(address, http_url, token())

    return dial


def address(http_url: str, token: Shown) -> str:
    """Trade the token for a ticket; the WebSocket address that uses it, within 30 seconds and once.

    Raises:
        Refused: The server will not give this token a ticket.
        OSError: It could not be asked, or could not answer.
    """
    answer = _object(_ask("POST", f"{http_url.rstrip('/')}/v1/tickets", token).data)
    url, ticket = answer.get("url"), answer.get("ticket")
    if not isinstance(url, str) or not isinstance(ticket, str):
        raise ConnectionError(f"{http_url} answered without a ticket")
    return f"{url}?ticket={quote(ticket, safe='')}"


def pager(http_url: str, token: Callable[[], Shown]) -> Pages:
    """Pages of hits over HTTP, for a client whose network lets no WebSocket through; like ``dialler``."""

    async def pages(request: PageRequest) -> Page:
        return await _in_thread(lambda: page(http_url, token(), request))

    return pages


def page(http_url: str, token: Shown, request: PageRequest) -> Page:
    """One page of hits.

    Raises:
        Refused: The server will not answer this token, this filter or this cursor.
        OSError: It could not be asked, or could not answer.
    """
    asked = {
        "cursor": request.cursor,
        "since": request.since,
        "limit": request.limit,
        "wait": request.wait,
        "conflate": request.conflate,
    }
    given = {name: f"{value:g}" if isinstance(value, float) else value for name, value in asked.items()}
    query = {"filter": json.dumps(request.filter), **{name: v for name, v in given.items() if v is not None}}
    headers = {} if request.tag is None else {"If-None-Match": request.tag}
    url = f"{http_url.rstrip('/')}/v1/hits?{urlencode(query)}"
    answer = _ask("GET", url, token, headers, TIMEOUT + (request.wait or 0))
    body = _object(answer.data)
    cursor, gap = body.get("cursor"), body.get("gap")
    return Page(
        frames.hits(body),
        cursor if isinstance(cursor, str) else None,
        more=body.get("more") is True or 'rel="next"' in answer.headers.get("Link", ""),
        tag=answer.headers.get("ETag"),
        gap=gap if isinstance(gap, dict) else None,
    )


def hits(http_url: str, token: Shown, pattern: dict[str, Any], limit: int) -> list[Hit]:
    """The newest stored hits that match, oldest first; raises what ``page`` raises."""
    return page(http_url, token, PageRequest(pattern, limit=limit)).hits


def hit(http_url: str, token: Shown, wanted: Hit) -> Hit | None:
    """The whole of a hit, where it is still kept; raises what ``page`` raises.

    Args:
        http_url: The HTTP API's address.
        token: A bearer token, or an API key.
        wanted: A hit, or the pointer that stands for one too big for a frame.
    """
    href = wanted.get("href") or f"/v1/hits?{urlencode({'id': wanted['id']})}"
    found = frames.hits(_object(_ask("GET", f"{http_url.rstrip('/')}{href}", token).data))
    return found[0] if found else None


def _ask(
    method: str, url: str, token: Shown, headers: Mapping[str, str] | None = None, timeout: float = TIMEOUT
) -> urllib3.BaseHTTPResponse:
    where = url.partition("?")[0]
    if not url.startswith(("https://", "http://")):
        raise _bad_address(where)
    shown = (
        {"x-api-key": token.text.strip()}
        if isinstance(token, Key)
        else {"Authorization": f"Bearer {token.strip()}"}  # a file that it is kept in ends with a line end
    )
    sent = {**shown, **(headers or {})}
    try:
        answer = urllib3.request(method, url, headers=sent, timeout=timeout, retries=False)
    except urllib3.exceptions.LocationValueError as mistake:
        raise _bad_address(where) from mistake
    except urllib3.exceptions.HTTPError as trouble:
        raise ConnectionError(f"{where} cannot be reached ({type(trouble).__name__})") from trouble
    except ValueError as mistake:
        text = "The token, or the API key, has something inside that no header takes: copy it once more."
        raise Refused("bad-token", text) from mistake
    if answer.status in SUCCESS or answer.status == NOT_MODIFIED:
        return answer
    error = _object(answer.data).get("error")
    said = error if isinstance(error, dict) else {}
    text = str(said.get("text") or f"{where} answered HTTP {answer.status}")
    if answer.status in MISTAKE and answer.status not in AGAIN:
        raise Refused(str(said.get("code") or f"http-{answer.status}"), text)
    raise ConnectionError(text)


def _bad_address(where: str) -> Refused:
    text = f"{where} is no address of the HTTP API: it begins with https:// and the name of a host."
    return Refused("bad-address", text)


async def _in_thread(call: Callable[[], Page]) -> Page:
    """Run it beside the loop. Unlike ``asyncio.to_thread`` an answer that nobody waits for delays no exit."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Page] = loop.create_future()

    def settle(page: Page | None, trouble: Exception | None) -> None:
        if future.done():
            return
        if page is None:
            future.set_exception(trouble or RuntimeError("no answer"))
        else:
            future.set_result(page)

    def run() -> None:
        page, trouble = None, None
        try:
            page = call()
        except Exception as raised:  # noqa: BLE001 - told to who waits, whatever it is
            trouble = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, page, trouble)

    Thread(target=run, name="livedex-page", daemon=True).start()
    return await future


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
