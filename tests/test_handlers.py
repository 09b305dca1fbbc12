"""The handlers, from the raw events that AWS sends, over memory adapters."""

from __future__ import annotations

import importlib
import json
import threading
from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from pipeline.core import cursor, pack, share
from pipeline.core.audience import Channel, Connection, Principal
from pipeline.core.errors import Unavailable
from pipeline.handlers import invocation
from tests.examples import channel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

EVENTS = Path(__file__).parent / "events"
SECRET = "a development secret of 32 bytes or more"  # noqa: S105 - no secret of anything
ARRIVED = 1_795_341_605
"""When the events of the folder arrive, in seconds: 2026-11-22T10:00:05Z."""
CONNECTION = "Uq9oGeDUDoECJ2Q="
ENDPOINT = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live"


class Context:
    """What Lambda tells a handler of its invocation."""

    function_name = "livedex"
    aws_request_id = "0"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The functions' file of lines, with every handler set to memory and none of them made yet."""
    log = tmp_path / "functions.jsonl"
    values = {
        "TARGET": "memory",
        "LOG_FILE": str(log),
        "TENANCY": "required",
        "DEVELOPMENT_SECRET": SECRET,
        "JWT_ALGORITHMS": "HS256",
        "ALLOWED_ORIGINS": "https://ops.example.com",
        "MANAGEMENT_ENDPOINT": ENDPOINT,
        "WEBSOCKET_URL": "wss://live.example.com/live",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"LIVEDEX_{name}", value)
    invocation.settings.cache_clear()
    return log


@pytest.fixture
def handlers(log: Path) -> Iterator[Handlers]:
    yield Handlers(log)
    invocation.settings.cache_clear()


class Handlers:
    def __init__(self, log: Path) -> None:
        self.log = log

    def module(self, name: str) -> ModuleType:
        return importlib.import_module(f"pipeline.handlers.{name}")

    def fresh(self, name: str) -> dict[str, Any]:
        """Forget the story of a former test; the ports of the new one, its clock at the events' time."""
        self.module(name).story.cache_clear()
        ports: dict[str, Any] = self.module(name).story().keywords
        if "clock" in ports:
            ports["clock"].sleep(ARRIVED - ports["clock"].now() / 1_000)
        return ports

    def call(self, name: str, event: str | dict[str, Any]) -> Any:  # noqa: ANN401 - each handler's own answer
        raw = json.loads((EVENTS / f"{event}.json").read_text()) if isinstance(event, str) else event
        return self.module(name).handler(raw, Context())

    def line(self) -> dict[str, Any]:
        """The last line that a handler left."""
        last: dict[str, Any] = json.loads(self.log.read_text().splitlines()[-1])
        return last


def event(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return raw


def token(**claims: Any) -> str:  # noqa: ANN401 - JSON values
    given = {"iss": "livedex-local", "aud": "livedex", "sub": "dana", "tenant": "acme", "exp": 4_102_444_800}
    return jwt.encode({**given, **claims}, SECRET, "HS256")


def test_a_batch_of_envelopes_is_indexed_and_its_line_says_so(handlers: Handlers) -> None:
    ports = handlers.fresh("index")

    answer = handlers.call("index", "sqs_events")

    sent = len(event("sqs_events")["Records"])
    assert answer == {"batchItemFailures": []}
    line = handlers.line()
    assert (line["function"], line["received"], line["stored"] + line["rejected"]) == ("index", sent, sent)
    assert line["announced"] == line["stored"] == sum(len(entry.ids) for entry in ports["bus"].entries)


def test_what_could_not_be_stored_is_named_in_the_answer(handlers: Handlers) -> None:
    handlers.fresh("index")["store"].down = True

    answer = handlers.call("index", "sqs_events")

    sent = [record["messageId"] for record in event("sqs_events")["Records"]]
    assert {failure["itemIdentifier"] for failure in answer["batchItemFailures"]} <= set(sent)
    assert handlers.line()["retried"] == len(answer["batchItemFailures"]) > 0


@pytest.mark.parametrize(
    ("source", "sent"),
    [("kinesis", 3), ("dynamodb_streams", 2), ("kafka", 3), ("eventbridge", 1), ("direct_invoke", 2)],
)
def test_events_of_every_source_are_stored_and_announced(handlers: Handlers, source: str, sent: int) -> None:
    ports = handlers.fresh("index")

    answer = handlers.call("index", source)

    assert answer == {"batchItemFailures": []}
    assert (handlers.line()["received"], handlers.line()["stored"]) == (sent, sent)
    assert handlers.line()["announced"] == sum(len(entry.ids) for entry in ports["bus"].entries) == sent


def test_a_fact_is_one_document_by_whatever_sources_it_comes(handlers: Handlers) -> None:
    ports = handlers.fresh("index")

    for source in ("eventbridge", "kinesis", "dynamodb_streams", "kafka", "direct_invoke"):
        handlers.call("index", source)

    ports["store"].refresh("*")
    hits = ports["store"].search("*", {"size": 100, "query": {"match_all": {}}})
    kinds = sorted((hit["_source"]["eventType"], hit["_source"]["detail"]["eventId"][-1]) for hit in hits)
    assert kinds == [
        ("PaymentFailed", "1"),
        ("PaymentFailed", "2"),
        ("PaymentFailed", "3"),
        ("PaymentSettled", "2"),
    ]


def of_tomorrow(row: dict[str, Any]) -> dict[str, Any]:
    """The same row of a stream, but for the day on which its event happened."""

    def later(text: str) -> str:
        return text.replace("2026-11-22T10", "2026-11-23T09")

    if "kinesis" in row:
        data = later(b64decode(row["kinesis"]["data"]).decode())
        return row | {"kinesis": row["kinesis"] | {"data": b64encode(data.encode()).decode()}}
    changed: dict[str, Any] = json.loads(later(json.dumps(row)))
    return changed


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("kinesis", "49590338271490256608559692540925702759324208523137515618"),
        ("dynamodb_streams", "100000000003498069979"),
    ],
)
def test_a_stream_that_goes_on_from_what_is_returned_loses_nothing(
    handlers: Handlers, source: str, number: str
) -> None:
    ports, batch = handlers.fresh("index"), event(source)
    batch["Records"][1] = of_tomorrow(batch["Records"][1])
    ports["store"].read_only.add("metrics-2026.11.23")

    answer = handlers.call("index", batch)
    ports["store"].read_only.clear()
    again = handlers.call("index", {"Records": batch["Records"][1:]})

    assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert again == {"batchItemFailures": []}
    ports["store"].refresh("*")
    stored = {hit["_id"] for hit in ports["store"].search("*", {"size": 9, "query": {"match_all": {}}})}
    assert stored == {name for entry in ports["bus"].entries for name in entry.ids}
    assert len(stored) == (3 if source == "kinesis" else 2)


