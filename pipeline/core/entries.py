"""Deltas become PutEvents entries, and entries calls."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from pipeline.core.model import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.model import Delta

SOURCE, DETAIL_TYPE = "livedex", "Deltas"
"""What rules on the deltas bus match."""

VERSION = 1
"""Of the entry's form; within one, fields are added, never changed."""

LARGEST_ENTRY = 200_000
"""Bytes of detail that deltas share an entry up to."""

LARGEST_DELTA = 900_000
"""Bytes of one delta. EventBridge and SQS take 1 MB, and the envelope around it is theirs to add to."""

MOST_ENTRIES = 10
"""In one PutEvents call.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

LARGEST_CALL = 1_000_000 - 1
"""Bytes of all entries of a call, which has to stay under 1 MB.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
"""


def entries(deltas: Iterable[Delta]) -> list[Entry]:
    """Pack deltas into entries, each of one tenant and one family, so that rules can pick by both.

    Each delta is written as it comes, so that whoever makes them can wait for something in between.

    Returns:
        Entries of up to ``LARGEST_ENTRY``, the deltas of each tenant and family in their order; a
        delta that is larger stands alone.
    """
    groups: defaultdict[tuple[str | None, str], list[tuple[str, bytes]]] = defaultdict(list)
    for delta in deltas:
        # The comma makes a copy: to keep what orjson gives would keep its buffer, several KB a delta.
        groups[delta.tenant, delta.family].append((delta.id, _written(delta) + b","))
    return [entry for (tenant, family), group in groups.items() for entry in _share(tenant, family, group)]


def calls(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Arrange entries in PutEvents calls, in order, within AWS's count and size."""
    arranged: list[list[Entry]] = []
    room = 0
    for entry in entries:
        size = _size(entry)
        if not arranged or size > room or len(arranged[-1]) == MOST_ENTRIES:
            arranged.append([])
            room = LARGEST_CALL
        arranged[-1].append(entry)
        room -= size
    return arranged


def _share(tenant: str | None, family: str, written: Iterable[tuple[str, bytes]]) -> Iterable[Entry]:
    """Share deltas, each written with a comma behind it, out among as few entries as hold them."""
    head = orjson.dumps({"v": VERSION, "tenant": tenant, "family": family})[:-1] + b',"deltas":['
    ids: list[str] = []
    parts: list[bytes] = []
    size = frame = len(head) + len(_TAIL)
    for document_id, part in written:
        if parts and size + len(part) - len(b",") > LARGEST_ENTRY:
            yield _entry(tenant, family, head, parts, ids)
            ids, parts, size = [], [], frame
        ids.append(document_id)
        parts.append(part)
        size += len(part)
    yield _entry(tenant, family, head, parts, ids)


_TAIL = b"]}"


def _entry(tenant: str | None, family: str, head: bytes, parts: Iterable[bytes], ids: Iterable[str]) -> Entry:
    detail = (head + b"".join(parts)[: -len(b",")] + _TAIL).decode()
    return Entry(tenant, family, detail, tuple(ids))


def _written(delta: Delta) -> bytes:
    """Write a delta; what is too large for the bus goes without its excerpt, then its largest attributes.

    The document keeps them all, and its id is announced.
    """
    written = orjson.dumps(delta.fields())
    if len(written) <= LARGEST_DELTA:
        return written
    delta = replace(delta, excerpt={}, message=None)
    by_size = sorted(delta.attributes, key=lambda name: len(orjson.dumps(delta.attributes[name])))
    while len(written := orjson.dumps(delta.fields())) > LARGEST_DELTA and by_size:
        dropped = by_size.pop()
        rest = {name: value for name, value in delta.attributes.items() if name != dropped}
        delta = replace(delta, attributes=rest)
    return written


def _size(entry: Entry) -> int:
    """Count as EventBridge does: UTF-8 bytes of source, detail-type and detail; we set no time."""
    return len(SOURCE) + len(DETAIL_TYPE) + len(entry.detail.encode())
