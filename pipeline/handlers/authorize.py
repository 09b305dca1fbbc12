"""Who may open a WebSocket: the REQUEST authorizer of ``$connect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.errors import Refused
from pipeline.handlers.invocation import invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from pipeline.core.audience import Principal

story = once(stories.admitting)


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Allow or deny a connection: a denied one gets 403, and 500 where it cannot be told just now.

    The context of an allowed one reaches every later event of it; nothing that a client sends does.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
    """
    with invocation("authorize") as counts:
        try:
            principal = story()(
                headers=event.get("headers") or {}, query=event.get("queryStringParameters") or {}
            )
        except Refused:
            counts["refused"] = 1
            return _policy("nobody", "Deny", event["methodArn"], {})
        counts["admitted"] = 1
        return _policy(principal.subject, "Allow", event["methodArn"], _context_of(principal))


def _context_of(principal: Principal) -> dict[str, str]:
    said = {"tenant": principal.tenant, "subject": principal.subject, "expires": str(principal.expires)}
    return {**said, "key": principal.key} if principal.key else said


def _policy(subject: str, effect: str, arn: str, context: dict[str, str]) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": arn}
    return {
        "principalId": subject,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }
