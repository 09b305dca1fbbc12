"""EventBridge: the bus of deltas, and a way to put envelopes on the bus of events.

Source:
    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.adapters import aws
from pipeline.core.errors import Refused
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from pipeline.core.model import Entry
    from pipeline.settings import Settings

SOURCE = "livedex"
DETAIL_TYPE = "Deltas"

MAX_ENTRIES = 10
"""Entries a PutEvents call."""

MAX_REQUEST = 1_000_000
"""Bytes a PutEvents call, under both readings of the documented 1 MB.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""

TIME_SIZE = 14
"""Bytes that a given time counts.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""


def connect(settings: Settings) -> EventBridgeDeltaBus:
    """The bus of deltas that the settings name."""
    return EventBridgeDeltaBus(_client(settings), settings.deltas_bus)


def connect_events(settings: Settings, bus: str) -> EventsBus:
    """The bus on which services put their events; its name is an output of the stack."""
    return EventsBus(_client(settings), bus)


def _client(settings: Settings) -> EventBridgeClient:
    # Two attempts: the callers read every entry's answer and do the patient retrying themselves.
    config = aws.config(settings, attempts=2, read_timeout=5, connections=10)
    return aws.session(settings).client("events", endpoint_url=aws.endpoint(settings), config=config)


class EventBridgeDeltaBus:
    """``ports.queues.DeltaBus`` on EventBridge."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, entries: Sequence[Entry]) -> Sequence[bool]:
        """One call; which entries were accepted, in order. A call that failed accepted none.

        Raises:
            ValueError: More than 10 entries.
        """
        if len(entries) > MAX_ENTRIES:
            raise ValueError(f"{len(entries)} entries in one call; PutEvents takes {MAX_ENTRIES}")
        wanted: list[PutEventsRequestEntryTypeDef] = [
            {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": entry.detail, "EventBusName": self._bus}
            for entry in entries
        ]
        return [not answer.error for answer in _put(self._client, wanted)]


@noun
class PutAnswer:
    """What became of one envelope.

    Attributes:
        id: The id that EventBridge gave the event; empty when it was not accepted.
        error: Why it was not accepted; empty when it was.
    """

    id: str = ""
    error: str = ""


class EventsBus:
    """The bus of events, as a producer sees it."""

    def __init__(self, client: EventBridgeClient, bus: str) -> None:
        self._client = client
        self._bus = bus

    def put_envelopes(self, envelopes: Sequence[Mapping[str, Any]]) -> Sequence[PutAnswer]:
        """Put envelopes, in as few calls as the limits allow; an answer for each, in order.

        Of an envelope ``source``, ``detail-type``, ``detail``, ``time`` and ``resources`` are put;
        EventBridge writes its ``id``, ``account`` and ``region``. One that cannot be put is answered
        with the field that is wrong, and the others are put. Never raises for what the service did.
        """
        answers: dict[int, PutAnswer] = {}
        entries: dict[int, PutEventsRequestEntryTypeDef] = {}
        for index, envelope in enumerate(envelopes):
            try:
                entries[index] = _entry(envelope, self._bus)
            except Refused as refused:
                answers[index] = PutAnswer(error=refused.text)
        put = (answer for call in _calls(list(entries.values())) for answer in _put(self._client, call))
        answers |= zip(entries, put, strict=True)
        return [answers[index] for index in range(len(envelopes))]


def _put(client: EventBridgeClient, entries: Sequence[PutEventsRequestEntryTypeDef]) -> Sequence[PutAnswer]:
    """One call. A call that failed as a whole, or an answer of the wrong length, accepts none."""
    if not entries:
        return []
    try:
        found = client.put_events(Entries=entries)["Entries"]
    except aws.SDK_ERRORS as error:
        return [PutAnswer(error=str(error))] * len(entries)
    if len(found) != len(entries):
        return [PutAnswer(error=f"{len(found)} answers for {len(entries)} entries")] * len(entries)
    return [
        PutAnswer(id=answer["EventId"])
        if answer.get("EventId")
        else PutAnswer(error=f"{answer.get('ErrorCode', 'no event id')}: {answer.get('ErrorMessage', '')}")
        for answer in found
    ]


def _calls(
    entries: Sequence[PutEventsRequestEntryTypeDef],
) -> Iterator[Sequence[PutEventsRequestEntryTypeDef]]:
    """Cut into calls of at most 10 entries and 1 MB; one that is too big alone is left for AWS to judge."""
    call: list[PutEventsRequestEntryTypeDef] = []
    room = MAX_REQUEST
    for entry in entries:
        size = _size(entry)
        if call and (len(call) == MAX_ENTRIES or size >= room):
            yield call
            call, room = [], MAX_REQUEST
        call.append(entry)
        room -= size
    if call:
        yield call


def _size(entry: PutEventsRequestEntryTypeDef) -> int:
    texts = [entry.get("Source", ""), entry.get("DetailType", ""), entry.get("Detail", "")]
    texts += entry.get("Resources", [])
    return sum(len(text.encode()) for text in texts) + (TIME_SIZE if "Time" in entry else 0)


def _entry(envelope: Mapping[str, Any], bus: str) -> PutEventsRequestEntryTypeDef:
    """The envelope as PutEvents wants it.

    Raises:
        Refused: A field is missing or of the wrong kind; one such entry would fail its whole call.
    """
    for field in ("source", "detail-type"):
        if not isinstance(envelope.get(field), str) or not envelope[field]:
            raise Refused("bad-envelope", f"{field} is missing or no text")
    if not isinstance(envelope.get("detail"), dict):
        raise Refused("bad-envelope", "detail is missing or no JSON object")
    entry: PutEventsRequestEntryTypeDef = {
        "Source": envelope["source"],
        "DetailType": envelope["detail-type"],
        "Detail": _json(envelope["detail"]),
        "EventBusName": bus,
    }
    if "time" in envelope:
        entry["Time"] = _time(envelope["time"])
    if resources := envelope.get("resources"):
        if not isinstance(resources, list) or not all(isinstance(resource, str) for resource in resources):
            raise Refused("bad-envelope", "resources is no list of texts")
        entry["Resources"] = resources
    return entry


def _json(detail: Any) -> str:  # noqa: ANN401 - any JSON value
    try:
        text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except ValueError as error:  # NaN, an infinity, or half a surrogate pair
        raise Refused("bad-envelope", f"detail holds what JSON in UTF-8 cannot: {error}") from error
    return text


def _time(value: Any) -> datetime:  # noqa: ANN401 - any JSON value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Refused("bad-envelope", f"time is {value!r}; it may be like 2026-11-22T10:00:00Z") from error
