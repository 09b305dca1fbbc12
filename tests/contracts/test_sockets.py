from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import boto3
import pytest
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters import websocket
from pipeline.adapters.memory import MemorySockets
from pipeline.adapters.system_clock import SystemClock
from pipeline.adapters.websocket import ApiGatewaySockets
from pipeline.core.audience import Post, Receipt
from pipeline.core.errors import Unavailable
from pipeline.local.gateway_twin import MAX_FRAME, Answer, GatewayTwin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.ports import Sockets
    from pipeline.settings import Settings

KEYS = ReadOnlyCredentials("test", "test", None)
ID = "L0SM9cOFvHcCIhw="
PLENTY = 20_000
"""Milliseconds that nothing here needs."""

STATUSES = {Receipt.GONE: 410, Receipt.REFUSED: 403, Receipt.LAGGED: 500}


class World(Protocol):
    @property
    def sockets(self) -> Sockets: ...

    @property
    def endpoint(self) -> str: ...

    def open(self, *connection_ids: str) -> None: ...

    def frames(self, connection_id: str) -> Sequence[bytes]: ...

    def meets(self, connection_id: str, receipt: Receipt) -> None: ...


@dataclass
class Memory:
    sockets: MemorySockets
    endpoint: str = "https://gateway/prod"

    def open(self, *connection_ids: str) -> None:
        for each in connection_ids:
            self.sockets.open(each, self.endpoint)

    def frames(self, connection_id: str) -> Sequence[bytes]:
        return self.sockets.frames(connection_id, self.endpoint)

    def meets(self, connection_id: str, receipt: Receipt) -> None:
        self.sockets.answer(connection_id, self.endpoint, receipt)


@dataclass
class Live:
    sockets: ApiGatewaySockets
    twin: GatewayTwin

    @property
    def endpoint(self) -> str:
        return self.twin.endpoint

    def open(self, *connection_ids: str) -> None:
        for each in connection_ids:
            self.twin.open(each)

    def frames(self, connection_id: str) -> Sequence[bytes]:
        return self.twin.frames(connection_id)

    def meets(self, connection_id: str, receipt: Receipt) -> None:
        self.twin.answer(connection_id, Answer(STATUSES[receipt]))

    def post(self, *connection_ids: str, within: int = PLENTY) -> Sequence[Receipt]:
        posts = [Post(each, self.endpoint, b"frame") for each in connection_ids]
        return self.sockets.post(posts, SystemClock().now() + within)


class Hasty(SystemClock):
    """The machine's clock, with the least jitter."""

    def jitter(self) -> float:
        return 0


@pytest.fixture
def live() -> Iterator[Live]:
    sockets = ApiGatewaySockets(
        Credentials(KEYS.access_key, KEYS.secret_key), "us-east-1", Hasty(), threads=8
    )
    with GatewayTwin(KEYS) as twin:
        yield Live(sockets, twin)
        sockets.stop()


