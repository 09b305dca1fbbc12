"""Templates and policies, applied while the stack deploys (a CloudFormation custom resource)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.adapters import custom_resource
from pipeline.handlers.invocation import invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PHYSICAL_ID = "livedex-setup"
"""One id for ever: a changed one would make CloudFormation delete what the old one stood for."""

story = once(stories.applying)


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Apply on create and update; keep everything on delete. CloudFormation is always answered.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
    """
    status, reason = "SUCCESS", "nothing to do"
    try:
        with invocation("setup") as counts:
            if event["RequestType"] != "Delete":
                applied = story()()
                counts.update(applied.counts())
                reason = applied.text
    except Exception as problem:  # noqa: BLE001 - an unanswered custom resource blocks its stack for an hour
        status, reason = "FAILED", f"{type(problem).__name__}: {problem}"
    custom_resource.answer(event, status, reason, PHYSICAL_ID)
