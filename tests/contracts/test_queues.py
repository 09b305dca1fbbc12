from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from pipeline.adapters import aws, sqs
from pipeline.adapters.memory import MemoryClock, MemoryQueues
from pipeline.adapters.sqs import ERROR_LENGTH, MAX_BYTES
from pipeline.core import sources
from pipeline.core.errors import Unavailable
from pipeline.core.letters import GIVEN_UP
from pipeline.core.model import DeadLetter, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_sqs import SQSClient

    from pipeline.core.letters import Letter as LyingLetter
    from pipeline.ports.queues import Queues
    from pipeline.settings import Settings
    from tests.contracts.conftest import Scripted

Letter = tuple[str, dict[str, str]]
"""A dead letter as its reader finds it: body and attributes."""


class World(Protocol):
    @property
    def queues(self) -> Queues: ...

    def send(self, *bodies: str) -> None: ...

    def receive(self, most: int) -> Sequence[Delivery]: ...

    def letters(self, count: int) -> Sequence[Letter]: ...

    def marked(self, count: int) -> Sequence[tuple[str, bool]]: ...


@dataclass
class Memory:
    queues: MemoryQueues

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.queues.send(body)

    def receive(self, most: int) -> Sequence[Delivery]:
        return self.queues.receive(most)

    def letters(self, count: int) -> Sequence[Letter]:
        assert len(self.queues.letters) == count
        return [(each.delivery.body, attributes(each)) for each in self.queues.letters]

    def marked(self, count: int) -> Sequence[tuple[str, bool]]:
        return [(each.body, each.redriven) for each in self.queues.receive(count)]


@dataclass
class Live:
    client: SQSClient
    queues: Queues
    queue_url: str
    dead_url: str

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def receive(self, most: int) -> Sequence[Delivery]:
        found: list[Delivery] = []
        while len(found) < most:
            answer = self.client.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=min(10, most - len(found)), VisibilityTimeout=30
            )
            if not answer.get("Messages"):
                break
            found += [
                Delivery(message["MessageId"], message["Body"], receipt=message["ReceiptHandle"])
                for message in answer["Messages"]
            ]
        return found

    def letters(self, count: int) -> Sequence[Letter]:
        found: list[Letter] = []
        while len(found) < count:
            answer = self.client.receive_message(
                QueueUrl=self.dead_url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                WaitTimeSeconds=5,
            )
            if not answer.get("Messages"):
                break
            found += [
                (
                    message["Body"],
                    {
                        name: value["StringValue"]
                        for name, value in message.get("MessageAttributes", {}).items()
                    },
                )
                for message in answer["Messages"]
            ]
        return found

    def marked(self, count: int) -> Sequence[tuple[str, bool]]:
        """What the queue gives, each as Lambda hands it over, and whether that is read as redriven."""
        answer = self.client.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=min(10, count), MessageAttributeNames=["All"]
        )
        rows = [
            {
                "eventSource": "aws:sqs",
                "messageId": each["MessageId"],
                "body": each["Body"],
                "messageAttributes": each.get("MessageAttributes", {}),
            }
            for each in answer["Messages"]
        ]
        return [(each.body, each.redriven) for each in sources.deliveries({"Records": rows})]


@pytest.fixture
def live(aws_settings: Callable[..., Settings], unique: str) -> Iterator[Live]:
    settings = aws_settings()
    client = aws.session(settings).client("sqs", endpoint_url=settings.aws_endpoint)
    queue_url = client.create_queue(QueueName=unique)["QueueUrl"]
    dead_url = client.create_queue(QueueName=f"{unique}-dead")["QueueUrl"]
    queues = sqs.connect(aws_settings(LIVEDEX_QUEUE_URL=queue_url, LIVEDEX_DEAD_LETTER_QUEUE_URL=dead_url))
    yield Live(client, queues, queue_url, dead_url)
    client.delete_queue(QueueUrl=queue_url)
    client.delete_queue(QueueUrl=dead_url)
    client.close()


