"""SQS: the queue that feeds a function, and its dead-letter queue."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.adapters import aws

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        MessageAttributeValueTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

    from pipeline.core.letters import Letter
    from pipeline.core.model import DeadLetter
    from pipeline.settings import Settings

SERVICE = "SQS"

MAX_ENTRIES = 10
"""Entries a batch call.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"""

MAX_BYTES = 1_048_576
"""Bytes a letter and a batch call, attributes' names, types and values counted; same page."""

MAX_DELAY = 43_200
"""Seconds that a delivery can be kept invisible.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html"""

ERROR_LENGTH = 4_096
"""Characters of an error that a letter carries: a traceback's both ends, or all of OpenSearch's words."""

HOLD = 600
"""Seconds for which a letter that is read is hidden from other readers: time to look and to answer."""

PATIENCE = 1
"""Seconds to wait for letters before the queue counts as empty; waiting asks all of SQS's servers.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html"""

MARK = "redriven"
"""The attribute of what was put into the queue again, since its count and time begin anew."""

_NOT_ALLOWED = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
"""What SQS refuses in a text; same page as ``MAX_ENTRIES``.

Compiled at the first dead letter: that takes 4 ms, which each cold start would wait for.
"""


def connect(settings: Settings) -> SqsQueues:
    """The queue and the dead-letter queue that the settings name."""
    config = aws.config(settings, attempts=3, read_timeout=5, connections=10)
    client = aws.session(settings).client("sqs", endpoint_url=aws.endpoint(settings), config=config)
    return SqsQueues(client, settings.queue_url, settings.dead_letter_queue_url)


