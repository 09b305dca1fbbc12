"""A client's frame: subscribe, more, unsubscribe, ping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.handlers.invocation import deadline, invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.answering)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the frame; the answer travels as frames on the connection itself."""
    with invocation("message") as counts:
        connection = event["requestContext"]["connectionId"]
        counts["received"] = 1
        counts["posted"] = story()(event.get("body") or "", connection, deadline=deadline(context))
        return {"statusCode": 200}
