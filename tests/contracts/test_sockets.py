from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
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
from pipeline.local import certificate
from pipeline.local.certificate import Certificate
from pipeline.local.gateway_twin import MAX_FRAME, Answer, GatewayTwin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pipeline.ports.connections import Sockets
    from pipeline.settings import Settings

CREDENTIALS = Credentials("test", "test")
KEYS = CREDENTIALS.get_frozen_credentials()
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

    def fails(self, *connection_ids: str) -> None:
        """Refuse whoever posts, for a reason that has nothing to do with these connections."""


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

    def fails(self, *_: str) -> None:
        self.sockets.trouble = "no permission"


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

    def fails(self, *connection_ids: str) -> None:
        for each in connection_ids:
            self.twin.answer(each, Answer(403, "AccessDeniedException"))

    def post(self, *connection_ids: str, within: int = PLENTY) -> Sequence[Receipt]:
        posts = [Post(each, self.endpoint, b"frame") for each in connection_ids]
        return self.sockets.post(posts, SystemClock().now() + within)


class Hasty(SystemClock):
    """The machine's clock, with the least jitter."""

    def jitter(self) -> float:
        return 0


def sockets_for(certificate: Certificate | None = None, **options: int) -> ApiGatewaySockets:
    return ApiGatewaySockets(
        CREDENTIALS,
        "us-east-1",
        Hasty(),
        ca_file=str(certificate.file) if certificate else "",
        direct=True,
        **{"connections": 8} | options,
    )


@pytest.fixture(scope="module", autouse=True)
def every_frame_is_as_specified() -> None:
    """Not here: sockets carry whatever they are given."""


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def live(trusted: Certificate) -> Iterator[Live]:
    sockets = sockets_for(trusted)
    with GatewayTwin(KEYS, certificate=trusted) as twin:
        yield Live(sockets, twin)
        sockets.stop()


