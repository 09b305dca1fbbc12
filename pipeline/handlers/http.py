"""How the HTTP API answers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson

from pipeline.core.errors import Refused, Unavailable

STATUSES = {
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "forbidden-origin": HTTPStatus.FORBIDDEN,
    "too-many-requests": HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-connections": HTTPStatus.TOO_MANY_REQUESTS,
}
"""Codes of refusals that are not the request's form."""

RETRY_AFTER = 5
"""Seconds after which a client may ask again when we could not answer."""


def answer(status: int, body: object) -> dict[str, Any]:
    """An answer in JSON."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": int(status), "headers": headers, "body": orjson.dumps(body).decode()}


def status(refused: Refused) -> int:
    """The HTTP status of a refusal."""
    return int(STATUSES.get(refused.code, HTTPStatus.BAD_REQUEST))


def error(problem: Refused | Unavailable) -> dict[str, Any]:
    """The answer to a request that cannot be served, with the way out in its text.

    https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    if isinstance(problem, Refused):
        said = answer(status(problem), {"error": {"code": problem.code, "text": problem.text}})
        if problem.wait:
            said["headers"]["retry-after"] = str(problem.wait)
        return said
    said = answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": {"code": "unavailable", "text": problem.text}})
    said["headers"]["retry-after"] = str(RETRY_AFTER)
    return said


def refusal(problem: Refused | Unavailable) -> str:
    """The name of the count that a problem goes into."""
    return "refused" if isinstance(problem, Refused) else "unavailable"
