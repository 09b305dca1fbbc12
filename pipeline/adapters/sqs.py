"""SQS: the queue that feeds a function, and its dead-letter queue."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.adapters import aws

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        MessageAttributeValueTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

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

_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS refuses in a text; same page as ``MAX_ENTRIES``."""


def connect(settings: Settings) -> SqsQueues:
    """The queue and the dead-letter queue that the settings name."""
    config = aws.config(settings, attempts=3, read_timeout=5, connections=10)
    client = aws.session(settings).client("sqs", endpoint_url=aws.endpoint(settings), config=config)
    return SqsQueues(client, settings.queue_url, settings.dead_letter_queue_url)


class SqsQueues:
    """``ports.Queues`` on SQS."""

    def __init__(self, client: SQSClient, queue_url: str, dead_letter_queue_url: str) -> None:
        self._client = client
        self._queue = queue_url
        self._dead = dead_letter_queue_url

    def dead_letter(self, letters: Sequence[DeadLetter]) -> Sequence[bool]:
        """Send each body, whole and unchanged, with ``reason``, ``id``, ``index``, ``error`` as attributes.

        A body that leaves too little room under SQS's limit goes with fewer attributes, the error first
        to be shortened. Never raises for what the service did: those letters were not taken.
        """
        taken: set[str] = set()
        for call in _calls(letters):
            with suppress(*aws.SDK_ERRORS):
                answer = self._client.send_message_batch(QueueUrl=self._dead, Entries=call)
                taken |= {sent["Id"] for sent in answer.get("Successful", [])}
        return [str(number) in taken for number in range(len(letters))]

    def put_off(self, delays: Sequence[tuple[str, int]]) -> None:
        """Keep each receipt's delivery invisible for so many more seconds, 12 hours at most.

        Best effort: what could not be put off comes back after the queue's own visibility time-out.
        """
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
                self._client.change_message_visibility_batch(QueueUrl=self._queue, Entries=call)

    def depths(self) -> Mapping[str, int]:
        """Approximate number of deliveries: ``waiting``, ``in_flight``, ``dead``.

        Raises:
            Unavailable: A queue could not be asked.
        """
        waiting, in_flight = self._depth(self._queue)
        return {"waiting": waiting, "in_flight": in_flight, "dead": sum(self._depth(self._dead))}

    def _depth(self, queue_url: str) -> tuple[int, int]:
        with aws.failing_as(SERVICE):
            found = self._client.get_queue_attributes(
                QueueUrl=queue_url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


def _calls(letters: Sequence[DeadLetter]) -> Iterator[list[SendMessageBatchRequestEntryTypeDef]]:
    """Cut into calls of at most 10 letters and 1 MiB; a letter's number is its entry's ``Id``."""
    call: list[SendMessageBatchRequestEntryTypeDef] = []
    room = MAX_BYTES
    for number, letter in enumerate(letters):
        body = letter.delivery.body
        attributes, size = _attributes(letter, MAX_BYTES - _size(body))
        size += _size(body)
        if call and (len(call) == MAX_ENTRIES or size > room):
            yield call
            call, room = [], MAX_BYTES
        call.append({"Id": str(number), "MessageBody": body, "MessageAttributes": attributes})
        room -= size
    if call:
        yield call


def _attributes(letter: DeadLetter, room: int) -> tuple[dict[str, MessageAttributeValueTypeDef], int]:
    """The attributes that fit into so many bytes, the ones to group by first, and their size."""
    texts = {
        "reason": letter.reason,
        "id": letter.document_id,
        "index": letter.index,
        "error": _shortened(letter.error, ERROR_LENGTH),
    }
    attributes: dict[str, MessageAttributeValueTypeDef] = {}
    left = room
    for name, text in texts.items():
        value = _NOT_ALLOWED.sub("\ufffd", text)
        fixed = len(name) + len("String")
        if name == "error":
            # A character is at most four bytes, so this fits whatever the error is written in.
            value = value if _size(value) + fixed <= left else _shortened(value, max(0, (left - fixed) // 4))
        # SQS refuses an attribute without a value.
        if value and _size(value) + fixed <= left:
            attributes[name] = {"DataType": "String", "StringValue": value}
            left -= _size(value) + fixed
    return attributes, room - left


def _shortened(text: str, length: int) -> str:
    """At most so many characters, the middle left out: errors begin with what, tracebacks end with it."""
    if len(text) <= length:
        return text
    kept = length - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}" if length > 0 else ""


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
