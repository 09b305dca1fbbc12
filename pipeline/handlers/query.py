"""``GET /v1/hits`` and ``GET /v1/health``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import wiring
from pipeline.core.errors import Refused, Unavailable
from pipeline.handlers.http import answer, error, refusal
from pipeline.handlers.invocation import invocation, once

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(wiring.reading_hits)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP request."""
    with invocation("query") as counts:
        if event["rawPath"].endswith("/v1/health"):
            return answer(200, {"status": "ok"})
        try:
            page = story()(event.get("headers") or {}, event.get("queryStringParameters") or {})
        except (Refused, Unavailable) as problem:
            counts[refusal(problem)] = 1
            return error(problem)
        counts["hits"] = len(page["hits"])
        return answer(200, page)
