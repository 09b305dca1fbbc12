"""The HTTP side, against a real HTTP server."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import aclosing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.client import Pace, Refused, Subscription, api, sockets
from pipeline.client.polling import Page, PageRequest, Pages, over_http

if TYPE_CHECKING:
    from collections.abc import Iterator


keys: list[str | None] = []
"""The API key of each request to the latest server."""

tags: list[str | None] = []
"""The ``If-None-Match`` of each request to the latest server."""


@contextmanager
def server(status: int, body: object, **headers: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Answers everything with this; yields its address and the requests it got."""
    asked: list[dict[str, Any]] = []
    tags.clear()
    keys.clear()
    text = body if isinstance(body, bytes) else json.dumps(body).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked.append(
                {
                    "method": self.command,
                    "path": url.path,
                    "query": parse_qs(url.query),
                    "authorization": self.headers["Authorization"],
                }
            )
            keys.append(self.headers["x-api-key"])
            tags.append(self.headers["If-None-Match"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET  # noqa: N815 - http.server's own naming

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/live", asked
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_a_token_buys_an_address_with_a_ticket() -> None:
    with server(201, {"ticket": "a/b=", "expires": 1, "url": "ws://there/live"}) as (url, asked):
        assert api.address(url, "t0k3n") == "ws://there/live?ticket=a%2Fb%3D"
    assert asked == [
        {"method": "POST", "path": "/live/v1/tickets", "query": {}, "authorization": "Bearer t0k3n"}
    ]


def test_an_api_key_buys_one_too_and_is_shown_in_a_header_of_its_own() -> None:
    with server(201, {"ticket": "t", "url": "ws://there/live"}) as (url, asked):
        assert api.address(url, api.Key("livedex_k")) == "ws://there/live?ticket=t"
    assert asked[0]["authorization"] is None
    assert keys == ["livedex_k"]


def test_a_refusal_carries_the_servers_code_and_text() -> None:
    refusal = {"error": {"code": "unauthorized", "text": "The token has expired."}}
    with server(401, refusal) as (url, _), pytest.raises(Refused) as refused:
        api.address(url, "t")
    assert (refused.value.code, refused.value.text) == ("unauthorized", "The token has expired.")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"message":"Forbidden"}'])
def test_a_refusal_by_something_else_on_the_way_names_the_address_and_the_status(body: bytes) -> None:
    with server(403, body) as (url, _), pytest.raises(Refused, match=r"v1/tickets answered HTTP 403"):
        api.address(url, "t")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_an_error_after_which_one_tries_again(status: int) -> None:
    with server(status, b"") as (url, _), pytest.raises(ConnectionError, match=str(status)):
        api.address(url, "t")


def test_an_answer_without_a_ticket_is_an_error_after_which_one_tries_again() -> None:
    with server(200, {"status": "ok"}) as (url, _), pytest.raises(ConnectionError, match="without a ticket"):
        api.address(url, "t")


def test_a_server_that_is_not_there_is_an_error_after_which_one_tries_again() -> None:
    with server(200, {}) as (url, _):
        gone = url
    with pytest.raises(ConnectionError, match="cannot be reached"):
        api.address(gone, "t")


def test_hits_are_asked_for_by_filter_and_limit() -> None:
    with server(200, {"hits": [{"id": "a"}], "cursor": "c"}) as (url, asked):
        assert api.hits(url, "t", {"service": ["a&b"]}, 5) == [{"id": "a"}]
    assert asked[0]["query"] == {"filter": ['{"service": ["a&b"]}'], "limit": ["5"]}


def test_a_page_is_asked_for_by_everything_that_names_it() -> None:
    request = PageRequest(
        {"service": ["a"]}, cursor="L1", limit=2_000, wait=20.0, tag='"e1"', since=7, conflate="orderId"
    )
    with server(200, {"hits": [{"id": "a"}, "none"], "cursor": "L2", "more": True}, ETag='"e2"') as (
        url,
        asked,
    ):
        page = api.page(url, "t", request)
    assert page == Page([{"id": "a"}], "L2", more=True, tag='"e2"')
    assert asked[0]["query"] == {
        "filter": ['{"service": ["a"]}'],
        "cursor": ["L1"],
        "limit": ["2000"],
        "wait": ["20"],
        "since": ["7"],
        "conflate": ["orderId"],
    }
    assert tags == ['"e1"']


def test_a_link_to_the_next_page_says_that_there_is_more() -> None:
    with server(200, {"hits": []}, Link='</v1/hits?cursor=P>; rel="next"') as (url, _):
        assert api.page(url, "t", PageRequest({})).more


def test_a_page_that_has_not_changed_is_empty_and_has_no_cursor() -> None:
    with server(304, b"") as (url, _):
        assert api.page(url, "t", PageRequest({}, tag="x")) == Page()


def test_a_gap_that_a_page_tells_is_kept() -> None:
    gap = {"from": 1, "to": 2, "reason": "expired"}
    with server(200, {"hits": [], "cursor": "L2", "gap": gap}) as (url, _):
        assert api.page(url, "t", PageRequest({}, cursor="L1")).gap == gap


def test_the_whole_of_a_hit_is_read_where_its_pointer_says_or_by_its_id() -> None:
    with server(200, {"hits": [{"id": "a", "message": "whole"}]}) as (url, asked):
        assert api.hit(url, "t", {"id": "a", "href": "/v1/hits?id=a"}) == {"id": "a", "message": "whole"}
        assert api.hit(url, "t", {"id": "b/c"}) == {"id": "a", "message": "whole"}
    assert [each["query"] for each in asked] == [{"id": ["a"]}, {"id": ["b/c"]}]
    with server(200, {"hits": []}) as (url, _):
        assert api.hit(url, "t", {"id": "a"}) is None


@pytest.mark.parametrize(("status", "kind"), [(200, Page), (401, Refused), (503, ConnectionError)])
def test_pages_come_from_beside_the_loop_with_a_fresh_token_each(status: int, kind: type) -> None:
    tokens = iter(["one", "two"])

    async def main(url: str) -> list[object]:
        pages = api.pager(url, lambda: next(tokens))
        return await asyncio.gather(*(pages(PageRequest({})) for _ in range(2)), return_exceptions=True)

    with server(status, {"hits": []}) as (url, asked):
        assert [type(each) for each in asyncio.run(main(url))] == [kind, kind]
    assert {each["authorization"] for each in asked} == {"Bearer one", "Bearer two"}


# --- a token or an address with a mistake -----------------------------------------------------


@pytest.mark.parametrize("shown", [" t0k3n\n", api.Key("\tk3y \r\n")])
def test_white_space_around_a_token_or_a_key_is_not_sent(shown: api.Shown) -> None:
    with server(201, {"ticket": "t", "url": "ws://there/live"}) as (url, asked):
        api.address(url, shown)
        assert (asked[0]["authorization"], keys[0]) in [("Bearer t0k3n", None), (None, "k3y")]


@pytest.mark.parametrize("shown", ["t0k\n3n", "t0k\u20ac3n", api.Key("k\r3y")])
def test_a_token_that_no_header_takes_is_refused_by_name(shown: api.Shown) -> None:
    with pytest.raises(Refused, match="bad-token"):
        api.address("http://127.0.0.1:1", shown)


@pytest.mark.parametrize("address", ["there", "ftp://there", "http://", "http://there:99999"])
def test_what_is_no_address_is_refused_by_name(address: str) -> None:
    with pytest.raises(Refused, match="bad-address"):
        api.address(address, "t0k3n")


def test_whatever_goes_wrong_beside_the_loop_is_told_to_who_waits() -> None:
    def token() -> str:
        raise KeyError("no token")

    with pytest.raises(KeyError, match="no token"):
        asyncio.run(_page_of(api.pager("http://127.0.0.1:1", token)))


async def _page_of(pages: Pages) -> Page:
    async with asyncio.timeout(10):
        return await pages(PageRequest({}))


def test_what_nobody_has_foreseen_over_http_is_told_to_who_reads() -> None:
    async def pages(request: PageRequest) -> Page:  # noqa: ARG001 - as the protocol names it
        raise KeyError("unforeseen")

    async def read() -> None:
        told = over_http([Subscription({})], pages, Pace(poll_rest=0.01))
        async with asyncio.timeout(10), aclosing(told):
            await anext(told)

    with pytest.raises(KeyError, match="unforeseen"):
        asyncio.run(read())


def test_an_address_of_a_socket_that_is_none_is_trouble_like_a_socket_that_does_not_open() -> None:
    with pytest.raises(sockets.TROUBLE):
        asyncio.run(sockets.open_socket("there", 5))
