"""Invocations become deliveries, and what must come again becomes an answer that its source understands.

Whatever the source, a delivery's body is the JSON text of an EventBridge envelope, as ``parse`` reads it:

================ ====================== =============== ==============================================
source           body                   delivery's id   how the source is asked to hand over again
================ ====================== =============== ==============================================
SQS              the body               messageId       ``batchItemFailures``, each by its id
Kinesis          the data               sequence number ``batchItemFailures``, the first one: the stream
DynamoDB Streams made of the new image  sequence number goes on from there; an error if it is the very first
Kafka            the value              position        an error: the whole batch comes again
EventBridge      the event itself       event's id      an error: Lambda invokes again with the event
direct invoke    each of ``events``     event's id      an error: whoever invoked may do so again
================ ====================== =============== ==============================================

SQS alone counts how often it handed something over, and gives a receipt by which it can be put off. The
others leave in doubt whether an earlier attempt died before it announced, so what is found stored is
announced again; clients drop what they have seen.
"""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pipeline.core import envelopes
from pipeline.core.errors import Refused, Unavailable
from pipeline.core.model import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.core.model import JsonObject

SQS, KINESIS, DYNAMODB = "aws:sqs", "aws:kinesis", "aws:dynamodb"
KAFKA = ("aws:kafka", "SelfManagedKafka")
"""Amazon's own, and anybody else's."""

NAMED = 20
"""Deliveries that the error for a whole batch names; there may be thousands."""


def deliveries(invocation: JsonObject) -> list[Delivery]:
    """Unwrap what Lambda was invoked with.

    What says that something was removed, and nothing of what happened, is no delivery: a ``REMOVE`` of
    a DynamoDB stream, and a Kafka tombstone.

    Raises:
        Refused: The invocation has another shape (``unknown-source``), or its DynamoDB stream does not
            carry what was written (``no-image``).

    Source:
        https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
        https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
        https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
        https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html
    """
    try:
        match invocation:
            case {"Records": list(rows)} if _all_of(SQS, rows):
                return [_from_sqs(row) for row in rows]
            case {"Records": list(rows)} if _all_of(KINESIS, rows):
                return [_from_kinesis(row) for row in rows]
            case {"Records": list(rows)} if _all_of(DYNAMODB, rows):
                return [_from_dynamodb(row) for row in rows if row["eventName"] != "REMOVE"]
            case {"records": dict(partitions), "eventSource": source} if source in KAFKA:
                return [_from_kafka(row) for rows in partitions.values() for row in rows if row.get("value")]
            case {"events": list(envelopes)}:
                return [_from_caller(envelope) for envelope in envelopes]
            case {"detail-type": _, "detail": _}:
                return [_from_caller(invocation)]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise Refused("unknown-source", f"the batch is not as Lambda hands it over: {error!r}.") from None
    raise Refused(
        "unknown-source",
        "the invocation is no batch of SQS, Kinesis, DynamoDB Streams or Kafka, and no EventBridge event; "
        'invoke directly with {"events": [envelope, …]}.',
    )


