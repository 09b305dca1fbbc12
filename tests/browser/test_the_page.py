"""What the page does with what arrives: it bears much of it, trusts none of it, and can be used by all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from pipeline.local import page_build
from tests.running import Deployed, envelope, wait_for

if TYPE_CHECKING:
    from tests.browser.looking import Look

MANY = 10_000
BATCH = 500

HELD = 1_000
"""Hits that are on their way at most: were all of them in one batch, it would still be within the bytes that
one channel gets, and none would be left out as a sample."""

AXE = page_build.WEB / "node_modules" / "axe-core" / "axe.min.js"

STILL = "async () => { await Promise.allSettled(document.getAnimations().map(each => each.finished)); }"
"""Waits until nothing moves: the colours of a drawer that is only fading in are nobody's to read yet."""

MOST_NODES = 2_500
"""DOM nodes of a page in use; rows that are not seen have none."""

MOST_GROWTH = 4_000_000
"""Bytes that the second half of the hits may add: the ids that the client must know, and noise. Keeping
the hits themselves would add twice as much."""

DONE: dict[str, Any] = {"batchItemFailures": []}

HOSTILE = (
    "<script>window.hacked = true</script>",
    '"><img src=x onerror="window.hacked = true">',
    "<svg/onload=window.hacked=true>{{7*7}}${7*7}",
    "\u202egnp.exe\u202c from right to left \u0627\u0644\u0633\u0644\u0627\u0645",
    "👩‍👩‍👧‍👦 🏴‍☠️ zalgo Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L",
    "oneverylongword" * 300,
    "line\nbreak\ttab \x00\x1b[31m null and escape",
)


