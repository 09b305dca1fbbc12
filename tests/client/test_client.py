"""The client against a real WebSocket server that plays API Gateway and the functions behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from pipeline.client import Client, Gap, Hits, News, Notice, Pace, Refusal, Refused, Status, StatusChange
from pipeline.client.polling import Page, PageRequest
from tests.client.conftest import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from websockets.http11 import Response

    from tests.client.conftest import Peer

    Play = Callable[..., list[News]]
    ClientOf = Callable[..., AbstractAsyncContextManager[Client]]

PAYMENTS = {"service": ["payments"]}
BRISK = {"opening": 5.0, "first_retry": 0.001, "longest_retry": 0.002}


def ids(news: list[News]) -> list[str]:
    return [hit["id"] for each in news if isinstance(each, Hits) for hit in each.hits]


def statuses(news: list[News]) -> list[Status]:
    return [each.status for each in news if isinstance(each, StatusChange)]


def has(*wanted: str) -> Callable[[list[News]], bool]:
    return lambda news: set(wanted) <= set(ids(news))


def payments(client: Client) -> object:
    return client.subscribe(PAYMENTS, snapshot=5)


def test_it_tells_the_snapshot_then_live_hits_and_each_status_on_the_way(play: Play) -> None:
    async def server(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        assert ask["filter"] == PAYMENTS
        assert ask["snapshot"] == 5
        assert "cursor" not in ask
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.hits("old", id=ask["id"], channel="c", cursor="p1")
        await peer.say("live", id=ask["id"], channel="c", cursor="s1")
        await peer.hits("new", channel="c", cursor="s2")
        await peer.stay()

    news = play(server, prepare=payments, until=has("old", "new"))
    assert statuses(news) == [Status.CONNECTING, Status.CATCHING_UP, Status.LIVE]
    assert [each.live for each in news if isinstance(each, Hits)] == [False, True]


def test_it_begins_at_a_time_until_there_is_a_cursor(play: Play) -> None:
    async def cut_in_the_first_page(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        assert ask["since"] == 7
        assert not {"cursor", "snapshot"} & ask.keys()
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.hits("a", id=ask["id"], channel="c", cursor="P1")
        await peer.drop()

    async def cut_behind_it(peer: Peer) -> None:
        ask = await peer.welcome(cursor="L1")
        assert ask["since"] == 7
        await peer.drop()

    async def third(peer: Peer) -> None:
        ask = await peer.welcome(cursor="L2")
        assert ask["cursor"] == "L1"
        assert "since" not in ask
        await peer.hits("b", channel="c", cursor="L3")
        await peer.stay()

    play(
        cut_in_the_first_page,
        cut_behind_it,
        third,
        prepare=lambda client: client.subscribe(PAYMENTS, snapshot=5, since=7),
        until=has("a", "b"),
    )


def test_what_an_earlier_subscription_has_told_is_not_told_again(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="L1")
        await peer.hits("a", "b", channel="c", cursor="L2")
        await peer.stay()

    def goes_on(client: Client) -> None:
        client.subscribe(PAYMENTS, cursor="L0", seen=["a"])

    assert ids(play(server, prepare=goes_on, until=has("b"))) == ["b"]


def test_after_a_lost_connection_it_resumes_from_its_cursor_with_a_fresh_ticket(play: Play) -> None:
    paths = []

    async def first(peer: Peer) -> None:
        paths.append(peer.path)
        await peer.welcome(cursor="s1")
        await peer.hits("a", channel="c", cursor="s2")
        await peer.drop()

    async def second(peer: Peer) -> None:
        paths.append(peer.path)
        ask = await peer.welcome(cursor="s3")
        assert ask["cursor"] == "s2"
        assert "snapshot" not in ask
        await peer.hits("b", channel="c", cursor="s4")
        await peer.stay()

    news = play(first, second, prepare=payments, until=has("a", "b"))
    assert len(set(paths)) == 2
    assert statuses(news)[3:] == [Status.OFFLINE, Status.CONNECTING, Status.CATCHING_UP, Status.LIVE]


def test_a_live_frame_during_a_catch_up_does_not_move_the_cursor(play: Play) -> None:
    async def interrupted(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        assert ask["cursor"] == "kept"
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.hits("live", channel="c", cursor="much-later")
        await peer.drop()

    async def second(peer: Peer) -> None:
        ask = await peer.welcome(cursor="s")
        assert ask["cursor"] == "kept"
        await peer.hits("end", channel="c", cursor="s2")
        await peer.stay()

    play(
        interrupted,
        second,
        prepare=lambda client: client.subscribe(PAYMENTS, cursor="kept"),
        until=has("live", "end"),
    )


def test_a_frame_that_was_overtaken_does_not_set_the_cursor_back(play: Play) -> None:
    async def first(peer: Peer) -> None:
        await peer.welcome(cursor="L1")
        await peer.hits("later", channel="c", cursor="L3")
        await peer.hits("overtaken", channel="c", cursor="L2")
        await peer.drop()

    async def second(peer: Peer) -> None:
        ask = await peer.welcome(cursor="L4")
        assert ask["cursor"] == "L3"
        await peer.hits("end", channel="c", cursor="L5")
        await peer.stay()

    play(first, second, prepare=payments, until=has("end"))


def test_the_cursors_put_by_during_a_catch_up_count_from_its_end(play: Play) -> None:
    async def first(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.hits("live", channel="c", cursor="L9")
        await peer.say("live", id=ask["id"], channel="c", cursor="L1")
        await peer.drop()

    async def second(peer: Peer) -> None:
        ask = await peer.welcome(cursor="L10")
        assert ask["cursor"] == "L9"
        await peer.hits("end", channel="c", cursor="L11")
        await peer.stay()

    play(first, second, prepare=payments, until=has("end"))


def test_a_gap_never_raises_the_cursor(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="L2")
        await peer.say("gap", channel="c", since="L7")
        again = await peer.expect("subscribe")
        assert again["cursor"] == "L2"
        await peer.say("subscribed", id=again["id"], channel="c")
        await peer.hits("end", id=again["id"], channel="c")
        await peer.stay()

    play(server, prepare=payments, until=has("end"))


def test_hits_of_a_channel_that_nobody_asked_for_are_noticed_and_not_told(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="L2")
        await peer.hits("stray", channel="other", cursor="L3")
        await peer.hits("end", channel="c", cursor="L4")
        await peer.stay()

    news = play(server, prepare=payments, until=has("end"))
    assert ids(news) == ["end"]
    assert any(isinstance(each, Notice) and each.code == "stray" for each in news)


def test_a_hit_that_arrives_again_is_told_once_and_counted(play: Play) -> None:
    kept: list[Any] = []

    async def first(peer: Peer) -> None:
        await peer.welcome(cursor="s1")
        await peer.hits("a", "b", channel="c", cursor="s2")
        await peer.drop()

    async def second(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        await peer.say("subscribed", id=ask["id"], channel="other")
        await peer.hits("a", "b", "c", id=ask["id"], channel="other", cursor="p")
        await peer.stay()

    news = play(first, second, prepare=lambda client: kept.append(payments(client)), until=has("c"))
    assert ids(news) == ["a", "b", "c"]
    assert kept[0].duplicates == 2
    assert kept[0].told == 3


def test_live_frames_that_overtake_the_answer_to_subscribe_are_not_lost(play: Play) -> None:
    async def server(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        await peer.hits("early", channel="c", cursor="s0")
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.stay()

    news = play(server, prepare=payments, until=has("early"))
    assert ids(news) == ["early"]


def test_two_subscriptions_on_one_connection_get_only_their_own_hits(play: Play) -> None:
    kept: list[Any] = []

    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="s1", channel="one")
        await peer.welcome(cursor="s1", channel="two")
        await peer.hits("a", channel="one", cursor="s2")
        await peer.hits("b", channel="two", cursor="s2")
        await peer.stay()

    def both(client: Client) -> None:
        kept.extend([client.subscribe(PAYMENTS), client.subscribe({"service": ["checkout"]})])

    news = play(server, prepare=both, until=has("a", "b"))
    told = [(kept.index(each.subscription), each.hits[0]["id"]) for each in news if isinstance(each, Hits)]
    assert told == [(0, "a"), (1, "b")]


def test_a_gap_that_can_be_mended_makes_it_ask_again_from_there(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="s5")
        await peer.say("gap", channel="c", since="s3")
        again = await peer.expect("subscribe")
        assert again["cursor"] == "s3"
        await peer.say("subscribed", id=again["id"], channel="c")
        await peer.hits("missed", id=again["id"], channel="c", cursor="p")
        await peer.stay()

    news = play(server, prepare=payments, until=has("missed"))
    gap = next(each for each in news if isinstance(each, Gap))
    assert gap.mended


def test_hits_that_were_left_out_are_told_as_a_gap_behind_those_that_came(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="s1")
        await peer.hits("a", channel="c", cursor="s9", sampled={"kept": 1, "of": 7, "since": "s8"})
        await peer.hits("b", channel="c", cursor="sa")
        await peer.stay()

    news = play(server, prepare=payments, until=has("b"))
    first, gap, _ = (each for each in news if isinstance(each, Hits | Gap))
    assert isinstance(first, Hits)
    assert isinstance(gap, Gap)
    assert (gap.mended, gap.reason, gap.since, gap.kept, gap.of) == (False, "sampled", "s8", 1, 7)


def test_a_gap_that_cannot_be_mended_is_told_with_its_reason(play: Play) -> None:
    async def server(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.say("gap", id=ask["id"], channel="c", **{"from": 1_000, "to": 9_000}, reason="too-old")
        await peer.hits("newest", id=ask["id"], channel="c", cursor="p")
        await peer.stay()

    news = play(server, prepare=payments, until=has("newest"))
    gap = next(each for each in news if isinstance(each, Gap))
    assert (gap.mended, gap.reason, gap.start, gap.end) == (False, "too-old", 1_000, 9_000)


def test_a_filter_mistake_is_told_with_the_servers_code_and_text_and_ends_the_client(play: Play) -> None:
    async def server(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        await peer.say("error", id=ask["id"], code="bad-filter", text="colour is no attribute")
        await peer.stay()

    news = play(server, prepare=payments)
    refusal = next(each for each in news if isinstance(each, Refusal))
    assert (refusal.code, refusal.text) == ("bad-filter", "colour is no attribute")
    assert statuses(news)[-1] is Status.REFUSED


def test_while_the_snapshot_is_unavailable_live_hits_flow_and_it_asks_again(play: Play) -> None:
    async def server(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.say("error", id=ask["id"], code="snapshot-unavailable", text="OpenSearch is down")
        await peer.hits("meanwhile", channel="c", cursor="s9")
        again = await peer.welcome(cursor="s10")
        assert again["cursor"] == "kept"
        await peer.hits("after", channel="c", cursor="s11")
        await peer.stay()

    news = play(
        server,
        prepare=lambda client: client.subscribe(PAYMENTS, cursor="kept"),
        until=has("meanwhile", "after"),
    )
    assert any(isinstance(each, Notice) and each.code == "snapshot-unavailable" for each in news)


def test_a_gateways_own_error_makes_it_ask_again(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.expect("subscribe")
        await peer.say_raw('{"message": "Internal server error", "connectionId": "x", "requestId": "y"}')
        await peer.welcome(cursor="s1")
        await peer.stay()

    news = play(server, prepare=payments, until=lambda news: Status.LIVE in statuses(news))
    assert any(isinstance(each, Notice) and each.text == "Internal server error" for each in news)


def test_a_subscribe_without_an_answer_is_sent_again(play: Play) -> None:
    async def server(peer: Peer) -> None:
        first = await peer.expect("subscribe")
        again = await peer.welcome(cursor="s1")
        assert again["id"] != first["id"]
        await peer.stay()

    play(
        server,
        prepare=payments,
        until=lambda news: Status.LIVE in statuses(news),
        pace=Pace(heartbeat=60, answer=0.05, **BRISK),
    )


def test_a_catch_up_that_falls_silent_before_its_end_is_asked_for_again(play: Play) -> None:
    async def server(peer: Peer) -> None:
        ask = await peer.expect("subscribe")
        await peer.say("live", id=ask["id"], channel="c", cursor="L9")  # before its time: no word to trust
        await peer.say("subscribed", id=ask["id"], channel="c")
        await peer.hits("part", id=ask["id"], channel="c")
        again = await peer.welcome(cursor="L2")
        assert again["cursor"] == "kept"
        await peer.stay()

    play(
        server,
        prepare=lambda client: client.subscribe(PAYMENTS, cursor="kept"),
        until=lambda news: Status.LIVE in statuses(news),
        pace=Pace(heartbeat=60, answer=0.2, **BRISK),
    )


def test_frames_that_make_no_sense_are_passed_over(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.say_raw("not JSON")
        await peer.say_raw("[]")
        await peer.say_raw("{}")
        await peer.say("of-a-later-version", channel="c")
        await peer.say("subscribed", id="nobody asked", channel="x")
        await peer.welcome(cursor="s1")
        await peer.hits(channel="nobody's", cursor="s2")
        await peer.say("hits", channel="c", cursor="s2", hits=["no object", {"no": "id"}, {"id": "good"}])
        await peer.stay()

    news = play(server, prepare=payments, until=has("good"))
    assert ids(news) == ["good"]


def test_silence_is_broken_by_a_ping_and_a_dead_socket_is_left(play: Play) -> None:
    async def silent(peer: Peer) -> None:
        await peer.welcome(cursor="s1")
        await peer.expect("ping")
        await peer.say("pong")
        await peer.expect("ping")  # and no answer
        await peer.stay()

    async def second(peer: Peer) -> None:
        ask = await peer.welcome(cursor="s2")
        assert ask["cursor"] == "s1"
        await peer.stay()

    news = play(
        silent,
        second,
        prepare=payments,
        until=lambda news: statuses(news).count(Status.LIVE) == 2,
        pace=Pace(heartbeat=0.05, pong=0.2, answer=60, **BRISK),
    )
    offline = next(each for each in news if isinstance(each, StatusChange) and each.status is Status.OFFLINE)
    assert "ping" in offline.why


def test_a_goodbye_is_told_and_it_comes_back(play: Play) -> None:
    async def first(peer: Peer) -> None:
        await peer.welcome(cursor="s1")
        await peer.say("bye", reason="expired")

    async def second(peer: Peer) -> None:
        await peer.welcome(cursor="s2")
        await peer.stay()

    news = play(first, second, prepare=payments, until=lambda news: statuses(news).count(Status.LIVE) == 2)
    assert any(isinstance(each, Notice) and each.text == "expired" for each in news)


def test_a_refused_token_ends_the_client_and_says_why() -> None:
    async def dial() -> str:
        raise Refused("unauthorized", "the token has expired")

    async def main() -> list[News]:
        async with Client(dial) as client:
            return [news async for news in client]

    news = asyncio.run(main())
    assert statuses(news) == [Status.CONNECTING, Status.REFUSED]
    assert any(isinstance(each, Refusal) and each.text == "the token has expired" for each in news)


def test_a_server_that_is_away_is_tried_again_until_it_is_there() -> None:
    attempts = 0

    async def main() -> list[Status]:
        async def dial() -> str:
            nonlocal attempts
            attempts += 1
            if attempts < 4:
                raise ConnectionError("nobody there")
            raise Refused("enough", "this test has seen enough")

        async with Client(dial, pace=Pace(heartbeat=60, answer=60, **BRISK)) as client:
            return statuses([news async for news in client])

    told = asyncio.run(main())
    assert told.count(Status.OFFLINE) == 3


def test_a_subscription_added_while_listening_is_asked_for_at_once(client_of: ClientOf) -> None:
    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="s1", channel="one")
        ask = await peer.welcome(cursor="s1", channel="two")
        assert ask["filter"] == {"service": ["late"]}
        left = await peer.expect("unsubscribe")
        assert left["channel"] == "two"
        await peer.hits("end", channel="one", cursor="s2")
        await peer.stay()

    async def main() -> list[str]:
        told: list[News] = []
        live = asyncio.Event()

        async def read(client: Client) -> None:
            async for news in client:
                told.append(news)
                if isinstance(news, StatusChange) and news.status is Status.LIVE:
                    live.set()
                if has("end")(told):
                    return

        async with client_of(server) as client:
            client.subscribe(PAYMENTS)
            reader = asyncio.create_task(read(client))
            await live.wait()
            live.clear()
            late = client.subscribe({"service": ["late"]})
            await live.wait()
            await client.unsubscribe(late)
            await reader
        return ids(told)

    assert asyncio.run(main()) == ["end"]


@pytest.mark.parametrize("failures", [1, 2, 7, 1_000_000])
def test_the_wait_between_attempts_is_jittered_in_full_and_capped(failures: int) -> None:
    pace = Pace(first_retry=0.5, longest_retry=30)
    assert pace.retry(failures, 0.0) == 0
    assert pace.retry(failures, 1.0) == min(30, 0.5 * 2 ** min(failures - 1, 60))


def test_frames_of_ones_own_wait_for_a_connection_a_hundred_at_most(play: Play) -> None:
    async def server(peer: Peer) -> None:
        await peer.welcome(cursor="s1")
        for number in range(100):
            assert (await peer.expect("own"))["number"] == number
        await peer.hits("end", channel="c", cursor="s2")
        await peer.stay()

    def prepare(client: Client) -> None:
        client.subscribe(PAYMENTS)
        assert all(client.send({"type": "own", "number": number}) for number in range(100))
        assert not client.send({"type": "own"})
        with pytest.raises(ValueError, match="at most 32768 bytes"):
            client.send({"type": "own", "text": "漢" * 11_000})

    play(server, prepare=prepare, until=has("end"))


def test_where_no_socket_opens_hits_come_over_http() -> None:
    asked: list[PageRequest] = []

    async def pages(request: PageRequest) -> Page:
        asked.append(request)
        return Page([{"id": str(len(asked))}], f"L{len(asked)}")

    async def dial() -> str:
        return "ws://127.0.0.1:1/nobody"

    async def main() -> list[str]:
        told: list[News] = []
        async with asyncio.timeout(LIMIT), Client(dial, pages=pages, pace=Pace(**BRISK)) as client:
            client.subscribe(PAYMENTS)
            async for news in client:
                told.append(news)
                if has("3")(told):
                    break
        return ids(told)

    assert asyncio.run(main()) == ["1", "2", "3"]
    assert [each.cursor for each in asked[:3]] == [None, "L1", "L2"]


def test_over_http_too_it_begins_at_a_time_and_names_the_channel_of_its_cursor() -> None:
    asked: list[PageRequest] = []

    async def pages(request: PageRequest) -> Page:
        asked.append(request)
        return Page([{"id": str(len(asked))}], f"L{len(asked)}")

    async def dial() -> str:
        return "ws://127.0.0.1:1/nobody"

    async def main() -> list[str]:
        told: list[News] = []
        async with asyncio.timeout(LIMIT), Client(dial, pages=pages, pace=Pace(**BRISK)) as client:
            client.subscribe(PAYMENTS, snapshot=0, since=7, conflate="orderId")
            async for news in client:
                told.append(news)
                if has("2")(told):
                    break
        return ids(told)

    assert asyncio.run(main()) == ["1", "2"]
    assert asked[0] == PageRequest(PAYMENTS, limit=2_000, since=7, conflate="orderId")
    assert asked[1] == PageRequest(PAYMENTS, cursor="L1", limit=2_000, wait=20.0, conflate="orderId")


def test_a_handshake_that_is_refused_again_and_again_is_believed_where_nothing_else_can_tell() -> None:
    answers = 0

    async def refuse(connection: ServerConnection, _request: object) -> Response:
        nonlocal answers
        answers += 1
        return connection.respond(403, "no")

    async def main() -> list[News]:
        async with (
            asyncio.timeout(LIMIT),
            serve(_nobody, "127.0.0.1", 0, process_request=refuse) as listening,
        ):
            port = next(iter(listening.sockets)).getsockname()[1]

            async def dial() -> str:
                return f"ws://127.0.0.1:{port}"

            async with Client(dial, pace=Pace(**BRISK)) as client:
                return [news async for news in client]

    news = asyncio.run(main())
    assert answers == 3
    assert statuses(news)[-1] is Status.REFUSED


async def _nobody(_connection: ServerConnection) -> None:
    raise AssertionError("nobody is let in")
