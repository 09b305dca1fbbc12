"""The story of catching up, over memory adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from pipeline import catching_up
from pipeline.adapters.memory import MemoryConnectionTable
from pipeline.core import cursor
from pipeline.core.errors import Refused
from tests.catching_up_world import World, kinds, services
from tests.examples import ENDPOINT, NOW, connection, envelope

if TYPE_CHECKING:
    from pipeline.core.audience import Channel, Connection


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_stored_while_the_membership_is_slowly_written_is_read(world: World) -> None:
    class Slow(MemoryConnectionTable):
        def subscribe(
            self, connection: Connection, channel: Channel, touch: int, told: int | None = None
        ) -> None:
            world.clock.sleep(3)
            world.store_events(envelope("one", service="a"))
            super().subscribe(connection, channel, touch, told)

    world.table = Slow(world.clock)
    world.table.connect(connection())

    assert services(world.subscribe({})) == ["a"]


def test_a_subscriber_gets_what_is_stored_then_goes_live(world: World) -> None:
    world.store_events(envelope("one", service="a"), envelope("two", service="b"))

    frames = world.subscribe({})

    assert kinds(frames) == ["subscribed", "hits", "live"]
    assert sorted(services(frames)) == ["a", "b"]
    assert len({frame["channel"] for frame in frames}) == 1


def test_a_hit_of_a_snapshot_equals_the_hit_that_was_announced(world: World) -> None:
    world.store_events(envelope())

    hit = world.subscribe({})[1]["hits"][0]

    assert hit == orjson.loads(world.bus.entries[0].detail)["deltas"][0]


def test_the_membership_is_there_before_the_index_is_asked(world: World) -> None:
    world.store.down = True

    frames = world.subscribe({})

    assert kinds(frames) == ["subscribed", "error"]
    assert frames[1]["code"] == "snapshot-unavailable"
    assert len(world.table.subscriptions("ann")) == 1


def test_a_snapshot_is_the_newest_hits_oldest_first(world: World) -> None:
    for number in range(5):
        world.store_events(envelope(f"fact-{number}", service=f"s{number}"))
        world.clock.sleep(1)

    assert services(world.subscribe({}, snapshot=2)) == ["s3", "s4"]
    assert services(world.subscribe({}, snapshot=0)) == []


def test_a_filter_chooses_what_is_recalled_as_match_does(world: World) -> None:
    world.store_events(
        envelope("exact", service="payments", timings={"totalMs": 12.9}),
        envelope("other", service="checkout", timings={"totalMs": 13}),
        envelope("text", service="pay", timings={"totalMs": "13"}),
    )

    assert services(world.subscribe({"service": ["payments"]})) == ["payments"]
    assert sorted(services(world.subscribe({"service": [{"prefix": "pay"}]}))) == ["pay", "payments"]
    assert services(world.subscribe({"latencyMs": [{"numeric": [">", 12.9]}]})) == ["checkout"]
    assert services(world.subscribe({"latencyMs": ["13"]})) == ["pay"]


def test_another_tenants_documents_are_never_recalled(world: World) -> None:
    world.store_events(
        envelope("ours"), envelope("theirs", tenant="globex"), envelope("nobodys", tenant=None)
    )

    assert len(services(world.subscribe({}))) == 1


def test_a_cursor_brings_what_came_after_it_and_what_may_have_been_on_its_way(world: World) -> None:
    world.store_events(envelope("long ago", service="old"))
    world.clock.sleep(60)
    world.store_events(envelope("on its way", service="recent"))
    live = world.subscribe({}, snapshot=0)[-1]["cursor"]
    world.clock.sleep(5)
    world.store_events(envelope("missed", service="new"))

    frames = world.subscribe({}, cursor=live)

    assert services(frames) == ["recent", "new"]
    assert frames[-1]["cursor"] > live


def test_a_cursor_of_another_filter_is_answered_by_a_gap_and_a_snapshot(world: World) -> None:
    world.store_events(envelope())
    other = world.subscribe({"service": ["x"]})[-1]["cursor"]

    frames = world.subscribe({}, cursor=other)

    assert kinds(frames) == ["subscribed", "gap", "hits", "live"]
    assert frames[1]["reason"] == "unknown-cursor"


def test_an_unsubscribed_connection_is_no_member(world: World) -> None:
    channel = world.subscribe({})[0]["channel"]

    assert world.say({"type": "unsubscribe", "id": "2", "channel": channel}) == []
    assert world.table.subscriptions("ann") == []


def test_a_ping_is_answered(world: World) -> None:
    assert kinds(world.say({"type": "ping"})) == ["pong"]


def test_the_pong_to_a_member_who_missed_something_comes_behind_a_gap_until_it_subscribes_again(
    world: World,
) -> None:
    quiet, other = (world.subscribe({"service": [name]})[0]["channel"] for name in "ab")
    (slow,) = [channel for channel in world.table.subscriptions("ann") if channel.id == quiet]
    world.table.mark_lagged([(slow, "ann")], NOW - 1)

    gap, pong = world.say({"type": "ping"})
    again = kinds(world.say({"type": "ping"}))
    world.subscribe({"service": ["a"]}, cursor=gap["since"])

    assert gap == {"v": 1, "type": "gap", "channel": quiet, "since": cursor.live(quiet, NOW - 1)}
    assert pong["type"] == "pong"
    assert again == ["gap", "pong"]
    assert kinds(world.say({"type": "ping"})) == ["pong"]
    assert other != quiet


def test_what_a_conflated_channel_left_out_can_be_read_with_its_own_cursor(world: World) -> None:
    world.store_events(envelope("one", service="a"), envelope("two", service="a"))
    live = world.subscribe({}, conflate="service")[-1]["cursor"]

    page = world.page(filter="{}", cursor=live, conflate="service")

    assert len(page["hits"]) == 2
    with pytest.raises(Refused, match="another filter"):
        world.page(filter="{}", cursor=live)


def test_who_asks_for_the_latest_alone_is_on_another_channel_of_the_same_filter(world: World) -> None:
    whole, thinned = world.subscribe({})[0], world.subscribe({}, conflate="service")[0]

    assert whole["channel"] != thinned["channel"]
    assert {channel.conflate for channel in world.table.subscriptions("ann")} == {"", "service"}
    (refused,) = world.subscribe({}, conflate="servce")
    assert (refused["type"], refused["code"]) == ("error", "bad-conflate")


@pytest.mark.parametrize(
    ("frame", "code", "answers"),
    [
        ("no JSON", "bad-frame", None),
        ({"type": "dance", "id": "7"}, "unknown-type", "7"),
        ({"type": "subscribe", "id": "7", "filter": {"servce": ["x"]}}, "bad-filter", "7"),
        ({"type": "subscribe", "id": "7", "filter": {"service": [{"like": "x"}]}}, "bad-filter", "7"),
    ],
)
def test_a_mistake_is_answered_by_its_code_and_id(
    world: World, frame: dict[str, Any] | str, code: str, answers: str | None
) -> None:
    (error,) = world.say(frame)

    assert (error["type"], error["code"], error["id"]) == ("error", code, answers)


def test_a_connection_whose_token_has_ended_is_told_and_closed(world: World) -> None:
    world.clock.sleep(7_000)
    world.table.connect(connection(expires=world.clock.now()))
    frames: list[bytes] = []
    close, world.sockets.close = world.sockets.close, lambda *of: frames.extend(world.sockets.frames(*of))  # type: ignore[method-assign]

    world.say({"type": "ping"})
    close("ann", ENDPOINT)

    assert [orjson.loads(frame)["type"] for frame in frames] == ["bye"]


def test_a_connection_that_left_meanwhile_is_forgotten(world: World) -> None:
    world.sockets.close("ann", ENDPOINT)

    world.subscribe({})

    assert world.table.connection("ann") is None


def test_http_gives_pages_that_a_cursor_continues(world: World) -> None:
    world.store_events(envelope("one", service="a"))
    world.clock.sleep(60)
    first = world.page(filter='{"severity":["error"]}')
    world.store_events(envelope("two", service="b"))

    second = world.page(filter='{"severity":["error"]}', cursor=first["cursor"])

    assert [hit["attributes"]["service"] for hit in first["hits"]] == ["a"]
    assert [hit["attributes"]["service"] for hit in second["hits"]] == ["b"]


def test_http_refuses_a_cursor_of_another_filter(world: World) -> None:
    with pytest.raises(Refused, match="bad-cursor"):
        world.page(filter='{"service":["x"]}', cursor=cursor.live("0" * 32, NOW))


def test_http_pages_never_lose_what_did_not_fit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "CHUNK", 2)
    start = world.page()["cursor"]
    for number in range(7):
        world.store_events(envelope(f"fact-{number}", service=f"s{number}"))
        world.clock.sleep(1)

    seen, position = [], start
    for _ in range(4):
        page = world.page(limit="2", cursor=position)
        position = page["cursor"]
        seen += [hit["attributes"]["service"] for hit in page["hits"]]

    assert seen == [f"s{number}" for number in range(7)]


def test_a_pointers_document_is_found_by_its_id_and_only_by_its_tenant(world: World) -> None:
    world.store_events(envelope("ours"), envelope("theirs", tenant="globex"))
    ours, theirs = [
        delta["id"] for entry in world.bus.entries for delta in orjson.loads(entry.detail)["deltas"]
    ]

    assert [hit["id"] for hit in world.page(id=ours)["hits"]] == [ours]
    assert world.page(id=theirs)["hits"] == []


def test_a_hit_asked_for_by_its_id_brings_the_whole_detail_as_it_came(world: World) -> None:
    world.store_events(envelope("ours"))
    [sent] = world.page()["hits"]
    assert "detail" not in sent

    [whole] = world.page(id=sent["id"])["hits"]

    assert whole == sent | {"detail": envelope("ours")["detail"]}