class SqsQueues:
    """``ports.queues.Queues`` on SQS."""

    def __init__(self, client: SQSClient, queue_url: str, dead_letter_queue_url: str) -> None:
        self._client = client
        self._queue = queue_url
        self._dead = dead_letter_queue_url

    def dead_letter(self, letters: Sequence[DeadLetter]) -> Sequence[bool]:
        """Send each body, whole and unchanged, with ``reason``, ``id``, ``index``, ``error`` as attributes.

        A body that leaves too little room under SQS's limit goes with fewer attributes, the error first
        to be shortened. Never raises for what the service did: those letters were not taken.
        """
        texts = (
            {
                "reason": letter.reason,
                "id": letter.document_id,
                "index": letter.index,
                "error": _shortened(letter.error, ERROR_LENGTH),
            }
            for letter in letters
        )
        return self._send(self._dead, [letter.delivery.body for letter in letters], texts)

    def put_off(self, delays: Sequence[tuple[str, int]]) -> None:
        """Keep each receipt's delivery invisible for so many more seconds, 12 hours at most.

        Best effort: what could not be put off comes back after the queue's own visibility time-out.
        """
        self._hide(self._queue, delays)

    def depths(self) -> Mapping[str, int]:
        """Approximate number of deliveries: ``waiting``, ``in_flight``, ``dead``.

        Raises:
            Unavailable: A queue could not be asked.
        """
        waiting, in_flight = self._depth(self._queue)
        return {"waiting": waiting, "in_flight": in_flight, "dead": sum(self._depth(self._dead))}

    def read_letters(self, most: int) -> Iterator[Letter]:
        """Read up to so many dead letters, each once and whole, and hide each for ``HOLD``.

        Raises:
            Unavailable: The dead-letter queue could not be read.
        """
        seen: set[str] = set()
        while len(seen) < most:
            with aws.failing_as(SERVICE):
                answer = self._client.receive_message(
                    QueueUrl=self._dead,
                    MaxNumberOfMessages=min(MAX_ENTRIES, most - len(seen)),
                    VisibilityTimeout=HOLD,
                    WaitTimeSeconds=PATIENCE,
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["SentTimestamp", "DeadLetterQueueSourceArn"],
                )
            # One that comes a second time has been held for too long: then all have been seen.
            found = [letter for letter in answer.get("Messages", []) if letter["MessageId"] not in seen]
            if not found:
                return
            seen |= {letter["MessageId"] for letter in found}
            yield from map(_letter, found)

    def show_again(self, receipts: Sequence[str]) -> None:
        """Let others read these letters at once; what cannot be shown now is so after ``HOLD``."""
        self._hide(self._dead, [(receipt, 0) for receipt in receipts])

    def put(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue, as new; for each whether it was taken."""
        return self._send(self._queue, bodies, ({} for _ in bodies))

    def resend(self, bodies: Sequence[str]) -> Sequence[bool]:
        """Put each body into the queue with the attribute ``MARK``; for each whether it was taken.

        A body that leaves no room for the mark goes without.
        """
        return self._send(self._queue, bodies, ({MARK: "true"} for _ in bodies))

    def drop(self, receipts: Sequence[str]) -> Sequence[bool]:
        """Delete letters; for each, in order, whether it is gone."""
        gone: set[str] = set()
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(receipts)
        ]
        for start in range(0, len(entries), MAX_ENTRIES):
            call = entries[start : start + MAX_ENTRIES]
            with suppress(*aws.SDK_ERRORS):
                answer = self._client.delete_message_batch(QueueUrl=self._dead, Entries=call)
                gone |= {deleted["Id"] for deleted in answer.get("Successful", [])}
        return [str(number) in gone for number in range(len(receipts))]

    def _send(self, queue_url: str, bodies: Sequence[str], texts: Iterable[Mapping[str, str]]) -> list[bool]:
        taken: set[str] = set()
        for call in _calls(zip(bodies, texts, strict=True)):
            with suppress(*aws.SDK_ERRORS):
                answer = self._client.send_message_batch(QueueUrl=queue_url, Entries=call)
                taken |= {sent["Id"] for sent in answer.get("Successful", [])}
        return [str(number) in taken for number in range(len(bodies))]

    def _hide(self, queue_url: str, delays: Sequence[tuple[str, int]]) -> None:
        for start in range(0, len(delays), MAX_ENTRIES):
            call: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {
                    "Id": str(number),
                    "ReceiptHandle": receipt,
                    "VisibilityTimeout": min(max(seconds, 0), MAX_DELAY),
                }
                for number, (receipt, seconds) in enumerate(delays[start : start + MAX_ENTRIES])
            ]
            with suppress(*aws.SDK_ERRORS):
                self._client.change_message_visibility_batch(QueueUrl=queue_url, Entries=call)

    def _depth(self, queue_url: str) -> tuple[int, int]:
        with aws.failing_as(SERVICE):
            found = self._client.get_queue_attributes(
                QueueUrl=queue_url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


def _calls(
    sendings: Iterable[tuple[str, Mapping[str, str]]],
) -> Iterator[list[SendMessageBatchRequestEntryTypeDef]]:
    """Cut into calls of at most 10 bodies and 1 MiB; a body's number is its entry's ``Id``."""
    call: list[SendMessageBatchRequestEntryTypeDef] = []
    room = MAX_BYTES
    for number, (body, texts) in enumerate(sendings):
        attributes, size = _attributes(texts, MAX_BYTES - _size(body))
        size += _size(body)
        if call and (len(call) == MAX_ENTRIES or size > room):
            yield call
            call, room = [], MAX_BYTES
        call.append({"Id": str(number), "MessageBody": body, "MessageAttributes": attributes})
        room -= size
    if call:
        yield call


def _attributes(texts: Mapping[str, str], room: int) -> tuple[dict[str, MessageAttributeValueTypeDef], int]:
    """The attributes that fit into so many bytes, the first ones first, and their size."""
    attributes: dict[str, MessageAttributeValueTypeDef] = {}
    left = room
    for name, text in texts.items():
        value = re.sub(_NOT_ALLOWED, "\ufffd", text)
        fixed = len(name) + len("String")
        if name == "error":
            # A character is at most four bytes, so this fits whatever the error is written in.
            value = value if _size(value) + fixed <= left else _shortened(value, max(0, (left - fixed) // 4))
        # SQS refuses an attribute without a value.
        if value and _size(value) + fixed <= left:
            attributes[name] = {"DataType": "String", "StringValue": value}
            left -= _size(value) + fixed
    return attributes, room - left


def _letter(found: MessageTypeDef) -> Letter:
    from pipeline.core.letters import Letter  # noqa: PLC0415 - no function reads letters, the command line does

    told = found.get("Attributes", {})
    written = found.get("MessageAttributes", {})
    return Letter(
        found["MessageId"],
        found["Body"],
        found["ReceiptHandle"],
        int(told.get("SentTimestamp", 0)),
        {name: value["StringValue"] for name, value in written.items() if "StringValue" in value},
        "DeadLetterQueueSourceArn" in told,
    )


def _shortened(text: str, length: int) -> str:
    """At most so many characters, the middle left out: errors begin with what, tracebacks end with it."""
    if len(text) <= length:
        return text
    kept = length - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}" if length > 0 else ""


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
