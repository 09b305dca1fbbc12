"""What a resume reads, in which order and pages, and what it says of what it cannot bring back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import catching_up, paging
from pipeline.core import cursor, pack
from pipeline.core.cursor import HORIZON, OVERLAP, POSTING, SKEW
from pipeline.core.errors import Unavailable
from pipeline.core.instant import DAY
from pipeline.core.reach import Reach
from pipeline.core.route import Routes
from pipeline.resuming import PAGING
from pipeline.wiring import shipped
from tests.catching_up_world import World, kinds, services
from tests.examples import ENDPOINT, NOW, envelope

if TYPE_CHECKING:
    from collections.abc import Callable


MINUTE = 60_000
NUMBERS = [f"s{number}" for number in range(7)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack whose pages have two hits, read three documents at a time."""
    monkeypatch.setattr(catching_up, "MAX_HITS", 2)
    monkeypatch.setattr(catching_up, "CHUNK", 3)
    return World()


def live(world: World, asked: dict[str, Any] | None = None) -> str:
    """The cursor of a client that is up to date."""
    found: str = world.subscribe(asked or {}, snapshot=0)[-1]["cursor"]
    return found


def to_the_end(world: World, frames: list[dict[str, Any]], name: str = "ann") -> list[dict[str, Any]]:
    """All frames of a catch-up, each page asked for."""
    whole = list(frames)
    while whole[-1].get("more"):
        whole += world.more(whole, name)
    return whole


# --- pages ------------------------------------------------------------------------------------


def test_a_catch_up_comes_in_pages_that_the_client_asks_for_and_live_comes_behind_the_last(
    world: World,
) -> None:
    begun = live(world)
    world.happen(*NUMBERS, apart=1)

    first = world.subscribe({}, cursor=begun)
    whole = to_the_end(world, first)

    assert kinds(first) == ["subscribed", "hits"]
    assert services(first) == NUMBERS[:2]
    assert kinds(whole) == ["subscribed", "hits", "hits", "hits", "hits", "live"]
    assert services(whole) == NUMBERS
    assert [frame.get("more", False) for frame in whole[1:]] == [True, True, True, False, False]
    assert whole[-1]["cursor"] == cursor.live(whole[0]["channel"], NOW + 7_000)
    assert {frame["id"] for frame in whole} == {"1"}


def test_paging_does_not_chase_what_happens_meanwhile(world: World) -> None:
    begun = live(world)
    world.happen(*NUMBERS[:3], apart=1)
    first = world.subscribe({}, cursor=begun)
    world.clock.sleep(2 * SKEW / 1_000)
    world.happen("same moment")
    world.clock.sleep(0.001)
    world.happen("later")
    world.store.refresh("*")

    assert services(to_the_end(world, first)) == [*NUMBERS[:3], "same moment"]


def test_a_page_whose_documents_do_not_match_still_goes_on(world: World) -> None:
    asked = {"latencyMs": [{"numeric": [">", 5.5]}]}
    begun = live(world, asked)
    for number in range(7):
        world.store_events(
            envelope(f"no-{number}", timings={"totalMs": "6"})
        )  # found by the index, not matched
    world.happen("yes")

    frames = world.say({"type": "subscribe", "id": "1", "filter": asked, "cursor": begun}, time=1_000)

    assert frames[1]["hits"] == []
    assert frames[1]["more"] is True
    assert services(to_the_end(world, frames)) == ["yes"]


@pytest.mark.parametrize("length", [10, 4_000, 60_000])
def test_no_frame_is_longer_than_a_frame_may_be_and_each_says_where_it_ends(length: int) -> None:
    world = World()
    begun = live(world)
    world.store_events(*[envelope(f"fact-{n}", service=f"s{n}", summary="x" * length) for n in range(40)])

    world.subscribe({}, cursor=begun)
    raw = [frame for frame in world.sockets.frames("ann", ENDPOINT) if b'"hits":[' in frame]

    assert max(map(len, raw)) <= pack.MAX_FRAME
    assert len(raw) == {10: 1, 4_000: 6, 60_000: 1}[length]
    channel = world.channel().id
    for frame in map(orjson.loads, raw):
        last = frame["hits"][-1]
        found = cursor.read(frame["cursor"], channel)
        assert found
        assert found.position == (last["ingested"], last["id"])


