"""A deployed stack as the end-to-end tests see it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any, TypeVar

import urllib3
from localstack_client import session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Value = TypeVar("Value")

PROGRAM = """
import signal
from pipeline.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""
"""The ``livedex`` command, as somebody at a terminal has it: what a shell runs in its background, and all
that it starts in turn, would not hear Ctrl-C."""

LIMIT = 120.0
"""Seconds to wait for anything. A delivery that a killed worker held comes again after 30."""


@dataclass(frozen=True)
class Deployed:
    """A stack with its functions.

    Attributes:
        outputs: Of its CloudFormation stack.
    """

    folder: Path
    opensearch: str
    aws: str
    outputs: Mapping[str, str]

    def client(self, service: str) -> Any:  # noqa: ANN401 - a client of any service
        """A client of the endpoint that ``AWS_ENDPOINT_URL`` names."""
        return session.Session().client(service)

    def livedex(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command, as a user would."""
        command = self.command(*words)
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300
        )

    def start(self, *words: str, output: IO[str] | int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(self.command(*words), cwd=self.folder, stdout=output, text=True)

    @staticmethod
    def command(*words: str) -> list[str]:
        return [sys.executable, "-c", PROGRAM, *words]

    def put(self, *envelopes: dict[str, Any]) -> None:
        """Put events on the events bus, as a service would."""
        events = self.client("events")
        for start in range(0, len(envelopes), 10):
            entries = [
                {
                    "Source": envelope["source"],
                    "DetailType": envelope["detail-type"],
                    "Detail": json.dumps(envelope["detail"]),
                    "EventBusName": self.outputs["EventsBusName"],
                }
                for envelope in envelopes[start : start + 10]
            ]
            answer = events.put_events(Entries=entries)
            assert answer["FailedEntryCount"] == 0, answer

    def facts(self, service: str) -> list[str]:
        """The ids of a service's events, each as often as it is stored; 10,000 at most."""
        return sorted(each["_source"]["detail"]["eventId"] for each in self.documents(service=service))

    def documents(self, **field: str) -> list[dict[str, Any]]:
        """The stored documents with this value in this field, each as OpenSearch has it; 10,000 at most."""
        query = {"query": {"term": field}, "size": 10_000}
        self.ask("POST", "/*-20*/_refresh")
        found: list[dict[str, Any]] = self.ask("POST", "/*-20*/_search?allow_no_indices=true", query)["hits"][
            "hits"
        ]
        return found

    def ask(self, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401 - JSON
        """Ask OpenSearch itself."""
        answer = urllib3.request(method, self.opensearch + path, json=body, timeout=60)
        assert answer.status < 300, answer.data
        return answer.json()

    def dead_letters(self, service: str) -> list[dict[str, Any]]:
        """The events' dead letters whose body names the service; they are left where they are."""
        sqs, found, seen = self.client("sqs"), [], set()
        for _ in range(10):
            answer = sqs.receive_message(
                QueueUrl=self.outputs["EventsDeadLetterQueueUrl"],
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                VisibilityTimeout=0,
            )
            for letter in answer.get("Messages", ()):
                if service in letter["Body"] and letter["MessageId"] not in seen:
                    seen.add(letter["MessageId"])
                    found.append(letter)
        return found

    def lines(self, function: str) -> list[dict[str, Any]]:
        """What the invocations of a function have written."""
        log = self.folder / ".livedex" / "logs" / "functions.jsonl"
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return [line for line in lines if line["function"] == function]


def wait_for(look: Callable[[], Value], enough: Callable[[Value], bool], limit: float = LIMIT) -> Value:
    """Look until it is enough, and give what was seen last, enough or not."""
    end = time.monotonic() + limit
    while True:
        seen = look()
        if enough(seen) or time.monotonic() > end:
            return seen
        time.sleep(0.25)


def envelope(service: str, number: int, **detail: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON values
    """An event of the metrics route, marked so that it can be found again."""
    return {
        "source": "payments",
        "detail-type": "PaymentSettled",
        "detail": {
            "eventId": f"{service}-{number}",
            "occurredAt": datetime.now(UTC).isoformat(),  # noqa: TID251 - a real event happens now
            "tenant": "acme",
            "service": service,
            **detail,
        },
    }