def test_ten_thousand_hits_leave_neither_heap_nor_page_larger(
    look: Look, deployed: Deployed, service: str
) -> None:
    look.becomes("live")
    bring(look, deployed, service, 0, MANY // 2)
    half, _ = look.heap()
    bring(look, deployed, service, MANY // 2, MANY)
    whole, nodes = look.heap()

    assert len(set(look.arrived())) == len(look.arrived()) == MANY
    assert whole - half < MOST_GROWTH
    assert nodes < MOST_NODES
    assert look.at(".hit").count() < 60
    assert int(look.at("#stream").get_attribute("aria-rowcount") or 0) <= 5_500


@pytest.mark.parametrize("width", [390, 1_440])
def test_hostile_hits_are_shown_as_the_text_that_they_are(
    look: Look, deployed: Deployed, service: str, width: int
) -> None:
    look.page.set_viewport_size({"width": width, "height": 900})
    look.becomes("live")
    deployed.put(
        *(
            envelope(service, number, summary=text, operation=text, region=text)
            | {"detail-type": text.replace("\x00", "")[:100]}
            for number, text in enumerate(HOSTILE)
        )
    )
    look.delivered(len(HOSTILE))
    expect(look.rows()).to_have_count(len(HOSTILE))
    for text in HOSTILE[:3]:
        expect(look.at(".hit .message", text)).to_have_count(1)
    assert look.at("#stream").locator("script, img, svg, iframe").count() == 0

    look.at(".hit .message", HOSTILE[1]).click()
    expect(look.at("#drawer pre")).to_contain_text("onerror=")
    assert look.at("#drawer").locator("script, img, svg, iframe").count() == 0
    assert look.page.evaluate("window.hacked") is None
    assert look.page.evaluate("document.documentElement.scrollWidth") <= width
    assert look.at(".hit").first.bounding_box()["height"] <= 56  # type: ignore[index] - it is there


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_as_far_as_axe_can_tell(
    look: Look, deployed: Deployed, service: str, scheme: str
) -> None:
    if not AXE.is_file():
        pytest.skip(f"axe is not installed: {AXE}")
    look.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    look.becomes("live")
    assert problems(look) == []
    deployed.put(envelope(service, 1, level="error", summary="failed"), envelope(service, 2, level="warning"))
    expect(look.rows()).to_have_count(2)
    look.at("#stream").focus()
    look.press("j", "Enter")
    expect(look.at("#drawer pre")).to_be_visible()
    assert problems(look) == []
    look.press("Escape")
    look.at("#as-text").click()
    look.press("/")
    expect(look.at("#choices")).to_be_visible()
    assert problems(look) == []
    look.press("Escape")
    look.context.set_offline(offline=True)
    look.becomes("offline")
    assert problems(look) == []
    look.context.set_offline(offline=False)
    look.page.set_viewport_size({"width": 390, "height": 844})
    look.becomes("live")
    assert problems(look) == []


def test_it_can_be_used_by_keys_alone(look: Look, deployed: Deployed, service: str) -> None:
    look.becomes("live")
    deployed.put(*(envelope(service, number, summary=f"number {number}") for number in range(3)))
    expect(look.rows()).to_have_count(3)

    look.press("j", "j")
    chosen = look.at('.hit[aria-selected="true"]')
    expect(chosen).to_have_attribute("aria-rowindex", "2")
    look.press("Enter")
    expect(look.at("#drawer-title")).to_be_focused()
    expect(look.at("#drawer pre")).to_contain_text('"eventId"' if whole(look) else '"id"')
    look.press("k")
    expect(chosen).to_have_attribute("aria-rowindex", "1")
    look.press("Escape")
    expect(look.at("#drawer")).to_be_hidden()
    expect(look.at("#stream")).to_be_focused()
    look.press("Escape")
    expect(chosen).to_have_count(0)

    look.press("Space")
    expect(look.at("#pause")).to_have_attribute("aria-pressed", "true")
    deployed.put(envelope(service, 3, summary="number 3"))
    expect(look.at("#waiting")).to_have_text("1 new")
    expect(look.rows()).to_have_count(3)
    look.press("Space")
    expect(look.rows()).to_have_count(4)

    look.press("t")
    expect(look.at("html")).to_have_attribute("data-theme", "dark")
    look.press("?")
    expect(look.at("#help")).to_be_visible()
    look.press("Escape")
    expect(look.at("#help")).to_be_hidden()


def test_it_holds_still_from_the_key_on_not_from_the_next_frame_that_is_painted(
    look: Look, deployed: Deployed, service: str
) -> None:
    look.becomes("live")
    deployed.put(*(envelope(service, number) for number in range(3)))
    expect(look.rows()).to_have_count(3)

    look.stops_painting()
    look.press("Space")
    deployed.put(envelope(service, 3))
    look.finds("window.arrived.length === 4")
    look.paints_again()
    expect(look.at("#waiting")).to_have_text("1 new")
    expect(look.rows()).to_have_count(3)


def test_a_filter_is_put_together_by_typing_and_kept_in_the_address(
    look: Look, deployed: Deployed, service: str
) -> None:
    look.becomes("live")
    deployed.put(
        *(
            envelope(service, number, region="eu" if number else "us", timings={"totalMs": number * 100})
            for number in range(4)
        )
    )
    look.delivered(4)

    look.press("/")
    look.page.keyboard.type("latencyMs>100")
    look.press("Enter")
    look.delivered(2)
    look.page.keyboard.type("regi")
    look.press("Enter", "ArrowDown", "Enter")
    expect(look.at("#choices [role=option]").first).to_have_text("eu")
    look.press("ArrowDown", "Enter")
    expect(look.at(".chip b")).to_have_text([service, "> 100", "eu"])
    look.press("Escape")
    look.delivered(2)
    look.at("#as-text").click()
    wanted = {"service": [service], "latencyMs": [{"numeric": [">", 100]}], "region": ["eu"]}
    assert json.loads(look.at("#pattern").input_value()) == wanted
    expect(look.at("#tail")).to_contain_text("livedex tail --filter '{")

    look.page.reload()
    expect(look.at(".chip b")).to_have_text([service, "> 100", "eu"])
    look.delivered(2)
    look.at("[aria-label='Remove the filter on latencyMs']").click()
    look.delivered(3)


def test_a_filter_that_the_server_refuses_is_told_where_it_can_be_mended(look: Look) -> None:
    look.becomes("live")
    look.press("/")
    look.page.keyboard.type("nobodyHasThis=1")
    look.press("Enter")
    expect(look.at("#filter-wrong")).to_contain_text("nobodyHasThis")
    look.becomes("refused")
    expect(look.at("#banner")).to_be_hidden()
    look.at("[aria-label='Remove the filter on nobodyHasThis']").click()
    look.becomes("live")
    expect(look.at("#filter-wrong")).to_be_hidden()


def bring(look: Look, deployed: Deployed, service: str, first: int, last: int) -> None:
    """Have hits delivered to the page, so many at a time that it gets each of them."""
    for start in range(first, last, HELD):
        end = min(last, start + HELD)
        invoke(deployed, service, start, end)
        look.delivered(end)


def invoke(deployed: Deployed, service: str, first: int, last: int) -> None:
    """Hand events to the index function itself, many at a time."""
    functions = deployed.client("lambda")
    for start in range(first, last, BATCH):
        now = datetime.now(UTC).isoformat()  # noqa: TID251 - a real event happens now
        events = [
            envelope(service, number, summary=f"number {number} of many, with words to fill a line")
            | {"time": now, "id": f"{service}-{number}"}
            for number in range(start, min(last, start + BATCH))
        ]
        assert wait_for(partial(answer, functions, events), lambda said: said == DONE) == DONE


def answer(functions: Any, events: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - a client, and JSON
    """What the index function answers; a batch that it could not finish in time is to come again."""
    said = functions.invoke(FunctionName="livedex-index", Payload=json.dumps({"events": events}))
    return json.loads(said["Payload"].read())


def problems(look: Look) -> list[str]:
    """What axe finds wrong, a line each."""
    if not look.page.evaluate("typeof window.axe === 'object'"):
        look.page.evaluate(AXE.read_text(encoding="utf-8"))
    look.page.evaluate(STILL)
    found = look.page.evaluate("async () => (await window.axe.run()).violations")
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found
        for node in each["nodes"]
    ]


def whole(look: Look) -> bool:
    """Whether the server gives the whole detail, not only what a hit carries."""
    return "detail" in (look.at("#drawer pre").text_content() or "")
