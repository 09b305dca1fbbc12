"""Replays from EventBridge's archive; there is no memory of one, for only AWS keeps it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.adapters import archive, aws
from pipeline.core import instant
from pipeline.core.errors import Refused, Unavailable
from tests.running import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.settings import Settings

HOUR = 3_600_000


class Bus:
    """A bus with a rule that feeds a queue, and another rule that feeds somebody else's."""

    def __init__(self, settings: Settings, name: str) -> None:
        session = aws.session(settings)
        self.name = name
        self.events = session.client("events", endpoint_url=settings.aws_endpoint)
        self.sqs = session.client("sqs", endpoint_url=settings.aws_endpoint)
        self.arn = self.events.create_event_bus(Name=name)["EventBusArn"]
        self.queues = {
            part: self.sqs.create_queue(QueueName=f"{name}-{part}")["QueueUrl"] for part in ("ours", "theirs")
        }
        for part, url in self.queues.items():
            self.events.put_rule(Name=part, EventBusName=name, EventPattern='{"source":[{"prefix":""}]}')
            told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
            target: Any = {"Id": part, "Arn": told["QueueArn"]}
            self.events.put_targets(Rule=part, EventBusName=name, Targets=[target])

    def receive(self, part: str = "ours") -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.queues[part], MaxNumberOfMessages=10)
        return [json.loads(found["Body"]) for found in answer.get("Messages", [])]

    def close(self) -> None:
        for part, url in self.queues.items():
            self.events.remove_targets(Rule=part, EventBusName=self.name, Ids=[part])
            self.events.delete_rule(Name=part, EventBusName=self.name)
            self.sqs.delete_queue(QueueUrl=url)
        self.events.delete_event_bus(Name=self.name)
        self.events.close()
        self.sqs.close()


@pytest.fixture
def bus(aws_settings: Callable[..., Settings], unique: str) -> Iterator[Bus]:
    made = Bus(aws_settings(), unique)
    yield made
    made.close()


def test_what_the_archive_kept_comes_again_and_says_that_it_is_a_replay(
    bus: Bus, aws_settings: Callable[..., Settings]
) -> None:
    bus.events.create_archive(ArchiveName=bus.name[:48], EventSourceArn=bus.arn)
    bus.events.put_events(
        Entries=[{"Source": "a", "DetailType": "B", "Detail": '{"n":1}', "EventBusName": bus.name}]
    )
    (first,) = wait_for(bus.receive, bool)
    put = instant.read(first["time"])
    events = archive.connect(aws_settings(LIVEDEX_QUEUE_URL=bus.queues["ours"]), bus.name)

    assert events.replay(bus.name, put - HOUR, put + HOUR) == bus.name[:48]

    (again,) = wait_for(bus.receive, bool)
    assert (again["replay-name"], again["detail"]) == (bus.name, {"n": 1})
    assert wait_for(lambda: events.state(bus.name), lambda state: state == "COMPLETED") == "COMPLETED"
    bus.events.delete_archive(ArchiveName=bus.name[:48])


def test_a_bus_without_an_archive_says_what_to_do(bus: Bus, aws_settings: Callable[..., Settings]) -> None:
    events = archive.connect(aws_settings(LIVEDEX_QUEUE_URL=bus.queues["ours"]), bus.name)
    with pytest.raises(Refused, match="--file"):
        events.replay("again", 0, HOUR)


def test_a_queue_that_no_rule_feeds_gets_no_replay(bus: Bus, aws_settings: Callable[..., Settings]) -> None:
    bus.events.create_archive(ArchiveName=bus.name[:48], EventSourceArn=bus.arn)
    events = archive.connect(aws_settings(LIVEDEX_QUEUE_URL="https://sqs/000000000000/other"), bus.name)
    with pytest.raises(Refused, match="other"):
        events.replay("again", 0, HOUR)
    bus.events.delete_archive(ArchiveName=bus.name[:48])


def test_an_archive_out_of_reach_is_unavailable(unreachable_settings: Callable[..., Settings]) -> None:
    events = archive.connect(unreachable_settings(), "any")
    with pytest.raises(Unavailable, match="EventBridge"):
        events.replay("again", 0, HOUR)
    with pytest.raises(Unavailable, match="EventBridge"):
        events.state("again")