@pytest.mark.parametrize("source", ["kinesis", "dynamodb_streams", "kafka", "eventbridge", "direct_invoke"])
def test_a_source_of_which_nothing_could_be_stored_hears_of_an_error_until_all_is_well(
    handlers: Handlers, source: str
) -> None:
    ports = handlers.fresh("index")
    ports["store"].down = True

    with pytest.raises(Unavailable, match="must come again for "):
        handlers.call("index", source)

    assert handlers.line()["retried"] == handlers.line()["received"] > 0
    assert handlers.line()["failure"] == "Unavailable"
    ports["store"].down = False
    assert handlers.call("index", source) == {"batchItemFailures": []}
    assert handlers.line()["stored"] == handlers.line()["announced"] == handlers.line()["received"]


def test_a_batch_of_entries_is_posted_to_those_who_want_it(handlers: Handlers) -> None:
    ports = handlers.fresh("broadcast")
    ports["sockets"].open("ann", ENDPOINT)
    ann = Connection("ann", ENDPOINT, Principal("acme", "ann", (ARRIVED + 3_600) * 1_000))
    ports["table"].connect(ann)
    ports["table"].subscribe(ann, channel({}), ARRIVED * 1_000)

    answer = handlers.call("broadcast", "sqs_deltas")

    frames = [json.loads(frame) for frame in ports["sockets"].frames("ann", ENDPOINT)]
    assert answer == {"batchItemFailures": []}
    assert frames
    assert handlers.line()["posted"] == len(frames)


def test_a_channel_that_cannot_be_read_is_named_in_the_line_of_each_batch_of_its_tenant(
    handlers: Handlers,
) -> None:
    ports = handlers.fresh("broadcast")
    strange = Channel("acme", '{"service":[{"sounds-like":"a"}]}', "f" * 32)
    ann = Connection("ann", ENDPOINT, Principal("acme", "ann", (ARRIVED + 3_600) * 1_000))
    ports["table"].subscribe(ann, strange, ARRIVED * 1_000)

    handlers.call("broadcast", "sqs_deltas")

    assert handlers.line()["unreadable"] == 1
    assert handlers.line()["unreadable_channels"] == f"acme {strange.id}"


