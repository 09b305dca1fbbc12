"""Stage: what a client has seen, as a text it gives back to go on from there.

A cursor belongs to one channel. Its text is opaque to clients except for one promise: of two
*live* cursors of a channel, the one that sorts higher as a string is the later one, so a client
can keep the highest. All texts are URL-safe as they are and under ``MAX_LENGTH`` characters.

============================================== =======================================================
``L`` time ``.`` channel                       live: everything announced up to that time was sent
``P`` ingested ``.`` started ``.`` channel …   page: a catch-up begun at ``started`` has come this far
============================================== =======================================================

Nothing is signed: a made-up cursor of a client's own channel shows it nothing that its filter and
its tenant would not, and every other text is answered as unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OVERLAP = 20_000
"""Milliseconds: the longest ordinary time from ``@ingested`` to announcing.

It covers two hops of queue and batch window, and the index function's own tries. What takes longer
is written to the late ledger, so this bounds how much a resume reads again, never what it finds.
"""

POSTING = 10_000
"""Milliseconds within which a broadcast's posts are done, or its members marked as lagged.

An invocation that finds itself past it gives its batch back to the queue instead.
"""

SKEW = 500
"""Milliseconds by which two functions' clocks may differ.

Amazon's time service keeps clocks within a millisecond of UTC; the rest is margin.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/set-time.html
"""

HORIZON = OVERLAP + POSTING + 2 * SKEW
"""Milliseconds that a resume goes back behind a live cursor.

A frame with that cursor may have overtaken an announcement of what was ingested OVERLAP earlier,
whose own posting was still under way for POSTING, both read on clocks SKEW off in either direction.
"""

MAX_LENGTH = 128
"""Characters of the longest cursor, rounded up; a longer text is none of ours."""

_LIVE = re.compile(r"L([0-9a-f]{12})\.([0-9a-f]{32})", re.ASCII)
_PAGE = re.compile(r"P([0-9a-f]{12})\.([0-9a-f]{12})\.([0-9a-f]{32})([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a subscription has come.

    Attributes:
        at: Clock of the broadcaster for a live cursor; when the catch-up began for a page's.
        position: (``@ingested``, id) of the last hit sent by an unfinished catch-up; None when live.
    """

    at: int
    position: tuple[int, str] | None = None

    @property
    def ingested_from(self) -> int:
        """The lowest ``@ingested``, itself included, that a resume on a new connection reads again."""
        horizon = self.at - HORIZON
        return horizon if self.position is None else min(self.position[0], horizon)

    @property
    def announced_from(self) -> int:
        """The earliest announcement, itself included, whose late ledger rows a resume reads."""
        return self.at - POSTING - 2 * SKEW


def live(channel_id: str, at: int) -> str:
    """Write the cursor of a live frame, or of the end of a catch-up.

    Args:
        channel_id: 32 hex characters.
        at: Milliseconds since the epoch: the clock at announcing, or when the catch-up began.
    """
    return f"L{at:012x}.{channel_id}"


def page(channel_id: str, position: tuple[int, str], started: int) -> str:
    """Write the cursor that holds after one hit of a catch-up.

    Args:
        channel_id: 32 hex characters.
        position: The hit's (``@ingested``, document id of 64 hex characters).
        started: Milliseconds since the epoch at which the catch-up began.
    """
    ingested, document_id = position
    return f"P{ingested:012x}.{started:012x}.{channel_id}{document_id}"


def read(text: object, channel_id: str) -> Cursor | None:
    """Read a cursor that a client gave back.

    Returns:
        None for whatever this module did not write for this channel: answer with a gap and a snapshot.
    """
    if not isinstance(text, str):
        return None
    if found := _LIVE.fullmatch(text):
        at, channel = found.groups()
        return Cursor(int(at, 16)) if channel == channel_id else None
    if found := _PAGE.fullmatch(text):
        ingested, started, channel, document_id = found.groups()
        return Cursor(int(started, 16), (int(ingested, 16), document_id)) if channel == channel_id else None
    return None