@pytest.fixture(params=["memory", "live"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return Memory(MemorySockets())
    live: Live = request.getfixturevalue("live")
    return live


def posted(world: World, *posts: tuple[str, bytes]) -> Sequence[Receipt]:
    asked = [Post(connection_id, world.endpoint, frame) for connection_id, frame in posts]
    return world.sockets.post(asked, SystemClock().now() + PLENTY)


def test_a_frame_arrives_whole_at_its_connection(world: World) -> None:
    frame = '{"type":"hits","name":"Zoë"}'.encode()
    world.open(ID, "another=")
    assert list(posted(world, (ID, frame))) == [Receipt.POSTED]
    assert list(world.frames(ID)) == [frame]
    assert list(world.frames("another=")) == []


def test_a_connection_that_left_is_gone(world: World) -> None:
    assert list(posted(world, ("left=", b"frame"))) == [Receipt.GONE]


@pytest.mark.parametrize("receipt", STATUSES)
def test_each_receipt_is_told_in_the_order_of_the_posts_and_the_others_arrive(
    world: World, receipt: Receipt
) -> None:
    names = [f"connection-{number}=" for number in range(30)]
    world.open(*names)
    for name in names[::7]:
        world.meets(name, receipt)
    receipts = posted(world, *((name, name.encode()) for name in names))
    assert list(receipts) == [receipt if number % 7 == 0 else Receipt.POSTED for number in range(30)]
    assert [list(world.frames(name)) for name in names[1:7]] == [[name.encode()] for name in names[1:7]]


def test_frames_of_one_connection_arrive_in_their_order(world: World) -> None:
    names = [f"connection-{number}=" for number in range(4)]
    world.open(*names)
    frames = [str(number).encode() for number in range(50)]

    receipts = posted(world, *((name, frame) for frame in frames for name in names))

    assert set(receipts) == {Receipt.POSTED}
    assert [list(world.frames(name)) for name in names] == [frames] * len(names)


@pytest.mark.parametrize("receipt", STATUSES)
def test_frames_behind_one_that_was_not_posted_are_not_posted_either(world: World, receipt: Receipt) -> None:
    world.open(ID)
    world.meets(ID, receipt)

    assert list(posted(world, (ID, b"first"), (ID, b"second"))) == [receipt, receipt]
    assert list(world.frames(ID)) == []


def test_no_posts_are_no_receipts(world: World) -> None:
    assert list(posted(world)) == []


def test_a_closed_connection_is_gone_and_closing_it_again_is_no_error(world: World) -> None:
    world.open(ID)
    world.sockets.close(ID, world.endpoint)
    world.sockets.close(ID, world.endpoint)
    assert list(posted(world, (ID, b"frame"))) == [Receipt.GONE]


def test_a_memory_client_that_was_said_to_be_gone_is_gone() -> None:
    world = Memory(MemorySockets())
    world.open(ID)
    world.meets(ID, Receipt.GONE)
    posted(world, (ID, b"frame"))
    assert list(posted(world, (ID, b"frame"))) == [Receipt.GONE]


# --- only the live one ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_post_that_can_never_succeed_is_refused_at_its_first_attempt(live: Live, status: int) -> None:
    live.open(ID)
    live.twin.answer(ID, Answer(status))
    assert list(live.post(ID)) == [Receipt.REFUSED]
    assert live.twin.requests(ID) == 1


def test_a_frame_over_api_gateways_limit_is_refused(live: Live) -> None:
    live.open(ID)
    assert list(posted(live, (ID, b"x" * MAX_FRAME), (ID, b"x" * (MAX_FRAME + 1)))) == [
        Receipt.POSTED,
        Receipt.REFUSED,
    ]


@pytest.mark.parametrize("trouble", [Answer(429), Answer(500), Answer(503), Answer(reset=True)])
def test_trouble_that_passes_is_tried_again(live: Live, trouble: Answer) -> None:
    live.open(ID)
    live.twin.answer(ID, trouble, trouble, Answer())
    assert list(live.post(ID)) == [Receipt.POSTED]
    assert (live.twin.requests(ID), live.twin.frames(ID)) == (3, (b"frame",))


@pytest.mark.parametrize("trouble", [Answer(429), Answer(500), Answer(reset=True)])
def test_trouble_that_stays_leaves_the_connection_lagged_after_three_attempts(
    live: Live, trouble: Answer
) -> None:
    live.open(ID)
    live.twin.answer(ID, trouble)
    assert list(live.post(ID)) == [Receipt.LAGGED]
    assert live.twin.requests(ID) == 3


def test_a_gone_connection_is_not_tried_again(live: Live) -> None:
    assert list(live.post("left=")) == [Receipt.GONE]
    assert live.twin.requests("left=") == 1


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1/prod", "http://not..a.host/prod", ""])
def test_an_endpoint_that_is_none_leaves_its_connections_lagged_and_no_others(
    live: Live, endpoint: str
) -> None:
    live.open(ID)
    posts = [Post(ID, endpoint, b"frame"), Post(ID, live.endpoint, b"frame")]
    assert list(live.sockets.post(posts, SystemClock().now() + PLENTY)) == [Receipt.LAGGED, Receipt.POSTED]


def test_posts_go_to_the_endpoints_that_they_name(live: Live) -> None:
    live.open(ID)
    with GatewayTwin(KEYS, stage="other") as twin:
        twin.open(ID)
        posts = [Post(ID, live.endpoint, b"here"), Post(ID, f"{twin.endpoint}/", b"there")]
        assert list(live.sockets.post(posts, SystemClock().now() + PLENTY)) == [Receipt.POSTED] * 2
        assert (live.frames(ID), twin.frames(ID)) == ((b"here",), (b"there",))


def test_slow_connections_are_lagged_at_the_deadline_and_the_others_have_arrived(live: Live) -> None:
    slow = [f"slow-{number}=" for number in range(7)]
    quick = [f"quick-{number}=" for number in range(100)]
    live.open(*slow, *quick)
    for name in slow:
        live.twin.answer(name, Answer(after=60))
    receipts = live.post(*slow, *quick, within=3_000)
    assert list(receipts) == [Receipt.LAGGED] * len(slow) + [Receipt.POSTED] * len(quick)


def test_after_the_deadline_nothing_is_posted(live: Live) -> None:
    live.open(ID)
    assert list(live.post(ID, within=-1)) == [Receipt.LAGGED]
    assert live.twin.requests(ID) == 0


def test_what_no_thread_came_to_before_the_deadline_is_never_posted(live: Live) -> None:
    live.open("slow=", ID)
    live.twin.answer("slow=", Answer(after=60))
    sockets = ApiGatewaySockets(Credentials(KEYS.access_key, KEYS.secret_key), "us-east-1", threads=1)
    posts = [Post("slow=", live.endpoint, b"frame"), Post(ID, live.endpoint, b"frame")]
    assert list(sockets.post(posts, SystemClock().now() + 300)) == [Receipt.LAGGED] * 2
    sockets.stop()
    assert live.twin.requests(ID) == 0


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip(".")),
        min_size=5,
        max_size=20,
        unique=True,
    )
)
def test_any_connection_id_is_posted_to_and_signed_for_as_itself(connection_ids: list[str]) -> None:
    sockets = ApiGatewaySockets(
        Credentials(KEYS.access_key, KEYS.secret_key, "tok/en="), "eu-west-1", threads=2
    )
    with GatewayTwin(ReadOnlyCredentials("test", "test", "tok/en="), "eu-west-1") as twin:
        for each in connection_ids:
            twin.open(each)
        posts = [Post(each, twin.endpoint, each.encode()) for each in connection_ids]
        assert set(sockets.post(posts, SystemClock().now() + PLENTY)) == {Receipt.POSTED}
        assert [twin.frames(each) for each in connection_ids] == [(each.encode(),) for each in connection_ids]
        sockets.stop()


