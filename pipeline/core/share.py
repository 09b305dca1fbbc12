"""Stage: share audiences that are too big for one invocation among jobs, and read a job back.

A job is what one invocation of the fan-out function posts, of one tenant: some frames each to some channels'
members, or to a part of one big channel's.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.core.audience import Channel
from pipeline.core.errors import Rejected
from pipeline.core.noun import noun

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

VERSION = 2
"""Of the job's form. A job lives for minutes, so this only guards a deploy in between."""

MAX_BODY = 1_000_000
"""Bytes of a job; SQS takes 1,048,576.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


@noun
class Piece:
    """Frames for a part of a channel's members.

    Attributes:
        part: See ``ports.connections.ConnectionTable.members``.
        frames: In their order.
    """

    channel: Channel
    part: tuple[int, int]
    frames: tuple[bytes, ...]


@noun
class Job:
    """What is to be posted to some of a tenant's channels.

    Attributes:
        stamp: Clock of the broadcaster at announcing, which the frames' cursors carry.
        ingested: The lowest ``@ingested`` of each minute among the hits, in order.
        pieces: At least one.
    """

    tenant: str
    stamp: int
    ingested: tuple[int, ...]
    pieces: tuple[Piece, ...]

    def body(self) -> str:
        """Write the job as it travels."""
        head = {"v": VERSION, "tenant": self.tenant, "stamp": self.stamp, "ingested": self.ingested}
        return orjson.dumps(head | {"pieces": [_fields(piece) for piece in self.pieces]}).decode()

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


def pieces(channel: Channel, frames: Sequence[bytes], *, members: int, room: int) -> list[tuple[Piece, int]]:
    """Share the posting of some frames to so many members, each piece with the posts that it is about.

    Args:
        channel: Whose members.
        frames: At least one.
        members: How many the channel has, at least 1.
        room: How many posts a job should have at most, so that each ends soon.
    """
    groups = list(_groups(frames, MAX_BODY // 2))
    parts = 1
    while members * max(map(len, groups)) > room * parts and parts < members:
        parts *= 2
    return [
        (Piece(channel, (number, parts), tuple(group)), -(-members * len(group) // parts))
        for group in groups
        for number in range(parts)
    ]


def jobs(
    tenant: str, shared: Iterable[tuple[Piece, int]], *, stamp: int, ingested: Sequence[int], room: int
) -> list[Job]:
    """Put pieces together into as few jobs as their order allows.

    Args:
        tenant: Whose channels all are.
        shared: See ``pieces``.
        stamp: See ``Job``.
        ingested: See ``Job``.
        room: How many posts a job should have at most; a single piece may have more.
    """
    bare = Job(tenant, stamp, tuple(ingested), ())
    most = MAX_BODY - len(bare.body().encode())
    made: list[list[Piece]] = []
    size = posts = 0
    for piece, count in shared:
        length = len(orjson.dumps(_fields(piece))) + 1
        if not made or size + length > most or posts + count > room:
            made.append([])
            size = posts = 0
        made[-1].append(piece)
        size, posts = size + length, posts + count
    return [replace(bare, pieces=tuple(together)) for together in made]


def read(body: str) -> Job:
    """Read a job that was handed over.

    Raises:
        Rejected: The body is none of ours (``malformed``).
    """
    try:
        fields: Any = orjson.loads(body)
        if fields["v"] != VERSION:
            raise Rejected("malformed", f"the job has version {fields['v']!r}; this release reads {VERSION}.")
        read = tuple(_piece(fields["tenant"], each) for each in fields["pieces"])
        if not read:
            raise Rejected("malformed", "the job has no pieces.")
        ingested = tuple(map(int, fields["ingested"]))
        return Job(fields["tenant"], int(fields["stamp"]), ingested, read)
    except KeyError as error:
        raise Rejected("malformed", f"the job lacks {error}.") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise Rejected("malformed", f"the job cannot be read: {error}.") from None


def _fields(piece: Piece) -> dict[str, Any]:
    return {
        "filter": piece.channel.filter,
        "channel": piece.channel.id,
        "conflate": piece.channel.conflate,
        "part": piece.part,
        "frames": [frame.decode() for frame in piece.frames],
    }


def _piece(tenant: str, fields: Any) -> Piece:  # noqa: ANN401 - JSON
    number, count = fields["part"]
    channel = Channel(tenant, fields["filter"], fields["channel"], fields["conflate"])
    return Piece(channel, (int(number), int(count)), tuple(frame.encode() for frame in fields["frames"]))


def _groups(frames: Sequence[bytes], room: int) -> Iterator[list[bytes]]:
    """Give the runs of frames that fit into so many bytes, as the texts that they are in a job."""
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
