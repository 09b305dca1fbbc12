"""A thousand hits a second, put straight into the page's socket: all of them are taken, few times painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.looking import Look

FLOODED, SECONDS = 1_000, 5
"""Hits a second, and for how long."""

PAINT = 0.12
"""Seconds between two paintings of the stream, as ``web/page/src/page.ts`` has it."""

EAVESDROP = """
window.WebSocket = class extends WebSocket {
  constructor(url) {
    super(url);
    this.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "subscribed") Object.assign(window, { socket: this, channel: frame.channel });
    });
  }
};
"""
"""Knows the page's socket and channel, so that frames can be put into it."""

FLOOD = """async ([service, rate, seconds]) => {
let [sent, frames, paintings, isOver] = [0, 0, 0, false];
const hit = number => ({
  id: number.toString(16).padStart(64, "0"), index: "metrics-2026.11.22", family: "metrics",
  source: "payments", eventType: "PaymentSettled", timestamp: new Date().toISOString(), ingested: Date.now(),
  message: `number ${number} of many`, attributes: { service, latencyMs: number }, excerpt: {},
});
const frame = () => { frames += 1; if (!isOver) requestAnimationFrame(frame); };
requestAnimationFrame(frame);
const watch = new MutationObserver(() => { paintings += 1; });
watch.observe(document.querySelector("#stream"), { childList: true, subtree: true, characterData: true });
const begun = performance.now();
while (sent < rate * seconds) {
  await new Promise(done => setTimeout(done, 20));
  const due = Math.min(rate * seconds, Math.floor((performance.now() - begun) * rate / 1000));
  const hits = [];
  while (sent < due) hits.push(hit(sent += 1));
  const data = JSON.stringify({ v: 1, type: "hits", channel: window.channel, cursor: "L0", hits });
  if (hits.length > 0) window.socket.dispatchEvent(new MessageEvent("message", { data }));
}
isOver = true;
watch.disconnect();
return { sent, frames, paintings, seconds: (performance.now() - begun) / 1000 };
}"""
"""Puts hits into the page's socket; how many, and how often the browser and the stream painted meanwhile."""


def test_a_thousand_hits_a_second_are_painted_a_few_times_a_second(look: Look, service: str) -> None:
    look.page.add_init_script(EAVESDROP)
    look.page.reload()
    look.becomes("live")
    look.finds("window.channel")
    seen = look.page.evaluate(FLOOD, [service, FLOODED, SECONDS])
    look.delivered(seen["sent"])

    assert seen["sent"] == FLOODED * SECONDS
    assert 0 < seen["paintings"] <= seen["seconds"] / PAINT + 1
    assert seen["frames"] > seen["paintings"], "frames in which the stream is not painted are free"
