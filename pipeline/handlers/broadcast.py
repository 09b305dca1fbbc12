"""Deltas from the deltas queue, to be posted to those who want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import wiring
from pipeline.core import sources
from pipeline.handlers.invocation import deadline, invocation, once

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

story = once(wiring.broadcasting)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Broadcast a batch; the answer names the deliveries to hand over again.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    with invocation("broadcast") as counts:
        report = story()(sources.deliveries(event), deadline=deadline(context))
        counts.update(report.counts())
        if report.trouble:
            counts["trouble"] = report.trouble
        return sources.answer(event, report.returned)
