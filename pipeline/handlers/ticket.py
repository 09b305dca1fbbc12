"""``POST /v1/tickets``: a token or an API key for a ticket that opens one WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.errors import Refused, Unavailable
from pipeline.handlers.http import answer, error, refusal
from pipeline.handlers.invocation import invocation, once, settings
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.issuing_tickets)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Issue a ticket."""
    with invocation("ticket") as counts:
        try:
            ticket, expires = story()(event.get("headers") or {})
        except (Refused, Unavailable) as problem:
            counts[refusal(problem)] = 1
            return error(problem)
        counts["issued"] = 1
        return answer(201, {"ticket": ticket, "expires": expires, "url": settings().websocket_url})
