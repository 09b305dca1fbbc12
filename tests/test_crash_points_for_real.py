"""The index function as a process that is really killed, over the real node and the emulator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from pipeline import redriving
from pipeline.adapters import aws, sqs
from pipeline.core import parse
from pipeline.core.letters import GIVEN_UP, Wanted
from pipeline.core.model import DeadLetter, Delivery
from pipeline.settings import read
from pipeline.wiring import stories
from tests import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ports.queues import Queues
    from pipeline.settings import Settings

TENANTS = 12
"""Each tenant's deltas need an entry of their own, so these take two calls of PutEvents."""

PLACES = [
    *("before bulk", "after bulk"),
    *("before put", "after put", "before put", "after put"),
    "before the answer",
]
"""Where the process can die; a test below holds that it passes by just these."""

NAMED = [f"{number} {place}" for number, place in enumerate(PLACES)]


@dataclass
class Engines:
    """A queue with its dead letters, a bus whose deltas are heard, and the real node."""

    sqs: Any
    environ: dict[str, str]
    heard_url: str
    opensearch: str
    service: str

    @property
    def settings(self) -> Settings:
        return read(self.environ)

    def send(self, *, minutes_ago: int = 0) -> None:
        """Put the tenants' facts into the queue, as EventBridge does; their envelopes may be older."""
        sent = datetime.now(UTC) - timedelta(minutes=minutes_ago)  # noqa: TID251 - real engines, real time
        bodies = [
            {
                **running.envelope(self.service, number, tenant=f"tenant-{number}"),
                "id": uuid.uuid4().hex,
                "time": sent.isoformat(),
            }
            for number in range(TENANTS)
        ]
        for start in range(0, TENANTS, 10):
            entries = [{"Id": str(n), "MessageBody": json.dumps(body)} for n, body in enumerate(bodies)]
            self.sqs.send_message_batch(
                QueueUrl=self.environ["LIVEDEX_QUEUE_URL"], Entries=entries[start : start + 10]
            )

    def run(self, at: int | None = None) -> subprocess.CompletedProcess[bytes]:
        """A process that receives once and indexes; it is killed at a place, or lives."""
        command = [sys.executable, "-m", "tests.crashing", *([str(at)] if at is not None else [])]
        return subprocess.run(
            command,
            env=os.environ | self.environ,
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def die(self, at: int) -> None:
        assert self.run(at).returncode == -signal.SIGKILL

    def live(self) -> None:
        """Run until nothing is left in the queue."""

        def left() -> int:
            ended = self.run()
            assert ended.returncode == 0, ended.stderr
            depths = sqs.connect(self.settings).depths()
            return depths["waiting"] + depths["in_flight"]

        assert running.wait_for(left, lambda count: count == 0) == 0

    def letters(self) -> int:
        """How many dead letters there are, once SQS had the time to give up what nobody answered for."""
        url = self.environ["LIVEDEX_QUEUE_URL"]

        def dead() -> int:
            self.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
            return sqs.connect(self.settings).depths()["dead"]

        return running.wait_for(dead, lambda count: count == TENANTS)

    def reject_all(self, queue: Queues) -> int:
        """Take what is in the queue and dead-letter it, as the function does with what it rejects."""
        url, rejected = self.environ["LIVEDEX_QUEUE_URL"], 0

        def reject() -> int:
            nonlocal rejected
            answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
            for row in answer.get("Messages", []):
                letter = DeadLetter(Delivery(row["MessageId"], row["Body"]), "defect", "once")
                rejected += sum(queue.dead_letter([letter]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=row["ReceiptHandle"])
            return rejected

        return running.wait_for(reject, lambda count: count == TENANTS)

    def stored(self) -> dict[str, int]:
        query = {"query": {"term": {"service": self.service}}, "size": 100}
        urllib3.request("POST", f"{self.opensearch}/metrics-*/_refresh")
        answer = urllib3.request("POST", f"{self.opensearch}/metrics-*/_search", json=query).json()
        return {hit["_source"]["id"]: hit["_source"]["@ingested"] for hit in answer["hits"]["hits"]}

    def announced(self, enough: int) -> dict[str, int]:
        """The deltas that came by the bus since this was asked last."""
        found: dict[str, int] = {}

        def listen() -> int:
            answer = self.sqs.receive_message(QueueUrl=self.heard_url, MaxNumberOfMessages=10)
            for each in answer.get("Messages", ()):
                found.update({delta.id: delta.ingested for delta in parse.deltas(each["Body"])})
                self.sqs.delete_message(QueueUrl=self.heard_url, ReceiptHandle=each["ReceiptHandle"])
            return len(found)

        running.wait_for(listen, lambda count: count >= enough, limit=20)
        return found

    def move_letters(self) -> None:
        """Have SQS move the letters back; where the endpoint cannot, do as SQS does.

        A moved letter is a new one (id, time, count) with the old body and the old attributes.
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
        """
        queue, dead = self.environ["LIVEDEX_QUEUE_URL"], self.environ["LIVEDEX_DEAD_LETTER_QUEUE_URL"]
        with suppress(self.sqs.exceptions.ClientError):
            self.sqs.start_message_move_task(
                SourceArn=arn(self.sqs, dead), DestinationArn=arn(self.sqs, queue)
            )
            return
        for _ in range(TENANTS):
            answer = self.sqs.receive_message(
                QueueUrl=dead, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            for each in answer.get("Messages", ()):
                kept = each.get("MessageAttributes", {})
                self.sqs.send_message(QueueUrl=queue, MessageBody=each["Body"], MessageAttributes=kept)
                self.sqs.delete_message(QueueUrl=dead, ReceiptHandle=each["ReceiptHandle"])


def arn(client: Any, url: str) -> str:  # noqa: ANN401 - a client of boto3
    found: str = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    return found


@pytest.fixture
def engines(request: pytest.FixtureRequest, opensearch_url: str, aws_url: str) -> Iterator[Engines]:
    name = f"crash-{uuid.uuid4().hex[:8]}"
    environ = {
        "LIVEDEX_TARGET": "local",
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_REGION": "us-east-1",
        "LIVEDEX_OPENSEARCH_URL": opensearch_url,
        "LIVEDEX_TENANCY": "required",
        "LIVEDEX_DELTAS_BUS": name,
    }
    stories.applying(read(environ))()  # no index may be made before its template is there
    session = aws.session(read(environ))
    queues = session.client("sqs", endpoint_url=aws_url)
    bus = session.client("events", endpoint_url=aws_url)
    urls = {
        part: queues.create_queue(QueueName=f"{name}-{part}", Attributes={"VisibilityTimeout": "1"})[
            "QueueUrl"
        ]
        for part in ("queue", "dead", "heard")
    }
    receives = getattr(request, "param", 1_000)
    policy = {"deadLetterTargetArn": arn(queues, urls["dead"]), "maxReceiveCount": receives}
    queues.set_queue_attributes(QueueUrl=urls["queue"], Attributes={"RedrivePolicy": json.dumps(policy)})
    bus.create_event_bus(Name=name)
    bus.put_rule(Name=name, EventBusName=name, EventPattern='{"source":["livedex"]}')
    bus.put_targets(
        Rule=name, EventBusName=name, Targets=[{"Id": "heard", "Arn": arn(queues, urls["heard"])}]
    )
    environ |= {"LIVEDEX_QUEUE_URL": urls["queue"], "LIVEDEX_DEAD_LETTER_QUEUE_URL": urls["dead"]}
    yield Engines(queues, environ, urls["heard"], opensearch_url, name)
    bus.remove_targets(Rule=name, EventBusName=name, Ids=["heard"])
    bus.delete_rule(Name=name, EventBusName=name)
    bus.delete_event_bus(Name=name)
    for url in urls.values():
        queues.delete_queue(QueueUrl=url)
    queues.close()
    bus.close()


@pytest.mark.parametrize("at", range(len(PLACES)), ids=NAMED)
def test_a_process_that_is_really_killed_leaves_no_document_without_its_delta(
    engines: Engines, at: int
) -> None:
    engines.send()

    engines.die(at)
    engines.live()

    assert len(engines.stored()) == TENANTS
    assert engines.announced(TENANTS) == engines.stored()


def test_the_real_run_passes_by_the_same_places_and_what_is_sent_twice_stays_quiet(engines: Engines) -> None:
    engines.send()
    assert json.loads(engines.run().stdout) == PLACES
    assert engines.announced(TENANTS) == engines.stored()

    engines.send()
    assert json.loads(engines.run().stdout) == ["before bulk", "after bulk", "before the answer"]

    assert len(engines.stored()) == TENANTS


@pytest.mark.parametrize("engines", [1], indirect=True)
def test_really_given_up_by_sqs_and_redriven_by_us_it_is_announced(engines: Engines) -> None:
    engines.send()
    engines.die(PLACES.index("after bulk"))
    assert engines.letters() == TENANTS
    queue = sqs.connect(engines.settings)

    assert {group.reason for group in redriving.survey(queue)} == {GIVEN_UP}
    assert redriving.redrive(queue, Wanted()).sent == TENANTS
    engines.live()

    assert engines.announced(TENANTS) == engines.stored() != {}


@pytest.mark.parametrize("engines", [1], indirect=True)
def test_really_given_up_by_sqs_and_moved_back_by_it_it_is_announced_for_its_age(engines: Engines) -> None:
    engines.send(minutes_ago=45)
    engines.die(PLACES.index("after bulk"))
    assert engines.letters() == TENANTS

    engines.move_letters()
    engines.live()

    assert engines.announced(TENANTS) == engines.stored() != {}


def test_a_real_letter_of_ours_is_announced_when_sqs_moves_it_back_however_young(engines: Engines) -> None:
    engines.send()
    engines.die(PLACES.index("after bulk"))
    queue = sqs.connect(engines.settings)
    assert engines.reject_all(queue) == TENANTS

    engines.move_letters()
    engines.live()

    assert engines.announced(TENANTS) == engines.stored() != {}
