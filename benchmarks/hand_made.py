"""How the same documents are made by hand, for clients that take dictionaries.

The standard library's ``json``, no checks, no tokens but the plainest: the least that gives a document
of ours, so that what a rival is measured with is the rival, not a slow way to feed it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ATTRIBUTES = {
    "service": "service",
    "operation": "operation",
    "severity": "level",
    "status": "status",
    "region": "region",
}


def actions(bodies: Iterable[str], family: str, ingested: int) -> Iterator[dict[str, Any]]:
    """What ``opensearchpy.helpers`` take: op ``create``, one dictionary a document."""
    for body in bodies:
        envelope = json.loads(body)
        document = _document(envelope, family, ingested)
        index = f"{family}-{document['@timestamp'][:10].replace('-', '.')}"
        yield {"_op_type": "create", "_index": index, "_id": document["id"], "_source": document}


def _document(envelope: Mapping[str, Any], family: str, ingested: int) -> dict[str, Any]:
    detail = envelope["detail"]
    identity = [envelope["source"], envelope["detail-type"], detail["tenant"], detail["eventId"]]
    attributes = {name: detail[key] for name, key in ATTRIBUTES.items()}
    attributes["latencyMs"] = detail["timings"]["totalMs"]
    tokens = {
        **attributes,
        "family": family,
        "source": envelope["source"],
        "eventType": envelope["detail-type"],
    }
    return {
        "@ingested": ingested,
        "@timestamp": detail["occurredAt"],
        "id": hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        "tenant": detail["tenant"],
        "source": envelope["source"],
        "eventType": envelope["detail-type"],
        "message": detail["summary"],
        **attributes,
        "tokens": [f"{name}={value}" for name, value in tokens.items()],
        "detail": detail,
    }
