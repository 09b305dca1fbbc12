"""``GET /v1/hits``: pages, waiting for news, and what a client may keep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline import catching_up, reading_hits
from pipeline.core import cursor
from pipeline.core.cursor import HORIZON
from pipeline.core.instant import DAY
from pipeline.core.route import Routes
from pipeline.resuming import PAGING
from pipeline.wiring import shipped
from tests.catching_up_world import World, services
from tests.examples import NOW, envelope

MINUTE = 60_000
WAIT = 20


@pytest.fixture
def world() -> World:
    return World()


def waited(world: World, since: int) -> float:
    return (world.clock.now() - since) / 1_000


# --- pages ------------------------------------------------------------------------------------


def test_a_page_that_is_not_the_last_says_so_and_its_cursor_goes_on_behind_it(world: World) -> None:
    start = world.page()["cursor"]
    world.happen(*"abcde", apart=1)

    first = world.page(limit="2", cursor=start)
    second = world.page(limit="2", cursor=first["cursor"])
    last = world.page(limit="2", cursor=second["cursor"])

    assert [page["more"] for page in (first, second, last)] == [True, True, False]
    assert services([first, second, last]) == [*"abcde"]
    assert last["cursor"].startswith(cursor.live(last["cursor"].split(".")[1], NOW + 5_000))


def test_what_became_visible_during_the_pages_is_read_by_the_cursor_behind_them(world: World) -> None:
    start = world.page()["cursor"]
    world.happen(*"abc", apart=1)
    first = world.page(limit="2", cursor=start)
    world.clock.back(2.5)
    world.happen("stored meanwhile")
    world.clock.sleep(60)

    last = world.page(limit="2", cursor=first["cursor"])
    after = world.page(limit="9", cursor=last["cursor"])

    assert "stored meanwhile" not in services([first, last])
    assert "stored meanwhile" in services([after])


def test_a_page_of_a_socket_goes_on_over_http_and_the_other_way_round(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "MAX_HITS", 2)
    begun = world.subscribe({}, snapshot=0)[-1]["cursor"]
    world.happen(*"abcdefg", apart=HORIZON / 1_000)
    on_socket = world.subscribe({}, cursor=begun)

    over_http = world.page(limit="2", cursor=on_socket[-1]["cursor"])
    back = world.subscribe({}, cursor=over_http["cursor"])

    assert services([*on_socket, over_http]) == [*"abcd"]
    assert set(services(back)) <= set("defg")


def test_an_answer_has_no_more_bytes_than_lambda_takes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_hits, "MAX_BYTES", 4_000)
    start = world.page()["cursor"]
    for name in "abcde":
        world.store_events(envelope(name, service=name, summary="x" * 1_500))
        world.clock.sleep(HORIZON / 1_000)

    first = world.page(cursor=start)

    assert services([first]) == ["a", "b"]
    assert first["more"] is True
    assert services([world.page()]) == ["d", "e"]


# --- what is late, old or never stored --------------------------------------------------------


def test_what_was_announced_late_is_on_the_page(world: World) -> None:
    world.happen("late")
    world.clock.sleep(300)
    start = world.page(filter='{"severity":["fatal"]}')["cursor"]
    begun = world.page(limit="1")["cursor"]
    world.clock.sleep(60)

    assert start != begun
    assert services([world.page(cursor=begun)]) == []
    world.table.put_late("acme", world.clock.now(), NOW, NOW + DAY)
    assert services([world.page(cursor=begun)]) == ["late"]


def test_an_expired_cursor_gets_a_gap_and_the_newest(world: World) -> None:
    world.happen("before")
    world.clock.sleep(60)
    begun = world.page()["cursor"]
    world.clock.sleep(11 * 86_400)
    world.happen("new")

    page = world.page(cursor=begun)

    assert page["gap"] == {"from": NOW + MINUTE, "to": NOW + MINUTE + 11 * DAY, "reason": "expired"}
    assert services([page]) == ["before", "new"]


def test_who_names_a_time_gets_the_pages_since_and_a_cursor_wins_over_it(world: World) -> None:
    world.happen("before")
    world.clock.sleep(HORIZON / 1_000 + 1)
    since = str(world.clock.now())
    world.happen(*"abc", apart=1)

    first = world.page(limit="2", since=since)
    last = world.page(limit="2", since=since, cursor=first["cursor"])

    assert [page["more"] for page in (first, last)] == [True, False]
    assert services([first, last]) == [*"abc"]


def test_a_named_time_that_is_too_long_ago_gets_a_gap_on_the_first_page_and_all_that_is_still_there(
    world: World,
) -> None:
    world.happen("too old")
    world.clock.sleep(10 * 86_400)
    world.happen(*"abc", apart=1)

    first = world.page(limit="2", since="0")
    world.clock.sleep(600)
    last = world.page(limit="2", cursor=first["cursor"])

    assert first["gap"] == {"from": 0, "to": NOW + 3_000 + PAGING, "reason": "expired"}
    assert "gap" not in last
    assert services([first, last]) == [*"abc"]


# --- waiting ----------------------------------------------------------------------------------


def test_who_waits_is_answered_as_soon_as_there_is_news(world: World) -> None:
    begun = world.page()["cursor"]
    world.clock.after(7, lambda: (world.happen("new"), world.store.refresh("*")))

    page = world.page(cursor=begun, wait=str(WAIT))

    assert services([page]) == ["new"]
    assert 7 <= waited(world, NOW) <= 8


def test_the_answer_after_a_wait_has_what_no_refresh_had_shown_yet(world: World) -> None:
    begun = world.page()["cursor"]
    world.clock.after(7, lambda: world.happen("stored, not shown"))

    page = world.page(cursor=begun, wait=str(WAIT))

    assert services([page]) == ["stored, not shown"]
    assert waited(world, NOW) == WAIT
    assert cursor.read(page["cursor"], page["cursor"].split(".")[1]) is not None


def test_nobody_waits_for_what_the_answer_before_has_shown(world: World) -> None:
    world.happen("shown")
    first = world.page()
    begun = world.clock.now()

    second = world.page(cursor=first["cursor"], wait=str(WAIT))
    third = world.page(cursor=second["cursor"], wait=str(WAIT))

    fourth = world.page(cursor=third["cursor"])

    assert services([first]) == services([second]) == services([third]) == ["shown"]  # it may overlap
    assert waited(world, begun) == 2 * WAIT
    assert services([fourth]) == []


def test_what_was_stored_late_is_news_though_it_lies_before_what_was_shown(world: World) -> None:
    world.happen("shown")
    first = world.page()
    world.clock.after(3, lambda: (world.clock.back(5), world.happen("stored late"), world.clock.back(-5)))
    world.clock.after(3, lambda: world.store.refresh("*"))
    begun = world.clock.now()

    page = world.page(cursor=first["cursor"], wait=str(WAIT))

    assert services([page]) == ["stored late", "shown"]
    assert waited(world, begun) <= 4


def test_a_snapshot_that_left_something_out_does_not_pretend_to_have_shown_it(world: World) -> None:
    world.happen("a", "b", apart=1)
    first = world.page(limit="1")
    begun = world.clock.now()

    page = world.page(cursor=first["cursor"], wait=str(WAIT))

    assert services([page]) == ["a", "b"]
    assert waited(world, begun) == 0


def test_late_rows_make_nobody_wait_in_vain_nor_answer_at_once(world: World) -> None:
    world.happen("late")
    world.clock.sleep(300)
    world.table.put_late("acme", world.clock.now(), NOW, NOW + DAY)
    begun = world.page(limit="1")["cursor"]
    shown = world.page(cursor=begun)
    now = world.clock.now()

    page = world.page(cursor=shown["cursor"], wait="5")

    assert services([shown]) == services([page]) == ["late"]
    assert waited(world, now) == 5


def test_the_wait_ends_with_the_functions_time(world: World) -> None:
    begun = world.page()["cursor"]

    world.answer(time=reading_hits.READING + 3_000, cursor=begun, wait=str(WAIT))

    assert waited(world, NOW) == 3


def test_a_page_in_the_middle_is_not_waited_for(world: World) -> None:
    start = world.page()["cursor"]
    world.happen(*"abc", apart=1)
    first = world.page(limit="2", cursor=start)
    now = world.clock.now()

    assert services([world.page(limit="2", cursor=first["cursor"], wait="5")]) == ["c"]
    assert waited(world, now) == 0


# --- what a client may keep -------------------------------------------------------------------


def test_an_answer_that_the_client_has_is_known_and_another_is_not(world: World) -> None:
    start = world.page()["cursor"]
    world.happen("a")
    first = world.answer(cursor=start)
    world.clock.sleep(5)
    same = world.answer({"if-none-match": f'"other", {first.etag}'}, cursor=start)
    world.happen("b")
    other = world.answer({"If-None-Match": first.etag}, cursor=start)

    assert first.etag.startswith('W/"')
    assert (first.known, same.known, other.known) == (False, True, False)
    assert same.etag == first.etag
    assert world.answer({"if-none-match": "*"}, cursor=start).known


def test_who_waits_with_what_it_has_is_answered_when_that_has_changed(world: World) -> None:
    world.happen("a")
    had = world.answer()
    world.clock.after(4, lambda: (world.happen("b"), world.store.refresh("*")))
    begun = world.clock.now()

    changed = world.answer({"if-none-match": had.etag}, wait=str(WAIT))
    unchanged = world.answer({"if-none-match": changed.etag}, wait="5")

    assert (changed.known, services([changed.body])) == (False, ["a", "b"])
    assert unchanged.known
    assert 4 + 5 <= waited(world, begun) <= 5 + 5


def test_a_filter_that_finds_what_is_never_stored_has_a_gap_on_the_first_page_alone() -> None:
    known = shipped.routes()
    unkept = replace(known.ordered[0], source="pulse", index=False)
    world = World(routes=Routes((unkept, *known.ordered), (9, *known.numbers)))
    start = world.page()["cursor"]
    world.happen(*"abc", apart=1)

    first = world.page(limit="2", cursor=start)
    second = world.page(limit="2", cursor=first["cursor"])

    assert first["gap"]["reason"] == "not-kept"
    assert "gap" not in second
    assert services([first, second]) == [*"abc"]
