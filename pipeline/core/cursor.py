"""Stage: what a client has seen, as a text it gives back to go on from there.

A cursor belongs to one channel. Its text is opaque to clients except for one promise: of two
*live* cursors of a channel, the one that sorts higher as a string is the later one, so a client
can keep the highest. All texts are URL-safe as they are and under ``MAX_LENGTH`` characters.

=============================================== ======================================================
``L`` time ``.`` channel                        live: everything announced up to that time was sent
``L`` time ``.`` channel ``.`` seen             the same, and what an answer over HTTP had lately shown
``P`` ingested ``.`` started ``.`` since ``.`` … page: a catch-up from ``since``, begun at ``started``, has
                                                come this far
``Q`` ingested ``.`` started ``.`` since ``.`` … the same, where all is being read a second time
``S`` ingested ``.`` started ``.`` since ``.`` … a snapshot's page: all behind this position is still due
=============================================== ======================================================

A page's cursor names ``since`` beside the position and ``started``, because what the late ledger names lies
behind ``since`` in single minutes: from ``started`` alone a resume would have to read all between them.

Nothing is signed: a made-up cursor of a client's own channel shows it nothing that its filter and
its tenant would not, and every other text is answered as unknown.
"""

from __future__ import annotations

import re

from pipeline.core.noun import noun

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

MAX_LENGTH = 144
"""Characters of the longest cursor, rounded up; a longer text is none of ours."""

SEEN = 16
"""Hex characters that stand for what an answer had shown: 64 bits, so that two never look the same."""

_TIME = "([0-9a-f]{12})"
_CHANNEL = "([0-9a-f]{32})"
_LIVE = rf"L{_TIME}\.{_CHANNEL}(?:\.([0-9a-f]{{{SEEN}}}))?"
_PAGE = rf"([PQS]){_TIME}\.{_TIME}\.{_TIME}\.{_CHANNEL}([0-9a-f]{{64}})"  # both compiled at the first cursor


@noun
class Cursor:
    """How far a subscription has come.

    Attributes:
        at: Clock of the broadcaster for a live cursor; when the catch-up began for a page's.
        position: (``@ingested``, id) of the last document read by an unfinished catch-up; None when live.
        since: The live cursor's time from which that catch-up goes on; None where that is ``at``.
        again: Whether that catch-up is at its second reading.
        newest: Whether it is a snapshot.
        seen: What the answer before had shown of what is read again; empty where it is not known.
    """

    at: int
    position: tuple[int, str] | None = None
    since: int | None = None
    again: bool = False
    newest: bool = False
    seen: str = ""

    @property
    def begun(self) -> int:
        """The live cursor's time from which everything has to be sent."""
        return self.at if self.since is None else min(self.since, self.at)


def ingested_from(at: int, lag: int = 0) -> int:
    """Give the lowest ``@ingested``, itself included, that is read again behind a live cursor.

    Args:
        at: The live cursor's time.
        lag: Milliseconds for which what is stored may stay unseen by a search; 0 where a refresh shows it.
            What was announced within it before ``at`` may have been stored unseen as well.
    """
    return at - max(HORIZON, OVERLAP + lag + 2 * SKEW)


def announced_from(at: int, lag: int = 0) -> int:
    """Give the earliest announcement whose late ledger rows are read behind a live cursor; see above."""
    return at - max(POSTING, lag) - 2 * SKEW


def live(channel_id: str, at: int, seen: str = "") -> str:
    """Write the cursor of a live frame, or of the end of a catch-up.

    Args:
        channel_id: 32 hex characters.
        at: Milliseconds since the epoch: the clock at announcing, or when the catch-up began.
        seen: What an answer over HTTP has shown of what the next one reads again: ``SEEN`` hex characters.
    """
    return f"L{at:012x}.{channel_id}{'.' if seen else ''}{seen}"


def page(
    channel_id: str,
    position: tuple[int, str],
    started: int,
    since: int | None = None,
    *,
    again: bool = False,
    newest: bool = False,
) -> str:
    """Write the cursor that holds after one hit of a catch-up.

    Args:
        channel_id: 32 hex characters.
        position: The (``@ingested``, document id of 64 hex characters) up to which all was read.
        started: Milliseconds since the epoch at which the catch-up began.
        since: The live cursor's time from which it goes on; None for one that began at ``started``.
        again: Whether this is the second reading.
        newest: Whether it is a snapshot.
    """
    ingested, document_id = position
    begun = started if since is None else since
    kind = "S" if newest else "PQ"[again]
    return f"{kind}{ingested:012x}.{started:012x}.{begun:012x}.{channel_id}{document_id}"


def read(text: object, channel_id: str) -> Cursor | None:
    """Read a cursor that a client gave back.

    Returns:
        None for whatever this module did not write for this channel: answer with a gap and a snapshot.
    """
    if not isinstance(text, str):
        return None
    if found := re.fullmatch(_LIVE, text):
        at, channel, seen = found.groups()
        return Cursor(int(at, 16), seen=seen or "") if channel == channel_id else None
    if found := re.fullmatch(_PAGE, text):
        kind, ingested, started, since, channel, document_id = found.groups()
        at, begun, position = int(started, 16), int(since, 16), (int(ingested, 16), document_id)
        cursor = Cursor(at, position, None if begun == at else begun, kind == "Q", kind == "S")
        return cursor if channel == channel_id else None
    return None