def test_a_batch_that_is_returned_says_why_in_its_line(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(_tenant: str) -> int:
        raise Unavailable("DynamoDB", "not today")

    monkeypatch.setattr(handlers.fresh("broadcast")["table"], "version", version)

    answer = handlers.call("broadcast", "sqs_deltas")

    sent = [record["messageId"] for record in event("sqs_deltas")["Records"]]
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == sent
    assert handlers.line()["trouble"] == "DynamoDB: not today"
    assert handlers.line()["returned"] == len(sent)


def test_a_job_is_posted_to_its_part_of_the_channel(handlers: Handlers) -> None:
    ports = handlers.fresh("fanout")
    ports["sockets"].open("ann", ENDPOINT)
    ann = Connection("ann", ENDPOINT, Principal("acme", "ann", (ARRIVED + 3_600) * 1_000))
    ports["table"].connect(ann)
    ports["table"].subscribe(ann, channel({}), ARRIVED * 1_000)
    frame = pack.more(channel({}).id, cursor.live(channel({}).id, ARRIVED * 1_000))
    piece = share.Piece(channel({}), (0, 1), (frame,))
    job = share.Job("acme", ARRIVED * 1_000, (ARRIVED * 1_000,), (piece,))
    batch = event("sqs_deltas")
    batch["Records"] = [batch["Records"][0] | {"body": job.body()}]

    answer = handlers.call("fanout", batch)

    assert answer == {"batchItemFailures": []}
    assert ports["sockets"].frames("ann", ENDPOINT) == (frame,)
    assert (handlers.line()["function"], handlers.line()["posted"]) == ("fanout", 1)


def test_a_ticket_is_issued_and_admits_its_owner_once(handlers: Handlers) -> None:
    handlers.fresh("ticket")
    handlers.fresh("authorize")
    asking, opening = event("http_post_tickets"), event("authorizer_request")
    asking["headers"]["authorization"] = f"Bearer {token()}"

    issued = handlers.call("ticket", asking)
    opening["queryStringParameters"] = {"ticket": json.loads(issued["body"])["ticket"]}
    admitted, refused = handlers.call("authorize", opening), handlers.call("authorize", opening)

    assert issued["statusCode"] == 201
    assert json.loads(issued["body"])["url"] == "wss://live.example.com/live"
    effects = [policy["policyDocument"]["Statement"][0]["Effect"] for policy in (admitted, refused)]
    assert effects == ["Allow", "Deny"]
    assert admitted["policyDocument"]["Statement"][0]["Resource"] == opening["methodArn"]
    assert admitted["context"] == {"tenant": "acme", "subject": "dana", "expires": "4102444800000"}


def test_an_unknown_ticket_is_denied(handlers: Handlers) -> None:
    handlers.fresh("authorize")

    policy = handlers.call("authorize", "authorizer_request")

    assert policy["policyDocument"]["Statement"][0]["Effect"] == "Deny"
    assert handlers.line()["refused"] == 1


def test_a_request_without_a_good_token_is_answered_with_the_reason(handlers: Handlers) -> None:
    handlers.fresh("ticket")

    answer = handlers.call("ticket", "http_post_tickets")

    assert answer["statusCode"] == 401
    assert json.loads(answer["body"])["error"]["code"] == "unauthorized"


def test_a_connection_is_remembered_with_the_authorizers_principal_and_forgotten(handlers: Handlers) -> None:
    table = handlers.fresh("connect")["table"]

    assert handlers.call("connect", "websocket_connect") == {"statusCode": 200, "headers": {}}

    found = table.connection(CONNECTION)
    assert found.principal == Principal("acme", "dana@example.com", 1_795_345_200_000)
    assert found.endpoint == ENDPOINT
    closing = handlers.fresh("disconnect")["table"]
    closing.connect(found)
    assert handlers.call("disconnect", "websocket_disconnect") == {"statusCode": 200}
    assert closing.connection(CONNECTION) is None


def test_a_browser_that_offers_a_subprotocol_is_given_it(handlers: Handlers) -> None:
    handlers.fresh("connect")
    opening = event("websocket_connect")
    opening["headers"]["Sec-WebSocket-Protocol"] = f"livedex, {token()}"

    answer = handlers.call("connect", opening)

    assert answer["headers"] == {"Sec-WebSocket-Protocol": "livedex"}


def test_a_subscribe_is_answered_on_its_connection(handlers: Handlers) -> None:
    ports = handlers.fresh("message")
    ports["sockets"].open(CONNECTION, ENDPOINT)
    ports["table"].connect(
        Connection(CONNECTION, ENDPOINT, Principal("acme", "dana", (ARRIVED + 3_600) * 1_000))
    )

    assert handlers.call("message", "websocket_default") == {"statusCode": 200}

    frames = [json.loads(frame) for frame in ports["sockets"].frames(CONNECTION, ENDPOINT)]
    assert [frame["type"] for frame in frames] == ["subscribed", "live"]
    assert handlers.line()["posted"] == 2


def test_hits_are_read_over_http(handlers: Handlers) -> None:
    handlers.fresh("query")
    request = event("http_get_hits")
    request["headers"]["authorization"] = f"Bearer {token()}"

    answer = handlers.call("query", request)

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["hits"] == []


def test_a_page_may_be_kept_is_asked_for_again_and_names_the_next(handlers: Handlers) -> None:
    shown = {"authorization": f"Bearer {token()}"}
    ports = handlers.fresh("query")
    start = {
        **event("http_get_hits"),
        "headers": shown,
        "queryStringParameters": {"filter": "{}", "limit": "1"},
    }
    begun = json.loads(handlers.call("query", start)["body"])["cursor"]
    handlers.fresh("index")
    handlers.module("index").story().keywords["clock"].sleep(0)
    handlers.call("index", "sqs_events")
    asked = {**start, "queryStringParameters": {"filter": "{}", "limit": "1", "cursor": begun}}

    first = handlers.call("query", asked)
    again = handlers.call("query", {**asked, "headers": {**shown, "if-none-match": first["headers"]["etag"]}})
    onwards = urlsplit(first["headers"]["link"].removeprefix("<").partition(">")[0])
    second = handlers.call("query", {**asked, "queryStringParameters": dict(parse_qsl(onwards.query))})

    assert first["headers"]["cache-control"] == "private, no-cache"
    assert first["headers"]["link"].endswith('; rel="next"')
    assert (onwards.path, onwards.netloc) == ("", "")
    assert (again["statusCode"], again["body"]) == (304, "")
    assert again["headers"]["etag"] == first["headers"]["etag"]
    assert json.loads(second["body"])["hits"] != json.loads(first["body"])["hits"]
    assert ports["clock"].now() > 0


def test_a_cluster_that_does_not_answer_is_a_503_with_a_sentence(handlers: Handlers) -> None:
    handlers.fresh("query")["library"].store.down = True
    request = event("http_get_hits")
    request["headers"]["authorization"] = f"Bearer {token()}"

    answer = handlers.call("query", request)

    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["code"] == "unavailable"
    assert int(answer["headers"]["retry-after"]) > 0


def test_health_needs_no_token(handlers: Handlers) -> None:
    assert handlers.call("query", "http_get_health")["statusCode"] == 200


@pytest.fixture
def cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """CloudFormation's ear: its URL and what it hears."""
    heard: list[dict[str, Any]] = []

    class Ear(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ear)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/answer", heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "created"), [("setup_create", True), ("setup_update", True), ("setup_delete", False)]
)
def test_templates_are_applied_and_cloudformation_is_answered(
    handlers: Handlers, cloudformation: tuple[str, list[dict[str, Any]]], name: str, *, created: bool
) -> None:
    url, heard = cloudformation
    handlers.fresh("setup")

    handlers.call("setup", {**event(name), "ResponseURL": url})

    (answer,) = heard
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "livedex-setup")
    assert ("created" in answer["Reason"]) is created