@pytest.fixture(params=["memory", "live"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return Memory(MemorySockets(SystemClock()))
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


def test_many_connections_are_closed_at_once_those_that_are_gone_too(world: World) -> None:
    names = [f"connection-{number}=" for number in range(20)]
    world.open(*names)
    both = [(name, world.endpoint) for name in (*names[1:], "gone=")]
    assert world.sockets.close_all(both, SystemClock().now() + PLENTY) == [True] * 20
    assert list(posted(world, *((name, b"frame") for name in names))) == [
        Receipt.POSTED,
        *[Receipt.GONE] * 19,
    ]


def test_behind_the_deadline_nothing_is_closed(world: World) -> None:
    world.open(ID)
    assert world.sockets.close_all([(ID, world.endpoint)], SystemClock().now()) == [False]
    assert list(posted(world, (ID, b"frame"))) == [Receipt.POSTED]


def test_trouble_that_is_everybodys_is_unavailable_and_posts_nothing(world: World) -> None:
    world.open(ID, "another=")
    world.fails(ID, "another=")
    with pytest.raises(Unavailable, match="API Gateway"):
        posted(world, (ID, b"frame"), ("another=", b"frame"))
    with pytest.raises(Unavailable, match="API Gateway"):
        world.sockets.close(ID, world.endpoint)
    assert list(world.frames(ID)) == []


def test_after_the_deadline_nothing_is_posted(world: World) -> None:
    world.open(ID)
    late = [Post(ID, world.endpoint, b"frame")]
    assert list(world.sockets.post(late, SystemClock().now() - 1)) == [Receipt.LAGGED]
    assert list(world.frames(ID)) == []


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


TROUBLES = [
    Answer(429),
    Answer(500),
    Answer(503),
    Answer(reset=True),
    Answer(500, cut=True),
    Answer(garble=True),
]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_that_passes_is_tried_again(live: Live, trouble: Answer) -> None:
    live.open(ID)
    live.twin.answer(ID, trouble, trouble, Answer())
    assert list(live.post(ID)) == [Receipt.POSTED]
    assert (live.twin.requests(ID), live.twin.frames(ID)) == (3, (b"frame",))


@pytest.mark.parametrize("trouble", TROUBLES)
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


def test_an_answer_that_is_lost_brings_the_frame_again(live: Live) -> None:
    live.open(ID)
    live.twin.answer(ID, Answer(cut=True), Answer())
    assert list(live.post(ID)) == [Receipt.POSTED]
    assert live.twin.frames(ID) == (b"frame", b"frame")


def test_connections_are_kept_for_the_next_posts(live: Live) -> None:
    names = [f"connection-{number}=" for number in range(40)]
    live.open(*names)
    for _ in range(3):
        assert set(live.post(*names)) == {Receipt.POSTED}
    assert live.twin.accepted <= 8


def test_a_frame_on_a_connection_that_died_while_the_function_was_frozen_arrives_at_once(live: Live) -> None:
    live.open(ID)
    live.post(ID)
    live.twin.cut_all()
    assert list(live.post(ID)) == [Receipt.POSTED]
    assert (live.twin.requests(ID), live.twin.accepted) == (2, 2)


def test_a_reset_on_a_connection_used_before_costs_no_attempt(live: Live) -> None:
    reset = Answer(reset=True)
    live.open(ID)
    live.post(ID)
    live.twin.answer(ID, reset, reset, reset, Answer())
    assert list(live.post(ID)) == [Receipt.POSTED]
    assert live.twin.requests(ID) == 5


# --- what is everybody's trouble, and what is not ---------------------------------------------

NOBODY = [
    "https://127.0.0.1:1/prod",
    "https://not..a.host/prod",
    "https://nowhere.invalid/prod",
    "ftp://x",
    "",
]


@pytest.mark.parametrize("endpoint", NOBODY)
def test_an_endpoint_that_is_none_leaves_its_connections_lagged_and_no_others(
    live: Live, endpoint: str
) -> None:
    live.open(ID)
    posts = [Post(ID, endpoint, b"frame"), Post(ID, live.endpoint, b"frame")]
    assert list(live.sockets.post(posts, SystemClock().now() + PLENTY)) == [Receipt.LAGGED, Receipt.POSTED]


@pytest.mark.parametrize("endpoint", NOBODY)
def test_where_nobody_is_reached_at_all_the_posts_are_unavailable(live: Live, endpoint: str) -> None:
    posts = [Post(f"connection-{number}=", endpoint, b"frame") for number in range(100)]
    with pytest.raises(Unavailable, match="API Gateway"):
        live.sockets.post(posts, SystemClock().now() + PLENTY)


def test_an_endpoint_that_hangs_before_anything_can_be_sent_is_given_up_and_delays_no_other(
    live: Live,
) -> None:
    names = [f"connection-{number}=" for number in range(100)]
    live.open(*names)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        hanging = f"https://127.0.0.1:{deaf.getsockname()[1]}/prod"
        posts = [Post(name, endpoint, b"") for endpoint in (hanging, live.endpoint) for name in names]
        receipts = live.sockets.post(posts, SystemClock().now() + PLENTY)
        with pytest.raises(Unavailable, match="timed out"):
            live.sockets.post(posts[:100], SystemClock().now() + PLENTY)
    assert list(receipts) == [Receipt.LAGGED] * 100 + [Receipt.POSTED] * 100


def test_a_certificate_that_nobody_vouches_for_gets_no_frame(live: Live) -> None:
    live.open(ID)
    doubtful = sockets_for()
    with pytest.raises(Unavailable, match="certificate"):
        doubtful.post([Post(ID, live.endpoint, b"frame")], SystemClock().now() + PLENTY)
    doubtful.stop()
    assert live.twin.requests(ID) == 0


def test_a_certificate_of_another_address_gets_no_frame_and_only_its_endpoint_suffers(
    live: Live, trusted: Certificate, tmp_path: Path
) -> None:
    other = certificate.make(tmp_path, "127.0.0.2")
    both = tmp_path / "both.pem"
    both.write_bytes(other.file.read_bytes() + trusted.file.read_bytes())
    sockets = sockets_for(Certificate(both, other.key))
    live.open(ID)
    with GatewayTwin(KEYS, certificate=other) as twin:
        twin.open(ID)
        posts = [Post(ID, twin.endpoint, b"frame"), Post(ID, live.endpoint, b"frame")]
        assert list(sockets.post(posts, SystemClock().now() + PLENTY)) == [Receipt.LAGGED, Receipt.POSTED]
        assert twin.requests(ID) == 0
    sockets.stop()


def test_a_handshake_that_fails_is_tried_again(live: Live) -> None:
    live.open(ID)
    live.twin.bad_handshakes = 2
    assert list(live.post(ID)) == [Receipt.POSTED]


@pytest.mark.parametrize("keys", [("test", "guess"), ("stranger", "test")])
def test_a_signature_that_is_not_taken_is_unavailable_with_what_the_gateway_says(
    live: Live, trusted: Certificate, keys: tuple[str, str]
) -> None:
    live.open(ID)
    strangers = ApiGatewaySockets(Credentials(*keys), "us-west-1", ca_file=str(trusted.file), direct=True)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1.*InvalidSignatureException"):
        strangers.post([Post(ID, live.endpoint, b"frame")], SystemClock().now() + PLENTY)
    strangers.stop()


def test_a_role_that_may_not_post_is_found_out_with_few_posts(live: Live) -> None:
    names = [f"connection-{number}=" for number in range(500)]
    for name in names:
        live.twin.answer(name, Answer(403, "AccessDeniedException"))
    with pytest.raises(Unavailable, match="AccessDeniedException"):
        live.post(*names)
    assert sum(live.twin.received.values()) <= 8


def test_credentials_that_end_in_the_middle_leave_the_rest_lagged(live: Live) -> None:
    names = [f"connection-{number}=" for number in range(60)]
    live.open(*names)
    for name in names[30:]:
        live.twin.answer(name, Answer(403, "ExpiredTokenException"))
    assert list(live.post(*names)) == [Receipt.POSTED] * 30 + [Receipt.LAGGED] * 30


def test_what_one_answer_said_is_not_taken_for_the_next_ones(live: Live, trusted: Certificate) -> None:
    live.open("works=")
    live.twin.answer("denied=", Answer(403, "AccessDeniedException"))
    live.twin.answer("refused=", Answer(403))
    one_by_one = sockets_for(trusted, connections=1)
    posts = [Post(name, live.endpoint, b"") for name in ("works=", "denied=", "refused=")]
    receipts = one_by_one.post(posts, SystemClock().now() + PLENTY)
    one_by_one.stop()
    assert list(receipts) == [Receipt.POSTED, Receipt.LAGGED, Receipt.REFUSED]


def test_a_wrong_stage_is_unavailable_where_it_meets_more_than_one_connection(live: Live) -> None:
    wrong = f"{live.endpoint}-of-another"
    deadline = SystemClock().now() + PLENTY
    with pytest.raises(Unavailable, match="stage"):
        live.sockets.post([Post(name, wrong, b"") for name in ("one=", "two=")], deadline)
    assert list(live.sockets.post([Post("one=", wrong, b"")], deadline)) == [Receipt.REFUSED]


def test_an_endpoint_whose_connections_are_all_gone_works(live: Live) -> None:
    live.twin.answer("refused=", Answer(403))
    assert list(live.post("left=", "refused=")) == [Receipt.GONE, Receipt.REFUSED]


def test_what_is_over_the_rate_until_the_deadline_is_never_posted(live: Live, trusted: Certificate) -> None:
    names = [f"connection-{number}=" for number in range(4)]
    live.open(*names)
    slow = sockets_for(trusted, rate=1)
    posts = [Post(name, live.endpoint, b"frame") for name in names]
    receipts = slow.post(posts, SystemClock().now() + 300)
    slow.stop()
    assert list(receipts) == [Receipt.POSTED, *[Receipt.LAGGED] * 3]
    assert sum(live.twin.received.values()) == 1


def test_several_threads_post_at_once(live: Live) -> None:
    names = [f"connection-{number}=" for number in range(40)]
    live.open(*names)
    with ThreadPoolExecutor(4) as threads:
        receipts = list(threads.map(lambda _: set(live.post(*names)), range(4)))
    assert receipts == [{Receipt.POSTED}] * 4
    assert [len(live.frames(name)) for name in names] == [4] * 40


# --- endpoints, deadlines ---------------------------------------------------------------------


def test_a_connection_that_hangs_delays_nobody(live: Live) -> None:
    quick = [f"quick-{number}=" for number in range(100)]
    live.open("slow=", *quick)
    live.twin.answer("slow=", Answer(after=60))
    with ThreadPoolExecutor(1) as thread:
        posting = thread.submit(live.post, "slow=", *quick, within=3_000)
        while not all(live.frames(name) for name in quick):
            assert not posting.done()
        assert set(posting.result()) == {Receipt.LAGGED, Receipt.POSTED}


def test_posts_go_to_the_endpoints_that_they_name(live: Live) -> None:
    live.open(ID)
    with GatewayTwin(KEYS, stage="plain") as twin:
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


def test_an_answer_that_comes_after_the_deadline_is_not_taken_for_another_posts(live: Live) -> None:
    live.twin.answer("slow=", Answer(200, after=0.5))
    live.twin.answer("left=", Answer(410, after=1))
    assert list(live.post("slow=", within=200)) == [Receipt.LAGGED]
    assert list(live.post("left=")) == [Receipt.GONE]
    assert live.twin.requests("left=") == 1


def test_what_had_no_turn_before_the_deadline_is_never_posted(live: Live, trusted: Certificate) -> None:
    live.open("slow=", ID)
    live.twin.answer("slow=", Answer(after=60))
    sockets = sockets_for(trusted, connections=1)
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
    sockets = ApiGatewaySockets(Credentials("test", "test", "tok/en="), "eu-west-1", connections=2)
    with GatewayTwin(ReadOnlyCredentials("test", "test", "tok/en="), "eu-west-1") as twin:
        for each in connection_ids:
            twin.open(each)
        posts = [Post(each, twin.endpoint, each.encode()) for each in connection_ids]
        assert set(sockets.post(posts, SystemClock().now() + PLENTY)) == {Receipt.POSTED}
        assert [twin.frames(each) for each in connection_ids] == [(each.encode(),) for each in connection_ids]
        sockets.stop()


def test_the_twin_takes_what_boto3_signs_and_answers_it_as_boto3_expects(
    live: Live, trusted: Certificate
) -> None:
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=live.endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        verify=str(trusted.file),
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


def test_a_connection_id_of_dots_is_sent_as_it_is() -> None:
    sockets = sockets_for()
    with GatewayTwin() as twin:
        twin.open("..")
        posts = [Post("..", twin.endpoint, b"frame")]
        assert list(sockets.post(posts, SystemClock().now() + PLENTY)) == [Receipt.POSTED]
        sockets.stop()


def test_without_credentials_nothing_is_posted_and_that_is_said() -> None:
    sockets = ApiGatewaySockets(None, "us-east-1")
    with pytest.raises(Unavailable, match="credentials"):
        sockets.post([Post(ID, "http://127.0.0.1:1", b"")], SystemClock().now() + PLENTY)
    sockets.stop()


def test_a_local_function_signs_with_no_credentials_of_its_user(
    unreachable_settings: Callable[..., Settings],
    live: Live,
    trusted: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDUSERSOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "users own")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "users own")
    live.open(ID)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    sockets = websocket.connect(unreachable_settings(AWS_CA_BUNDLE=str(trusted.file)))
    assert list(sockets.post([Post(ID, live.endpoint, b"frame")], SystemClock().now() + PLENTY)) == [
        Receipt.POSTED
    ]
    sockets.stop()