def test_a_page_ends_where_it_has_bytes_enough(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "MAX_HITS", 100)
    begun = live(world)
    world.store_events(*[envelope(f"fact-{n}", service=f"s{n}", summary="x" * 9_000) for n in range(6)])
    world.subscribe({}, cursor=begun)

    page = catching_up.page(
        world.channel(),
        world.library,
        Reach(0),
        until=world.clock.now(),
        after=None,
        bounds=catching_up.Bounds(100, world.clock.now() + 1_000, size=20_000),
        clock=world.clock,
    )

    assert len(page.hits) == 2
    assert page.end == (page.hits[-1][0].ingested, page.hits[-1][0].id)


def test_a_snapshot_that_is_too_long_for_one_page_comes_in_several(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MAX_BYTES", 20_000)
    for number in NUMBERS:
        world.store_events(envelope(f"fact-{number}", service=number, summary="x" * 9_000))
        world.clock.sleep(HORIZON / 1_000)

    first = world.subscribe({}, snapshot=6)
    whole = to_the_end(world, first)

    assert services(first) == NUMBERS[1:4]
    assert services(whole) == NUMBERS[1:]


def test_a_page_is_whole_or_an_error_and_nothing_is_live_behind_it(world: World) -> None:
    begun = live(world)
    world.happen(*NUMBERS[:3], apart=0.1)
    first = world.subscribe({}, cursor=begun)

    world.store.down = True
    broken = world.more(first)
    world.store.down = False

    assert [(frame["type"], frame.get("code"), frame["id"]) for frame in broken] == [
        ("error", "snapshot-unavailable", "1")
    ]
    assert services(to_the_end(world, first)) == NUMBERS[:3]


def test_when_no_time_is_left_the_page_ends_where_it_is(world: World) -> None:
    begun = live(world)
    world.store_events(*[envelope(f"fact-{n}", service=f"s{n}", level="debug") for n in range(7)])
    asked = {"type": "subscribe", "id": "1", "filter": {}, "cursor": begun}

    frames = world.say(asked, time=1)

    assert len(services(frames)) == 2
    assert frames[-1]["more"] is True


def test_more_of_a_channel_that_the_connection_is_not_subscribed_to_is_refused(world: World) -> None:
    begun = live(world)
    world.happen(*NUMBERS[:3])
    first = world.subscribe({}, cursor=begun)
    world.say({"type": "unsubscribe", "id": "2", "channel": first[0]["channel"]})

    (error,) = world.more(first)

    assert (error["type"], error["code"], error["id"]) == ("error", "not-subscribed", "1")


# --- the order --------------------------------------------------------------------------------


def test_the_membership_the_clock_the_ledger_the_refresh_and_the_search_come_in_this_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, done = live(world), list[str]()

    def noting(of: object, name: str) -> None:
        whole: Callable[..., Any] = getattr(of, name)

        def noted(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the port takes and gives
            done.append(name)
            world.clock.sleep(1)
            return whole(*given, **named)

        monkeypatch.setattr(of, name, noted)

    for of, name in (
        (world.table, "join"),
        (world.table, "register"),
        (world.table, "late"),
        (world.store, "refresh"),
        (world.store, "search"),
    ):
        noting(of, name)

    frames = world.subscribe({}, cursor=begun)

    assert done == ["join", "register", "late", "refresh", "search"]
    assert frames[-1]["cursor"] == cursor.live(world.channel().id, NOW + 2_000)


# --- the late ledger --------------------------------------------------------------------------


def late_world(world: World) -> tuple[str, int]:
    """Something was stored long before the client's cursor; the cursor, and when it was ingested."""
    world.happen("late")
    ingested = world.clock.now()
    world.clock.sleep(300)
    begun = live(world)
    world.clock.sleep(60)
    world.happen("new")
    return begun, ingested


def test_what_was_announced_late_since_the_cursor_is_read_by_its_minute(world: World) -> None:
    begun, ingested = late_world(world)

    without = services(world.subscribe({}, cursor=begun))
    world.table.put_late("acme", NOW + 330_000, ingested, NOW + DAY)
    world.table.put_late("globex", NOW + 330_000, ingested, NOW + DAY)

    assert without == ["new"]
    assert services(world.subscribe({}, cursor=begun)) == ["late", "new"]


def test_a_note_from_just_before_the_cursor_counts_for_its_posting_may_have_gone_on(world: World) -> None:
    begun, ingested = late_world(world)
    announced = NOW + 300_000 - POSTING - 2 * SKEW

    world.table.put_late("acme", announced - MINUTE, ingested, NOW + DAY)
    before = services(world.subscribe({}, cursor=begun))
    world.table.put_late("acme", announced, ingested, NOW + DAY)

    assert before == ["new"]
    assert services(world.subscribe({}, cursor=begun)) == ["late", "new"]


def test_of_a_job_that_is_still_posting_all_is_read_from_its_time_on(world: World) -> None:
    begun, ingested = late_world(world)
    world.table.open_late("acme", "job", ingested + 1, NOW + DAY)
    after = services(world.subscribe({}, cursor=begun))
    world.table.open_late("acme", "job", ingested, NOW + DAY)
    still = services(world.subscribe({}, cursor=begun))
    world.table.close_late("acme", "job")

    assert after == ["new"]
    assert still == ["late", "new"]
    assert services(world.subscribe({}, cursor=begun)) == ["new"]


def test_what_the_ledger_names_comes_in_pages_too(world: World) -> None:
    world.happen(*NUMBERS[:5], apart=0.01)
    world.clock.sleep(300)
    world.happen("between")
    world.clock.sleep(300)
    begun = live(world)
    world.table.put_late("acme", world.clock.now(), NOW, NOW + DAY)
    world.happen("new")

    assert services(to_the_end(world, world.subscribe({}, cursor=begun))) == [*NUMBERS[:5], "new"]


def test_without_the_ledger_there_is_no_resume(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = live(world)

    def broken(*_: object) -> None:
        raise Unavailable("the connection table", "it does not answer")

    monkeypatch.setattr(world.table, "late", broken)
    frames = world.subscribe({}, cursor=begun)

    assert [frame.get("code") for frame in frames] == [None, "snapshot-unavailable"]
    assert len(world.table.subscriptions("ann")) == 1


# --- another connection -----------------------------------------------------------------------


def test_a_catch_up_that_was_cut_goes_on_at_its_place_on_another_connection(world: World) -> None:
    begun = live(world)
    world.happen(*NUMBERS, apart=HORIZON / 1_000)
    first = world.subscribe({}, cursor=begun)
    world.connect("again")

    rest = to_the_end(world, world.subscribe({}, "again", cursor=first[-1]["cursor"]), "again")

    assert services(first) == NUMBERS[:2]
    assert services(rest)[0] in NUMBERS[1:3]
    assert set(services(rest)) >= set(NUMBERS[2:])
    assert kinds(rest)[-1] == "live"


def test_what_was_announced_between_two_connections_of_one_catch_up_is_read_though_it_lies_before_the_place(
    world: World,
) -> None:
    world.clock.sleep(600)
    begun = live(world)
    world.clock.sleep(30)
    world.happen(*NUMBERS[:5], apart=0.1)
    place = to_the_end(world, world.subscribe({}, cursor=begun))[-2]["cursor"]
    for back, name in ((20, "stored meanwhile"), (600, "announced late")):
        world.clock.back(back)
        world.happen(name)
        world.clock.sleep(back)
    world.table.put_late("acme", world.clock.now(), world.clock.now() - 600_000, NOW + DAY)

    world.connect("again")
    rest = to_the_end(world, world.subscribe({}, "again", cursor=place), "again")

    assert services(rest)[:2] == ["announced late", "stored meanwhile"]


def test_a_client_that_is_cut_off_after_each_page_arrives(world: World) -> None:
    begun = live(world)
    world.happen(*[f"s{number:02}" for number in range(20)], apart=HORIZON / 1_000)
    seen, place, connections = list[str](), begun, 0
    while connections < 30:
        connections += 1
        world.connect(f"c{connections}")
        frames = world.subscribe({}, f"c{connections}", cursor=place)
        seen += services(frames)
        place = frames[-1]["cursor"]
        if frames[-1]["type"] == "live":
            break

    assert frames[-1]["type"] == "live"
    assert list(dict.fromkeys(seen)) == [f"s{number:02}" for number in range(20)]
    assert connections <= 22


def test_a_client_that_is_cut_off_in_what_the_ledger_names_arrives_too(world: World) -> None:
    names = [f"s{number:02}" for number in range(12)]
    world.happen(*names, apart=1)
    world.clock.sleep(300)
    world.happen("between")
    world.clock.sleep(300)
    begun = live(world)
    world.table.put_late("acme", world.clock.now(), NOW, NOW + DAY)
    world.clock.sleep(120)
    world.happen("new")
    seen, place = list[str](), begun
    for number in range(12):
        world.connect(f"c{number}")
        frames = world.subscribe({}, f"c{number}", cursor=place)
        seen += services(frames)
        place = frames[-1]["cursor"]
        world.clock.sleep(90)

    assert list(dict.fromkeys(seen)) == [*names, "new"]


def test_what_was_noted_while_the_ledgers_minutes_were_read_is_read_though_it_lies_before_them(
    world: World,
) -> None:
    world.happen("noted meanwhile")
    world.clock.sleep(300)
    world.happen(*NUMBERS[:5], apart=0.1)
    noted = world.clock.now()
    world.clock.sleep(300)
    begun = live(world)
    world.table.put_late("acme", world.clock.now(), noted, NOW + DAY)
    first = world.subscribe({}, cursor=begun)
    world.clock.sleep(120)
    world.table.put_late("acme", world.clock.now(), NOW, NOW + DAY)

    world.connect("again")
    rest = to_the_end(world, world.subscribe({}, "again", cursor=first[-1]["cursor"]), "again")

    assert services(first) == NUMBERS[:2]
    assert services(rest)[0] == "noted meanwhile"
    assert set(services(rest)) >= set(NUMBERS[2:5])


def test_more_with_a_cursor_from_another_connection_reads_what_came_in_between(world: World) -> None:
    begun = live(world)
    world.happen(*NUMBERS, apart=1)
    first = world.subscribe({}, cursor=begun)
    world.clock.sleep(60)
    world.connect("again")
    world.subscribe({}, "again", snapshot=0)
    world.happen("in between")
    world.store.refresh("*")

    rest = to_the_end(world, world.more(first, "again"), "again")

    assert services(rest)[-1] == "in between"
    assert set(NUMBERS[2:]) <= set(services(rest))


def test_a_live_cursor_may_be_used_to_ask_for_more(world: World) -> None:
    begun = live(world)
    world.happen("new")

    frames = world.say({"type": "more", "id": "9", "cursor": begun})

    assert services(frames) == ["new"]
    assert frames[-1]["type"] == "live"


def test_what_a_member_missed_is_had_with_the_cursor_of_its_gap(world: World) -> None:
    live(world)
    world.clock.sleep(60)
    world.happen("missed")
    world.table.mark_lagged([(world.channel(), "ann")], world.clock.now() - 1)

    gap, _ = world.say({"type": "ping"})
    frames = world.subscribe({}, cursor=gap["since"])

    assert services(frames) == ["missed"]
    assert kinds(world.say({"type": "ping"})) == ["pong"]


# --- what cannot be brought back --------------------------------------------------------------


def gaps(frames: list[dict[str, Any]]) -> list[tuple[str, int | None, int]]:
    return [(frame["reason"], frame["from"], frame["to"]) for frame in frames if frame["type"] == "gap"]


def test_a_cursor_that_is_too_old_is_answered_by_a_gap_and_a_snapshot(world: World) -> None:
    world.happen("before")
    world.clock.sleep(60)
    begun = live(world)
    world.clock.sleep(10 * 86_400)  # retention 14, lateness 2, and 2
    world.happen("new")
    world.connect("ann")
    in_time = world.subscribe({}, cursor=begun)
    world.clock.sleep(0.001)
    too_late = world.subscribe({}, cursor=begun)

    assert gaps(in_time) == []
    assert gaps(too_late) == [("expired", NOW + 60_000, NOW + 60_000 + 10 * DAY + 1)]
    assert kinds(too_late) == ["subscribed", "gap", "hits", "live"]
    assert services(in_time) == ["new"]
    assert services(too_late) == ["before", "new"]  # a snapshot


def test_who_names_a_time_gets_what_was_stored_since_and_goes_live(world: World) -> None:
    world.happen("before", "also before", apart=HORIZON / 1_000)
    since = world.clock.now()
    world.clock.sleep(1)
    world.happen("since")

    frames = world.subscribe({}, since=since, snapshot=9)
    other = world.subscribe({}, since=since, cursor=live(world))

    assert kinds(frames) == ["subscribed", "hits", "live"]
    assert services(frames) == ["also before", "since"]  # the first was announced within the horizon
    assert services(other) == ["since"]  # the cursor wins
    assert services(world.subscribe({}, since=since + 2 * HORIZON)) == ["since"]


def test_what_was_announced_late_since_a_named_time_is_read_too(world: World) -> None:
    world.happen("late")
    world.clock.sleep(300)
    world.table.put_late("acme", world.clock.now(), NOW, NOW + DAY)

    assert services(world.subscribe({}, since=world.clock.now())) == ["late"]


def test_a_named_time_that_is_too_long_ago_gets_a_gap_and_all_that_is_still_there_in_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "MAX_HITS", 2)
    world.happen("too old")
    world.clock.sleep(10 * 86_400)  # retention 14, lateness 2, and 2
    world.happen(*"abcd", apart=HORIZON / 1_000)
    since, now = NOW - 1, world.clock.now()
    world.connect("ann")

    frames = world.subscribe({}, since=since)
    world.clock.sleep(600)
    rest = world.more(frames)

    assert gaps(frames) == [("expired", since, now - 10 * DAY + PAGING)]
    assert gaps(rest) == []
    assert services([*frames, *rest]) == [*"abcd"]


def test_a_time_to_come_counts_as_now(world: World) -> None:
    world.happen("new")
    frames = world.subscribe({}, since=NOW + 10 * DAY)
    assert gaps(frames) == []
    assert services(frames) == ["new"]


@pytest.mark.parametrize("made_up", ["x", cursor.live("0" * 32, NOW)])
def test_a_cursor_that_is_not_this_channels_is_answered_by_a_gap_and_a_snapshot(
    world: World, made_up: str
) -> None:
    world.happen("new")

    frames = world.subscribe({}, cursor=made_up)

    assert gaps(frames) == [("unknown-cursor", None, NOW)]
    assert kinds(frames) == ["subscribed", "gap", "hits", "live"]


def test_a_cursor_from_the_future_is_unknown_and_one_of_a_clock_ahead_of_ours_counts_as_now(
    world: World,
) -> None:
    world.happen("new")
    channel = world.subscribe({}, snapshot=0)[0]["channel"]

    future = world.subscribe({}, cursor=cursor.live(channel, NOW + 60_001))
    ahead = world.subscribe({}, cursor=cursor.live(channel, NOW + 60_000))

    assert gaps(future) == [("unknown-cursor", None, NOW)]
    assert gaps(ahead) == []
    assert services(ahead) == ["new"]


def test_a_resume_that_can_find_what_is_never_stored_says_so_and_brings_the_rest() -> None:
    known = shipped.routes()
    unkept = replace(known.ordered[0], source="pulse", family="pulses", index=False)
    world = World(routes=Routes((unkept, *known.ordered), (9, *known.numbers)))
    begun, other = live(world), live(world, {"family": ["metrics"]})
    world.clock.sleep(1)
    world.happen("new")

    frames, sure = world.subscribe({}, cursor=begun), world.subscribe({"family": ["metrics"]}, cursor=other)

    assert gaps(frames) == [("not-kept", NOW, NOW + 1_000)]
    assert services(frames) == services(sure) == ["new"]
    assert gaps(sure) == []
    assert "gap" not in kinds(world.subscribe({}))


# --- an index that cannot be refreshed --------------------------------------------------------

LAG = 10_000


def serverless(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(lag=LAG)

    def refused(_indices: str) -> None:
        raise AssertionError("there is no refresh")

    shown = world.store.refresh
    monkeypatch.setattr(world.store, "refresh", refused)
    world.show = lambda: shown("*")  # type: ignore[attr-defined]
    return world


def test_without_a_refresh_live_is_said_when_a_second_look_has_shown_what_was_stored_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serverless(monkeypatch)
    world.happen("shown")
    world.show()  # type: ignore[attr-defined]
    world.clock.sleep(OVERLAP / 1_000)
    world.happen("stored, not shown")
    world.clock.after(LAG / 1_000, world.show)  # type: ignore[attr-defined]

    first = world.subscribe({})
    second = world.more(first)

    assert services(first) == ["shown"]
    assert first[-1]["more"] is True
    assert kinds(second)[-1] == "live"
    assert "stored, not shown" in services(second)
    assert world.clock.now() > NOW + OVERLAP + LAG
    assert second[-1]["cursor"] == cursor.live(first[0]["channel"], NOW + OVERLAP)


def test_the_second_look_reads_what_the_ledger_says_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    world = serverless(monkeypatch)
    world.happen("late")
    world.clock.sleep(600)
    world.table.put_late("acme", world.clock.now(), NOW, NOW + DAY)
    world.clock.after(LAG / 1_000, world.show)  # type: ignore[attr-defined]

    first = world.subscribe({}, snapshot=0)

    assert services(world.more(first)) == ["late"]


def test_a_second_look_that_this_invocation_cannot_wait_for_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serverless(monkeypatch)
    asked = {"type": "more", "id": "1", "cursor": world.subscribe({}, snapshot=0)[-1]["cursor"]}

    (not_yet,) = world.say(asked, time=9_000)
    done = world.say({**asked, "cursor": not_yet["cursor"]})

    assert (not_yet["hits"], not_yet["more"], not_yet["cursor"]) == ([], True, asked["cursor"])
    assert kinds(done) == ["live"]


def test_a_second_look_that_was_cut_off_begins_anew_on_another_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = serverless(monkeypatch)
    world.happen("stored, not shown")
    first = world.subscribe({}, snapshot=0)
    world.clock.sleep(100)
    world.show()  # type: ignore[attr-defined]
    world.connect("again")

    rest = world.subscribe({}, "again", cursor=first[-1]["cursor"])

    assert services(rest) == ["stored, not shown"]


# --- conflation -------------------------------------------------------------------------------


def test_a_conflated_catch_up_gives_of_each_page_the_latest_for_each_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catching_up, "MAX_HITS", 4)
    world = World()
    begun: str = world.subscribe({}, conflate="service", snapshot=0)[-1]["cursor"]
    for number, service in enumerate("abaabb"):
        world.store_events(envelope(f"fact-{number}", service=service, amount=number))
        world.clock.sleep(1)

    first = world.subscribe({}, conflate="service", cursor=begun)
    rest = world.more(first)

    assert [hit["excerpt"]["amount"] for frame in first for hit in frame.get("hits", ())] == [1, 3]
    assert first[1]["conflated"] == {"kept": 2, "of": 4}
    assert [hit["excerpt"]["amount"] for hit in rest[0]["hits"]] == [5]
    assert rest[0]["conflated"] == {"kept": 1, "of": 2}


def test_a_conflated_snapshot_has_the_latest_for_each_value_and_of_these_the_newest() -> None:
    world = World()
    for number, service in enumerate("cabaabb"):
        world.store_events(envelope(f"fact-{number}", service=service, amount=number))
        world.clock.sleep(1)

    def amounts(most: int) -> list[int]:
        frames = world.subscribe({}, conflate="service", snapshot=most)
        return [hit["excerpt"]["amount"] for frame in frames for hit in frame.get("hits", ())]

    assert amounts(50) == [0, 4, 6]
    assert amounts(2) == [4, 6]
    assert amounts(0) == []


# --- every history ----------------------------------------------------------------------------


@given(
    times=st.lists(st.integers(0, 3 * 60), min_size=1, max_size=12, unique=True),
    cuts=st.lists(st.booleans(), max_size=12),
    late=st.sets(st.integers(0, 3)),
)
def test_however_often_it_is_cut_a_resume_brings_all_since_its_cursor(
    times: list[int], cuts: list[bool], late: set[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catching_up, "MAX_HITS", 2)
        patch.setattr(catching_up, "CHUNK", 2)
        world = World()
        since = NOW + 100_000
        for at in sorted(times):
            world.clock.sleep(at - (world.clock.now() - NOW) / 1_000)
            world.happen(f"at-{at}")
        world.clock.sleep(181 - (world.clock.now() - NOW) / 1_000)
        world.subscribe({}, snapshot=0)
        channel = world.channel()
        for minute in late:
            world.table.put_late("acme", since, NOW + minute * MINUTE, NOW + DAY)
        due = {f"at-{at}" for at in times if NOW + at * 1_000 >= since - HORIZON or at // 60 in late}
        seen, place, name, count = set[str](), cursor.live(channel.id, since), "ann", 0
        frames = world.subscribe({}, cursor=place)
        for cut in [*cuts, *[False] * 20]:
            seen |= set(services(frames))
            if frames[-1]["type"] == "live":
                break
            if cut:
                count += 1
                name = f"c{count}"
                world.clock.sleep(1)
                world.connect(name)
                frames = world.subscribe({}, name, cursor=frames[-1]["cursor"])
            else:
                frames = world.more(frames, name)

        assert frames[-1]["type"] == "live"
        assert seen == due
