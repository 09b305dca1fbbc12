"""Stage: share an audience that is too big for one invocation among jobs, and read a job back.

A job is what one invocation of the fan-out function posts: some frames, to a part of a channel's members.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core.audience import Channel
from pipeline.core.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION = 1
"""Of the job's form. A job lives for minutes, so this only guards a deploy in between."""

MAX_BODY = 1_000_000
"""Bytes of a job; SQS takes 1,048,576.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


@dataclass(frozen=True, slots=True)
class Job:
    """Frames for a part of a channel's members.

    Attributes:
        part: See ``ports.ConnectionTable.members``.
        stamp: Clock of the broadcaster at announcing, which the frames' cursors carry.
        ingested: The lowest ``@ingested`` of each minute among the hits, in order.
        frames: In their order.
    """

    channel: Channel
    part: tuple[int, int]
    stamp: int
    ingested: tuple[int, ...]
    frames: tuple[bytes, ...]

    def body(self) -> str:
        """Write the job as it travels."""
        return orjson.dumps(
            {
                "v": VERSION,
                "tenant": self.channel.tenant,
                "filter": self.channel.filter,
                "channel": self.channel.id,
                "conflate": self.channel.conflate,
                "part": self.part,
                "stamp": self.stamp,
                "ingested": self.ingested,
                "frames": [frame.decode() for frame in self.frames],
            }
        ).decode()

    @property
    def id(self) -> str:
        """Give the name of its open ledger row: the same whenever this very job is handed over again."""
        return hashlib.sha256(self.body().encode()).hexdigest()[:32]


def fitting(counts: Sequence[int], room: int) -> set[int]:
    """Choose which audiences are posted to at once: the smallest, as many as there is room for.

    Args:
        counts: How many posts each audience needs.
        room: How many can be made in time.

    Returns:
        The places of the chosen.
    """
    chosen: set[int] = set()
    for place in sorted(range(len(counts)), key=lambda place: counts[place]):
        room -= counts[place]
        if room < 0:
            break
        chosen.add(place)
    return chosen


def jobs(
    channel: Channel,
    frames: Sequence[bytes],
    *,
    members: int,
    stamp: int,
    ingested: Sequence[int],
    room: int,
) -> list[Job]:
    """Share the posting of some frames to so many members.

    Args:
        members: How many the channel has.
        stamp: See ``Job``.
        ingested: See ``Job``.
        room: How many posts a job should have at most, so that each ends soon.
    """
    bare = Job(channel, (members, members), stamp, tuple(ingested), ())
    groups = list(_groups(frames, MAX_BODY - len(bare.body().encode())))
    parts = 1
    while members * max(map(len, groups)) > room * parts and parts < members:
        parts *= 2
    return [
        Job(channel, (number, parts), stamp, tuple(ingested), tuple(group))
        for group in groups
        for number in range(parts)
    ]


def read(body: str) -> Job:
    """Read a job that was handed over.

    Raises:
        Rejected: The body is none of ours (``malformed``).
    """
    try:
        fields: Any = orjson.loads(body)
        if fields["v"] != VERSION:
            raise Rejected("malformed", f"the job has version {fields['v']!r}; this release reads {VERSION}.")
        number, count = fields["part"]
        channel = Channel(fields["tenant"], fields["filter"], fields["channel"], fields["conflate"])
        return Job(
            channel,
            (int(number), int(count)),
            int(fields["stamp"]),
            tuple(map(int, fields["ingested"])),
            tuple(frame.encode() for frame in fields["frames"]),
        )
    except KeyError as error:
        raise Rejected("malformed", f"the job lacks {error}.") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise Rejected("malformed", f"the job cannot be read: {error}.") from None


def _groups(frames: Sequence[bytes], room: int) -> Iterator[list[bytes]]:
    """Give the runs of frames that fit into a job together, as the texts that they are in there."""
    group: list[bytes] = []
    left = room
    for frame in frames:
        size = len(orjson.dumps(frame.decode())) + 1
        if group and size > left:
            yield group
            group, left = [], room
        group.append(frame)
        left -= size
    yield group
