"""Jobs from the fan-out queue: frames for the members of a channel that is too big for one broadcast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core import sources
from pipeline.handlers.invocation import deadline, invocation, once
from pipeline.wiring import stories

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(stories.fanning_out)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Do a batch of jobs; the answer names those to hand over again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    with invocation("fanout") as counts:
        report = story()(sources.deliveries(event), deadline=deadline(context))
        counts.update(report.counts())
        if report.trouble:
            counts["trouble"] = report.trouble
        return sources.answer(event, report.returned)
