"""The rules that keep everything, and how each is switched off."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline import catching_up, paging, resuming
from pipeline.core import cursor, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.core.audience import Channel
    from pipeline.core.reach import Reach
    from pipeline.ports.connections import ConnectionTable

RULES = {
    "late ledger": "what was announced late is found by a resume",
    "open rows": "what a fan-out job still carries is found by a resume",
    "cursor rests": "while OpenSearch is down no live cursor counts",
    "cursor per subscription": "no subscription resumes from another one's cursor",
    "cursor after catch-up": "no live cursor counts before the catch-up has ended",
    "POSTING": "a broadcast that has stalled gives its batch back",
    "membership before query": "whoever asks the index is a member already",
    "clock after membership": "what is read ends after the membership was written",
    "lagged marks": "who missed a frame is told of a gap",
    "marks stay": "only a client's own subscribe ends its mark",
    "gaps only lower": "a gap never moves a cursor on",
    "announcing clock": "a cursor says when its hits were announced, or its catch-up began",
    "ledger first": "the late ledger is written before the members are read",
    "ledger or again": "a batch of which a ledger row could not be written comes again",
    "ledger's horizon": "a resume reads ledger rows from before its cursor",
    "page's horizon": "a page's cursor reads again what was announced since its catch-up began",
    "second reading": "where an index cannot be refreshed, all is read again before ``live``",
    "seen ids": "what was seen is not shown again",
    "HORIZON": "a resume begins before its cursor",
    "2 SKEW": "clocks that differ are allowed for",
    "whole pages": "a page of which a shard is missing is an error",
    "refresh before query": "what was stored before is seen",
}
"""Each rule, and what it says."""


@contextmanager
def suspended(off: frozenset[str]) -> Iterator[None]:
    """Switch off those rules that stories keep by themselves; wrappers and the client look at the names."""
    ingested_from, announced_from, skew = cursor.ingested_from, cursor.announced_from, cursor.SKEW
    resumed, packed = resuming.resumed, paging.packed
    try:
        if "HORIZON" in off:
            cursor.ingested_from = lambda at, lag=0: at - lag
        if "ledger's horizon" in off:
            cursor.announced_from = lambda at, lag=0: at - lag
        if "2 SKEW" in off:
            cursor.SKEW = 0
            cursor.ingested_from = lambda at, lag=0: ingested_from(at, lag) + 2 * skew
        if "page's horizon" in off:
            resuming.resumed = _gone_on
        if "second reading" in off:
            paging.packed = lambda page, run, _lag: packed(page, run, 0)
        yield
    finally:
        cursor.ingested_from, cursor.announced_from, cursor.SKEW = ingested_from, announced_from, skew
        resuming.resumed, paging.packed = resumed, packed


def _gone_on(
    channel: Channel, given: cursor.Cursor, table: ConnectionTable, lag: int, now: int
) -> tuple[Reach, int]:
    """Resume a page's cursor as if its connection were still the same."""
    if given.position is None:
        return RESUMED(channel, given, table, lag, now)
    return resuming.going_on(channel, given, table, lag), given.begun


RESUMED = resuming.resumed


def restamped(frame: bytes, now: int) -> bytes:
    """Let the live cursor of a frame say when it was posted."""
    said = json.loads(frame)
    if str(said.get("cursor", ""))[:1] != "L":
        return frame
    return json.dumps({**said, "cursor": cursor.live(said["channel"], now)}, separators=(",", ":")).encode()


@contextmanager
def sizes(chunk: int, page: int, frame: int) -> Iterator[None]:
    """Make pages and frames so small that few hits fill several.

    Args:
        chunk: Documents asked of the index at a time.
        page: Hits of a page.
        frame: Bytes of hits in a frame.
    """
    before = catching_up.CHUNK, catching_up.MAX_HITS, pack.MAX_HIT
    try:
        catching_up.CHUNK, catching_up.MAX_HITS, pack.MAX_HIT = chunk, page, frame
        yield
    finally:
        catching_up.CHUNK, catching_up.MAX_HITS, pack.MAX_HIT = before
