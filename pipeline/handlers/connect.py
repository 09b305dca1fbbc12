"""A WebSocket that was admitted is now to be opened, if its tenant may have another."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pipeline.core import identify
from pipeline.core.audience import Principal
from pipeline.core.errors import Refused, Unavailable
from pipeline.handlers.http import refusal, status
from pipeline.handlers.invocation import invocation, misrouted, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.connecting)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Remember the connection under the principal that the authorizer found.

    A status other than 2xx is what the client gets instead of a socket; it gets no body.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
    """
    with invocation("connect") as counts:
        request = event["requestContext"]
        if misrouted(request):
            return {"statusCode": 200}
        found = request["authorizer"]
        principal = Principal(found["tenant"], found["subject"], int(found["expires"]), found.get("key", ""))
        try:
            story()(request["connectionId"], principal=principal)
        except Refused as refused:
            counts[refusal(refused)] = 1
            return {"statusCode": status(refused)}
        except Unavailable as unavailable:
            counts[refusal(unavailable)] = 1
            return {"statusCode": int(HTTPStatus.SERVICE_UNAVAILABLE)}
        counts["connected"] = 1
        chosen = identify.subprotocol(event.get("headers"))
        return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": chosen} if chosen else {}}
