"""The page's server: its files, its doors, and what it keeps to itself."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import urllib3

from pipeline.local import page_address, page_build, places
from pipeline.local.errors import StackError
from pipeline.local.page import Behind, PageServer
from pipeline.local.places import Places
from pipeline.local.server import Handler, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from urllib3 import BaseHTTPResponse

TOKEN = "the-token"  # noqa: S105 - a made-up one
WEBSOCKET = "ws://127.0.0.1:4566/_aws/execute-api/abc/live"


class Api(Handler):
    """An HTTP API that tells what it was asked."""

    def answer(self, _body: bytes) -> None:
        told = {"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}
        content = json.dumps({**told, "ticket": "t", "url": WEBSOCKET}).encode()
        self.send(200, content, [("ETag", '"one"'), ("Set-Cookie", "a=b")])


@contextmanager
def api() -> Iterator[str]:
    with Server(Api) as server:
        yield f"{server.url}/stage/"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "assets" / "main-abc.js").write_text("1")
    return tmp_path


def behind(http: str = "http://127.0.0.1:1", detour: str | None = None) -> Behind:
    return Behind(http, WEBSOCKET, lambda: TOKEN, {"tenant": "acme"}, lambda: 7, detour)


@pytest.fixture
def page(built: Path) -> Iterator[PageServer]:
    with PageServer(built, behind()) as server:
        yield server


def ask(page: PageServer, path: str, method: str = "GET", **headers: str) -> BaseHTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.request(method, page.origin + path, headers=named, retries=False, redirect=False)


def test_the_page_is_asked_for_anew_and_its_hashed_files_are_kept_for_good(page: PageServer) -> None:
    index, script = ask(page, "/"), ask(page, "/assets/main-abc.js")
    assert index.headers["Content-Type"] == "text/html; charset=utf-8"
    assert index.headers["Cache-Control"] == "no-cache"
    assert "immutable" in script.headers["Cache-Control"]
    assert script.headers["Content-Type"].startswith("text/javascript")
    again = ask(page, "/", If_None_Match=index.headers["ETag"])
    assert (again.status, again.data) == (304, b"")
    assert ask(page, "/", "HEAD").data == b""


def test_the_content_policy_lets_in_our_own_files_and_one_websocket_api_only(page: PageServer) -> None:
    for path in ("/", "/session", "/nothing"):
        policy = ask(page, path).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self' ws://127.0.0.1:4566;" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy


@pytest.mark.parametrize(
    "path", ["/assets/..%2findex.html", "/%2e%2e/etc/passwd", "/assets/", "/nothing", "//etc/passwd"]
)
def test_what_is_no_file_of_the_page_is_not_found(page: PageServer, path: str) -> None:
    assert ask(page, path).status == 404


def test_the_page_learns_of_its_stack(page: PageServer) -> None:
    answer = ask(page, "/session")
    assert answer.json() == {"tenant": "acme", "now": 7}
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_token_is_added_here_and_never_leaves(built: Path) -> None:
    with api() as http, PageServer(built, behind(http)) as page:
        answer = ask(page, "/v1/hits?id=a&limit=3", Authorization="Bearer theirs", If_None_Match='"one"')
        told = answer.json()
        assert told["path"] == "/stage/v1/hits?id=a&limit=3"
        assert told["headers"]["authorization"] == f"Bearer {TOKEN}"
        assert told["headers"]["if-none-match"] == '"one"'
        assert answer.headers["ETag"] == '"one"'
        assert "Set-Cookie" not in answer.headers
        for path in ("/", "/session", "/assets/main-abc.js"):
            assert TOKEN.encode() not in ask(page, path).data


def test_a_ticket_is_for_the_websocket_api_unless_a_detour_is_wanted(built: Path) -> None:
    with api() as http, PageServer(built, behind(http)) as page:
        assert ask(page, "/v1/tickets", "POST").json()["url"] == WEBSOCKET
    with api() as http, PageServer(built, behind(http, "127.0.0.1:9")) as page:
        assert ask(page, "/v1/tickets", "POST").json()["url"] == WEBSOCKET.replace("4566", "9")
        assert "ws://127.0.0.1:9;" in ask(page, "/").headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "elsewhere.example"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/tickets"), ("GET", "/v1/hits"), ("GET", "/session")]
)
def test_other_pages_get_neither_tickets_nor_hits(
    built: Path, method: str, path: str, headers: dict[str, str]
) -> None:
    with api() as http, PageServer(built, behind(http)) as page:
        answer = ask(page, path, method, **headers)
        assert answer.status == 403
        assert answer.json()["error"]["code"] == "forbidden-origin"
        assert "ticket" not in answer.json()


def test_localhost_is_led_to_the_origin_that_the_stack_lets_in(page: PageServer) -> None:
    port = page.origin.rpartition(":")[2]
    answer = ask(page, "/", Host=f"localhost:{port}")
    assert (answer.status, answer.headers["Location"]) == (302, f"{page.origin}/")


def test_nothing_but_what_the_page_needs_is_passed_on(built: Path) -> None:
    with api() as http, PageServer(built, behind(http)) as page:
        assert ask(page, "/v1/hits", "POST").status == 404
        assert ask(page, "/", "PUT").status == 404
        assert ask(page, "/v1/tickets").status == 404
        assert ask(page, "/v2/anything").status == 404


def test_a_stack_that_is_gone_is_an_answer_with_the_way_out(page: PageServer) -> None:
    answer = ask(page, "/v1/hits")
    assert answer.status == 502
    assert "livedex status" in answer.json()["error"]["text"]


def test_a_port_that_is_taken_is_told(page: PageServer, built: Path) -> None:
    port = int(page.origin.rpartition(":")[2])
    with pytest.raises(StackError, match=f"Port {port} is in use"):
        PageServer(built, behind(), port)


def test_the_page_keeps_its_address_until_another_is_needed(tmp_path: Path) -> None:
    of = Places(tmp_path)
    first = page_address.origin(of)
    assert page_address.origin(of) == first
    assert page_address.renew(of) == page_address.port(of)
    assert page_address.origin(of) != first


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ("v18.19.1", "Node v18.19.1 is too old"),
        ("v20.18.0", "Node v20.18.0 is too old"),
        ("v22.11.0", "Node v22.11.0 is too old"),
        ("nonsense", "Node nonsense is too old"),
    ],
)
def test_who_has_an_old_node_is_told_so_with_the_way_out(
    said: str, trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(tmp_path, node=f"#!/bin/sh\necho {said}\n", npm="#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(page_build, "BUILT", tmp_path / "built")
    with pytest.raises(page_build.NoPage, match=trouble) as told:
        page_build.build()
    assert "install Node 22" in str(told.value)


def test_who_has_no_node_is_told_so_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(page_build, "BUILT", tmp_path / "built")
    with pytest.raises(page_build.NoPage, match="Node is not installed; to get it, install Node 22") as told:
        page_build.build()
    assert "\n" not in str(told.value)


def test_a_page_that_is_built_already_needs_no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(page_build, "BUILT", tmp_path)
    made = tmp_path / page_build.digest()
    made.mkdir()
    (made / "index.html").touch()
    assert page_build.build() == made


def test_equal_sources_have_one_name_and_a_changed_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "page" / "src" / "main.ts"
    source.parent.mkdir(parents=True)
    for name in page_build.SOURCES:
        if name.endswith((".json", ".ts", ".html")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("{}")
    source.write_text("1")
    monkeypatch.setattr(page_build, "WEB", tmp_path)
    first = page_build.digest()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x").write_text("2")
    assert page_build.digest() == first
    source.write_text("2")
    assert page_build.digest() != first


def test_every_source_that_is_named_is_there() -> None:
    assert [name for name in page_build.SOURCES if not (places.PROJECT / "web" / name).exists()] == []


def tools(folder: Path, **scripts: str) -> None:
    for name, script in scripts.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
