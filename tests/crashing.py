"""The indexing story with a place at which it is killed.

The story touches the world in steps: each call of a port that changes something. A killer stands
before and after each of them, and after the last, where the answer would be given.

As a program it does the same on real engines and is really killed: one batch of the queue, one run
of the story, then the deletes that a queue's event source does for it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.adapters import aws
from pipeline.core import sources
from pipeline.settings import read
from pipeline.wiring import adapters, stories

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEPS = frozenset({"bulk", "put", "dead_letter", "put_off", "resend", "drop"})
"""The calls of the ports that change something."""


class Killed(BaseException):
    """The process is no more; a BaseException, because nobody survives to catch it."""


def by_exception() -> None:
    """End a run inside this process."""
    raise Killed


def by_signal() -> None:
    """End this process as the kernel or Lambda would: nothing of it runs any more."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Killer:
    """Counts the places at which a run can die, and ends it at one of them.

    Attributes:
        at: Which place, from 0; None lets the run live.
        places: What each place was, as far as the run came.
    """

    at: int | None = None
    kill: Callable[[], None] = by_exception
    places: list[str] = field(default_factory=list)

    def pass_by(self, place: str) -> None:
        """Go by a place, or end there."""
        self.places.append(place)
        if self.at == len(self.places) - 1:
            self.kill()

    def beside(self, port: Any) -> Any:  # noqa: ANN401 - any port
        """The same port with the killer before and after each step."""
        return _Watched(port, self)


class _Watched:
    def __init__(self, port: Any, killer: Killer) -> None:  # noqa: ANN401 - any port
        self._port = port
        self._killer = killer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the port has
        call = getattr(self._port, name)
        if name not in STEPS:
            return call

        def step(*arguments: Any) -> Any:  # noqa: ANN401 - whatever the port takes
            if not arguments[0]:  # nothing to do is no step
                return call(*arguments)
            self._killer.pass_by(f"before {name}")
            answer = call(*arguments)
            self._killer.pass_by(f"after {name}")
            return answer

        return step


def run(at: int | None) -> Sequence[str]:
    """Receive a batch and index it, on the engines that the environment names; what was passed by."""
    settings = read()
    client = aws.session(settings).client("sqs", endpoint_url=settings.aws_endpoint)
    found: list[Any] = []
    for patience in (2, 0):  # a receive gives ten at most, which would be one call of PutEvents
        answer = client.receive_message(
            QueueUrl=settings.queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=patience,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found += answer.get("Messages", [])
    rows = [
        {
            "eventSource": sources.SQS,
            "messageId": each["MessageId"],
            "receiptHandle": each["ReceiptHandle"],
            "body": each["Body"],
            "attributes": each["Attributes"],
            "messageAttributes": each.get("MessageAttributes", {}),
        }
        for each in found
    ]
    killer = Killer(at, by_signal)
    clock = adapters.clock(settings)
    report = stories.indexing(settings)(
        deliveries=sources.deliveries({"Records": rows}),
        deadline=clock.now() + 20_000,
        store=killer.beside(adapters.store(settings)),
        bus=killer.beside(adapters.bus(settings)),
        queue=killer.beside(adapters.queue(settings)),
    )
    killer.pass_by("before the answer")
    for each in found:
        if each["MessageId"] not in report.returned:
            client.delete_message(QueueUrl=settings.queue_url, ReceiptHandle=each["ReceiptHandle"])
    client.close()
    return killer.places


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else None)))