def test_a_wrong_signature_is_refused(live: Live) -> None:
    live.open(ID)
    strangers = ApiGatewaySockets(Credentials("test", "guess"), "us-east-1", threads=1)
    assert list(strangers.post([Post(ID, live.endpoint, b"frame")], SystemClock().now() + PLENTY)) == [
        Receipt.REFUSED
    ]
    strangers.stop()


def test_the_twin_takes_what_boto3_signs_and_answers_it_as_boto3_expects(live: Live) -> None:
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=live.endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
    )
    live.open(ID)
    client.post_to_connection(ConnectionId=ID, Data=b"frame")
    assert live.twin.frames(ID) == (b"frame",)
    assert client.get_connection(ConnectionId=ID)["Identity"]["SourceIp"] == "127.0.0.1"
    client.delete_connection(ConnectionId=ID)
    with pytest.raises(client.exceptions.GoneException):
        client.post_to_connection(ConnectionId=ID, Data=b"frame")
    live.twin.answer(ID, Answer(413))
    with pytest.raises(client.exceptions.PayloadTooLargeException):
        client.post_to_connection(ConnectionId=ID, Data=b"frame")
    client.close()


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_connection_that_could_not_be_closed_is_unavailable(live: Live, status: int) -> None:
    live.open(ID)
    live.twin.answer(ID, Answer(status))
    with pytest.raises(Unavailable, match="could not be closed"):
        live.sockets.close(ID, live.endpoint)


def test_without_credentials_nothing_is_posted_and_that_is_said() -> None:
    sockets = ApiGatewaySockets(None, "us-east-1", threads=1)
    with pytest.raises(Unavailable, match="credentials"):
        sockets.post([Post(ID, "http://127.0.0.1:1", b"")], SystemClock().now() + PLENTY)
    sockets.stop()


def test_a_local_function_signs_with_no_credentials_of_its_user(
    unreachable_settings: Callable[..., Settings], live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDUSERSOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "users own")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "users own")
    live.open(ID)
    sockets = websocket.connect(unreachable_settings())
    assert list(sockets.post([Post(ID, live.endpoint, b"frame")], SystemClock().now() + PLENTY)) == [
        Receipt.POSTED
    ]
    sockets.stop()
