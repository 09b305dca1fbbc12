"""What the live halves of the contracts need."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from pipeline.adapters import aws
from pipeline.adapters.dynamodb import DynamoConnectionTable
from pipeline.adapters.memory import MemoryClock, MemoryConnectionTable
from pipeline.settings import Settings, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.ports.connections import ConnectionTable


def local_settings(endpoint: str, **environ: str) -> Settings:
    return read(
        {"LIVEDEX_TARGET": "local", "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1"} | environ
    )


@pytest.fixture
def aws_settings(aws_url: str) -> Callable[..., Settings]:
    """Settings of a local function on the running emulator; more of them by their environment names."""
    return lambda **environ: local_settings(aws_url, **environ)


@pytest.fixture
def unreachable_settings() -> Callable[..., Settings]:
    """Settings of a local function whose AWS is a port on which nobody listens."""
    return lambda **environ: local_settings("http://127.0.0.1:1", **environ)


@pytest.fixture
def unique() -> str:
    """A name that no other test has."""
    return f"contract-{uuid4().hex[:12]}"


@dataclass
class Scripted:
    """A service that answers what it was told to, for what no emulator can be made to answer.

    Attributes:
        answers: What it answers next; with a ``__type`` it is an error.
        requests: What it was asked.
        settings: Settings of a local function that calls it.
    """

    answers: list[dict[str, Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    settings: Callable[..., Settings] = local_settings


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    service = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = service.answers.pop(0)
            body = json.dumps(answer).encode()
            self.send_response(400 if "__type" in answer else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        service.settings = lambda **environ: local_settings(
            f"http://127.0.0.1:{server.server_port}", **environ
        )
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield service
        server.shutdown()
        thread.join()


# --- the connection table ---------------------------------------------------------------------


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@dataclass
class Calls:
    """What was asked of DynamoDB.

    Attributes:
        operations: Their names, in order.
        scanned: Rows that queries read, whether or not they gave them.
        capacity: Units that their answers say they took: ``WriteCapacityUnits`` and ``ReadCapacityUnits``.
    """

    operations: list[str] = field(default_factory=list)
    scanned: int = 0
    capacity: Counter[str] = field(default_factory=Counter)

    def ask(self, params: dict[str, Any], **_: object) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def note(self, model: Any, parsed: dict[str, Any], **_: object) -> None:  # noqa: ANN401 - botocore's
        self.operations.append(model.name)
        self.scanned += parsed.get("ScannedCount", 0)
        told = parsed.get("ConsumedCapacity", [])
        kind = "ReadCapacityUnits" if model.name in READS else "WriteCapacityUnits"
        for each in told if isinstance(told, list) else [told]:
            self.capacity[kind] += each["CapacityUnits"]


READS = {"GetItem", "Query", "BatchGetItem", "Scan"}


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def client(aws_settings: Callable[..., Settings], calls: Calls) -> Iterator[DynamoDBClient]:
    """The client of the table under test: no test may pass that scans."""
    settings = aws_settings()
    client = aws.session(settings).client("dynamodb", endpoint_url=settings.aws_endpoint)
    for operation in (*READS, "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"):
        client.meta.events.register(f"before-parameter-build.dynamodb.{operation}", calls.ask)
        client.meta.events.register(f"after-call.dynamodb.{operation}", calls.note)
    yield client
    client.close()
    assert "Scan" not in calls.operations


@pytest.fixture
def looking(aws_settings: Callable[..., Settings]) -> Iterator[DynamoDBClient]:
    """A client with which a test looks at all rows."""
    settings = aws_settings()
    client = aws.session(settings).client("dynamodb", endpoint_url=settings.aws_endpoint)
    yield client
    client.close()


@pytest.fixture
def table_name(looking: DynamoDBClient, unique: str) -> Iterator[str]:
    looking.create_table(
        TableName=unique,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    yield unique
    looking.delete_table(TableName=unique)


ROWS_A_PAGE = 3
"""So that a few rows are several pages."""


@pytest.fixture(params=["memory", "live"])
def table(request: pytest.FixtureRequest, clock: MemoryClock) -> ConnectionTable:
    if request.param == "memory":
        return MemoryConnectionTable(clock)
    return DynamoConnectionTable(
        request.getfixturevalue("client"), request.getfixturevalue("table_name"), clock, page=ROWS_A_PAGE
    )


@pytest.fixture
def live_table(client: DynamoDBClient, table_name: str, clock: MemoryClock) -> DynamoConnectionTable:
    """The live one alone, its pages as DynamoDB makes them."""
    return DynamoConnectionTable(client, table_name, clock)
