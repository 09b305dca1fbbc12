from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pipeline.adapters import aws, eventbridge
from pipeline.adapters.memory import MemoryDeltaBus
from pipeline.core.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_sqs import SQSClient

    from pipeline.ports.queues import DeltaBus
    from pipeline.settings import Settings
    from tests.contracts.conftest import Scripted


@dataclass
class Listener:
    """A queue behind a rule that takes all that is put on a bus."""

    sqs: SQSClient
    queue_url: str

    def envelopes(self, count: int) -> list[dict[str, Any]]:
        """So many envelopes, by their time of arrival; fewer after some seconds without another."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            answer = self.sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=5
            )
            if not answer.get("Messages"):
                break
            found += [json.loads(message["Body"]) for message in answer["Messages"]]
        return found


class World(Protocol):
    @property
    def bus(self) -> DeltaBus: ...

    def details(self, count: int) -> Sequence[str]: ...


@dataclass
class Memory:
    bus: MemoryDeltaBus

    def details(self, count: int) -> Sequence[str]:
        assert len(self.bus.entries) == count
        return [entry.detail for entry in self.bus.entries]


@dataclass
class Live:
    bus: DeltaBus
    listener: Listener

    def details(self, count: int) -> Sequence[str]:
        return [
            json.dumps(found["detail"], separators=(",", ":")) for found in self.listener.envelopes(count)
        ]


@pytest.fixture
def listener(aws_settings: Callable[..., Settings], unique: str) -> Iterator[Listener]:
    settings = aws_settings()
    session, at = aws.session(settings), {"endpoint_url": settings.aws_endpoint}
    events, sqs = session.client("events", **at), session.client("sqs", **at)
    events.create_event_bus(Name=unique)
    queue_url = sqs.create_queue(QueueName=unique)["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    pattern = json.dumps({"source": [{"prefix": ""}]})
    events.put_rule(Name=unique, EventBusName=unique, EventPattern=pattern)
    events.put_targets(
        Rule=unique, EventBusName=unique, Targets=[{"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}]
    )
    yield Listener(sqs, queue_url)
    events.remove_targets(Rule=unique, EventBusName=unique, Ids=["queue"])
    events.delete_rule(Name=unique, EventBusName=unique)
    events.delete_event_bus(Name=unique)
    sqs.delete_queue(QueueUrl=queue_url)
    events.close()
    sqs.close()


@pytest.fixture(params=["memory", "live"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return Memory(MemoryDeltaBus())
    listener = request.getfixturevalue("listener")
    settings = request.getfixturevalue("aws_settings")(LIVEDEX_DELTAS_BUS=request.getfixturevalue("unique"))
    return Live(eventbridge.connect(settings), listener)


def entry(number: int) -> Entry:
    detail = json.dumps({"v": 1, "tenant": "acme", "family": "orders", "deltas": [{"id": str(number)}]})
    return Entry("acme", "orders", detail.replace(" ", ""), (str(number),))


def test_what_is_accepted_arrives_whole(world: World) -> None:
    entries = [entry(number) for number in range(10)]
    assert list(world.bus.put(entries)) == [True] * 10
    assert sorted(world.details(10)) == sorted(each.detail for each in entries)


def test_no_entries_are_no_call(world: World) -> None:
    assert list(world.bus.put([])) == []


def test_more_than_ten_entries_are_the_callers_mistake(world: World) -> None:
    with pytest.raises(ValueError, match="11 entries"):
        world.bus.put([entry(number) for number in range(11)])


def test_a_call_that_fails_as_a_whole_accepts_none(unreachable_settings: Callable[..., Settings]) -> None:
    bus = eventbridge.connect(unreachable_settings(LIVEDEX_DELTAS_BUS="any"))
    assert list(bus.put([entry(1), entry(2)])) == [False, False]


def test_the_entry_that_failed_is_told_from_those_that_did_not(scripted: Scripted) -> None:
    failed = {"ErrorCode": "InternalFailure", "ErrorMessage": "An internal error occurred"}
    scripted.answers = [{"FailedEntryCount": 1, "Entries": [{"EventId": "a"}, failed, {"EventId": "b"}]}]
    bus = eventbridge.connect(scripted.settings(LIVEDEX_DELTAS_BUS="deltas"))
    assert list(bus.put([entry(1), entry(2), entry(3)])) == [True, False, True]
    assert {each["EventBusName"] for each in scripted.requests[0]["Entries"]} == {"deltas"}


def test_an_answer_that_leaves_an_entry_out_accepts_none(scripted: Scripted) -> None:
    scripted.answers = [{"FailedEntryCount": 0, "Entries": [{"EventId": "a"}]}]
    bus = eventbridge.connect(scripted.settings(LIVEDEX_DELTAS_BUS="deltas"))
    assert list(bus.put([entry(1), entry(2)])) == [False, False]


def test_a_memory_bus_refuses_what_it_is_told_to_and_then_no_more() -> None:
    bus = MemoryDeltaBus()
    bus.refuse(1)
    bus.refuse()
    assert [list(bus.put([entry(1), entry(2)])) for _ in range(3)] == [
        [True, False],
        [False, False],
        [True, True],
    ]
    assert bus.entries == [entry(1), entry(1), entry(2)]


def test_a_delta_says_where_it_comes_from_so_that_rules_can_pick_it(
    aws_settings: Callable[..., Settings], listener: Listener, unique: str
) -> None:
    eventbridge.connect(aws_settings(LIVEDEX_DELTAS_BUS=unique)).put([entry(1)])
    (envelope,) = listener.envelopes(1)
    assert (envelope["source"], envelope["detail-type"]) == ("livedex", "Deltas")


# --- the events' bus --------------------------------------------------------------------------


def envelope(number: int, **more: object) -> dict[str, object]:
    return {"source": "shop", "detail-type": "OrderPlaced", "detail": {"number": number}} | more


def test_an_envelope_arrives_with_all_that_it_says(
    aws_settings: Callable[..., Settings], listener: Listener, unique: str
) -> None:
    said = envelope(1, resources=["arn:aws:s3:::shop"], id="ours", account="ours")
    said["detail"] = {"name": "Zoë", "price": 1.5, "none": None}
    (answer,) = eventbridge.connect_events(aws_settings(), unique).put_envelopes([said])
    (found,) = listener.envelopes(1)
    assert (answer.id, answer.error) == (found["id"], "")
    assert {name: found[name] for name in ("source", "detail-type", "detail", "resources")} == {
        name: said[name] for name in ("source", "detail-type", "detail", "resources")
    }


def test_an_envelopes_time_is_put_with_it(scripted: Scripted) -> None:
    scripted.answers = [{"FailedEntryCount": 0, "Entries": [{"EventId": "a"}, {"EventId": "b"}]}]
    bus = eventbridge.connect_events(scripted.settings(), "events")
    bus.put_envelopes([envelope(1, time="2026-01-01T01:00:00+01:00"), envelope(2)])
    assert [each.get("Time") for each in scripted.requests[0]["Entries"]] == [1_767_225_600, None]


def test_envelopes_go_in_calls_of_at_most_ten_and_less_than_a_megabyte(scripted: Scripted) -> None:
    scripted.answers = [
        {"FailedEntryCount": 0, "Entries": [{"EventId": str(n)} for n in range(count)]}
        for count in (10, 4, 2, 1)
    ]
    big = [envelope(number, detail={"text": "é" * 200_000}) for number in range(4)]
    whole = envelope(9, detail={"text": "x" * 1_100_000})
    bus = eventbridge.connect_events(scripted.settings(), "events")
    answers = bus.put_envelopes([*(envelope(number) for number in range(12)), *big, whole])
    assert [len(request["Entries"]) for request in scripted.requests] == [10, 4, 2, 1]
    assert len(answers) == 17


def test_an_envelope_that_eventbridge_refuses_is_answered_with_its_words(
    aws_settings: Callable[..., Settings], listener: Listener, unique: str
) -> None:
    bus = eventbridge.connect_events(aws_settings(), unique)
    good, refused = bus.put_envelopes([envelope(1), envelope(2, source="aws.shop")])
    assert (bool(good.id), good.error) == (True, "")
    assert (refused.id, refused.error) == (
        "",
        "NotAuthorizedForSourceException: Not authorized for the source.",
    )
    assert len(listener.envelopes(1)) == 1


def test_many_envelopes_are_each_answered_in_order_and_arrive_once(
    aws_settings: Callable[..., Settings], listener: Listener, unique: str
) -> None:
    answers = eventbridge.connect_events(aws_settings(), unique).put_envelopes(
        [envelope(n) for n in range(25)]
    )
    numbers = {found["id"]: found["detail"]["number"] for found in listener.envelopes(25)}
    assert [numbers[answer.id] for answer in answers] == list(range(25))


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("source", None),
        ("source", ""),
        ("detail-type", 7),
        ("detail", ["a list"]),
        ("detail", {"half a pair": "\ud800"}),
        ("detail", {"no number": float("nan")}),
        ("time", "yesterday"),
        ("time", 1_767_225_600),
        ("resources", "arn"),
        ("resources", [1]),
    ],
)
def test_an_envelope_that_cannot_be_put_is_named_by_its_field_and_the_rest_is_put(
    aws_settings: Callable[..., Settings], listener: Listener, unique: str, field: str, bad: object
) -> None:
    bus = eventbridge.connect_events(aws_settings(), unique)
    answers = bus.put_envelopes([envelope(1), envelope(2, **{field: bad}), envelope(3)])
    assert [bool(answer.id) for answer in answers] == [True, False, True]
    assert answers[1].error.startswith(field)
    assert len(listener.envelopes(2)) == 2


def test_a_bus_out_of_reach_answers_each_envelope_with_the_reason(
    unreachable_settings: Callable[..., Settings],
) -> None:
    answers = eventbridge.connect_events(unreachable_settings(), "any").put_envelopes(
        [envelope(1), envelope(2)]
    )
    assert ["127.0.0.1:1" in answer.error for answer in answers] == [True, True]
