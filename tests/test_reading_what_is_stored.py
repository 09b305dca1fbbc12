"""What is read of the index: no longer than there is time, no more than is needed, and only what is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline import catching_up, reading_hits
from pipeline.core import cursor
from tests.catching_up_world import World, kinds, services
from tests.examples import NOW, envelope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.core.model import JsonObject

ADDRESS = {"service": [{"cidr": "10.0.0.0/8"}]}
"""Every text is found for it, and next to none matches: the index knows no addresses."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack whose index is read three documents at a time, each time in 2 s."""
    monkeypatch.setattr(catching_up, "CHUNK", 3)
    world = World()
    search = world.store.search

    def slow(indices: str, body: JsonObject) -> Sequence[JsonObject]:
        world.clock.sleep(2)
        return search(indices, body)

    monkeypatch.setattr(world.store, "search", slow)
    return world


def put(world: World, index: str, source: dict[str, Any]) -> None:
    """Write a document as somebody else may."""
    line = orjson.dumps({"create": {"_index": index, "_id": orjson.dumps(source).hex()[:512]}})
    [answer] = world.store.bulk([line + b"\n" + orjson.dumps(source) + b"\n"])
    assert answer.items[0]["create"]["status"] == 201
    world.store.refresh("*")


# --- how long ---------------------------------------------------------------------------------


def test_a_snapshot_ends_when_its_time_does_and_says_before_when_it_has_not_looked(world: World) -> None:
    world.happen("10.0.0.1", *[f"s{number}" for number in range(29)], "10.0.0.2", apart=1)
    begun = world.clock.now()

    frames = world.subscribe(ADDRESS)

    assert kinds(frames) == ["subscribed", "gap", "hits", "live"]
    assert world.clock.now() <= begun + 20_000
    gap = frames[1]
    assert (gap["reason"], gap["from"], gap["id"]) == ("not-searched", None, "1")
    assert NOW < gap["to"] < begun
    assert services(frames) == ["10.0.0.2"]


def test_a_snapshot_that_has_time_enough_says_nothing_of_it(world: World) -> None:
    world.happen("10.0.0.1", *"ab", "10.0.0.2", apart=1)

    frames = world.subscribe(ADDRESS)

    assert kinds(frames) == ["subscribed", "hits", "live"]
    assert services(frames) == ["10.0.0.1", "10.0.0.2"]


def test_the_newest_hits_over_http_end_when_the_time_does(world: World) -> None:
    world.happen(*[f"s{number}" for number in range(40)], "10.0.0.2", apart=1)
    begun = world.clock.now()

    page = world.page(filter=orjson.dumps(ADDRESS).decode())

    assert world.clock.now() <= begun + 29_000
    assert services([page]) == ["10.0.0.2"]
    assert (page["gap"]["reason"], page["gap"]["from"]) == ("not-searched", None)


@pytest.mark.parametrize("ahead", [cursor.SKEW * 2 + 1, 365 * 86_400_000])
def test_more_with_a_cursor_of_a_time_to_come_makes_nobody_wait(world: World, ahead: int) -> None:
    world.subscribe({}, snapshot=0)
    made_up = cursor.page(world.channel().id, (0, "0" * 64), world.clock.now() + ahead, again=True)
    begun = world.clock.now()

    frames = world.say({"type": "more", "id": "1", "cursor": made_up})

    assert world.clock.now() - begun <= 2_000
    assert frames[-1]["type"] == "live"
    assert ("gap" in kinds(frames)) is (ahead > 60_000)


def test_a_second_reading_is_not_waited_for_where_the_index_can_be_refreshed(world: World) -> None:
    world.subscribe({}, snapshot=0)
    begun = world.clock.now()
    again = cursor.page(world.channel().id, (0, "0" * 64), begun, again=True)

    assert world.say({"type": "more", "id": "1", "cursor": again})[-1]["type"] == "live"
    assert world.clock.now() - begun <= 2_000


# --- what is not ours -------------------------------------------------------------------------

FOREIGN = {"tenant": "acme", "cpu": 1, "@ingested": NOW, "@timestamp": "2026-01-01T00:00:00Z", "id": "x"}


@pytest.mark.parametrize("index", ["metrics-apm", "metrics-2026.01.01"])
def test_what_others_write_under_a_name_like_ours_breaks_nothing_and_is_not_shown(
    world: World, index: str
) -> None:
    begun = world.subscribe({}, snapshot=0)[-1]["cursor"]
    for number in range(7):
        put(world, index, {**FOREIGN, "id": f"{number}"})
    world.happen("ours")

    assert services(world.subscribe({})) == ["ours"]
    assert services(world.subscribe({}, cursor=begun)) == ["ours"]
    assert services([world.page()]) == ["ours"]
    assert world.page(id="0" * 64)["hits"] == []


def test_a_page_of_nothing_but_what_others_wrote_still_goes_on(world: World) -> None:
    begun = world.subscribe({}, snapshot=0)[-1]["cursor"]
    for number in range(7):
        put(world, "metrics-2026.01.01", {**FOREIGN, "id": f"{number}"})
    world.happen("ours")

    frames = world.say({"type": "subscribe", "id": "1", "filter": {}, "cursor": begun}, time=8_001)

    assert (frames[-1]["hits"], frames[-1]["more"]) == ([], True)
    while frames[-1].get("more"):
        frames += world.more(frames)
    assert services(frames) == ["ours"]


def test_a_tenant_that_others_had_analysed_as_text_is_compared_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = world.store.search

    def analysed(indices: str, body: JsonObject) -> Sequence[JsonObject]:
        found = search(indices, body)
        for hit in found:
            hit["_source"]["tenant"] = "acme-eu"
        return found

    world.happen("theirs")
    [theirs] = world.ids
    assert services([world.page()]) == ["theirs"]
    monkeypatch.setattr(world.store, "search", analysed)

    assert services([world.page()]) == services(world.subscribe({})) == []
    assert world.page(id=theirs)["hits"] == []


# --- how much ---------------------------------------------------------------------------------


def test_of_a_document_only_what_a_hit_needs_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[JsonObject] = []
    search = world.store.search

    def noting(indices: str, body: JsonObject) -> Sequence[JsonObject]:
        found.extend(search(indices, body))
        return found

    world.store_events(envelope(trace=["x" * 1_000] * 200, summary="s"))
    monkeypatch.setattr(world.store, "search", noting)

    hits = world.subscribe({})[1]["hits"]

    assert hits == orjson.loads(world.bus.entries[0].detail)["deltas"]
    assert "tokens" not in found[0]["_source"]
    assert len(orjson.dumps(found)) < 1_000


def test_an_answer_over_http_is_measured_as_lambda_takes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_hits, "MAX_BYTES", 10_000)
    begun = world.page()["cursor"]
    for number in range(6):
        world.store_events(envelope(f"fact-{number}", summary='"' * 1_000))

    for page in (world.page(), world.page(cursor=begun)):
        assert 0 < len(page["hits"]) < 6
        assert len(orjson.dumps(orjson.dumps(page["hits"]).decode())) <= 10_000