@pytest.fixture(params=["memory", "live"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return Memory(MemoryQueues(MemoryClock()))
    live: Live = request.getfixturevalue("live")
    return live


def letter(body: str = '{"detail":{}}', error: str = "no date", **more: str) -> DeadLetter:
    return DeadLetter(Delivery("1", body), "bad-time", error, **more)


def attributes(each: DeadLetter) -> dict[str, str]:
    said = {"reason": each.reason, "error": each.error, "index": each.index, "id": each.document_id}
    return {name: text for name, text in said.items() if text}


def test_a_dead_letter_is_the_whole_body_with_why_and_where(world: World) -> None:
    body = json.dumps({"detail": {"name": "Zoë\n", "clef": "\U0001d11e"}}, ensure_ascii=False)
    one = letter(body, index="orders-2026.11.22", document_id="ab" * 32)
    assert list(world.queues.dead_letter([one])) == [True]
    assert world.letters(1) == [(body, attributes(one))]


def test_a_dead_letter_that_never_had_an_index_does_without(world: World) -> None:
    world.queues.dead_letter([letter()])
    assert world.letters(1) == [('{"detail":{}}', {"reason": "bad-time", "error": "no date"})]


def test_more_letters_than_a_call_takes_all_arrive(world: World) -> None:
    bodies = [f'{{"number":{number}}}' for number in range(25)]
    assert list(world.queues.dead_letter([letter(body) for body in bodies])) == [True] * 25
    assert sorted(body for body, _ in world.letters(25)) == sorted(bodies)


def test_no_letters_are_no_trouble(world: World) -> None:
    assert list(world.queues.dead_letter([])) == []


def test_what_is_put_off_by_nothing_comes_back_at_once(world: World) -> None:
    world.send(*(str(number) for number in range(12)))
    first = world.receive(12)
    assert world.receive(12) == []
    world.queues.put_off([(delivery.receipt or "", 0) for delivery in first])
    assert sorted(delivery.body for delivery in world.receive(12)) == sorted(
        delivery.body for delivery in first
    )


def test_what_is_put_off_stays_away(world: World) -> None:
    world.send("one", "two")
    first = world.receive(2)
    world.queues.put_off(
        [(delivery.receipt or "", delay) for delivery, delay in zip(first, (120, 10**6), strict=True)]
    )
    assert world.receive(2) == []
    assert world.queues.depths()["in_flight"] == 2


def test_putting_off_an_unknown_receipt_is_no_error(world: World) -> None:
    world.queues.put_off([("nothing", 5)])


def test_depths_count_what_waits_what_is_in_flight_and_what_is_dead(world: World) -> None:
    world.send("one", "two", "three")
    world.receive(2)
    world.queues.dead_letter([letter()])
    assert world.queues.depths() == {"waiting": 1, "in_flight": 2, "dead": 1}


# --- reading dead letters ---------------------------------------------------------------------


def bury(world: World, *letters: DeadLetter) -> list[LyingLetter]:
    """Letters as they are read."""
    assert all(world.queues.dead_letter(letters))
    return list(world.queues.read_letters(1_000))


def test_a_letter_is_read_whole_with_what_is_written_on_it(world: World) -> None:
    body = json.dumps({"detail": {"name": "Zoë\n", "clef": "\U0001d11e"}}, ensure_ascii=False)
    one = letter(body, index="orders-2026.11.22", document_id="ab" * 32)
    (found,) = bury(world, one)
    assert (found.body, found.attributes, found.given_up) == (body, attributes(one), False)
    assert found.reason == "bad-time"
    assert found.sent > 0


def test_every_letter_is_read_once_and_nobody_else_reads_it_meanwhile(world: World) -> None:
    found = bury(world, *(letter(str(number)) for number in range(25)))
    assert sorted(int(each.body) for each in found) == list(range(25))
    assert len({each.id for each in found}) == 25
    assert list(world.queues.read_letters(1_000)) == []
    assert world.queues.depths()["dead"] == 25


def test_letters_that_are_shown_again_are_read_again(world: World) -> None:
    first = bury(world, letter("one"), letter("two"))
    world.queues.show_again([*(each.receipt for each in first), "nothing"])
    assert {each.id for each in world.queues.read_letters(1_000)} == {each.id for each in first}


def test_no_more_letters_are_read_than_wanted(world: World) -> None:
    world.queues.dead_letter([letter(str(number)) for number in range(14)])
    assert len(list(world.queues.read_letters(12))) == 12


def test_dropped_letters_are_gone_and_the_others_stay(world: World) -> None:
    found = bury(world, *(letter(str(number)) for number in range(12)))
    assert list(world.queues.drop([each.receipt for each in found if each.body != "7"])) == [True] * 11
    world.queues.show_again([each.receipt for each in found])
    assert [each.body for each in world.queues.read_letters(1_000)] == ["7"]


def test_what_is_sent_again_is_whole_and_marked_and_what_is_sent_first_is_not(world: World) -> None:
    body = json.dumps({"detail": {"clef": "\U0001d11e"}}, ensure_ascii=False)
    world.send("first")
    assert list(world.queues.resend([body])) == [True]
    assert sorted(world.marked(2)) == sorted([("first", False), (body, True)])


def test_what_is_put_is_whole_and_new(world: World) -> None:
    body = json.dumps({"frames": ["\U0001d11e"]}, ensure_ascii=False)
    assert list(world.queues.put([body, "other"])) == [True, True]
    assert sorted(world.marked(2)) == sorted([(body, False), ("other", False)])
    assert list(world.queues.put([])) == []


def test_more_than_a_call_takes_is_put(world: World) -> None:
    assert list(world.queues.put(["x" * 400_000] * 12)) == [True] * 12
    assert world.queues.depths()["waiting"] == 12


def test_more_than_a_call_takes_is_sent_again(world: World) -> None:
    assert list(world.queues.resend([str(number) for number in range(25)])) == [True] * 25
    assert world.queues.depths()["waiting"] == 25


def test_nothing_to_do_is_no_trouble(world: World) -> None:
    world.queues.show_again([])
    assert (list(world.queues.resend([])), list(world.queues.drop([]))) == ([], [])
    assert list(world.queues.read_letters(10)) == []


# --- only memory ------------------------------------------------------------------------------


def test_a_memory_queue_hands_over_again_what_was_not_deleted_in_time() -> None:
    clock = MemoryClock()
    queues = MemoryQueues(clock)
    kept, done = queues.send("kept"), queues.send("done")
    assert [(each.id, each.receives) for each in queues.receive(10, visibility=30)] == [(kept, 1), (done, 1)]
    queues.delete(done)
    clock.sleep(30)
    assert [(each.id, each.receives) for each in queues.receive(10)] == [(kept, 2)]


def test_a_memory_queue_can_be_told_to_take_no_letters() -> None:
    queues = MemoryQueues(MemoryClock())
    queues.taking = False
    assert list(queues.dead_letter([letter(), letter()])) == [False, False]
    assert queues.letters == []
    assert list(queues.put(["one"])) == [False]
    assert queues.depths()["waiting"] == 0


def test_a_memory_queue_gives_up_what_was_received_too_often_and_shows_when_it_was_first_sent() -> None:
    clock = MemoryClock()
    queues = MemoryQueues(clock, most_receives=2)
    sent = clock.now()
    queues.send("poison")
    for _ in range(3):
        queues.receive(10)
        clock.sleep(31)
    (found,) = queues.read_letters(10)
    assert (found.body, found.given_up, found.reason, found.sent) == ("poison", True, GIVEN_UP, sent)


def test_moved_letters_keep_their_attributes_and_begin_anew() -> None:
    clock = MemoryClock()
    queues = MemoryQueues(clock)
    queues.dead_letter([letter("ours"), DeadLetter(Delivery("1", "bare"), "", "")])
    clock.sleep(3_600)
    queues.move_letters()
    found = [(each.body, each.redriven, each.receives, each.sent) for each in queues.receive(10)]
    assert found == [("ours", True, 1, clock.now()), ("bare", False, 1, clock.now())]


# --- only the live one ------------------------------------------------------------------------


def test_what_sqs_refuses_in_an_attribute_is_replaced(live: Live) -> None:
    live.queues.dead_letter([letter(error="\x00bad\ud800 \x1b[1m\uffff but\ttabs\nstay \U0001f600")])
    ((_, found),) = live.letters(1)
    assert found["error"] == "\ufffdbad\ufffd \ufffd[1m\ufffd but\ttabs\nstay \U0001f600"


def test_a_long_error_keeps_its_beginning_and_its_end(live: Live) -> None:
    live.queues.dead_letter([letter(error="Traceback" + "x" * 100_000 + "ZeroDivisionError")])
    ((_, found),) = live.letters(1)
    assert len(found["error"]) == ERROR_LENGTH
    assert found["error"].startswith("Traceback")
    assert found["error"].endswith("ZeroDivisionError")


@pytest.mark.parametrize("left", [5_000, 1_000, 120, 60, 13, 0])
def test_a_body_of_almost_the_limit_is_taken_whole_with_the_attributes_that_fit(
    live: Live, left: int
) -> None:
    one = letter(
        "x" * (MAX_BYTES - left), error="\u0e01" * 9_000, index="orders-2026.11.22", document_id="ab" * 32
    )
    assert list(live.queues.dead_letter([one])) == [True]
    ((body, found),) = live.letters(1)
    assert body == one.delivery.body
    assert sum(len(name) + len("String") + len(value.encode()) for name, value in found.items()) <= left
    assert ("reason" in found) == (left > 20)


def test_big_letters_go_in_calls_that_stay_under_the_limit(live: Live) -> None:
    big = [letter(str(number) * 400_000) for number in range(5)]
    assert list(live.queues.dead_letter([*big, letter()])) == [True] * 6
    assert len(live.letters(6)) == 6


def test_the_letters_that_were_not_taken_are_told_from_those_that_were(scripted: Scripted) -> None:
    failed = {"Id": "0", "SenderFault": False, "Code": "InternalError", "Message": "once more, please"}
    scripted.answers = [
        {"Successful": [{"Id": "1", "MessageId": "a", "MD5OfMessageBody": ""}], "Failed": [failed]}
    ]
    queues = sqs.connect(scripted.settings(LIVEDEX_DEAD_LETTER_QUEUE_URL="https://sqs/000000000000/dead"))
    assert list(queues.dead_letter([letter(), letter(), letter()])) == [False, True, False]


def test_no_delivery_is_put_off_for_longer_than_sqs_allows(scripted: Scripted) -> None:
    scripted.answers = [{"Successful": [], "Failed": []}]
    queues = sqs.connect(scripted.settings(LIVEDEX_QUEUE_URL="https://sqs/000000000000/queue"))
    queues.put_off([("a", -1), ("b", 90), ("c", 43_201)])
    assert [each["VisibilityTimeout"] for each in scripted.requests[0]["Entries"]] == [0, 90, 43_200]


def test_a_letter_that_sqs_gave_up_says_so(live: Live) -> None:
    dead = live.client.get_queue_attributes(QueueUrl=live.dead_url, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": dead["Attributes"]["QueueArn"], "maxReceiveCount": 1}
    live.client.set_queue_attributes(
        QueueUrl=live.queue_url, Attributes={"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": "0"}
    )
    live.send("poison")
    live.client.receive_message(QueueUrl=live.queue_url)
    live.client.receive_message(QueueUrl=live.queue_url)
    (found,) = live.queues.read_letters(10)
    assert (found.body, found.given_up, found.reason) == ("poison", True, GIVEN_UP)


def test_a_body_that_leaves_no_room_for_the_mark_is_sent_without(live: Live) -> None:
    bodies = ["x" * MAX_BYTES, "y" * (MAX_BYTES - 18)]
    assert list(live.queues.resend(bodies)) == [True, True]
    assert sorted((body[0], redriven) for body, redriven in live.marked(2)) == [("x", False), ("y", True)]


def test_a_queue_out_of_reach_takes_no_letters_puts_nothing_off_and_has_no_depths(
    unreachable_settings: Callable[..., Settings],
) -> None:
    url = "https://sqs/000000000000/any"
    queues = sqs.connect(unreachable_settings(LIVEDEX_QUEUE_URL=url, LIVEDEX_DEAD_LETTER_QUEUE_URL=url))
    assert list(queues.dead_letter([letter(), letter()])) == [False, False]
    queues.put_off([("receipt", 5)])
    queues.show_again(["receipt"])
    assert (list(queues.resend(["body"])), list(queues.drop(["receipt"]))) == ([False], [False])
    assert list(queues.put(["body"])) == [False]
    with pytest.raises(Unavailable, match="SQS"):
        queues.depths()
    with pytest.raises(Unavailable, match="SQS"):
        list(queues.read_letters(10))