def test_a_set_up_that_fails_tells_cloudformation_why(
    handlers: Handlers, cloudformation: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, heard = cloudformation
    handlers.module("setup").story.cache_clear()
    monkeypatch.setenv("LIVEDEX_TENANCY", "perhaps")

    handlers.call("setup", {**event("setup_create"), "ResponseURL": url})

    assert heard[0]["Status"] == "FAILED"
    assert "LIVEDEX_TENANCY" in heard[0]["Reason"]


@pytest.mark.parametrize(
    ("event", "gone"), [({"dryRun": False}, True), ({"dryRun": True}, False), ({}, False)]
)
def test_indices_are_retired_only_where_the_schedule_says_so(
    handlers: Handlers, event: dict[str, Any], *, gone: bool
) -> None:
    cluster = handlers.fresh("retire")["cluster"]
    cluster.create_index("metrics-2020.01.01", {"@ingested": {}, "tokens": {}, "detail": {}})

    answer = handlers.call("retire", event)

    assert answer == {"expired": 1, "deleted": int(gone), "failed": 0, "indices": ["metrics-2020.01.01"]}
    assert (cluster.fields(["metrics-*"]) == {}) is gone
    assert (handlers.line()["function"], handlers.line()["deleted"]) == ("retire", int(gone))


def test_channels_that_were_left_are_cleaned_whatever_the_schedule_sends(handlers: Handlers) -> None:
    ports = handlers.fresh("clean")
    left = channel({"service": ["left behind"]})
    ports["table"].subscribe(Connection("gone", ENDPOINT, Principal("acme", "gone", 0)), left, 0)

    answer = handlers.call("clean", {})

    assert answer["removed"] >= 1
    assert left not in ports["table"].changes("acme", 0).added
    assert (handlers.line()["function"], handlers.line()["removed"]) == ("clean", answer["removed"])


def test_an_invocation_that_fails_still_leaves_its_line(handlers: Handlers) -> None:
    ports = handlers.fresh("disconnect")
    ports["table"].disconnect = None

    with pytest.raises(TypeError):
        handlers.call("disconnect", "websocket_disconnect")

    assert handlers.line()["failure"] == "TypeError"
