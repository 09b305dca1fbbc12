"""The answer that CloudFormation waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import urllib3

if TYPE_CHECKING:
    from pipeline.core.model import JsonObject

MAX_REASON = 1_000
"""Characters of a reason; the whole answer may have 4,096 bytes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html"""


def answer(event: JsonObject, status: str, reason: str, physical_id: str) -> None:
    """Put the answer where the event says."""
    body = {
        "Status": status,
        "Reason": reason[:MAX_REASON],
        "PhysicalResourceId": physical_id,
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    urllib3.PoolManager().request(
        "PUT",
        event["ResponseURL"],
        body=orjson.dumps(body),
        headers={"content-type": ""},  # the URL is signed for an empty one
        timeout=10,
        retries=urllib3.Retry(3, backoff_factor=0.5),
    )
