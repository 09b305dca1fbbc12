"""What tests see and do on the live page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator

LIMIT = 120_000.0
"""Milliseconds to wait for anything: a cold function on a busy machine takes many seconds."""

expect.set_options(timeout=LIMIT)

COLLECT = """
window.arrived = [];
document.addEventListener("livedex:hits", event => window.arrived.push(...event.detail.map(hit => hit.id)));
"""

STOP_PAINTING = """() => {
const paintings = [];
const real = window.requestAnimationFrame;
window.requestAnimationFrame = painting => paintings.push(painting);
window.paintAgain = () => {
  window.requestAnimationFrame = real;
  paintings.forEach(painting => real.call(window, painting));
};
}"""

WAIT = """(isTrue, limit) => new Promise((done, fail) => {
const end = performance.now() + limit;
const look = () => {
  if (isTrue()) done();
  else if (performance.now() > end) fail(new Error(`${isTrue} is not so`));
  else setTimeout(look, 50);
};
look();
})"""

HARMLESS = re.compile("Failed to load resource|WebSocket connection to")
"""What Chromium itself writes to the console when a connection fails, as tests make it."""


class Look:
    """An open page.

    Args:
        pattern: The filter it begins with.

    Attributes:
        errors: What the page wrote to the console as an error, or threw.
    """

    def __init__(self, context: BrowserContext, origin: str, pattern: dict[str, Any]) -> None:
        self.context = context
        self.page = context.new_page()
        self.page.set_default_timeout(LIMIT)
        self.errors: list[str] = []
        self.page.on(
            "console",
            lambda said: (
                self.errors.append(said.text)
                if said.type == "error" and not HARMLESS.search(said.text)
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.add_init_script(COLLECT)
        self.page.goto(f"{origin}/#{quote(json.dumps(pattern))}")
        self.cdp = context.new_cdp_session(self.page)

    def at(self, selector: str, text: str | None = None) -> Locator:
        """The elements there; only those with the text where one is given."""
        return self.page.locator(selector, has_text=text)

    def becomes(self, word: str) -> None:
        """Wait until the pill says so."""
        expect(self.at("#pill-word")).to_have_text(word)

    def becomes_other_than(self, word: str) -> None:
        expect(self.at("#pill-word")).not_to_have_text(word)

    def arrived(self) -> list[str]:
        """The ids of the hits that the page was told, in their order."""
        ids: list[str] = self.page.evaluate("window.arrived")
        return ids

    def delivered(self, count: int) -> None:
        """Wait until the page says that so many have been delivered."""
        value = self.at(".card").nth(2).locator(".value span")
        expect(value).to_have_text(f"{count:,}")

    def finds(self, condition: str) -> None:
        """Wait until an expression is true in the page.

        Playwright's own ``wait_for_function`` looks again by ``eval``, which our pages forbid.
        """
        self.page.evaluate(f"limit => ({WAIT})(() => {condition}, limit)", LIMIT)

    def rows(self) -> Locator:
        """The hits that are on the screen, marks left out."""
        return self.at(".hit:not([data-mark]):visible")

    def marks(self) -> Locator:
        return self.at(".hit[data-mark]:visible")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def stops_painting(self) -> None:
        """Have no frame painted, as on a machine that is too busy."""
        self.page.evaluate(STOP_PAINTING)

    def paints_again(self) -> None:
        self.page.evaluate("window.paintAgain()")

    def heap(self) -> tuple[int, int]:
        """Bytes and DOM nodes in use, with all garbage collected."""
        self.cdp.send("HeapProfiler.collectGarbage")
        used = self.cdp.send("Runtime.getHeapUsage")["usedSize"]
        nodes = self.cdp.send("Memory.getDOMCounters")["nodes"]
        return int(used), int(nodes)
