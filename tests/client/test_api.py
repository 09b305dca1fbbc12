"""The HTTP side, against a real HTTP server."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.client import Refused, api

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def server(status: int, body: object) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Answers everything with this; yields its address and the requests it got."""
    asked: list[dict[str, Any]] = []
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
            self.send_response(status)
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
