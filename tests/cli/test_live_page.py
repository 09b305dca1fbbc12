"""How the page is begun: at the side of everything else, and never in its way."""

from __future__ import annotations

import socket
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest

from pipeline import settings
from pipeline.cli import live_page
from pipeline.cli.endpoints import Stack, Target
from pipeline.local import page_address
from pipeline.local.errors import StackError
from pipeline.local.page import Behind, PageServer
from pipeline.local.page_build import NoPage
from pipeline.local.places import Places

if TYPE_CHECKING:
    from pathlib import Path

WEBSOCKET = "ws://127.0.0.1:4566/live"


def found() -> Stack:
    environ = {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    return Stack(Target.LOCAL, "http://127.0.0.1:4566", {"WebSocketUrl": WEBSOCKET}, settings.read(environ))


def done(folder: Path) -> Future[Path]:
    (folder / "index.html").write_text("<!doctype html>")
    built: Future[Path] = Future()
    built.set_result(folder)
    return built


def test_without_node_one_line_says_how_to_get_the_page_and_all_else_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built: Future[Path] = Future()
    built.set_exception(NoPage("Node is not installed; to get it, install Node 22."))
    with live_page.served(built, found(), tmp_path, "acme") as address:
        assert address is None
    assert capsys.readouterr().err == "-- no live page: Node is not installed; to get it, install Node 22.\n"


def test_the_address_is_told_and_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with live_page.served(done(tmp_path), found(), tmp_path, "acme") as address:
        assert address == f"{page_address.origin(Places(tmp_path))}/"
        assert capsys.readouterr().err == f"-- the live page: {address}\n"


def test_a_port_that_another_program_has_taken_is_left_to_it(tmp_path: Path) -> None:
    of = Places(tmp_path)
    taken = page_address.port(of)
    with socket.create_server(("127.0.0.1", taken)):
        live_page.settle(tmp_path)
    assert page_address.port(of) != taken


def test_a_page_that_is_served_already_is_not_served_twice(tmp_path: Path) -> None:
    (tmp_path / "index.html").touch()
    of = Places(tmp_path)
    behind = Behind("http://127.0.0.1:1", WEBSOCKET, str, {}, lambda: 0)
    with PageServer(tmp_path, behind, page_address.port(of)) as server:
        with pytest.raises(StackError, match=f"served already, by another command: {server.origin}/"):
            live_page.settle(tmp_path)
        with (
            live_page.prepared(tmp_path) as built,
            live_page.served(built, found(), tmp_path, "acme") as page,
        ):
            assert page is None


def test_the_page_completes_what_the_routes_declare() -> None:
    declared = {each["name"]: each["kind"] for each in live_page.attributes()}
    assert declared["service"] == "text"
    assert declared["latencyMs"] == "number"
    assert {"source", "eventType", "family"} <= declared.keys()
