"""The two lines by which a document stands in a ``_bulk`` body: its action, and itself.

They are written once, up to ``@ingested``, which each attempt puts behind them (``bulk``).
"""

from __future__ import annotations

from functools import lru_cache

import orjson

from pipeline.core import terms

SEPARATOR = "\n"
"""Between the two; JSON on one line has none of its own."""


def opening(index: str, document_id: str, moment: str) -> str:
    """Write the action, and the document's first members.

    Args:
        index: ``{family}-{YYYY.MM.DD}``.
        document_id: What the document is found by.
        moment: When the fact occurred, as ``@timestamp`` says it.
    """
    action = f'{{"create":{{"_index":"{index}","_id":"{document_id}"}}}}'
    return f'{action}{SEPARATOR}{{"@timestamp":"{moment}","id":"{document_id}",'


def stamp(ingested: int) -> bytes:
    """Write the document's last member, and the ends of the document and of its line.

    Args:
        ingested: When the attempt to store it was made, in ms.
    """
    return f',"@ingested":{ingested}}}{SEPARATOR}'.encode()


@lru_cache(maxsize=1_024)
def common(family: str, source: str, event_type: str) -> tuple[bytes, bytes]:
    """Write what all documents of one kind share: their members, and their tokens."""
    kind = {"source": source, "eventType": event_type}
    tokens = [terms.token(key, text) for key, text in ({"family": family} | kind).items()]
    return orjson.dumps(kind)[1:-1] + b",", orjson.dumps(tokens)[1:-1]
