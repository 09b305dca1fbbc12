from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import instant, parse, sources
from pipeline.core.errors import Refused, Rejected, Unavailable
from pipeline.core.model import Delivery
from tests import strategies as some

EVENTS = Path(__file__).parents[1] / "events"
OF_STREAMS = ["kinesis", "dynamodb_streams", "kafka"]
ARRIVED = instant.read("2026-11-22T10:00:01.361Z")
"""When the first record of Kinesis's example arrived."""


def invocation(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return parsed


def base64(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return b64encode(text.encode()).decode()


def kinesis(data: str) -> Delivery:
    batch = invocation("kinesis")
    batch["Records"] = batch["Records"][:1]
    batch["Records"][0]["kinesis"]["data"] = data
    (delivery,) = sources.deliveries(batch)
    return delivery


def outbox(**image: dict[str, Any]) -> Delivery:
    batch = invocation("dynamodb_streams")
    batch["Records"] = batch["Records"][:1]
    batch["Records"][0]["dynamodb"]["NewImage"] |= image
    (delivery,) = sources.deliveries(batch)
    return delivery


# --- SQS --------------------------------------------------------------------------------------


def test_an_sqs_batch_gives_each_body_untouched_with_what_its_queue_knows() -> None:
    batch = invocation("sqs_events")
    deliveries = sources.deliveries(batch)
    assert [delivery.body for delivery in deliveries] == [record["body"] for record in batch["Records"]]
    assert deliveries[2] == Delivery(
        id="059f36b4-87a3-44ab-83d2-661975830a03",
        body=batch["Records"][2]["body"],
        receives=3,
        sent=1_795_341_600_310,
        receipt="AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a03",
    )


def test_an_sqs_batch_without_counts_is_read_and_nothing_is_made_up() -> None:
    record = {"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}
    assert sources.deliveries({"Records": [record]}) == [Delivery("1", "{}")]


def test_a_delivery_with_attributes_of_its_own_was_a_dead_letter() -> None:
    record = {"messageId": "1", "body": "{}", "eventSource": "aws:sqs", "messageAttributes": {"reason": {}}}
    assert sources.deliveries({"Records": [record]}) == [Delivery("1", "{}", redriven=True)]


def test_sqs_is_asked_for_each_delivery_by_its_id() -> None:
    assert sources.answer(invocation("sqs_events"), ["b", "a"]) == {
        "batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "a"}]
    }


# --- streams ----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", OF_STREAMS)
def test_a_streams_records_are_events_like_all_others(source: str) -> None:
    events = [parse.event(delivery.body) for delivery in sources.deliveries(invocation(source))]

    known = parse.event((EVENTS / "eventbridge.json").read_text())
    assert events[0] == known
    assert [event.source for event in events] == ["payments"] * len(events)
    assert events[1].detail_type == "PaymentSettled"
    assert {event.detail["eventId"] for event in events[1:]} <= {
        "evt-7f3a9c2e41d0b862",
        "evt-7f3a9c2e41d0b863",
    }


@pytest.mark.parametrize("source", OF_STREAMS)
def test_no_stream_counts_or_gives_receipts_but_each_says_when_it_came(source: str) -> None:
    for delivery in sources.deliveries(invocation(source)):
        assert (delivery.receives, delivery.receipt) == (None, None)
        assert delivery.sent is not None
        assert abs(delivery.sent - ARRIVED) < instant.MINUTE


@pytest.mark.parametrize("source", ["kinesis", "kafka"])
def test_what_has_no_id_and_no_time_takes_those_of_its_place_in_the_stream(source: str) -> None:
    first, again = (sources.deliveries(invocation(source))[1] for _ in range(2))
    event = parse.event(first.body)
    assert first == again
    assert event.time == first.sent
    assert first.id in event.id
    assert event.detail["orderId"] == "o-10442"


def test_an_entry_of_putevents_becomes_the_envelope_that_eventbridge_would_make() -> None:
    event = parse.event(sources.deliveries(invocation("kinesis"))[2].body)
    assert (event.source, event.detail_type) == ("payments", "PaymentFailed")
    assert event.time == instant.read("2026-11-22T10:00:03Z")
    assert event.detail["orderId"] == "o-10443"


@pytest.mark.parametrize("data", ["", base64("not JSON"), base64("[]"), base64("{}"), "/+8=", "no base64!"])
def test_data_that_is_no_event_is_a_delivery_that_is_rejected_with_its_text(data: str) -> None:
    delivery = kinesis(data)
    with pytest.raises(Rejected):
        parse.event(delivery.body)
    assert delivery.body in {data, "not JSON", "[]", "{}"}


def test_a_kafka_tombstone_is_no_event() -> None:
    batch = invocation("kafka")
    records = [record for partition in batch["records"].values() for record in partition]
    ids = [delivery.id for delivery in sources.deliveries(batch)]
    assert [record["value"] is None for record in records] == [False, False, False, True]
    assert ids == ["domain-events-0-15", "domain-events-0-16", "domain-events-1-7"]


def test_a_kafka_of_ones_own_is_read_like_amazons() -> None:
    batch = invocation("kafka")
    assert sources.deliveries(batch | {"eventSource": "SelfManagedKafka"}) == sources.deliveries(batch)


@pytest.mark.parametrize("source", ["kinesis", "dynamodb_streams"])
def test_a_stream_goes_on_from_the_first_that_is_returned(source: str) -> None:
    batch = invocation(source)
    first, second = (delivery.id for delivery in sources.deliveries(batch)[:2])
    later = str(int(second) + 1)
    assert sources.answer(batch, [later, second]) == {"batchItemFailures": [{"itemIdentifier": second}]}
    with pytest.raises(Unavailable, match=f"must come again for {second}, {first}"):
        sources.answer(batch, [second, first])


def test_sequence_numbers_are_compared_as_numbers() -> None:
    batch = invocation("dynamodb_streams")
    assert sources.answer(batch, ["1000", "999"]) == {"batchItemFailures": [{"itemIdentifier": "999"}]}


# --- DynamoDB Streams -------------------------------------------------------------------------


def test_an_outbox_rows_detail_may_be_a_map_or_json_text() -> None:
    as_map, as_text = sources.deliveries(invocation("dynamodb_streams"))
    assert parse.event(as_map.body).detail["timings"] == {"totalMs": 185.2, "databaseMs": 31.7}
    assert parse.event(as_text.body).detail["timings"] == {"totalMs": 185.2, "databaseMs": 31.7}


def test_every_type_of_dynamodb_has_its_json() -> None:
    detail = outbox(
        detail={
            "M": {
                "S": {"S": "text"},
                "N": {"N": "12345678901234567890"},
                "fraction": {"N": "-0.5"},
                "BOOL": {"BOOL": False},
                "NULL": {"NULL": True},
                "L": {"L": [{"N": "1"}, {"M": {}}]},
                "SS": {"SS": ["a", "b"]},
                "NS": {"NS": ["1", "2.5"]},
                "B": {"B": "aGk="},
            }
        }
    )
    assert json.loads(detail.body)["detail"] == {
        "S": "text",
        "N": 12345678901234567890,
        "fraction": -0.5,
        "BOOL": False,
        "NULL": None,
        "L": [1, {}],
        "SS": ["a", "b"],
        "NS": [1, 2.5],
        "B": "aGk=",
    }


def test_an_outbox_row_may_name_its_type_as_an_envelope_does() -> None:
    batch = invocation("dynamodb_streams")
    image = batch["Records"][1]["dynamodb"]["NewImage"]
    image["detail-type"] = image.pop("detailType")
    assert parse.event(sources.deliveries(batch)[1].body).detail_type == "PaymentSettled"


def test_an_outbox_row_without_id_takes_that_of_its_change() -> None:
    batch = invocation("dynamodb_streams")
    del batch["Records"][1]["dynamodb"]["NewImage"]["id"]
    event = parse.event(sources.deliveries(batch)[1].body)
    assert event.id == batch["Records"][1]["eventID"]
    assert event.time == 1_795_341_603_000


def test_a_row_that_is_no_event_is_rejected_by_name() -> None:
    batch = invocation("dynamodb_streams")
    batch["Records"][0]["dynamodb"]["NewImage"] = {"pk": {"S": "1"}}
    with pytest.raises(Rejected) as rejection:
        parse.event(sources.deliveries(batch)[0].body)
    assert rejection.value.reason == "no-source"


def test_a_row_that_expires_from_its_outbox_is_no_event() -> None:
    batch = invocation("dynamodb_streams")
    assert [record["eventName"] for record in batch["Records"]] == ["INSERT", "INSERT", "REMOVE"]
    assert len(sources.deliveries(batch)) == 2


def test_a_stream_that_carries_only_keys_is_refused_with_the_way_out() -> None:
    batch = invocation("dynamodb_streams")
    del batch["Records"][0]["dynamodb"]["NewImage"]
    with pytest.raises(Refused, match="NEW_IMAGE") as refusal:
        sources.deliveries(batch)
    assert refusal.value.code == "no-image"


# --- EventBridge and whoever else invokes -----------------------------------------------------


def test_an_event_that_eventbridge_sends_itself_is_a_delivery_without_counts() -> None:
    event = invocation("eventbridge")
    (delivery,) = sources.deliveries(event)
    assert delivery == Delivery(event["id"], delivery.body)
    assert json.loads(delivery.body) == event


def test_a_direct_invoke_gives_a_delivery_for_each_of_its_events() -> None:
    events = [*invocation("direct_invoke")["events"], "no envelope at all", [], {}]
    deliveries = sources.deliveries({"events": events})
    assert [delivery.id for delivery in deliveries[:2]] == [events[0]["id"], events[1]["id"]]
    assert [json.loads(delivery.body) for delivery in deliveries] == events


def test_an_event_without_id_has_the_same_one_when_its_caller_comes_again() -> None:
    entry = {"Source": "a", "DetailType": "b", "Detail": "{}", "Time": "2026-11-22T10:00:03Z"}
    first, again, other = sources.deliveries({"events": [entry, dict(entry), entry | {"Source": "c"}]})
    assert parse.event(first.body).id == parse.event(again.body).id == first.id
    assert parse.event(other.body).id != parse.event(first.body).id


def test_integers_beyond_64_bits_survive_a_direct_invoke() -> None:
    (delivery,) = sources.deliveries({"events": [{"detail": {"n": 10**30}}]})
    assert json.loads(delivery.body)["detail"]["n"] == 10**30


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_no_strict_json_holds_is_rejected_and_costs_its_neighbours_nothing(value: object) -> None:
    envelope = invocation("eventbridge")
    good, bad = sources.deliveries({"events": [envelope, envelope | {"detail": {"a": value}}]})
    assert parse.event(good.body).source == "payments"
    with pytest.raises(Rejected) as rejection:
        parse.event(bad.body)
    assert rejection.value.reason == "malformed"


def test_an_event_of_any_depth_is_a_delivery_and_does_not_cost_its_neighbours() -> None:
    deep: Any = "innermost"
    for level in range(100_000):
        deep = [deep] if level % 2 else {"a": deep, "b": [], "c": {}}
    envelope = invocation("eventbridge")
    good, bad = sources.deliveries({"events": [envelope, envelope | {"detail": {"a": deep}}]})
    assert parse.event(good.body).source == "payments"
    with pytest.raises(Rejected) as rejection:
        parse.event(bad.body)
    assert rejection.value.reason == "too-deep"
    assert '"innermost"' in bad.body
    while not isinstance(
        deep, str
    ):  # by hand, since freeing what is nested so deep recurses in older Pythons
        deep = deep.pop("a") if isinstance(deep, dict) else deep.pop()


@pytest.mark.parametrize("source", ["eventbridge", "direct_invoke", "kafka"])
def test_a_source_that_knows_all_or_nothing_is_answered_with_an_error_that_names_what(source: str) -> None:
    batch = invocation(source)
    names = [f"delivery-{number}" for number in range(22)]
    with pytest.raises(Unavailable, match=r"must come again for delivery-0, delivery-1$"):
        sources.answer(batch, names[:2])
    with pytest.raises(Unavailable, match=r"delivery-19 and 2 more$"):
        sources.answer(batch, names)


@pytest.mark.parametrize(
    "source", ["sqs_events", "kinesis", "dynamodb_streams", "kafka", "eventbridge", "direct_invoke"]
)
def test_where_nothing_is_returned_every_source_is_told_so(source: str) -> None:
    assert sources.answer(invocation(source), []) == {"batchItemFailures": []}


# --- anything else ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "invoked",
    [
        {},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [{"eventSource": "aws:sqs"}, {"eventSource": "aws:kinesis"}]},
        {"Records": ["text"]},
        {"Records": "none"},
        {"events": {}},
        {"detail": {}},
        {"records": {}, "eventSource": "aws:mq"},
    ],
)
def test_an_invocation_of_another_shape_is_refused_with_the_way_out(invoked: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="invoke directly with") as refusal:
        sources.deliveries(invoked)
    assert refusal.value.code == "unknown-source"


@pytest.mark.parametrize(
    "invoked",
    [
        {"Records": [{"eventSource": "aws:sqs", "messageId": "1"}]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": []}]},
        {"Records": [{"eventSource": "aws:dynamodb", "eventName": "INSERT"}]},
        {"records": {"a-0": [{"value": "e30="}]}, "eventSource": "aws:kafka"},
    ],
)
def test_a_batch_that_lambda_would_not_send_is_refused_by_what_it_lacks(invoked: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="not as Lambda hands it over") as refusal:
        sources.deliveries(invoked)
    assert refusal.value.code == "unknown-source"


@given(
    source=st.sampled_from(["aws:sqs", "aws:kinesis", "aws:dynamodb", "aws:kafka"]),
    row=some.json_objects
    | st.fixed_dictionaries(
        {"eventID": some.json_values, "eventName": some.json_values},
        optional={
            "messageId": some.json_values,
            "body": some.json_values,
            "attributes": some.json_values,
            "value": some.json_values,
            "topic": some.json_values,
            "partition": some.json_values,
            "offset": some.json_values,
            "kinesis": st.fixed_dictionaries(
                {"data": some.json_values, "sequenceNumber": some.json_values},
                optional={"approximateArrivalTimestamp": some.json_values | st.just(float("inf"))},
            ),
            "dynamodb": st.fixed_dictionaries(
                {"SequenceNumber": some.json_values}, optional={"NewImage": some.json_values}
            ),
        },
    ),
)
def test_whatever_an_invocation_holds_it_is_deliveries_of_text_or_refused(
    source: str, row: dict[str, Any]
) -> None:
    rows = [row | {"eventSource": source}]
    invoked = {"Records": rows} if source != "aws:kafka" else {"records": {"a": rows}, "eventSource": source}
    with suppress(Refused):
        for delivery in sources.deliveries(invoked):
            assert isinstance(delivery.id, str)
            assert isinstance(delivery.body, str)


def test_an_empty_batch_is_nothing_to_do() -> None:
    assert sources.deliveries({"Records": []}) == []
