"""A WebSocket that was admitted is now open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import wiring
from pipeline.core.audience import Principal
from pipeline.handlers.invocation import invocation, once

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SUBPROTOCOL = "livedex"
"""What a client names in ``Sec-WebSocket-Protocol`` beside its token; a browser closes a socket
whose server does not choose one of those it named.
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html"""


story = once(wiring.connecting)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Remember the connection under the principal that the authorizer found."""
    with invocation("connect") as counts:
        request = event["requestContext"]
        found = request["authorizer"]
        principal = Principal(found["tenant"], found["subject"], int(found["expires"]))
        story()(request["connectionId"], principal=principal)
        counts["connected"] = 1
        named = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        offered = [word.strip() for word in named.get("sec-websocket-protocol", "").split(",")]
        return {
            "statusCode": 200,
            "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL} if SUBPROTOCOL in offered else {},
        }
