"""How the HTTP API answers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson

from pipeline.core.errors import Refused, Unavailable

STATUSES = {"unauthorized": HTTPStatus.UNAUTHORIZED, "forbidden-origin": HTTPStatus.FORBIDDEN}
"""Codes of refusals that are not the request's form."""


def answer(status: int, body: object) -> dict[str, Any]:
    """An answer in JSON."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": int(status), "headers": headers, "body": orjson.dumps(body).decode()}


def error(problem: Refused | Unavailable) -> dict[str, Any]:
    """The answer to a request that cannot be served, with the way out in its text."""
    if isinstance(problem, Refused):
        status = STATUSES.get(problem.code, HTTPStatus.BAD_REQUEST)
        return answer(status, {"error": {"code": problem.code, "text": problem.text}})
    return answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": {"code": "unavailable", "text": problem.text}})
