"""Events that come to the index function by another way than its queue."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.running import envelope, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import Deployed

FUNCTION = "livedex-index"


def stored(deployed: Deployed, service: str, count: int) -> list[str]:
    """What is stored of a service, when all of it is or the time is over."""
    return wait_for(lambda: deployed.facts(service), lambda found: len(found) >= count)


@contextmanager
def mapping(deployed: Deployed, arn: str) -> Iterator[None]:
    """The function reads the stream, as ``docs/sources.md`` says."""
    functions = deployed.client("lambda")
    made = functions.create_event_source_mapping(
        FunctionName=FUNCTION,
        EventSourceArn=arn,
        StartingPosition="TRIM_HORIZON",
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    yield
    functions.delete_event_source_mapping(UUID=made["UUID"])


def as_entry(event: dict[str, Any]) -> dict[str, Any]:
    """The same event as code that calls PutEvents has it."""
    return {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }


def test_events_of_a_kinesis_stream_are_stored_once(deployed: Deployed, service: str) -> None:
    kinesis = deployed.client("kinesis")
    kinesis.create_stream(StreamName=service, ShardCount=1)
    arn = wait_for(
        lambda: kinesis.describe_stream(StreamName=service)["StreamDescription"],
        lambda found: found["StreamStatus"] == "ACTIVE",
    )["StreamARN"]
    events = [envelope(service, number) for number in range(20)]

    with mapping(deployed, arn):
        for event in [*events[:10], *map(as_entry, events[10:]), events[0]]:
            kinesis.put_record(StreamName=service, PartitionKey="1", Data=json.dumps(event).encode())
        found = stored(deployed, service, 20)

    kinesis.delete_stream(StreamName=service)
    assert found == sorted(f"{service}-{number}" for number in range(20))


def test_events_of_an_outbox_table_are_stored_once(deployed: Deployed, service: str) -> None:
    dynamodb = deployed.client("dynamodb")
    table = dynamodb.create_table(
        TableName=service,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]

    with mapping(deployed, table["LatestStreamArn"]):
        for number in range(10):
            event = envelope(service, number)
            row = {
                "id": {"S": str(number)},
                "source": {"S": event["source"]},
                "detailType": {"S": event["detail-type"]},
                "detail": {"S": json.dumps(event["detail"])},
            }
            dynamodb.put_item(TableName=service, Item=row)
        dynamodb.delete_item(TableName=service, Key={"id": {"S": "0"}})
        found = stored(deployed, service, 10)

    dynamodb.delete_table(TableName=service)
    assert found == sorted(f"{service}-{number}" for number in range(10))
    assert deployed.dead_letters(service) == []


def test_events_of_a_direct_invoke_are_stored_and_a_bad_one_is_a_dead_letter(
    deployed: Deployed, service: str
) -> None:
    now = datetime.now(UTC).isoformat()  # noqa: TID251 - a real event happens now
    good = [envelope(service, number) | {"time": now} for number in range(5)]
    bad = {"source": "payments", "detail-type": "PaymentSettled", "detail": {"service": service}, "time": now}

    answer = deployed.client("lambda").invoke(
        FunctionName=FUNCTION, Payload=json.dumps({"events": [*good[:2], bad, *good[2:]]})
    )

    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}
    assert stored(deployed, service, 5) == [f"{service}-{number}" for number in range(5)]
    letters = wait_for(lambda: deployed.dead_letters(service), bool)
    assert [letter["MessageAttributes"]["reason"]["StringValue"] for letter in letters] == ["bad-time"]
