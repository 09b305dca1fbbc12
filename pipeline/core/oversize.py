"""The text of a document: what is too long for any index is cut out of it, and ``raw`` keeps it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

LONGEST_TERM = 32_766
"""Bytes of UTF-8. Lucene refuses the whole document for one longer term.

https://lucene.apache.org/core/10_3_0/core/org/apache/lucene/index/IndexWriter.html#MAX_TERM_LENGTH
"""

LONGEST_PATH, LONGEST_VALUE = 8_000, 24_000
"""Bytes of UTF-8 inside ``detail``. ``flat_object`` writes each value a second time with its path before
it, in one term, and that has to be shorter than ``LONGEST_TERM``.

https://docs.opensearch.org/latest/field-types/supported-field-types/flat-object/
"""


def fitted(head: bytes, fields: JsonObject) -> bytes:
    """Write the document's lines; what no index takes is cut out of ``detail``, and ``raw`` has it whole.

    Args:
        head: The action, and the first members, as JSON without the closing brace.
        fields: The others, ``detail`` among them.
    """
    written = head + orjson.dumps(fields)[1:]
    if len(written) > LONGEST_TERM:  # else nothing inside can be longer: most documents need no walk
        detail = fields["detail"]
        indexed = _cut(detail, len("detail"))
        if indexed != detail:
            raw = orjson.dumps(detail).decode()
            written = head + orjson.dumps({**fields, "detail": indexed, "raw": raw})[1:]
    return written[:-1]


def _cut(value: Any, path: int) -> Any:  # noqa: ANN401 - any JSON
    """Cut strings so that path and value fit one term, and leave out what lies at an endless path.

    Args:
        value: JSON nested no deeper than ``parse`` lets through.
        path: Length of the path to it in bytes.
    """
    if isinstance(value, str):
        return value.encode()[:LONGEST_VALUE].decode(errors="ignore")
    if isinstance(value, list):
        return [_cut(item, path) for item in value]
    if isinstance(value, dict):
        lengths = {key: path + 1 + len(key.encode()) for key in value}
        return {key: _cut(value[key], lengths[key]) for key in value if lengths[key] < LONGEST_PATH}
    return value
