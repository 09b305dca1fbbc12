"""A real Chromium that looks at the live page of a real stack, by a way that tests can cut."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from pipeline.cli import live_page, tokens
from pipeline.local import page_address, page_build, state
from pipeline.local.page import Behind, PageServer
from pipeline.local.places import Places
from tests.browser.detour import Detour
from tests.browser.looking import Look

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.running import Deployed


FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--js-flags=--expose-gc",
)

INSTALL = 600
"""Seconds that apt-get may take."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. It is installed where it is missing and this may be done."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run(
                ["apt-get", *command],  # noqa: S607 - wherever it is
                env=environ,
                stdout=subprocess.DEVNULL,
                timeout=INSTALL,
                check=False,
            )
        found = shutil.which("chromium")
    return found or _missing("there is no Chromium, and it cannot be installed from here")


@pytest.fixture(scope="session")
def built() -> Path:
    """The page, built from the sources as they are."""
    try:
        return page_build.build()
    except page_build.NoPage as trouble:
        _missing(str(trouble))


@pytest.fixture(scope="module")
def detour(deployed: Deployed) -> Iterator[Detour]:
    """The way that the page's sockets go."""
    straight = urlsplit(deployed.outputs["WebSocketUrl"])
    with Detour(straight.hostname or "", straight.port or 0) as detour:
        yield detour


@pytest.fixture(scope="module")
def server(built: Path, deployed: Deployed, detour: Detour) -> Iterator[PageServer]:
    """The page's server."""
    secret = state.development_secret(Places(deployed.folder))
    behind = Behind(
        http=deployed.outputs["HttpUrl"],
        websocket=deployed.outputs["WebSocketUrl"],
        token=lambda: tokens.mint(secret, tenant="acme", subject="browser", now=int(time.time()), ttl=3_600),
        session={
            "place": "test",
            "tenant": "acme",
            "attributes": live_page.attributes(),
            "emit": live_page.EMIT,
        },
        now=lambda: int(time.time() * 1_000),
        detour=detour.address,
    )
    with PageServer(built, behind, page_address.port(Places(deployed.folder))) as server:
        yield server


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One for a module: while it runs, no other event loop may in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def look(browser: Browser, server: PageServer, service: str) -> Iterator[Look]:
    """A page that shows the hits of one service only, and that must end without an error."""
    context = browser.new_context(viewport={"width": 1_280, "height": 900})
    try:
        look = Look(context, server.origin, {"service": [service]})
        yield look
        assert look.errors == []
    finally:
        context.close()


@pytest.fixture
def service() -> str:
    """A service that no other test has events of."""
    return f"browser-{uuid.uuid4().hex[:8]}"


def _missing(reason: str) -> str:
    if "browser" in os.environ.get("LIVEDEX_REQUIRE", "").split(","):
        pytest.fail(f"LIVEDEX_REQUIRE lists browser: {reason}", pytrace=False)
    pytest.skip(f"no browser: {reason}")
