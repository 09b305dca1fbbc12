"""``GET /v1/hits`` and ``GET /v1/health``."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from pipeline.core.errors import Refused, Unavailable
from pipeline.handlers.http import answer, error, refusal
from pipeline.handlers.invocation import deadline, invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.reading_hits)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP request.

    An answer may be kept by who asked, and is asked for again before it is used: 304 where it still holds.

    https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5 and https://www.rfc-editor.org/rfc/rfc8288#section-3
    """
    with invocation("query") as counts:
        if event["rawPath"].endswith("/v1/health"):
            return answer(200, {"status": "ok"})
        headers, asked = event.get("headers") or {}, event.get("queryStringParameters") or {}
        try:
            page = story()(headers, asked, deadline=deadline(context))
        except (Refused, Unavailable) as problem:
            counts[refusal(problem)] = 1
            return error(problem)
        said = answer(HTTPStatus.NOT_MODIFIED if page.known else HTTPStatus.OK, page.body)
        said["headers"] |= {
            "etag": page.etag,
            "cache-control": "private, no-cache",
            "vary": "authorization, x-api-key",
        }
        if page.known:
            counts["unchanged"] = 1
            return {**said, "body": ""}
        counts["hits"] = len(page.body["hits"])
        if page.body.get("more"):
            # Behind "?" alone, since only the client knows the path that it came by.
            onwards = urlencode({**asked, "cursor": page.body["cursor"]})
            said["headers"]["link"] = f'<?{onwards}>; rel="next"'
        return said