def answer(invocation: JsonObject, returned: Sequence[str]) -> JsonObject:
    """Ask the source to hand over again what is returned.

    An answer that names deliveries is heeded only where the event source mapping has
    ``ReportBatchItemFailures``; elsewhere it counts as a success and what it names would be lost. So a
    stream of which nothing is done is answered with the error that every mapping heeds, which says the
    same; and Kafka, whose mappings have it in provisioned mode only, with nothing but errors.

    Args:
        invocation: What ``deliveries`` unwrapped.
        returned: Ids of deliveries.

    Raises:
        Unavailable: All of the batch must come again; it names what for.

    Source:
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
        https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html
        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    named = _named(invocation.get("Records", []), returned) if returned else []
    if named is None:
        more = f" and {len(returned) - NAMED} more" if len(returned) > NAMED else ""
        raise Unavailable("batch", f"all of it must come again for {', '.join(returned[:NAMED])}{more}")
    return {"batchItemFailures": [{"itemIdentifier": name} for name in named]}


def _named(rows: list[JsonObject], returned: Sequence[str]) -> Sequence[str] | None:
    """The deliveries by which a partial answer asks; None where the whole batch must come again."""
    if not rows:
        return None
    if _all_of(SQS, rows):
        return returned
    first = min(returned, key=int)
    change = rows[0].get("kinesis") or rows[0]["dynamodb"]
    return [first] if first not in (change.get("sequenceNumber"), change.get("SequenceNumber")) else None


def _all_of(source: str, rows: list[Any]) -> bool:
    return all(isinstance(row, dict) and row.get("eventSource") == source for row in rows)


# --- each source ------------------------------------------------------------------------------


def _from_sqs(row: JsonObject) -> Delivery:
    counts = row.get("attributes", {})
    return Delivery(
        _string(row["messageId"]),
        _string(row["body"]),
        _count(counts.get("ApproximateReceiveCount")),
        _count(counts.get("SentTimestamp")),
        row.get("receiptHandle"),
        # EventBridge sends none; a dead letter has some, and keeps them whoever redrives it.
        bool(row.get("messageAttributes")),
    )


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.60} is no text")
    return value


def _count(text: str | None) -> int | None:
    return int(text) if text is not None else None


def _from_kinesis(row: JsonObject) -> Delivery:
    inner = row["kinesis"]
    sent = _milliseconds(inner.get("approximateArrivalTimestamp"))
    return Delivery(
        _string(inner["sequenceNumber"]),
        envelopes.completed(_decoded(inner["data"]), row["eventID"], sent),
        sent=sent,
    )


def _from_kafka(row: JsonObject) -> Delivery:
    position = f"{row['topic']}-{row['partition']}-{row['offset']}"
    sent = row.get("timestamp")
    return Delivery(position, envelopes.completed(_decoded(row["value"]), position, sent), sent=sent)


def _from_dynamodb(row: JsonObject) -> Delivery:
    """Make the envelope of an outbox row: its ``source``, ``detailType``, ``detail``, ``id``, ``time``.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
    """
    change = row["dynamodb"]
    if "NewImage" not in change:
        raise Refused(
            "no-image",
            "the DynamoDB stream does not carry what was written: "
            "set its table's StreamViewType to NEW_IMAGE or NEW_AND_OLD_IMAGES.",
        )
    image = {name: _plain(value) for name, value in change["NewImage"].items()}
    sent = _milliseconds(change.get("ApproximateCreationDateTime"))
    text = envelopes.envelope(
        {"id": image.get("id"), "time": image.get("time"), "source": image.get("source")}
        | {"detail-type": image.get("detailType", image.get("detail-type"))},
        image.get("detail"),
    )
    return Delivery(
        _string(change["SequenceNumber"]), envelopes.completed(text, row["eventID"], sent), sent=sent
    )


def _plain(value: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Read DynamoDB's typed value; a binary one stays the base64 text that it came as.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
    """
    ((kind, inner),) = value.items()
    match kind:
        case "N":
            return _number(inner)
        case "NULL":
            return None
        case "M":
            return {name: _plain(member) for name, member in inner.items()}
        case "L":
            return [_plain(member) for member in inner]
        case "NS":
            return [_number(member) for member in inner]
        case _:  # S, BOOL, B, SS, BS: already what they are
            return inner


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _from_caller(envelope: Any) -> Delivery:  # noqa: ANN401 - whatever the caller sent
    text = envelopes.written(envelope)
    # The caller may invoke again with the same events, and what has no id must get the same one then.
    derived = sha256(text.encode()).hexdigest()
    named = envelope.get("id") if isinstance(envelope, dict) else None
    return Delivery(named if isinstance(named, str) else derived, envelopes.completed(text, derived, None))


def _milliseconds(seconds: float | None) -> int | None:
    return round(seconds * 1_000) if seconds is not None else None


def _decoded(data: str) -> str:
    """Give the text inside base64; what is no text stays as it came, is rejected, and can be read again."""
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        return data
