"""A WebSocket was closed. API Gateway tells it at best, not always: rows also expire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.handlers.invocation import invocation, misrouted, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.disconnecting)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Forget the connection."""
    with invocation("disconnect") as counts:
        if misrouted(event["requestContext"]):
            return {"statusCode": 200}
        story()(event["requestContext"]["connectionId"])
        counts["disconnected"] = 1
        return {"statusCode": 200}
