"""Takes the README's pictures of a live page: ``python -m tests.browser.pictures http://127.0.0.1:…/``.

The stack must have had events for two minutes, so that the charts are full.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect, sync_playwright

from pipeline.local.places import PROJECT

IMAGES = PROJECT / "docs" / "images"

AWAY = 800
"""Milliseconds without a connection, so that the stream has a mark to show."""

AFTER = 300
"""Milliseconds until some hits stand above it."""

SETTLE = 8_000
"""Milliseconds until a cold start no longer shows."""

FILTER = '{"service": ["payments", "checkout"], "latencyMs": [{"numeric": [">", 60]}]}'

WIDE = {"width": 1_440, "height": 1_080}
NARROW = {"width": 390, "height": 844}


def main(address: str) -> None:
    """Take them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport=WIDE, device_scale_factor=1)  # type: ignore[arg-type] - it is one
        page = context.new_page()
        page.goto(f"{address}#{quote(FILTER)}")
        live(page)
        page.wait_for_timeout(SETTLE)
        context.set_offline(offline=True)
        page.wait_for_timeout(AWAY)
        context.set_offline(offline=False)
        live(page)
        page.wait_for_timeout(AFTER)
        both(page, "live-page")
        page.set_viewport_size(NARROW)  # type: ignore[arg-type] - likewise
        both(page, "live-page-narrow")
        page.set_viewport_size(WIDE)  # type: ignore[arg-type] - likewise
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page.locator("#drawer pre")).to_be_visible(timeout=60_000)
        both(page, "live-page-document")
        browser.close()


def live(page: Page) -> None:
    """Wait until all is well."""
    expect(page.locator("#pill-word")).to_have_text("live", timeout=120_000)


def both(page: Page, name: str) -> None:
    """One picture in each theme."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] - one of its words
        page.wait_for_timeout(1_100)
        file = IMAGES / f"{name}-{scheme}.png"
        page.screenshot(path=file)
        sys.stdout.write(f"{file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}\n")


if __name__ == "__main__":
    main(sys.argv[1])
