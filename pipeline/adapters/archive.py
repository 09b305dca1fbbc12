"""EventBridge's archive of the events bus, and replays from it.

Source:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.adapters import aws
from pipeline.core.errors import Refused

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

    from pipeline.settings import Settings

SERVICE = "EventBridge"

SETTLING = 600_000
"""Milliseconds that an event may take until it is in the archive.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html"""


def connect(settings: Settings, bus: str) -> Archive:
    """The archive of this bus; its name is an output of the stack."""
    config = aws.config(settings, attempts=3, read_timeout=10, connections=1)
    client = aws.session(settings).client("events", endpoint_url=aws.endpoint(settings), config=config)
    return Archive(client, bus, settings.queue_url)


class Archive:
    """What EventBridge keeps of a bus.

    Args:
        client: Of EventBridge.
        bus: Name of the bus that is archived.
        queue_url: The queue of the one rule that a replay is for; other rules of the bus are spared.
    """

    def __init__(self, client: EventBridgeClient, bus: str, queue_url: str) -> None:
        self._client = client
        self._bus = bus
        self._queue = queue_url.rsplit("/", 1)[-1]

    def replay(self, name: str, start: int, end: int) -> str:
        """Begin to send again what the bus took between two times; in no order within a minute.

        Args:
            name: Of the replay; each event carries it as ``replay-name``.
            start: The first moment, in ms since the epoch.
            end: The last.

        Returns:
            The name of the archive.

        Raises:
            Refused: The bus has no archive, or no rule that feeds the queue.
            Unavailable: EventBridge did not do it, with its words.
        """
        with aws.failing_as(SERVICE):
            bus = self._client.describe_event_bus(Name=self._bus)["Arn"]
            _, partition, _, region, account, _ = bus.split(":", 5)
            queue = f"arn:{partition}:sqs:{region}:{account}:{self._queue}"
            rules = self._client.list_rule_names_by_target(TargetArn=queue, EventBusName=self._bus)
            archives = self._client.list_archives(EventSourceArn=bus)["Archives"]
        if not archives:
            raise Refused("no-archive", f"the bus {self._bus} has no archive: give a file with --file.")
        if not rules["RuleNames"]:
            raise Refused("no-rule", f"no rule of the bus {self._bus} feeds the queue {self._queue}.")
        archive = archives[0]["ArchiveName"]
        events = f"arn:{partition}:events:{region}:{account}"
        with aws.failing_as(SERVICE):
            self._client.start_replay(
                ReplayName=name,
                EventSourceArn=f"{events}:archive/{archive}",
                EventStartTime=_time(start),
                EventEndTime=_time(end),
                Destination={
                    "Arn": bus,
                    "FilterArns": [f"{events}:rule/{self._bus}/{rule}" for rule in rules["RuleNames"]],
                },
            )
        return archive

    def state(self, name: str) -> str:
        """How far a replay is: ``STARTING``, ``RUNNING``, ``COMPLETED``, ``FAILED`` and the like.

        Raises:
            Unavailable: EventBridge could not be asked.
        """
        with aws.failing_as(SERVICE):
            return self._client.describe_replay(ReplayName=name)["State"]


def _time(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, UTC)
